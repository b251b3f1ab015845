"""Building the candidate, and projects that have a build command of their own."""

import io
from pathlib import Path

import pytest
from rich.console import Console
from tiny_project import git

from switchyard.gate.revision import Builder
from switchyard.system.errors import SwitchyardError


def test_a_build_command_runs_in_the_worktree_and_is_its_root(project, baseline):
    side = baseline(targets=(), build_command="mkdir -p out && cp source.txt out/bench")
    assert (side.root / "out" / "bench").read_text() == "old"
    again = baseline(targets=(), build_command="mkdir -p out && cp source.txt out/bench")
    assert again == side
    other = baseline(targets=(), build_command="cp source.txt bench")
    assert other.root != side.root


def test_a_build_command_has_the_environment_of_the_moment(baseline, monkeypatch):
    roots = set()
    for flags in ("-O1", "-O2"):
        monkeypatch.setenv("CXXFLAGS", flags)
        side = baseline(build_command="echo $CXXFLAGS > flags")
        assert (side.root / "flags").read_text() == f"{flags}\n"
        roots.add(side.root)
    assert len(roots) == 2


def test_a_build_command_that_fails_is_told(baseline):
    with pytest.raises(SwitchyardError, match=r"exit code 7(.|\n)*no compiler today"):
        baseline(build_command="echo no compiler today; exit 7")


def candidate(project: Path, build_command: str | None = None):
    folder = project if build_command else project / "build" / "release"
    builder = Builder(project, Console(file=io.StringIO()), command=build_command)
    return builder.candidate(folder, ["bench_x"])


def test_the_candidate_is_brought_up_to_date_and_says_what_it_is(project):
    side = candidate(project)
    assert (side.root / "bin" / "bench_x").read_text() == "new"
    assert (side.sha, side.dirty) == (git(project, "rev-parse", "HEAD"), False)
    (project / "source.txt").write_text("newer")
    side = candidate(project)
    assert (side.root / "bin" / "bench_x").read_text() == "newer"
    assert side.dirty is True


def test_the_candidate_of_a_build_command_is_the_working_tree(project):
    side = candidate(project, build_command="cp source.txt build/bench")
    assert (side.root, (side.root / "build" / "bench").read_text()) == (project, "new")
