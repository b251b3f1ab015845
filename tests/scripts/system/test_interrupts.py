"""However a run is stopped, no process of it is left and what was measured can be read.

The second of two rows leaves behind what is hardest to get rid of: a child that ignores signals and
a daemon in a session of its own; then it hangs.
"""

import os
import signal
import subprocess
from pathlib import Path

import pytest
from conftest import SWITCHYARD
from fakes import DAEMON, FOREVER, STUBBORN_CHILD, row, write_bench
from living import DEADLINE_S, processes_of, wait_until

from switchyard.suite.results import ResultsFolder
from switchyard.system.interrupts import Interrupts


@pytest.fixture
def hanging_run(tmp_path: Path):
    """A run whose first row is measured and whose second hangs with all its offspring there."""
    good, bad = row("sleep/fiber/tasks:1/ms:1"), row("spawn/process/tasks:1")
    build, out = tmp_path / "build", tmp_path / "results"
    write_bench(build, [good], {good["name"]: {"fields": {"real_time": 1000.0}}})
    ready = f"open({str(tmp_path / 'ready')!r}, 'w').close()\n"
    code = STUBBORN_CHILD + DAEMON + ready + FOREVER
    binary = write_bench(build, [bad], {bad["name"]: {"code": code}})
    argv = [SWITCHYARD, "run", "--build", build, "--out", out, "--rounds", "1", "--seed"]
    # The first seed that has the good row first.
    process = subprocess.Popen(
        ["env", "--default-signal=INT,TERM,HUP", *map(str, argv), "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    wait_until((tmp_path / "ready").exists, "the hanging row")
    assert len(processes_of(str(binary))) == 3
    yield process, binary, out
    process.kill()
    process.communicate()


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_signal_ends_all_processes_and_keeps_results(hanging_run, name: str):
    process, binary, out = hanging_run
    process.send_signal(signal.Signals[name])
    printed, _ = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 128 + signal.Signals[name]
    assert f"interrupted by {name}" in printed
    assert processes_of(str(binary)) == []
    assert processes_of(str(out)) == []
    folder = ResultsFolder.load(out)
    assert folder.workloads["sleep"].has_measurement()
    assert folder.environment["run"]["complete"] is False


def test_sigkill_of_the_runner_ends_all_processes_and_keeps_results(hanging_run):
    process, binary, out = hanging_run
    process.kill()
    wait_until(lambda: not processes_of(str(binary)), "the end of all benchmark processes")
    wait_until(lambda: not processes_of(str(out)), "the end of runner and keeper")
    folder = ResultsFolder.load(out)
    assert folder.workloads["sleep"].has_measurement()
    assert folder.environment["run"]["complete"] is False


def test_sigkill_of_a_benchmark_fails_its_row_only(hanging_run):
    process, binary, out = hanging_run
    os.kill(min(processes_of(str(binary))), signal.SIGKILL)
    printed, _ = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 1
    assert "ended by SIGKILL" in printed
    assert processes_of(str(binary)) == []
    assert ResultsFolder.load(out).environment["run"]["complete"] is True


def test_sigkill_of_the_keeper_leaves_nothing_either(hanging_run):
    process, binary, out = hanging_run
    keepers = [pid for pid in processes_of(str(out)) if pid != process.pid]
    assert len(keepers) == 1
    os.kill(keepers[0], signal.SIGKILL)
    printed, _ = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 1
    assert "ended together with its keeper" in printed
    assert processes_of(str(binary)) == []


def test_signal_that_was_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupts() as interrupts:
            os.kill(os.getpid(), signal.SIGHUP)
            assert interrupts.signum is None
            os.kill(os.getpid(), signal.SIGTERM)
            assert interrupts.signum == signal.SIGTERM
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
