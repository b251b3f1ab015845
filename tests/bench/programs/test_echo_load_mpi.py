"""Ranks that load a server together are one load: what they count adds up, they begin together,
they are told alike, and what goes wrong in one of them ends all, by name, and leaves nothing.
"""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest
import ranks
from conftest import Cli
from living import wait_until
from programs import run

pytestmark = pytest.mark.skipif(not ranks.IS_THERE, reason=ranks.LACKS)

# 5 s are promised: a slow machine has some more.
TOLD_WITHIN_S = 15
SHORT = ("--duration", "300ms", "--warmup", "100ms")
LONG = ("--duration", "60s", "--warmup", "0s", "--connections", "6")


def echoed(totals: str) -> tuple[int, int]:
    """Connections, and bytes."""
    return tuple(map(int, re.search(r"served (\d+) .* echoed (\d+) bytes", totals).groups()))


@pytest.mark.parametrize("rate", [[], ["--rate", "3000"]])
def test_counts_are_those_of_the_server_and_histograms_add_up(tmp_path: Path, rate: list[str]):
    report, histogram = tmp_path / "report.json", tmp_path / "histogram.json"
    with ranks.server() as server:
        load = ranks.run(
            tmp_path, 3, "--port", server.port, "--connections", "5", *SHORT, *rate,
            "--json", str(report), "--histogram", str(histogram),
        )  # fmt: skip
        assert load.code == 0, load.stdout + load.stderr
        totals = echoed(server.totals())
    told, distributions = ranks.figures(report), ranks.figures(histogram)
    rows = told["ranks"]
    assert [row["rank"] for row in rows] == [0, 1, 2]
    assert totals == (5, 64 * sum(row["messages"] for row in rows))
    assert told["requests"] == sum(row["requests"] for row in rows)
    latency = distributions["histograms"]["latency"]
    assert latency["count"] == sum(row["latencies"] for row in rows)
    assert latency["count"] == sum(count for *_, count in latency["buckets"])
    assert told["errors"] == 0
    assert told["max_us"] == latency["max"] / 1e3
    if rate:
        assert told["due"] == sum(row["due"] for row in rows) == 900
    assert load.stdout.count("every reply was right") == 1, "only rank 0 tells"
    assert all(f"rank {number} on " in load.stdout for number in range(3))


@pytest.mark.alone
def test_ranks_begin_together_by_clocks_that_are_compared(tmp_path: Path):
    report = tmp_path / "report.json"
    with ranks.server() as server:
        arguments = ("--port", server.port, "--connections", "4", "--json", str(report))
        assert ranks.run(tmp_path, 2, *arguments, *SHORT).code == 0
    for row in ranks.figures(report)["ranks"]:
        # One clock: what is measured of it is wrong by no more than is said. A busy machine wakes
        # a rank up late.
        assert abs(row["clock_offset_us"]) <= row["clock_bound_us"] + 1
        assert abs(row["clock_drift_us"]) <= row["clock_drift_bound_us"]
        assert 0 <= row["begun_late_us"] < 2e5


def test_a_probe_is_apart_from_the_load(cli: Cli, tmp_path: Path):
    report, histogram = tmp_path / "report.json", tmp_path / "histogram.json"
    with ranks.server() as server:
        load = ranks.run(
            tmp_path, 3, "--port", server.port, "--connections", "4", *SHORT, "--probe", "100",
            "--probe-connections", "2", "--json", str(report), "--histogram", str(histogram),
        )  # fmt: skip
        assert load.code == 0, load.stdout + load.stderr
        assert echoed(server.totals())[0] == 4 + 2
    told, parts = ranks.figures(report), ranks.figures(histogram)["histograms"]
    assert [row["rank"] for row in told["ranks"]] == [1, 2]
    assert told["loop"] == "closed"
    assert told["probe"]["loop"] == "open"
    assert told["probe"]["due"] == 30
    assert told["probe"]["connections"] == 2
    assert parts["probe_latency"]["count"] == 30
    assert parts["latency"]["count"] == sum(row["latencies"] for row in told["ranks"])
    for name, count in (("latency", parts["latency"]["count"]), ("probe_latency", 30)):
        done = cli("merge", histogram, "--only", name, "--out", tmp_path / f"{name}.json")
        assert done.returncode == 0, done.stderr
        merged = ranks.figures(tmp_path / f"{name}.json")["histograms"]
        assert merged[name]["count"] == count


def cpus_of(thread: Path) -> set[int]:
    try:
        return os.sched_getaffinity(int(thread.name))
    except ProcessLookupError:
        return set()


