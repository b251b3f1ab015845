"""The workflows: what can be held against them without GitHub, and that they work when copied.

Their scripts are run as they stand, with programs that only write down how they were called.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT
from test_scripts import FakeVenv, run_setup, write_program

WORKFLOWS = ROOT / ".github" / "workflows"
FILES = sorted(WORKFLOWS.glob("*.yml"))


def workflow(name: str) -> dict[str, Any]:
    return yaml.safe_load((WORKFLOWS / name).read_text())


def steps(name: str) -> Iterator[dict[str, Any]]:
    for job in workflow(name)["jobs"].values():
        yield from job["steps"]


def scripts() -> Iterator[tuple[str, str]]:
    for file in FILES:
        for step in steps(file.name):
            if "run" in step:
                yield f"{file.stem}: {step['name']}", step["run"]


SCRIPTS = dict(scripts())


def test_there_are_workflows_for_the_tests_and_for_the_check():
    assert [file.name for file in FILES] == ["ci.yml", "perf.yml"]
    assert "scripts/test.sh" in SCRIPTS["ci: Build and test"]
    assert "check --baseline" in SCRIPTS["perf: Check"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_workflow_is_bounded_and_may_only_read(file: Path):
    document = workflow(file.name)
    assert document["permissions"] == {"contents": "read"}
    assert document["concurrency"]["cancel-in-progress"] is True
    for job in document["jobs"].values():
        assert "permissions" not in job
        assert 0 < job["timeout-minutes"] <= 120


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_actions_are_pinned_to_a_major_version(file: Path):
    used = [step["uses"] for step in steps(file.name) if "uses" in step]
    assert used
    for action in used:
        assert re.fullmatch(r"actions/[a-z-]+@v\d+", action), action


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_script_has_anything_pasted_into_it(name: str):
    """What ${{ }} puts into a script is run: a branch may be called `$(...)`."""
    assert "${{" not in SCRIPTS[name]


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_are_clean(name: str):
    checker = ["shellcheck", "--shell=bash", "-"] if shutil.which("shellcheck") else ["bash", "-n"]
    done = subprocess.run(checker, input=SCRIPTS[name], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_copyable_part_names_every_value_to_edit():
    comment = (WORKFLOWS / "perf.yml").read_text().partition("\nname:")[0]
    for value in workflow("perf.yml")["env"]:
        assert re.search(rf"^# .*\b{value}\b", comment, re.MULTILINE), value


def options(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))


def test_options_of_the_scripts_exist():
    perf = (WORKFLOWS / "perf.yml").read_text()
    helped = {
        script: subprocess.run(
            [ROOT / "scripts" / script, *command, "--help"], capture_output=True, text=True,
            check=False, timeout=60,
        ).stdout
        for script, command in (("switchyard.sh", ["check"]), ("setup.sh", []))
    }  # fmt: skip
    check = [
        SCRIPTS["perf: Check"].partition("switchyard.sh")[2],
        *re.findall(r"options\+=.*", SCRIPTS["perf: Check"]),
        workflow("perf.yml")["env"]["CHECK_OPTIONS"],
        *re.findall(r"`(--[^`]*)`", perf),
    ]
    assert {"--baseline", "--out", "--binaries", "--filter", "--budget"} <= options(" ".join(check))
    assert options(" ".join(check)) <= options(helped["switchyard.sh"])
    setup = "".join(re.findall(r"setup\.sh.*", SCRIPTS["perf: Install"]))
    assert options(setup) == {"--python-only"} <= options(helped["setup.sh"])


def test_files_that_the_workflows_name_exist():
    text = "".join(file.read_text() for file in FILES)
    named = set(re.findall(r"scripts/[\w.]+\.sh", text))
    assert named == {"scripts/test.sh", "scripts/setup.sh", "scripts/switchyard.sh"}
    assert all((ROOT / name).is_file() for name in named)
    presets = (ROOT / "CMakePresets.json").read_text()
    for preset in re.findall(r"--preset (\w+)", text):
        assert f'"name": "{preset}"' in presets


# The check's script, run ------------------------------------------------------------------------


class Project:
    """A repository whose pull request branched off `main` one commit ago."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder.parent / "called.log"
        self.git("init", "-q", "-b", "main")
        self.base = self.commit("one")
        self.git("update-ref", "refs/remotes/origin/main", self.base)
        self.commit("two")
        for script in ("switchyard.sh", "setup.sh"):
            write_program(
                folder / ".switchyard" / "scripts" / script, f'printf "%s\\n" "$@" >{self.log}'
            )

    def git(self, *arguments: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        argv = ["git", "-C", str(self.folder), *who, *arguments]
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()

    def commit(self, message: str) -> str:
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def run(self, name: str, **env: str) -> subprocess.CompletedProcess:
        """A step of the check as GitHub runs it, in a copy for a project of one's own."""
        env = workflow("perf.yml")["env"] | {"SWITCHYARD": ".switchyard"} | env
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", SCRIPTS[f"perf: {name}"]],
            cwd=self.folder, env=os.environ | env, capture_output=True, text=True, check=False,
            timeout=60,
        )  # fmt: skip

    def called(self) -> list[str]:
        return self.log.read_text().splitlines()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "project").mkdir()
    return Project(tmp_path / "project")


