"""What is read from other instruments: known output of several versions, garbage, and nothing."""

import random
import re
from pathlib import Path

import pytest
from instruments import PERF_STAT_PRINTS, setting, write_build

from switchyard.agreement import probes
from switchyard.agreement.echo_probes import EchoProbe, RanksProbe
from switchyard.agreement.model import Pair, ProbeError
from switchyard.agreement.probes import OurClientProbe, SwitchProbe, WrkProbe
from switchyard.agreement.served import Served
from switchyard.system import tools
from switchyard.system.launch import Outcome
from switchyard.system.machine import Machine
from switchyard.system.tools import Tool

CHANCE = random.Random(1)
OLD_PERF = """# Running sched/pipe benchmark...
# Executed 50000 pipe operations between two threads

     Total time: 0.211 [sec]

       4.224780 usecs/op
         236698 ops/sec
"""
PERF_6 = """# Running 'sched/pipe' benchmark:
# Executed 50000 pipe operations between two processes

     Total time: 0.211 [sec]

       4.224780 usecs/op
         236698 ops/sec
"""
SWITCH_JSON = """{"context": {}, "benchmarks": [{"name": "NAME/iterations:100000/manual_time",
  "run_type": "iteration", "real_time": 2000.0, "time_unit": "ns", "iterations": 100000}]}"""


@pytest.fixture
def perf_prints(monkeypatch: pytest.MonkeyPatch, tmp_path):
    """A switch probe of threads whose perf prints this, and switches so often per operation."""
    probe = SwitchProbe(setting(write_build(tmp_path), "perf"), "thread")
    row = "switch/thread/via:pipe/tasks:2/placement:same"
    ours = Outcome(0, 0.2, "", "", SWITCH_JSON.replace("NAME", row))
    launched = []

    def prepare(stdout: str, switches_per_op: float = 2.0, code: int | None = 0, **more):
        def launch(command, timeout_s, interrupts, **options):
            launched.append((command, options))
            return Outcome(code, 0.2, stdout, "", "", voluntary=int(5e4 * switches_per_op), **more)

        monkeypatch.setattr(probes, "launch", launch)
        monkeypatch.setattr(probes, "launch_row", lambda *_, **__: ours)
        return probe, launched

    return prepare


@pytest.mark.parametrize("printed", [OLD_PERF, PERF_6])
def test_a_round_trip_of_perf_is_two_switches(perf_prints, printed: str):
    probe, launched = perf_prints(printed)
    measured = probe.measure(0, CHANCE)
    assert set(measured) == {"switch/thread", "switch/thread/other"}
    pair = measured["switch/thread"]
    assert pair.theirs == pytest.approx(4.224780e-6 / 2)
    assert pair.ours == pytest.approx(2e-6)
    assert pair.details == {"switches_per_op_of_perf": 2.0}
    assert [options for _, options in launched].count({"cpu": 0, "batch": True}) == 1
    assert all("--threaded" in command for command, _ in launched)


def test_the_order_of_a_pair_is_left_to_chance(perf_prints):
    probe, _ = perf_prints(PERF_6)
    orders = {probe.measure(i, CHANCE)["switch/thread"].order for i in range(60)}
    assert len(orders) == 6


def test_a_perf_with_two_messages_under_way_is_left_out(perf_prints):
    probe, _ = perf_prints(PERF_6, switches_per_op=1.0)
    with pytest.raises(ProbeError, match=r"1\.00 switches for an operation") as raised:
        probe.measure(0, CHANCE)
    assert raised.value.left_out


@pytest.mark.parametrize(
    ("printed", "code", "why"),
    [("", 0, "no time in its output"), ("usecs/op\n" * 3, 0, "no time"),
     ("  0.000000 usecs/op\n", 0, "no time"), (PERF_6, 1, "exit code 1"),
     ("\x00\xff usecs/op", 0, "no time"), (PERF_6, -11, "ended by SIGSEGV")],
)  # fmt: skip
def test_a_perf_that_tells_no_time_is_one_line(perf_prints, printed: str, code: int, why: str):
    probe, _ = perf_prints(printed, code=code)
    with pytest.raises(ProbeError, match=why) as raised:
        probe.measure(0, CHANCE)
    assert "\n" not in str(raised.value)
    assert not raised.value.left_out