def test_ranks_share_connections_as_threads_do(tmp_path: Path):
    cpu = str(min(os.sched_getaffinity(0)))
    with ranks.server() as server:
        arguments = ("--port", server.port, "--threads", "2", "--connections", "7", *SHORT)
        load = ranks.run(tmp_path, 2, *arguments, "--active", "4", "--cpus", cpu)
        assert load.code == 0, load.stderr
        assert echoed(server.totals())[0] == 7


@pytest.mark.parametrize(
    ("count", "more"), [(2, []), (2, ["--probe", "1"]), (1, ["--threads", "2"])]
)
def test_ranks_share_cpus_as_threads_do(tmp_path: Path, count: int, more: list[str]):
    """As many CPUs as there are threads, which loads of one thread have as well: one for each."""
    cpus = sorted(os.sched_getaffinity(0))[:2]
    if len(cpus) < 2:
        pytest.skip("one CPU")
    arguments = ("--cpus", ",".join(map(str, cpus)), *more, *LONG)
    with (
        ranks.server() as server,
        ranks.started(tmp_path, count, "--port", server.port, *arguments) as load,
    ):
        load.wait_for_ranks(count)

        def bound_to() -> list[int]:
            """Threads of MPI's own come and go, and may be anywhere."""
            threads = [one for rank in load.ranks for one in Path(f"/proc/{rank}/task").iterdir()]
            return sorted(own.pop() for own in map(cpus_of, threads) if len(own) == 1)

        wait_until(lambda: bound_to() == cpus, "each has a CPU")
        load.process.terminate()
        load.end()


@pytest.mark.parametrize(
    ("count", "arguments", "why"),
    [
        (3, ["--connections", "2"], "3 ranks with --threads 1 are more than the 2 connections "
         "that get messages"),
        (3, ["--connections", "9", "--active", "5", "--threads", "2"], "3 ranks with --threads 2"),
        (1, ["--probe", "1"], "--probe sets a rank apart, so it needs two ranks or more"),
        (1, ["--schedule", "poisson"], "--schedule poisson is of an open loop"),
        (1, ["--probe-connections", "2"], "those of the rank that --probe sets apart"),
        (2, ["--host", "192.0.2.1"], "--allow-remote says that its owner agrees"),
        (2, ["--json", "/nowhere/report"], "--json '/nowhere/report': can't be written"),
    ],
)  # fmt: skip
def test_what_can_not_be_is_refused_in_words(tmp_path: Path, count, arguments, why):
    load = ranks.run(tmp_path, count, "--port", "1", *arguments)
    assert load.code == 2
    assert load.stdout == ""
    assert why in load.stderr


def test_a_rank_that_was_told_otherwise_is_refused_by_name(tmp_path: Path):
    other = [":", "-n", "1", str(ranks.PROGRAM), "--port", "1", "--bytes", "128"]
    load = ranks.run(tmp_path, 2, "--port", "1", *other)
    assert load.code == 2
    assert re.search(
        r"^echo_load_mpi: error: rank 2 on \S+ has --bytes 128, rank 0 on \S+ has --bytes 64$",
        load.stderr, re.MULTILINE,
    )  # fmt: skip


def test_the_same_told_in_other_words_is_the_same(tmp_path: Path):
    with ranks.server() as server:
        common = ["--port", server.port, "--connections", "4", "--warmup", "0s"]
        other = [":", "-n", "1", str(ranks.PROGRAM), *common, "--duration", "0.3s", "--seed", "1"]
        load = ranks.run(tmp_path, 1, *common, "--duration", "300ms", *other)
    assert load.code == 0, load.stderr


def test_a_server_that_is_not_there_is_told_by_rank_and_host(tmp_path: Path):
    load = ranks.run(tmp_path, 2, "--port", "1")
    assert load.code == 1
    assert re.search(
        r"echo_load_mpi: error: rank [01] on \S+: connect to 127.0.0.1:1 \(is a server there\?\)",
        load.stderr,
    )


@pytest.mark.alone
def test_a_rank_that_is_killed_ends_all(tmp_path: Path):
    with ranks.server() as server, ranks.started(tmp_path, 3, "--port", server.port, *LONG) as load:
        load.wait_until_it_loads(server, 3)
        begun = time.monotonic()
        os.kill(load.ranks[1], signal.SIGKILL)
        load.end()
        assert time.monotonic() - begun < TOLD_WITHIN_S
        assert load.code != 0
        assert re.search(r"rank \d .*on node \S+ exited on signal 9", load.stderr)
        wait_until(lambda: not load.is_left(), "the other ranks end")


