"""`check` on whatever a glob matches: other programs, odd names, and arguments for the binaries."""

import json
import shlex
from pathlib import Path

import pytest
from check_command import run
from fakes import write_foreign


@pytest.fixture
def check(tmp_path: Path):
    """Checks tmp_path/a against tmp_path/b, or as told; the exit code and the verdicts by key."""

    def checked(*more, out: str = "out", baseline=("--baseline-build", tmp_path / "a")):
        done = run(
            *baseline, "--candidate-build", tmp_path / "b", "--binaries", "bench/*",
            "--out", tmp_path / out, *more,
        )  # fmt: skip
        file = tmp_path / out / "check.json"
        findings = json.loads(file.read_text())["findings"] if file.exists() else []
        return done, {f["benchmark"]["key"]: f["verdict"] for f in findings}

    return checked


def test_other_programs_in_the_folder_are_named_and_take_part_in_nothing(tmp_path, check):
    for side in ("a", "b"):
        write_foreign(tmp_path / side / "bench/bench", ["BM_x"])
        tests = 'echo "[       OK ] Queue.Push ($RANDOM ms)"; exit'
        write_foreign(tmp_path / side / "bench/unit_tests", [], tests)
        write_foreign(tmp_path / side / "bench/menu", [], "exec yes try again")
    done, verdicts = check()
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdicts == {"BM_x": "unchanged", "bench/menu": "skipped", "bench/unit_tests": "skipped"}
    assert done.stderr.count("Queue.Push") == 1


@pytest.mark.parametrize("pattern", ["^BM_kernel/manual_time$", "^BM_kernel$"])
def test_a_name_as_it_is_printed_can_be_filtered_for(tmp_path, check, pattern):
    for side in ("a", "b"):
        write_foreign(tmp_path / side / "bench/bench", ["BM_kernel/manual_time", "BM_other"])
    done, verdicts = check("--filter", pattern)
    assert (done.returncode, verdicts) == (0, {"BM_kernel": "unchanged"}), done.stderr


def test_arguments_called_iterations_are_part_of_the_name_and_found_again_when_stored(
    tmp_path, check
):
    names = ["BM_hash/iterations:1000", "BM_hash/iterations:100000"]
    row_code = "time=${name#*:}.0"
    write_foreign(tmp_path / "a/bench/bench", names, row_code=row_code)
    write_foreign(tmp_path / "b/bench/bench", names[1:], row_code=row_code)
    done, verdicts = check()
    assert (done.returncode, verdicts) == (0, {names[1]: "unchanged", names[0]: "missing"})
    write_foreign(tmp_path / "b/bench/bench", names, row_code=row_code)
    assert check(out="whole")[1] == dict.fromkeys(names, "unchanged")
    done, verdicts = check(out="again", baseline=("--baseline-results", tmp_path / "whole"))
    assert (done.returncode, verdicts) == (0, dict.fromkeys(names, "unchanged")), done.stderr


def test_arguments_behind_two_dashes_reach_every_launch_and_stand_in_the_line_to_repeat(
    tmp_path, check
):
    arguments = ["--out", "x", "--size", "big one"]
    code = f'[[ "${{*:1:4}}" == {shlex.quote(" ".join(arguments))} ]] || exit 1'
    for side in ("a", "b"):
        write_foreign(tmp_path / side / "bench/bench", ["BM_x"], code)
    done, verdicts = check("--", *arguments)
    assert (done.returncode, verdicts) == (0, {"BM_x": "unchanged"}), done.stderr
    document = json.loads((tmp_path / "out/check.json").read_text())
    assert document["plan"]["arguments"] == arguments
    command = document["facts"]["command"]
    assert command.endswith(f" -- {shlex.join(arguments)}")
    assert command.count("--out") == 1
    assert run("--replay", tmp_path / "out").returncode == 0
    assert "--replay goes without --:" in run("--replay", tmp_path / "out", "--", "x").stderr


def test_a_stray_word_is_no_argument_for_the_binaries(tmp_path, check):
    write_foreign(tmp_path / "a/bench/bench", ["BM_x"])
    done, _ = check("stray")
    assert done.returncode == 2
    assert "unrecognized arguments: stray" in done.stderr


def test_programs_that_return_how_many_benchmarks_they_ran_are_measured(tmp_path, check):
    for side in ("a", "b"):
        returns = "trap 'exit ${#names[@]}' EXIT"
        write_foreign(tmp_path / side / "bench/bench", ["BM_x", "BM_y"], returns)
    done, verdicts = check()
    assert (done.returncode, set(verdicts.values())) == (0, {"unchanged"}), done.stderr