def test_a_perf_that_hangs_is_killed_and_said_so(perf_prints):
    probe, _ = perf_prints("", code=None, timed_out=True)
    with pytest.raises(ProbeError, match=r"perf: killed after .*: time-out"):
        probe.measure(0, CHANCE)


@pytest.mark.parametrize(
    ("printed", "seconds"),
    [(PERF_STAT_PRINTS, 1.2345), ("12,msec,task-clock:u,1,100.00,,", 0.012),
     ("<not supported>,msec,task-clock,0,100.00,,", 0.0), ("", 0.0), ("1234,50,msec,task", 0.0),
     ("noise\n3.25,msec,task-clock,3250000,100.00,1.0,CPUs utilized\n", 0.00325)],
)  # fmt: skip
def test_perf_stat_tells_milliseconds(printed: str, seconds: float):
    found = re.search(tools.TASK_CLOCK_MS, printed, re.MULTILINE)
    assert (float(found[1]) / 1e3 if found else 0.0) == pytest.approx(seconds)


ECHO_JSON = '{"requests": 100000, "server_cpu_s": 0.98}'
TCP = {"InSegs": 200_900, "OutSegs": 201_000, "RetransSegs": 0}


@pytest.fixture
def echo_says(monkeypatch: pytest.MonkeyPatch, tmp_path):
    """What a probe of the fiber server makes of what a run told."""
    probe = EchoProbe(
        setting(write_build(tmp_path), "perf", tools.PERF_STAT, "time"), "fiber"
    )  # fmt: skip

    def measure(stderr: str, report: str = ECHO_JSON, tcp=TCP, is_alone: bool = True):
        served = Served("", stderr, "", report, tcp, is_alone)
        monkeypatch.setattr("switchyard.agreement.echo_probes.serve", lambda *_, **__: served)
        return probe.measure(0, CHANCE)

    return measure


def test_one_echo_run_is_read_by_all(echo_says):
    measured = echo_says(f"time 0.25 0.74\n{PERF_STAT_PRINTS}\n")
    ratios = {key: round(pair.ratio, 4) for key, pair in measured.items()}
    assert ratios == {
        "echo/fiber/cpu/time": round(0.98 / 0.99, 4),
        "echo/fiber/cpu/perf stat": round(0.98 / 1.2345, 4),
        "echo/fiber/tcp": round(200_000 / 201_000, 4),
    }
    assert not any(pair.broken for pair in measured.values())


@pytest.mark.parametrize(("steal_s", "drops"), [(0.0, False), (0.01, False), (0.2, True)])
def test_stolen_time_drops_a_round_of_perf_alone(echo_says, monkeypatch, steal_s, drops: bool):
    readings = iter([5.0, 5.0 + steal_s])
    monkeypatch.setattr(Machine, "steal_s", lambda *_: next(readings))
    measured = echo_says(f"time 0.25 0.74\n{PERF_STAT_PRINTS}\n")
    assert bool(measured["echo/fiber/cpu/perf stat"].dropped) == drops
    assert measured["echo/fiber/cpu/time"].dropped is None


def test_an_instrument_that_prints_garbage_fails_alone(echo_says):
    measured = echo_says(f"Segmentation fault\n{PERF_STAT_PRINTS}\nx")
    assert isinstance(measured["echo/fiber/cpu/time"], ProbeError)
    assert "GNU time: no CPU time" in str(measured["echo/fiber/cpu/time"])
    assert isinstance(measured["echo/fiber/cpu/perf stat"], Pair)
    assert isinstance(measured["echo/fiber/tcp"], Pair)


def test_a_segment_that_was_sent_again_breaks_the_rule(echo_says):
    tcp = TCP | {"RetransSegs": 2}
    alone = echo_says("time 0.25 0.74", tcp=tcp)["echo/fiber/tcp"]
    assert alone.broken == "2 of the segments were sent again"
    among_others = echo_says("time 0.25 0.74", tcp=tcp, is_alone=False)["echo/fiber/tcp"]
    assert among_others.broken is None


@pytest.mark.parametrize("report", ["", "{}", "[]", '{"requests": 0, "server_cpu_s": 1}'])
def test_a_client_that_tells_nothing_is_one_line(echo_says, report: str):
    with pytest.raises(ProbeError, match="echo_load: "):
        echo_says("time 0.25 0.74", report)


