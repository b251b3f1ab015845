"""The action, run as a runner would: what it compares, what comes out, and whom it listens to."""

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from installed import install
from runner import ACTION, STEPS, Runner
from test_scripts import write_program
from tiny_project import BINARIES, BUILD, git, timed

PROJECT = {"binaries": BINARIES, "build-command": BUILD}


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """Main, and a branch `change` that left it before its newest commit and takes twice as long."""
    folder = timed(tmp_path / "origin", "1.0", "1.5")
    git(folder, "checkout", "-q", "-b", "change", "HEAD~1")
    (folder / "src" / "time").write_text("2.0")
    git(folder, "commit", "-qam", "slower")
    return folder


def clone(origin: Path, workspace: Path, *options: str) -> None:
    """What actions/checkout leaves: with fetch-depth: 0, or with these options."""
    shutil.rmtree(workspace, ignore_errors=True)
    git(origin, "clone", "-q", *options, f"file://{origin}", str(workspace))
    git(workspace, "checkout", "-q", "--detach", "origin/change")
    git(workspace, "branch", "-q", "-D", "change")


# Stands for the command: notes how it was called, writes what a check would, ends as it is told.
_STAND_IN = """printf '%s\\n' "$@" >{log}
while [[ $1 != --out ]]; do shift; done
if [[ {code} != 2 ]]; then echo '## What it said' >"$2/summary.md"; echo '{{}}' >"$2/check.json"; fi
exit {code}"""


def ends_with(tmp_path: Path, code: int) -> None:
    write_program(tmp_path / "stand-in", _STAND_IN.format(log=tmp_path / "called", code=code))


@pytest.fixture
def runner(tmp_path: Path, origin: Path) -> Runner:
    """With a stand-in for the check, which finds a regression."""
    clone(origin, tmp_path / "workspace")
    ends_with(tmp_path, 1)
    return Runner(tmp_path / "runner", tmp_path / "workspace", tmp_path / "stand-in")


def asked(tmp_path: Path) -> list[str]:
    """How the check was called, without the folder for its results."""
    words = (tmp_path / "called").read_text().splitlines()
    place = words.index("--out")
    return words[:place] + words[place + 2 :]


def test_a_pull_request_is_checked_from_the_build_to_the_comment(tmp_path: Path, origin: Path):
    """With the real check. The next push meets another machine's fresh clone, and the cache."""
    clone(origin, tmp_path / "workspace")
    runner = Runner(tmp_path / "runner", tmp_path / "workspace", install(tmp_path / "venv"))
    first = runner.run(PROJECT)
    assert (first.failed, first.code) == ("Verdict", 1), first.log
    assert "building the baseline" in first.log
    assert first.outputs["verdict"] == "regressed"
    assert "1 of 1 benchmark is slower" in first.page
    assert "switchyard check --baseline" in first.page
    document = json.loads(Path(first.outputs["json"]).read_bytes())
    assert document["facts"]["sides"]["baseline"]["sha"] == git(origin, "rev-parse", "main~1")
    assert Path(first.outputs["summary"]).parent == Path(first.artifact["path"])
    (comment,) = runner.comments()
    assert Path(first.outputs["summary"]).read_text() in comment["body"]
    assert git(tmp_path / "workspace", "status", "--porcelain") == ""

    (origin / "src" / "time").write_text("1.0")
    git(origin, "commit", "-qam", "as fast as it was")
    clone(origin, tmp_path / "workspace")
    second = runner.run(PROJECT)
    assert (second.failed, second.outputs["verdict"]) == ("", "passed"), second.log
    assert "building the baseline" not in second.log
    (renewed,) = runner.comments()
    assert renewed["id"] == comment["id"]
    assert "None of 1 benchmark was found slower" in renewed["body"]


@pytest.mark.parametrize(
    ("code", "verdict"), [(0, "passed"), (1, "regressed"), (2, "failed"), (3, "undecided")]
)
def test_what_the_check_says_is_what_the_job_says(tmp_path, runner, code, verdict):
    ends_with(tmp_path, code)
    job = runner.run(PROJECT)
    assert job.code == code
    assert job.outputs["verdict"] == verdict
    assert job.artifact["name"] == "switchyard"
    has_result = code != 2
    assert bool(job.outputs["summary"]) == bool(job.outputs["json"]) == has_result
    said = "## What it said" if has_result else "could not do its work"
    (comment,) = runner.comments()
    assert said in job.page
    assert said in comment["body"]
    assert "https://github.example/owner/project/actions/runs/42" in comment["body"]


def test_it_compares_with_where_the_branch_left_its_base(tmp_path, runner, origin):
    runner.run(PROJECT)
    base = git(origin, "rev-parse", "main~1")
    assert asked(tmp_path) == [
        "check", "--baseline", base, "--binaries", BINARIES, "--build-command", BUILD
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("named", "commit"), [("main", "main"), ("HEAD~1", "main~1"), ("origin/main~1", "main~1")]
)
def test_another_baseline_may_be_named(tmp_path, runner, origin, named, commit):
    runner.run({"baseline": named}, base="")
    assert asked(tmp_path) == ["check", "--baseline", git(origin, "rev-parse", commit)]


def test_options_are_quoted_as_for_a_shell(tmp_path, runner):
    runner.run({"options": "--threshold 5\n  --filter 'BM_(a|b) c' --  --size=1"})
    assert asked(tmp_path)[3:] == ["--threshold", "5", "--filter", "BM_(a|b) c", "--", "--size=1"]
    job = runner.run({"options": "--filter 'a"})
    assert (job.failed, job.code) == ("Check", 2)
    assert "options: No closing quotation" in job.log


