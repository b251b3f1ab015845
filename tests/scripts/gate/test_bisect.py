"""`bisect` names the commit that made a benchmark slower, and leaves the repository as it was.

Most tests put a made-up verdict in place of measuring: by the time that is in a commit's tree.
"""

import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from check_command import SWITCHYARD, run
from living import processes_of, wait_until
from tiny_project import BINARIES, BUILD, commit, commits, git, timed

from switchyard.gate import bisect, document, execution
from switchyard.gate.model import Benchmark, Finding, Report, Verdict

WORK = "BM_work"
OPTIONS = ("--binaries", BINARIES, "--build-command", BUILD, "--min-time", "0.01")
VERDICTS = {"10.0": Verdict.UNCHANGED, "15.0": Verdict.REGRESSED, "?": Verdict.INCONCLUSIVE}


@pytest.fixture
def search(tmp_path: Path):
    """Of the last of commits with these times, by default from the first one on."""

    def run_bisect(folder: Path, good: str, *arguments, names=(WORK,)):
        options = (*OPTIONS, "--out", tmp_path / "out")
        return run(*names, "--good", good, *options, *arguments, cwd=folder, command="bisect")

    return run_bisect


@pytest.fixture
def made_up(monkeypatch) -> list[tuple[str, float]]:
    """The times that were judged, and with which budget."""
    judged: list[tuple[str, float]] = []

    def compare(asked, *_):
        time = (asked.candidate_build / "src/time").read_text()
        judged.append((time, asked.plan.budget_s))
        found = [Finding(Benchmark(n, "bench", n), VERDICTS[time], "") for n in asked.wanted]
        return Report(asked.plan, found, [], {}, []), asked.out

    monkeypatch.setattr(execution, "compare", compare)
    monkeypatch.setattr(document, "save", lambda *_: None)
    monkeypatch.setattr(Finding, "was_compared", True)
    return judged


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path / "project"


def history(project: Path, times: Sequence[str]) -> list[str]:
    """Of the benchmark's times; the commits."""
    return commits(timed(project, *times))


def state_of(repository: Path) -> tuple:
    """What must not be touched; and that only worktrees of baselines are there beside it."""
    listed = git(repository, "worktree", "list", "--porcelain").splitlines()
    others = [line for line in listed if line.startswith("worktree ") and "baselines" not in line]
    head = (repository / ".git" / "HEAD").read_text()
    index = (repository / ".git" / "index").read_bytes()
    untracked = git(repository, "status", "--porcelain", "--ignored")
    return head, git(repository, "for-each-ref"), index, len(others), untracked.count("build/")


def test_the_commit_is_found_with_its_effect_and_nothing_is_touched(project, search):
    shas = history(project, ["10.0", "10.0", "10.0", "15.0", "15.0", "15.0"])
    (project / "src/time").write_text("changed, and not committed")
    before = state_of(project)
    done = search(project, shas[0])
    assert done.returncode == 0, done.stderr
    first, described, effect = done.stdout.splitlines()
    assert first == f"{shas[3]} is the first slower commit"
    assert described.startswith(f"  {shas[3][:7]} a change (n, 20")
    assert effect.startswith(f"  {WORK} (+50.0 %, 95 %: ")
    assert effect.endswith(f"against its parent {shas[2][:7]}")
    assert state_of(project) == before
    assert (project / "src/time").read_text() == "changed, and not committed"


@pytest.mark.parametrize("position", range(1, 8))
def test_it_is_found_wherever_it_is(project, search, made_up, position):
    shas = history(project, ["10.0"] * position + ["15.0"] * (8 - position))
    done = search(project, shas[0])
    assert done.stdout.startswith(f"{shas[position]} is the first slower commit\n"), done.stderr
    assert len(made_up) <= 5  # the bad end, three commits, and the effect


def test_a_commit_that_does_not_build_is_skipped_and_named(project, search, made_up):
    shas = history(project, ["10.0", "10.0", "broken", "10.0", "15.0"])
    done = search(project, shas[0])
    assert done.returncode == 0, done.stderr
    assert f"{shas[4]} is the first slower commit" in done.stdout
    assert f"skipped: {shas[2][:7]} a change" in done.stdout
    assert "cannot build the candidate" in done.stdout


def test_a_commit_that_is_configured_otherwise_is_skipped_and_named(project, search):
    timed(project, "10.0")
    caches = '\necho "CMAKE_BUILD_TYPE:STRING=$(cat src/type)" > build/CMakeCache.txt\n'
    script = (project / "build.sh").read_text() + caches
    good = commit(project, **{"build.sh": script, "src/type": "Release"})
    other = commit(project, **{"src/type": "Debug"})
    commit(project, **{"src/type": "Release", "src/time": "15.0"})
    done = search(project, good)
    assert done.returncode == 3, done.stderr
    assert f"skipped: {other[:7]} a change" in done.stdout
    assert "the sides were not built alike: CMAKE_BUILD_TYPE" in done.stdout


def test_one_of_several_is_told_where_skipped_ones_stand_before_it(project, search, made_up):
    shas = history(project, ["10.0", "broken", "broken", "15.0"])
    done = search(project, shas[0])
    assert done.returncode == 3, done.stderr
    assert "is one of these" in done.stdout
    assert [line for sha in shas[1:] if (line := f"  {sha[:7]} a change") not in done.stdout] == []


