"""The tables of a report: what stands beside the metric of each workload."""

import io
import re

import made_up
import pytest
from rich.console import Console

from switchyard.compare.terminal import print_workload


def printed(workload: str, rounds: int = 6, width: int = 120, **keep) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    print_workload(console, made_up.results(workload, rounds, **keep))
    return console.file.getvalue()


def grid(text: str, title: str) -> str:
    """From a title up to the next one."""
    rest = text[text.index(title) :]
    return rest[: rest.find("\n\n")]


@pytest.mark.parametrize("workload", made_up.WORKLOADS)
def test_tables_of_every_workload_fit_into_80_columns(workload: str):
    assert max(map(len, printed(workload, width=80).splitlines())) <= 80


def test_fetching_tells_how_far_it_is_from_the_ideal_where_there_is_latency():
    ideal = grid(printed("http_fetch"), "http_fetch: wall time, in times of the latency")
    assert "latency_ms:50" in ideal.splitlines()[0]
    serial = next(line for line in ideal.splitlines() if line.strip().startswith("10 1024 new"))
    assert float(serial.split()[3].rstrip("x")) == pytest.approx(10, rel=0.1)
    assert "wrk" not in ideal


def test_a_ratio_has_its_interval_below_it_and_the_reference_has_none():
    text = printed("echo", keep=lambda row: row["params"] == {"connections": 64, "bytes": 64})
    lines = text.splitlines()
    at = next(index for index, line in enumerate(lines) if "control" in line)
    ratios = [text for text in lines[at].split() if text != "control"]
    for ratio, interval in zip(ratios, lines[at + 1].split(), strict=True):
        low, high = map(float, interval.split("-"))
        assert low <= float(ratio.rstrip("x")) <= high
    assert "shows no difference where it includes 1" in " ".join(text.split())


def test_a_single_round_has_no_intervals_at_all():
    text = printed("echo", rounds=1)
    assert re.search(r"\d\.\d\dx", text)
    assert not re.search(r"\d-\d", text)
    assert "includes 1" not in text


def test_cpu_tells_the_speed_up():
    speed = grid(printed("cpu"), "cpu: speed-up against serial")
    four = next(line.split() for line in speed.splitlines() if line.split()[:1] == ["4"])
    serial, process, _, fiber = (float(text.rstrip("x")) for text in four[1:])
    assert serial == 1
    assert process == pytest.approx(2, rel=0.1)
    assert fiber == pytest.approx(1, rel=0.1)


def test_blocking_tells_all_of_the_lateness_in_fitting_units():
    text = printed("blocking")
    assert "blocking: worst lateness of the others, lower is better" in text
    late = grid(text, "blocking: lateness of the others, p50 above p99")
    assert "us" in late
    assert "ms" in late


def test_memory_tells_what_it_is_made_of():
    parts = grid(printed("memory"), "memory: what it is made of, pages (PSS) above page tables")
    lines = parts.splitlines()
    at = next(i for i, line in enumerate(lines) if line.split()[:3] == ["tasks", "100", "16"])
    assert [line.split()[-1] for line in lines[at : at + 3]] == ["KiB", "B", "B"]  # of fibers
    assert lines[at + 2].split()[-2:] == ["0", "B"]
    many = next(i for i, line in enumerate(lines) if line.split()[:2] == ["connections", "1000"])
    assert len(lines[many + 3].split()) == 6  # TCP buffers of three runtimes


def test_limits_name_what_ended_each_climb():
    text = printed("limits")
    assert "limits: tasks or connections at once, higher is better" in text
    endings = grid(text, "What ended each climb:")
    assert "process/of:tasks: kernel.pid_max: 80 % of 32768" in endings
    assert "fiber/of:tasks/most:1024: no limit up to 1024" in endings


def test_without_serial_there_is_no_speed_up():
    text = printed("cpu", keep=lambda row: row["runtime"] != "serial")
    assert "speed-up" not in text


def test_gevent_has_a_ratio_and_is_no_reference():
    text = printed("sleep", rounds=1, keep=lambda row: row["runtime"] in ("gevent", "thread"))
    line = next(line for line in text.splitlines() if "fastest" in line)
    thread, gevent = line.split()
    assert thread == "fastest"
    assert gevent.endswith("x")
