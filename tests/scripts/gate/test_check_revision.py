"""Building a baseline: the right commit, the candidate's settings, kept, and never half built."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from tiny_project import CMAKE, commit, git, worktrees_of

from switchyard.gate import revision
from switchyard.gate.revision import Builder
from switchyard.system.errors import BadInputError, SwitchyardError
from switchyard.system.interrupts import Interrupted, Interrupts
from switchyard.system.process_tree import children


def test_the_baseline_is_the_old_commit_with_the_candidates_settings(project, baseline):
    side = baseline()
    assert (side.root / "bin" / "bench_x").read_text() == "old"
    assert not (side.root / "bin" / "bench_y").exists()
    assert side.sha == git(project, "rev-parse", "HEAD~1")
    assert (side.what, side.dirty) == (f"HEAD~1 (commit {side.sha[:7]})", False)
    cache = (side.root / "CMakeCache.txt").read_text()
    assert re.search("^CMAKE_BUILD_TYPE:.*=Release$", cache, re.M)
    assert re.search("^SWITCHYARD_TESTS:.*=OFF$", cache, re.M)
    assert (project / "source.txt").read_text() == "new"
    assert git(project, "status", "--porcelain") == ""


def test_flags_come_from_the_candidate_and_not_from_the_environment(baseline, monkeypatch):
    monkeypatch.setenv("CXXFLAGS", "-fslow")
    assert (baseline().root / "configured").read_text() == "-march=x \n"


def test_a_finished_build_is_taken_again(baseline, said):
    first = baseline()
    assert baseline() == first
    assert (first.root / "configured").read_text().count("\n") == 1
    assert said.getvalue().count("building the baseline") == 1


def test_other_flags_make_another_build(project, baseline):
    first = baseline()
    cache = project / "build" / "release" / "CMakeCache.txt"
    cache.write_text(cache.read_text().replace("-march=x", "-march=y"))
    second = baseline()
    assert first.root != second.root
    assert (second.root / "configured").read_text() == "-march=y \n"


def test_more_targets_are_built_on_demand(baseline):
    baseline()
    assert (baseline(targets=("bench_y",)).root / "bin" / "bench_y").exists()


def test_a_target_that_only_the_candidate_has_is_left_out(baseline):
    side = baseline(targets=("bench_x", "bench_new"))
    assert [path.name for path in (side.root / "bin").iterdir()] == ["bench_x"]


def test_a_baseline_without_any_of_the_targets_is_an_error(baseline):
    with pytest.raises(SwitchyardError, match="the baseline HEAD~1 has no target bench_new"):
        baseline(targets=("bench_new",))


@pytest.mark.parametrize("ref", ["nowhere", "--all", "", "HEAD~99", "HEAD:source.txt"])
def test_an_unknown_ref_is_refused_by_name(baseline, ref):
    with pytest.raises(BadInputError, match="names no commit") as error:
        baseline(ref)
    assert repr(ref) in str(error.value)


def test_a_shallow_clone_is_told_how_to_get_the_rest(project, baseline):
    shallow = project.parent / "shallow"
    git(project, "clone", "-q", "--depth", "1", f"file://{project}", str(shallow))
    with pytest.raises(BadInputError, match="this clone is shallow: `git fetch --unshallow`"):
        Builder(shallow, Console()).resolve("HEAD~1")


def test_a_folder_without_git_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    (tmp_path / "plain").mkdir()
    with pytest.raises(BadInputError, match=r"needs a git repository: .*plain: .*not a git repo"):
        Builder(tmp_path / "plain", Console()).resolve("HEAD")


def test_a_machine_without_git_is_told(project, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SwitchyardError, match=r"needs a git repository: .*: cannot start git: No"):
        Builder(project, Console()).resolve("HEAD")


def test_a_git_hook_does_not_mislead_it(project, baseline, monkeypatch):
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_INDEX_FILE", "/nowhere/index")
    assert (baseline().root / "bin" / "bench_x").exists()


def test_a_candidate_that_is_no_build_is_refused(project, baseline):
    (project / "build" / "release" / "CMakeCache.txt").unlink()
    with pytest.raises(BadInputError, match="is no build folder of CMake"):
        baseline()


def test_a_build_that_fails_shows_its_last_lines_and_is_not_taken_for_built(project, baseline):
    broken = commit(project, CMakeLists_txt=CMAKE + 'message(FATAL_ERROR "it can not be")\n')
    commit(project, CMakeLists_txt=CMAKE)
    for _ in range(2):
        with pytest.raises(SwitchyardError, match="it can not be") as error:
            baseline(broken)
    (log,) = (project / ".switchyard" / "baselines").glob("*/build.log")
    assert f"exit code 1; the whole log: {log}" in str(error.value)
    assert "it can not be" in log.read_text()


def test_a_half_built_one_is_built_again(baseline):
    side = baseline()
    (side.root.parent / "built.json").unlink()
    (side.root / "bin" / "bench_x").write_text("half")
    assert (baseline().root / "bin" / "bench_x").read_text() == "old"


@pytest.mark.parametrize("what", ["source", "."])
def test_what_was_deleted_by_hand_is_made_again(project, baseline, what):
    shutil.rmtree(baseline().root.parent / what)
    assert (baseline().root / "bin" / "bench_x").read_text() == "old"
    assert worktrees_of(project) == 1


def test_a_worktree_that_was_changed_is_made_again(baseline):
    side = baseline()
    (side.root.parent / "source" / "source.txt").write_text("tampered with")
    assert (baseline().root / "bin" / "bench_x").read_text() == "old"


def test_a_git_that_was_killed_leaves_no_lock_behind(project, baseline):
    shutil.rmtree(baseline().root.parent)
    (administration,) = (project / ".git" / "worktrees").iterdir()
    (administration / "locked").write_text("initializing")
    assert (baseline().root / "bin" / "bench_x").exists()
    assert worktrees_of(project) == 1


def test_the_newest_four_are_kept_and_others_removed_with_their_worktrees(project, baseline):
    shas = [commit(project, source_txt=f"{number}") for number in range(5)]
    for age, sha in enumerate(shas):
        stamp = baseline(sha).root.parent / "built.json"
        os.utime(stamp, (10**9 + age, 10**9 + age))
    kept = [
        path.name[:12]
        for path in (project / ".switchyard" / "baselines").iterdir()
        if path.is_dir()
    ]
    assert sorted(kept) == sorted(sha[:12] for sha in shas[1:])
    assert worktrees_of(project) == 4


def test_the_one_in_use_is_never_removed(project, baseline, monkeypatch):
    monkeypatch.setattr(revision, "_KEPT", 1)
    assert baseline("HEAD").root.exists()
    assert baseline("HEAD~1").root.exists()
    assert worktrees_of(project) == 1


def test_one_that_another_check_measures_is_not_built_under_its_hands(project, said, baseline):
    """By a command: whether there is anything to do is that command's affair."""
    command = "echo x >> built; cp source.txt bench"
    other = Builder(project, Console(file=said), None, command)
    root = other.revision("HEAD~1", project, ()).root
    assert baseline(targets=(), build_command=command).root == root
    assert (root / "built").read_text() == "x\n"
    other.held.pop().close()
    baseline(targets=(), build_command=command)
    assert (root / "built").read_text() == "x\nx\n"