def test_ranks_are_held_against_the_kernel(monkeypatch, tmp_path):
    asked = []

    def serve(setting, server, client, variables):
        temporary = Path(variables["TMPDIR"])
        asked.append((client, temporary))
        (temporary / "left").touch()
        return Served("", "", "", '{"requests": 100000}', TCP, True)

    monkeypatch.setattr("switchyard.agreement.echo_probes.serve", serve)
    monkeypatch.setattr(tools, "find_one", lambda name: Tool(name, f"/usr/bin/{name}", "4.1.4"))
    build = write_build(tmp_path, echo_load_mpi="")
    (pair,) = RanksProbe(setting(build), "fiber", 2).measure(0, CHANCE).values()
    assert (pair.ours, pair.theirs, pair.broken) == (200_000, 201_000, None)
    ((client, temporary),) = asked
    assert client[:3] == ["/usr/bin/mpirun", "-n", "2"]
    assert not temporary.exists()


@pytest.mark.parametrize(
    ("mpirun", "programs"),
    [
        ("not installed", {"echo_load_mpi": ""}),
        ("/usr/bin/mpirun does not tell its version (HYDRA build)", {"echo_load_mpi": ""}),
        (Tool("mpirun", "/usr/bin/mpirun", "4.1.4"), {}),
    ],
)
def test_ranks_are_left_out_without_open_mpis_mpirun_or_their_program(
    monkeypatch, tmp_path, mpirun, programs
):
    monkeypatch.setattr(tools, "find_one", lambda _: mpirun)
    probe = RanksProbe(setting(write_build(tmp_path, **programs)), "fiber", 2)
    with pytest.raises(ProbeError, match=r"scripts/setup\.sh --mpi") as raised:
        probe.measure(0, CHANCE)
    assert raised.value.left_out


HTTP_JSON = """{"context": {}, "benchmarks": [{"name":
  "http_fetch/fiber/urls:100/latency_ms:0/bytes:1024/connection:keep/iterations:20000/manual_time",
  "run_type": "iteration", "iterations": 20000}]}"""


def http(monkeypatch, probe, served: str, wrk: str = "", report: str = ""):
    said = Served(f"listening on 127.0.0.1:1\n{served}\n", "", wrk, report, {}, True)
    monkeypatch.setattr("switchyard.agreement.probes.serve", lambda *_, **__: said)
    (measured,) = probe.measure(0, CHANCE).values()
    return measured


@pytest.mark.parametrize(
    ("served", "broken"),
    [(20000, None), (19999, "20000 counted, 19999 served"), (20001, "20000 counted, 20001 served")],
)  # fmt: skip
def test_our_client_has_to_count_what_was_served(monkeypatch, tmp_path, served, broken):
    probe = OurClientProbe(setting(write_build(tmp_path)))
    totals = f"served {served} requests on 100 connections, 1 body bytes, 0 bad requests"
    assert http(monkeypatch, probe, totals, report=HTTP_JSON).broken == broken


@pytest.mark.parametrize(
    ("served", "holds"), [(20000, True), (20100, True), (20101, False), (19999, False)]
)
def test_wrk_may_have_a_request_under_way_on_each_connection(monkeypatch, tmp_path, served, holds):
    probe = WrkProbe(setting(tmp_path, "wrk"))
    write_build(tmp_path)
    pair = http(monkeypatch, probe, f"served {served} requests on 101", "  20000 requests in 1.00s")
    assert (pair.broken is None) == holds


@pytest.mark.parametrize(
    ("printed", "why"),
    [("", "no requests in its output"), ("0 requests in 1.00s", "no requests"),
     ("  5 requests in 1s\n  Socket errors: connect 0, read 3", "Socket errors: connect 0"),
     ("  5 requests in 1s\n  Non-2xx or 3xx responses: 5", "Non-2xx")],
)  # fmt: skip
def test_a_wrk_in_trouble_is_one_line(monkeypatch, tmp_path, printed: str, why: str):
    probe = WrkProbe(setting(write_build(tmp_path), "wrk"))
    with pytest.raises(ProbeError, match=why):
        http(monkeypatch, probe, "served 9 requests on 1", printed)


def test_an_origin_without_totals_is_one_line(monkeypatch, tmp_path):
    probe = WrkProbe(setting(write_build(tmp_path), "wrk"))
    with pytest.raises(ProbeError, match="http_origin: no requests in its totals"):
        http(monkeypatch, probe, "", "5 requests in 1.00s")
