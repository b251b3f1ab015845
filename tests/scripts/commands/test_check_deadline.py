"""--deadline holds for builds and for measuring, and builds that are silent say that they go on."""

import json
import time

import pytest
from check_command import FIBER, compare, run, side
from tiny_project import BINARIES, timed

from switchyard.system import launch
from switchyard.system.interrupts import Interrupted, Interrupts
from switchyard.system.launch import children

HANG = "[ -e only-here ] || sleep 1000; sh build.sh"


@pytest.mark.parametrize(
    ("command", "culprit"),
    [("sleep 1000", "the candidate"), (HANG, "the baseline HEAD")],
)
def test_a_build_that_overruns_is_ended_and_named(tmp_path, command, culprit):
    project = timed(tmp_path / "project", "10.0")
    (project / "only-here").write_text("")
    begun, before = time.monotonic(), children()
    done = run(
        "--baseline", "HEAD", "--binaries", BINARIES, "--build-command", command,
        "--deadline", "2s", "--out", tmp_path / "out", cwd=project,
    )  # fmt: skip
    assert done.returncode == 2
    assert f"{culprit} was not built before the --deadline" in done.stderr.splitlines()[-1]
    assert time.monotonic() - begun < 30
    assert children() == before


def test_measuring_gets_what_is_left_and_is_judged(tmp_path):
    slow = {FIBER: {"code": "time.sleep(0.3)"}}
    begun = time.monotonic()
    done = compare(
        tmp_path, "--deadline", "3s",
        baseline={"does": slow, "names": [FIBER]}, candidate={"does": slow, "names": [FIBER]},
    )  # fmt: skip
    assert time.monotonic() - begun < 30
    document = json.loads((tmp_path / "out/check.json").read_text())
    assert document["complete"]
    assert document["plan"]["budget_s"] <= 3
    assert document["pairs"]
    assert "interrupted" not in done.stdout + done.stderr


def test_a_launch_that_hangs_at_the_deadline_is_ended(tmp_path):
    hangs = {FIBER: {"code": "time.sleep(1000)"}}
    begun = time.monotonic()
    compare(tmp_path, "--deadline", "2s", candidate={"does": hangs})
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize("text", ["soon", "0", "-1s", "2d"])
def test_a_deadline_that_is_no_time_is_refused(tmp_path, text):
    done = run("--baseline-build", side(tmp_path), f"--deadline={text}")
    assert done.returncode == 2
    assert "--deadline" in done.stderr


def test_the_deadline_is_a_state_as_a_signal_is(monkeypatch):
    with Interrupts(0.05) as interrupts:
        assert 0 < interrupts.left_s <= 0.05
        with pytest.raises(Interrupted) as ended:
            launch.launch(["sleep", "1000"], 60, interrupts)
    assert (ended.value.is_deadline, ended.value.exit_code) == (True, 2)
    assert Interrupts().left_s == float("inf")


def test_a_long_launch_is_told_of_again_and_again(monkeypatch):
    monkeypatch.setattr(launch, "_TELL_EVERY_S", 0.1)
    told: list[float] = []
    assert launch.launch(["sleep", "0.5"], 60, tell=told.append).code == 0
    assert len(told) >= 3
    assert told == sorted(told)


def test_a_silent_build_says_how_long_it_has_been_and_where_its_log_is(baseline, said, monkeypatch):
    monkeypatch.setattr(launch, "_TELL_EVERY_S", 0.1)
    side = baseline(build_command="echo compiling; sleep 0.5; echo compiled")
    log = side.root.parent / "build.log"
    assert f"building the baseline HEAD~1: 0 min so far, log: {log}\n" in said.getvalue()
    assert log.read_text().endswith("compiling\ncompiled\n")
