"""The workflows: what can be held against them without GitHub. What perf.yml does is done by the
action, which test_action.py runs.
"""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT
from fake_setup import FakeVenv, run_setup
from runner import ACTION, STEPS

from switchyard.cli import build_parser

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
SCRIPTS |= {f"action: {step['name']}": step["run"] for step in STEPS if "run" in step}


def test_there_are_workflows_for_the_tests_and_for_the_check():
    assert [file.name for file in FILES] == ["ci.yml", "perf.yml"]
    assert "scripts/test.sh" in SCRIPTS["ci: Build and test"]
    (check,) = (step for step in steps("perf.yml") if step.get("uses") == "./")
    assert set(check["with"]) <= set(ACTION["inputs"])


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_workflow_is_bounded_and_may_only_read_and_comment(file: Path):
    document = workflow(file.name)
    comments = {"pull-requests": "write"} if file.stem == "perf" else {}
    assert document["permissions"] == {"contents": "read"} | comments
    assert document["concurrency"]["cancel-in-progress"] is True
    for job in document["jobs"].values():
        assert "permissions" not in job
        assert 0 < job["timeout-minutes"] <= 120


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_actions_are_pinned_to_a_major_version(file: Path):
    used = [step["uses"] for step in steps(file.name) if "uses" in step]
    assert used
    for action in used:
        assert action == "./" or re.fullmatch(r"actions/[a-z-]+@v\d+", action), action


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_script_has_anything_pasted_into_it(name: str):
    """What ${{ }} puts into a script is run: a branch may be called `$(...)`."""
    assert "${{" not in SCRIPTS[name]


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_are_clean(name: str):
    checker = ["shellcheck", "--shell=bash", "-"] if shutil.which("shellcheck") else ["bash", "-n"]
    done = subprocess.run(checker, input=SCRIPTS[name], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_options_of_a_check_exist_and_it_has_all_of_the_history():
    checkout, *_, check = steps("perf.yml")
    build_parser().parse_args(["check", "--baseline", "x", *shlex.split(check["with"]["options"])])
    assert checkout["with"] == {"fetch-depth": 0, "persist-credentials": False}


def test_files_that_the_workflows_name_exist():
    text = "".join(file.read_text() for file in FILES)
    named = set(re.findall(r"scripts/[\w.]+\.sh", text))
    assert named == {"scripts/test.sh", "scripts/setup.sh"}
    assert all((ROOT / name).is_file() for name in named)
    presets = (ROOT / "CMakePresets.json").read_text()
    for preset in re.findall(r"--preset (\w+)", text):
        assert f'"name": "{preset}"' in presets


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