def test_the_check_compares_with_the_branch_that_it_is_merged_into(project: Project):
    done = project.run("Check", BASE="main")
    assert done.returncode == 0, done.stderr
    assert project.called() == [
        "check", "--baseline", project.base, "--out", "check-results", "--budget", "10m",
        "--skip-identical",
    ]  # fmt: skip


def test_binaries_of_another_project_reach_the_check_unharmed(project: Project):
    command = "cmake -S . -B build && cmake --build build"
    (project.folder / "build" / "bench").mkdir(parents=True)
    (project.folder / "build" / "bench" / "a").touch()
    project.run("Check", BASE="main", BINARIES="build/bench/*", BUILD_COMMAND=command,
                CHECK_OPTIONS="--strict  --filter ^BM_.*$")  # fmt: skip
    assert project.called()[5:] == [
        "--strict", "--filter", "^BM_.*$", "--binaries", "build/bench/*", "--build-command", command
    ]  # fmt: skip


def test_the_name_of_a_branch_is_never_run(project: Project):
    done = project.run("Check", BASE="main; touch pwned; $(touch pwned) `touch pwned`")
    assert done.returncode != 0
    assert not project.log.exists()
    assert not (project.folder / "pwned").exists()


@pytest.mark.parametrize("code", [1, 2, 3])
def test_what_the_check_says_is_what_the_job_says(project: Project, code: int):
    write_program(project.folder / ".switchyard" / "scripts" / "switchyard.sh", f"exit {code}")
    assert project.run("Check", BASE="main").returncode == code


def test_installing_stops_at_the_first_failure(project: Project):
    assert project.run("Install", INSTALL="false | cat; touch reached").returncode != 0
    assert not (project.folder / "reached").exists()
    assert not project.log.exists()
    assert project.run("Install", INSTALL="touch first && touch reached").returncode == 0
    assert (project.folder / "reached").exists()
    assert project.called() == ["--python-only"]


@pytest.mark.parametrize(("written", "shown"), [("## fine\n", "## fine"), (None, "no result")])
def test_the_summary_is_shown_or_its_absence_explained(
    project: Project, tmp_path: Path, written: str | None, shown: str
):
    if written:
        (project.folder / "check-results").mkdir()
        (project.folder / "check-results" / "summary.md").write_text(written)
    summary = tmp_path / "step.md"
    assert project.run("Show the summary", GITHUB_STEP_SUMMARY=str(summary)).returncode == 0
    assert shown in summary.read_text()


def test_summary_and_results_are_kept_also_after_a_regression():
    later = [step for step in steps("perf.yml") if step.get("if") == "always()"]
    assert [step["name"] for step in later] == ["Show the summary", "Keep the results"]
    out = SCRIPTS["perf: Check"].partition("--out ")[2].split()[0]
    assert later[1]["with"]["path"] == out


# setup.sh --python-only -------------------------------------------------------------------------


def test_python_only_asks_for_no_package_of_the_system(tmp_path: Path):
    machine = FakeVenv(tmp_path)
    for name in ("dpkg-query", "apt-get", "sudo"):
        machine.programs[name] = f"touch {tmp_path}/asked; exit 1"
    done = machine.setup("--python-only")
    assert done.returncode == 0, done.stderr
    assert "requirements.txt" in machine.calls.read_text()
    assert not (tmp_path / "asked").exists()
    again = machine.setup("--python-only")
    assert again.stdout == "setup: everything is there, nothing to do\n"


def test_python_only_goes_without_other_arguments(tmp_path: Path):
    done = run_setup(tmp_path, "--python-only", "--tests")
    assert done.returncode == 2
    assert "--python-only goes without other arguments" in done.stderr