def test_a_rank_that_is_stopped_alone_ends_all(tmp_path: Path):
    with ranks.server() as server, ranks.started(tmp_path, 2, "--port", server.port, *LONG) as load:
        load.wait_until_it_loads(server, 2)
        os.kill(load.ranks[1], signal.SIGTERM)
        load.end()
        assert load.code != 0
        assert re.search(r"error: rank \d on \S+: stopped by a signal; the others", load.stderr)


@pytest.mark.alone
def test_connections_that_are_lost_are_counted_where_they_were(tmp_path: Path):
    """Each rank has some at the worker that dies, and some at the other."""
    report = tmp_path / "report.json"
    arguments = ("--connections", "80", "--duration", "4s", "--warmup", "0s", "--json", str(report))
    with (
        ranks.server("--workers", "2") as server,
        ranks.started(tmp_path, 2, "--port", server.port, *arguments) as load,
    ):
        load.wait_until_it_loads(server, 2)
        psutil.Process(server.process.pid).children()[0].kill()
        load.end()
    assert load.code == 1
    told = ranks.figures(report)
    lost = [row["errors"] for row in told["ranks"]]
    assert min(lost) > 0
    assert told["errors"] == sum(lost) < 80
    assert re.search(r"^errors: .*; first: rank 0 on \S+: ", load.stdout, re.MULTILINE)


@pytest.mark.alone
def test_a_rank_whose_steady_clock_is_another_begins_with_the_others(tmp_path: Path):
    report = tmp_path / "report.json"
    elsewhere = ["unshare", "--time", "--monotonic", "5000", "--fork"]
    if subprocess.run([*elsewhere, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no time namespace here")
    with ranks.server() as server:
        arguments = ["--port", server.port, "--connections", "4", *SHORT, "--rate", "2000"]
        arguments += ["--json", str(report)]
        other = [":", "-n", "1", *elsewhere, str(ranks.PROGRAM), *arguments]
        load = ranks.run(tmp_path, 1, *arguments, *other)
        assert load.code == 0, load.stderr
    for row in ranks.figures(report)["ranks"]:
        assert row["due"] == 300
        assert 0 <= row["begun_late_us"] < 2e5


@pytest.mark.alone
@pytest.mark.parametrize("rate", [[], ["--rate", "1000"]])
def test_a_server_that_is_killed_ends_all(tmp_path: Path, rate: list[str]):
    with (
        ranks.server() as server,
        ranks.started(tmp_path, 3, "--port", server.port, *LONG, *rate) as load,
    ):
        load.wait_until_it_loads(server, 3)
        begun = time.monotonic()
        server.process.kill()
        load.end()
        assert time.monotonic() - begun < TOLD_WITHIN_S
        assert load.code == 1
        assert re.search(r"error: rank \d on \S+: no connection is left; the first", load.stderr)
        wait_until(lambda: not load.is_left(), "the ranks end")


@pytest.mark.alone
def test_ranks_end_with_an_mpirun_that_is_killed(tmp_path: Path):
    with ranks.server() as server, ranks.started(tmp_path, 2, "--port", server.port, *LONG) as load:
        load.wait_until_it_loads(server, 2)
        mapped = "".join(Path(f"/proc/{rank}/maps").read_text() for rank in load.ranks)
        begun = time.monotonic()
        load.process.kill()
        wait_until(lambda: not load.is_left(), "the ranks end")
        assert time.monotonic() - begun < TOLD_WITHIN_S
    # Its files are where it was told to have them, for others to remove.
    assert list(tmp_path.glob("ompi.*"))
    assert f"{tmp_path}/vader_segment." in mapped
    assert "/dev/shm" not in mapped


@pytest.mark.alone
@pytest.mark.parametrize("with_signal", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_gives_figures_of_the_shorter_run(tmp_path: Path, with_signal: int):
    with ranks.server() as server, ranks.started(tmp_path, 2, "--port", server.port, *LONG) as load:
        load.wait_until_it_loads(server, 2)
        load.process.send_signal(with_signal)
        load.end()
        assert load.code != 0
        assert "stopped before the time was over: the figures are of a shorter run" in load.stdout
        wait_until(lambda: not load.is_left(), "the ranks end")


def test_bad_arguments_are_one_line(tmp_path: Path):
    for arguments in (["--slo", "p99=5ms"], ["--probe", "0"], ["--server-pid", "1"]):
        done = run("echo_load_mpi", *arguments)
        assert done.returncode == 2
        assert len(done.stderr.strip().splitlines()) == 1