def test_nothing_that_comes_from_outside_is_run(tmp_path, runner):
    evil = "$(touch pwned)`touch pwned`; touch pwned #"
    given = {"binaries": evil, "build-command": evil, "name": evil, "options": shlex.quote(evil)}
    assert runner.run(given).failed == "Verdict"
    assert asked(tmp_path)[3:] == ["--binaries", evil, "--build-command", evil, evil]
    for branch in (evil, "--output=pwned"):
        assert runner.run(PROJECT, base=branch).failed == "Find the baseline"
        assert runner.run(PROJECT | {"baseline": branch}).failed == "Find the baseline"
    assert not list(tmp_path.rglob("pwned"))


def test_a_clone_without_history_is_told_how_to_get_it(tmp_path, runner, origin):
    clone(origin, runner.workspace, "--depth", "1", "--no-single-branch")
    job = runner.run(PROJECT)
    assert (job.failed, job.code) == ("Find the baseline", 2)
    assert "fetch-depth: 0" in job.log
    assert not (tmp_path / "called").exists()


def test_what_is_no_pull_request_needs_a_baseline_and_gets_no_comment(runner):
    assert "name a baseline" in runner.run(PROJECT, base="", number="").log
    job = runner.run(PROJECT | {"baseline": "main"}, base="", number="")
    assert job.failed == "Verdict"
    assert runner.called() == []


def test_a_comment_of_a_persons_is_left_alone(runner):
    runner.run(PROJECT)
    (ours,) = runner.comments()
    theirs = {"id": 5, "user": {"type": "User"}, "body": ours["body"]}
    (runner.folder / "comments.json").write_text(json.dumps([theirs, ours]))
    runner.run(PROJECT)
    assert [one["id"] for one in runner.comments()] == [5, ours["id"]]
    assert [call[1] for call in runner.called() if "--method" in call] == ["POST", "PATCH"]


def test_checks_with_names_of_their_own_have_comments_of_their_own(runner):
    for name in ("library", "library two", "library"):
        assert runner.run(PROJECT | {"name": name}).artifact["name"] == name
    assert len(runner.comments()) == 2


def test_a_pull_request_from_a_fork_goes_without_a_comment(runner):
    """Its token may only read, which is no failure of the check's."""
    (runner.folder / "forbidden").touch()
    job = runner.run(PROJECT)
    assert "no comment: gh: Resource not accessible by integration (HTTP 403)" in job.log
    assert (job.failed, job.outputs["verdict"]) == ("Verdict", "regressed")


def test_no_comment_is_made_where_none_is_wanted(runner):
    assert runner.run(PROJECT | {"comment": "false"}).failed == "Verdict"
    assert runner.called() == []


def test_a_build_is_kept_for_its_commit_its_command_and_its_compiler(tmp_path, runner, monkeypatch):
    def kept_after(**change: str) -> int:
        runner.run(PROJECT | change)
        return len(list(runner.folder.glob("switchyard-*.tar")))

    assert [kept_after(), kept_after()] == [1, 1]
    assert kept_after(**{"build-command": "make"}) == 2
    assert kept_after(baseline="main") == 3
    monkeypatch.setenv("CXX", "some-compiler")
    assert kept_after() == 4
    ends_with(tmp_path, 2)  # for all that is known, nothing was built
    monkeypatch.setenv("CXX", "another-compiler")
    assert kept_after() == 4


def test_packages_are_those_that_are_pinned(runner):
    (line,) = re.findall("^pip .*", runner.run(PROJECT).log, re.MULTILINE)
    words = line.split()
    assert words[words.index("--constraint") + 1] == str(ROOT / "scripts" / "requirements.txt")
    assert words[-1] == f"{ROOT}[pictures]"


def test_what_is_built_and_measured_hardly_knows_that_we_are_there(tmp_path, runner):
    """It finds the Python that it would find without us, and no variable that a makefile reads."""
    write_program(tmp_path / "stand-in", f"command -v python3 >{tmp_path}/found; exit 2")
    runner.run(PROJECT)
    assert Path((tmp_path / "found").read_text().strip()).parent == runner.folder / "programs"
    (check,) = (step for step in STEPS if step["name"] == "Check")
    assert all(name.startswith("INPUT_") for name in check["env"])


# What can be held against it without running it -------------------------------------------------


def test_the_token_is_for_the_comment_alone():
    assert [step["name"] for step in STEPS if "token" in json.dumps(step)] == ["Comment"]


def test_every_input_is_used_and_explained():
    used = set(re.findall(r"inputs\.([\w-]+)", (ROOT / "action.yml").read_text()))
    assert used == set(ACTION["inputs"])
    page = (ROOT / "docs" / "gate.md").read_text()
    named = {*ACTION["inputs"], *ACTION["outputs"]}
    assert {name for name in named if f"`{name}`" not in page} == set()


def test_the_workflow_that_others_may_copy_is_one_for_this_action():
    (text,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "gate.md").read_text(), re.DOTALL)
    example = yaml.safe_load(text)
    checkout, *_, check = example["jobs"]["performance"]["steps"]
    assert checkout["with"]["fetch-depth"] == 0
    assert set(check["with"]) <= set(ACTION["inputs"])
    assert example["permissions"] == {"contents": "read", "pull-requests": "write"}


def test_other_actions_are_pinned_to_a_major_version():
    used = [step["uses"] for step in STEPS if "uses" in step]
    assert used
    assert all(re.fullmatch(r"actions/[a-z/-]+@v\d+", action) for action in used)