def test_an_undecided_commit_is_checked_once_more_with_a_larger_budget_then_skipped(
    project, search, made_up
):
    shas = history(project, ["10.0", "?", "15.0"])
    done = search(project, shas[0], "--budget", "20s")
    assert done.returncode == 3, done.stderr
    assert made_up == [("15.0", 20.0), ("?", 20.0), ("?", 60.0)]
    assert f"skipped: {shas[1][:7]} a change" in done.stdout


def test_a_side_branch_is_searched_from_where_it_left(project, search, made_up):
    shas = history(project, ["10.0", "10.0", "15.0", "15.0"])
    git(project, "checkout", "-qb", "side", shas[1])
    git(project, "commit", "-q", "--allow-empty", "-m", "on the side")
    done = search(project, "side", "--bad", shas[3])
    assert done.stdout.startswith(f"{shas[2]} is the first slower commit"), done.stderr


def test_a_side_branch_that_became_faster_is_not_searched_for_what_was_slow_before(
    project, search, made_up
):
    shas = history(project, ["15.0", "15.0"])
    git(project, "checkout", "-qb", "side", shas[0])
    side = commit(project, **{"src/time": "10.0"})
    done = search(project, "side", "--bad", shas[1])
    assert done.returncode == 2
    assert f"{shas[0][:7]}, where {side[:7]} branched off, is slower too" in done.stderr


def test_ends_that_do_not_differ_leave_nothing_to_search_for(project, search, made_up):
    shas = history(project, ["10.0", "10.0", "10.0"])
    done = search(project, shas[0])
    assert done.returncode == 2
    assert f"{shas[2][:7]} was not found slower than {shas[0][:7]}" in done.stderr
    assert done.stdout == ""


def test_a_benchmark_that_is_not_there_is_told(project, search):
    shas = history(project, ["10.0", "15.0"])
    done = search(project, shas[0], "--budget", "1s", names=["BM_other"])
    assert done.returncode == 2
    assert "BM_other: wanted, but neither side has it" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "culprit"),
    [
        (["--good", "nowhere"], "'nowhere' names no commit"),
        (["--good", "HEAD", "--bad", "nowhere"], "'nowhere' names no commit"),
        (["--good", "HEAD", "--threshold", "0"], "--threshold"),
        ([], "--good"),
    ],
)
def test_bad_input_is_named(project, arguments, culprit):
    history(project, ["10.0"])
    done = run(WORK, *OPTIONS, *arguments, cwd=project, command="bisect")
    assert done.returncode == 2
    assert culprit in done.stderr.splitlines()[-1]


def test_a_good_commit_that_does_not_build_ends_it(project, search):
    shas = history(project, ["broken", "10.0", "15.0"])
    done = search(project, shas[0])
    assert done.returncode == 2
    assert f"cannot build the baseline {shas[0][:7]}" in done.stderr


def test_a_bisection_of_the_users_own_goes_on_undisturbed(project, search, made_up):
    shas = history(project, ["10.0", "10.0", "10.0", "15.0", "15.0"])
    git(project, "bisect", "start", shas[4], shas[0])
    before = state_of(project), git(project, "bisect", "log")
    assert search(project, shas[0], "--bad", shas[4]).returncode == 0
    assert (state_of(project), git(project, "bisect", "log")) == before


def test_two_at_once_are_not_in_each_others_way(project, search, made_up, monkeypatch):
    shas = history(project, ["10.0", "10.0", "15.0"])
    inner = []
    look_at = bisect._Search._look_at

    def twice(self, sha, baseline):
        if sha == shas[1] and not inner:
            inner.append(None)
            inner.append(search(project, shas[0]))
        return look_at(self, sha, baseline)

    monkeypatch.setattr(bisect._Search, "_look_at", twice)
    done = search(project, shas[0])
    assert (done.returncode, inner[1].returncode) == (0, 0), done.stderr + inner[1].stderr
    assert done.stdout == inner[1].stdout


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_it_and_leaves_the_repository_as_it_was(project, tmp_path, name):
    """It comes while a commit is being built."""
    shas = history(project, ["10.0", "10.0"])
    script = project / "build.sh"
    usual = script.read_text()
    script.write_text(f"touch {tmp_path}/ready; sleep 1000\n{usual}")
    git(project, "commit", "-qam", "hangs")
    script.write_text(usual)
    (project / "src/time").write_text("15.0")
    git(project, "commit", "-qam", "slower")
    before = state_of(project)
    argv = [SWITCHYARD, "bisect", WORK, "--good", shas[0], *OPTIONS, "--out", tmp_path / "out"]
    with subprocess.Popen(
        ["env", "--default-signal=INT,TERM", *map(str, argv)], cwd=project,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        wait_until((tmp_path / "ready").exists, "the hanging build")
        process.send_signal(getattr(signal, name))
        _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + getattr(signal, name)
    assert f"interrupted by {name}" in said
    assert processes_of(str(tmp_path)) == []
    assert state_of(project) == before
