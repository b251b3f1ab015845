"""`check --bisect-run` answers `git bisect run`: good, bad, skip, or stop."""

import subprocess
from pathlib import Path

import pytest
from check_command import SWITCHYARD, run_process
from tiny_project import BINARIES, BUILD, commits, git, timed

from switchyard.gate.model import Benchmark, Finding, Verdict
from switchyard.gate.verdicts import slower

GOOD, BAD, SKIP, STOP = 0, 1, 125, 128
HOW = ("--bisect-run", "--binaries", BINARIES, "--build-command", BUILD, "--min-time", "0.01")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return timed(tmp_path / "project", "10.0", "broken", "10.0", "15.0")


@pytest.mark.parametrize(
    ("at", "arguments", "code"),
    [
        ("HEAD~1", (), GOOD),
        ("HEAD", (), BAD),
        ("HEAD~2", (), SKIP),  # it does not build
        ("HEAD~1", ("--budget", "0.01s"), SKIP),  # nothing is decided
        ("HEAD", ("--baseline", "nowhere"), STOP),
        ("HEAD", ("--baseline", "HEAD~2"), STOP),  # that does not build
        ("HEAD", ("--threshold", "0"), STOP),
        ("HEAD", ("--no-such-option",), STOP),
        ("HEAD", ("--binaries", "no/*"), STOP),
    ],
)
def test_the_exit_code_is_gits(project, tmp_path, at, arguments, code):
    git(project, "checkout", "-q", "--detach", at)
    baseline = () if "--baseline" in arguments else ("--baseline", "main~3")
    done = run_process(*HOW, *baseline, *arguments, "--out", tmp_path / "out", cwd=project)
    assert done.returncode == code, done.stderr


@pytest.mark.parametrize(
    ("verdicts", "by_any", "by_all"),
    [
        ("unchanged improved", False, False),
        ("unchanged regressed failed", True, True),
        ("unchanged inconclusive", False, None),
        ("improved skipped missing", False, None),
        ("unchanged failed", None, None),
        ("inconclusive missing", None, None),
        ("", None, None),
    ],
)
def test_one_that_is_slower_decides_and_else_any_or_all_have_to(verdicts, by_any, by_all):
    benchmark = Benchmark("BM", "bench", "BM")
    found = [Finding(benchmark, Verdict(verdict), "") for verdict in verdicts.split()]
    assert slower(found, strict=False) is by_any
    assert slower(found, strict=True) is by_all


def test_git_finds_the_commit(project, tmp_path):
    shas = commits(project)
    git(project, "bisect", "start", shas[3], shas[0])
    each = ("sh", "-c", f'exec "$@" --out "{tmp_path}/out-$$"', "sh", SWITCHYARD, "check")
    argv = ["git", "bisect", "run", *each, *HOW, "--baseline", shas[0]]
    done = subprocess.run(argv, cwd=project, capture_output=True, text=True, check=False)
    assert f"{shas[3]} is the first bad commit" in done.stdout, done.stderr
