"""Several servers on one port, and a load of several threads, as a user meets them: connections are
dealt out, totals add up, one that dies is told, and nothing is left behind.
"""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import BIN
from living import wait_until
from programs import may_use_io_uring, run

pytestmark = pytest.mark.skipif(not BIN.exists(), reason="the release preset is not built")

SINGLE_THREADS = ["fiber", "coroutine", "callback", "epoll"]
OVER_IO_URING = ["fiber_uring", "uring"]


@dataclass
class Group:
    """A server with its workers; `told`, and `errors`, when it has ended."""

    process: subprocess.Popen
    port: str
    workers: list[int]
    told: str = ""
    errors: str = ""

    def end(self, with_signal: int = signal.SIGTERM) -> int:
        self.process.send_signal(with_signal)
        self.told, self.errors = self.process.communicate(timeout=300)
        return self.process.returncode

    def connections(self) -> list[int]:
        """Of each worker, and the sum that was printed."""
        return [int(count) for count in re.findall(r"served (\d+) connections", self.told)]


@contextmanager
def server(runtime: str, workers: int, *more: str) -> Iterator[Group]:
    argv = [BIN / "echo_server", "--runtime", runtime, "--workers", str(workers), "--port", "0",
            *more]  # fmt: skip
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        port = process.stdout.readline().strip().rsplit(":", 1)[1]
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
        group = Group(process, port, [int(pid) for pid in children.split()])
        try:
            yield group
        finally:
            process.terminate()
            process.communicate(timeout=300)
            wait_until(lambda: not any(map(lives, group.workers)), "the workers end")


def lives(pid: int) -> bool:
    """Whoever has ended has no command line, also before anybody has waited for it."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    except OSError:
        return False


def load(group: Group, *arguments: str) -> subprocess.CompletedProcess:
    return run("echo_load", "--port", group.port, "--duration", "200ms", "--warmup", "0s",
               *arguments)  # fmt: skip


@pytest.mark.parametrize("runtime", [*SINGLE_THREADS, *OVER_IO_URING])
def test_connections_are_dealt_out_and_totals_are_sums(runtime, tmp_path):
    if runtime in OVER_IO_URING and not may_use_io_uring():
        pytest.skip("io_uring can't be used here")
    figures = tmp_path / "histogram.json"
    with server(runtime, 2) as group:
        done = load(group, "--connections", "1000", "--threads", "2", "--histogram", str(figures))
        assert done.returncode == 0, done.stdout + done.stderr
        assert group.end() == 0
    first, second, both = group.connections()
    assert both == first + second == 1000
    assert 400 <= first <= 600, "a binomial of 1,000: 16 is its standard deviation"
    answered = json.loads(figures.read_text())["histograms"]["latency"]["count"]
    echoed = [int(count) for count in re.findall(r"echoed (\d+) bytes", group.told)]
    assert echoed[2] == sum(echoed[:2])
    assert echoed[2] >= 64 * (1000 + answered), "a greeting on each, and the measured ones"


def test_each_worker_has_a_cpu_of_its_own():
    with server("epoll", 3, "--cpus", "0") as group:
        assert len(group.workers) == 3
        for pid in group.workers:
            status = Path(f"/proc/{pid}/status").read_text()
            assert re.search(r"Cpus_allowed_list:\s+0\n", status)
        assert group.end() == 0
    assert "worker 2 on CPU 0" in group.told


def test_a_worker_that_dies_is_told_and_the_others_serve_on():
    with server("fiber", 3) as group:
        os.kill(group.workers[1], signal.SIGKILL)
        wait_until(lambda: not lives(group.workers[1]), "it dies")
        done = load(group, "--connections", "20")
        assert done.returncode == 0, done.stdout + done.stderr
        assert group.end() == 1
    assert "worker 1 on CPU" in group.errors
    assert "was killed by signal 9; its connections are gone, the others serve on" in group.errors
    assert group.connections()[-1] == 20


def test_a_server_whose_workers_have_all_died_ends():
    with server("epoll", 2) as group:
        for pid in group.workers:
            os.kill(pid, signal.SIGKILL)
        told, errors = group.process.communicate(timeout=300)
        assert group.process.returncode == 1
    assert "no worker is left" in errors
    assert told == "served 0 connections, echoed 0 bytes, turned away 0\n"


def test_workers_end_with_a_server_that_is_killed():
    with server("coroutine", 2) as group:
        assert group.end(signal.SIGKILL) == -signal.SIGKILL


def test_ctrl_c_in_a_terminal_is_no_death_of_a_worker():
    with server("epoll", 2) as group:
        for pid in [*group.workers, group.process.pid]:  # as a terminal tells the whole group
            os.kill(pid, signal.SIGINT)
        group.told, group.errors = group.process.communicate(timeout=300)
        assert group.process.returncode == 0, group.errors
    assert group.errors == ""


def test_a_port_that_others_serve_on_is_not_shared_with_them():
    with server("epoll", 2) as group:
        done = run("echo_server", "--runtime", "epoll", "--workers", "2", "--port", group.port)
    assert done.returncode == 1
    assert f"127.0.0.1:{group.port}" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--runtime", "thread", "--workers", "2"], "--workers is for servers on one thread; "
         "'thread' uses all of --cpus without"),
        (["--runtime", "serial", "--workers", "2"], "'serial'"),
        (["--workers", "2", "--share-port"], "they go without --share-port"),
        (["--workers", "0"], "--workers"),
        (["--workers", "many"], "--workers"),
    ],
)  # fmt: skip
def test_what_can_have_no_workers_is_told_in_one_line(arguments, why):
    done = run("echo_server", "--port", "0", *arguments)
    assert done.returncode == 2
    assert why in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_load_tells_its_threads_and_how_busy_the_least_busy_is(tmp_path):
    report = tmp_path / "report.json"
    with server("epoll", 2) as group:
        done = load(group, "--connections", "8", "--threads", "2", "--json", str(report))
    assert done.returncode == 0, done.stderr
    assert "in the least busy thread" in done.stdout
    assert json.loads(report.read_text())["threads"] == 2