def test_two_checks_at_once_do_not_build_the_same(project, baseline, said):
    cache = project / ".switchyard" / "baselines"
    cache.mkdir(parents=True)
    script = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX); " \
             "print('locked', flush=True); sys.stdin.read()"  # fmt: skip
    with subprocess.Popen(
        [sys.executable, "-c", script, cache / ".lock"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as other, Interrupts() as interrupts:  # fmt: skip
        other.stdout.readline()
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(Interrupted):
            baseline(interrupts=interrupts)
        assert "waiting for another check" in said.getvalue()
        other.kill()
    assert (baseline().root / "bin" / "bench_x").exists()  # the kernel gave the lock back


def test_a_signal_while_it_builds_leaves_nothing_that_hinders_the_next(tmp_path, baseline):
    begun = tmp_path / "begun"
    hang = f"touch {begun}; sleep 1000 & kill -TERM {os.getpid()}; sleep 1000"
    command = f"test -e {begun} || {{ {hang}; }}; cp source.txt bench"
    before = children()
    with Interrupts() as interrupts, pytest.raises(Interrupted):
        baseline(interrupts=interrupts, build_command=command)
    assert begun.exists()
    assert children() == before
    assert (baseline(build_command=command).root / "bench").read_text() == "old"


def test_the_stamp_says_what_was_built(baseline):
    side = baseline()
    stamp = json.loads((side.root.parent / "built.json").read_text())
    assert (stamp["sha"], stamp["targets"]) == (side.sha, ["bench_x"])


def contents(folder: Path) -> dict[Path, str]:
    return {path: path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_what_no_check_made_is_neither_removed_nor_written_over(project, baseline, monkeypatch):
    cache = project / ".switchyard" / "baselines"
    for name in ("images", "maps", "0123456789ab-01234567", "source"):
        (cache / name / "source").mkdir(parents=True)
        (cache / name / "source" / "data").write_text("precious")
    for name in (".gitignore", ".lock", "built.json"):
        (cache / name).write_text("!data")
    before = contents(cache)
    monkeypatch.setattr(revision, "_KEPT", 1)
    for ref in ("HEAD", "HEAD~1"):
        baseline(ref)
    assert before.items() <= contents(cache).items()
    assert worktrees_of(project) == 1  # its own are removed as ever


def test_no_gitignore_hides_what_lies_in_a_folder_of_the_users(project, baseline):
    state = project / ".switchyard"
    state.mkdir()
    (state / "mine").write_text("precious")
    made = baseline().root.parent
    assert not (state / ".gitignore").exists()
    assert git(project, "check-ignore", "--no-index", str(made / "built.json"))


def test_a_folder_of_the_users_in_the_place_of_a_baseline_is_refused(baseline):
    folder = baseline().root.parent
    shutil.rmtree(folder)
    (folder / "source").mkdir(parents=True)
    (folder / "source" / "data").write_text("precious")
    with pytest.raises(BadInputError, match=f"{folder.name} was not made by a check"):
        baseline()
    assert (folder / "source" / "data").read_text() == "precious"


def test_what_another_check_has_in_use_is_not_removed(project, said, baseline, monkeypatch):
    monkeypatch.setattr(revision, "_KEPT", 1)
    other = Builder(project, Console(file=said))
    in_use = other.revision("HEAD~1", project / "build" / "release", ("bench_x",))
    baseline("HEAD")
    assert in_use.root.exists()
    other.held.clear()
    baseline("HEAD")
    assert not in_use.root.exists()


def test_a_project_that_can_not_be_written_to_has_its_baselines_in_the_cache(
    project, baseline, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (project / ".switchyard").write_text("a file of the user's")
    side = baseline()
    assert side.root.is_relative_to(tmp_path / "cache" / "switchyard")
    assert baseline() == side


def test_another_users_repository_is_told_and_how_to_allow_it(project, baseline, monkeypatch):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    with pytest.raises(BadInputError, match=r"dubious ownership.* git config --global --add safe"):
        baseline()


def test_a_worktree_of_the_users_on_a_disk_that_is_away_is_not_forgotten(
    project, baseline, tmp_path
):
    git(project, "worktree", "add", "--detach", str(tmp_path / "mine"))
    (tmp_path / "mine").rename(tmp_path / "away")
    baseline()
    (tmp_path / "away").rename(tmp_path / "mine")
    assert git(tmp_path / "mine", "status", "--porcelain") == ""
