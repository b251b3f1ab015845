"""`switchyard.sh run` on a machine with hardware counters, which the fakes pretend to have."""

import json
import signal
from pathlib import Path

import pytest
from conftest import Cli
from fakes import INTERRUPT, row, write_bench
from test_run import rows_of

from switchyard.compare.advice import warnings_of
from switchyard.suite.results import ResultsFolder, Tally

COUNTS_HARDWARE = """
if "--hardware-counters" in sys.argv:
    result |= {"cycles_per_op": 7.0, "real_time": 999.0}
"""


def test_hardware_counters_come_from_a_launch_of_their_own(cli: Cli, build: Path, out: Path):
    counted, plain = row("spawn/thread/tasks:1"), row("cpu/thread/tasks:1")
    fields = {"real_time": 10}
    does = {counted["name"]: {"code": COUNTS_HARDWARE, "fields": fields}}
    write_bench(build, [counted], does, hardware=["cycles_per_op", "instructions_per_op"])
    write_bench(build, [plain], {plain["name"]: {"code": COUNTS_HARDWARE, "fields": fields}})
    done = cli("run", "--rounds", "2", "--filter", "spawn|cpu", "--out", out)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "hardware events: 1 of 1 benchmarks" in done.stderr
    assert [entry["real_time"] for entry in rows_of(out, "spawn")] == [10, 10]
    loaded = ResultsFolder.load(out).workloads
    assert [record.value("cycles_per_op") for record in loaded["spawn"].records()] == [7, 7]
    assert [record.value("cycles_per_op") for record in loaded["cpu"].records()] == [None, None]
    facts = json.loads((out / "environment.json").read_text())["run"]
    assert facts["launches"] == 4


@pytest.mark.parametrize("what", ["what['error'] = 'slower than it should be'", "time.sleep(30)"])
def test_a_row_that_can_not_be_counted_goes_without(what: str, cli: Cli, build: Path, out: Path):
    entry = row("spawn/thread/tasks:1")
    code = f"if '--hardware-counters' in sys.argv: {what}"
    write_bench(build, [entry], {entry["name"]: {"code": code}}, hardware=["cycles_per_op"])
    done = cli("run", "--rounds", "2", "--launch-timeout", "3", "--filter", "spawn", "--out", out)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "hardware events: 0 of 1 benchmarks" in done.stderr
    assert len(rows_of(out, "spawn")) == 2


def test_a_signal_while_they_are_counted_is_told_as_that(cli: Cli, build: Path, out: Path):
    """Whatever number of rounds the rows have had."""
    entry = row("spawn/thread/tasks:1", rounds=1)
    interrupt = "".join(f"    {line}\n" for line in INTERRUPT.strip().splitlines())
    code = f"if '--hardware-counters' in sys.argv:\n{interrupt}"
    fields = {"real_time": 10.0}
    write_bench(build, [entry], {entry["name"]: {"code": code, "fields": fields}},
                hardware=["cycles_per_op"])  # fmt: skip
    done = cli("run", "--rounds", "3", "--filter", "spawn", "--out", out)
    assert done.returncode == 128 + signal.SIGTERM
    told = "interrupted while hardware events were counted; all rounds are kept"
    assert f"! {told}\n" in done.stdout
    folder = ResultsFolder.load(out)
    tally = Tally.from_facts(folder.environment["run"])
    assert told in [found.what for found in warnings_of(folder, tally, 3)]


def test_all_rounds_come_before_the_hardware_counters(
    cli: Cli, build: Path, out: Path, tmp_path: Path
):
    entry, log = row("spawn/thread/tasks:1"), tmp_path / "log"
    code = f"""
with open({str(log)!r}, "a") as log: log.write("h" if "--hardware-counters" in sys.argv else "r")
"""
    write_bench(build, [entry], {entry["name"]: {"code": code}}, hardware=["cycles_per_op"])
    cli("run", "--rounds", "3", "--filter", "spawn", "--out", out)
    assert log.read_text() == "rrrh"


def test_hardware_counters_never_overrun_the_budget(cli: Cli, build: Path, out: Path):
    entry = row("spawn/thread/tasks:1")
    code = COUNTS_HARDWARE + "time.sleep(1)"
    write_bench(build, [entry], {entry["name"]: {"code": code}}, hardware=["cycles_per_op"])
    done = cli("run", "--budget", "2.5", "--filter", "spawn", "--out", out)
    assert "hardware events: 0 of" in done.stderr
    assert ResultsFolder.load(out).workloads["spawn"].hardware == {}
