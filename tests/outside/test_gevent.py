"""The Python originals in outside/gevent/: by hand they do what the article's programs do, and
they are rows of the suite. Where gevent is missing, a row says so and is no failure.
"""

import http.server
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

from switchyard.suite.catalog import exact_filter

ROOT = Path(__file__).resolve().parents[2]
ORIGINALS = ROOT / "outside" / "gevent"
BIN = ROOT / "build" / "release" / "bin"
PROGRAMS = ("sleep_tasks.py", "crawler.py", "echo_server.py", "switch.py")

needs_gevent = pytest.mark.skipif(
    importlib.util.find_spec("gevent") is None,
    reason="gevent is not installed: scripts/setup.sh --gevent adds it",
)
needs_build = pytest.mark.skipif(not BIN.exists(), reason="the release preset is not built")


def run(program: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    argv = [sys.executable, str(ORIGINALS / program), *arguments]
    return subprocess.run(argv, env=os.environ | environment, capture_output=True, text=True,
                          timeout=300, check=False)  # fmt: skip


def figures(program: str, *arguments: str, **environment: str) -> dict:
    done = run(program, *arguments, **environment)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1
    return json.loads(done.stdout)


@needs_gevent
def test_switch_prints_the_articles_four_lines():
    lines = run("switch.py").stdout.splitlines()
    assert lines == ["test1: I am 1", "test2: I am 2", "test1: I am 1.1", "test2: I am 2.2"]


@needs_gevent
@pytest.mark.parametrize("via", ["switch", "sleep0"])
@pytest.mark.parametrize("switches", [1, 2, 1001])
def test_every_switch_is_counted(via, switches):
    measured = figures("switch.py", "--via", via, "--switches", str(switches))
    assert measured["switches"] == switches
    assert measured["seconds"] > 0


@needs_gevent
def test_sleepers_wake_in_the_order_of_their_sleep():
    lines = run("sleep_tasks.py", "--order", "0.3", "0.2", "0.2").stdout.splitlines()
    assert lines == [
        "func1: sleeps 0.3 s", "func2: sleeps 0.2 s", "func3: sleeps 0.2 s",
        "func2: woke after 0.2 s", "func3: woke after 0.2 s", "func1: woke after 0.3 s",
    ]  # fmt: skip


@needs_gevent
def test_tasks_sleep_at_once_unless_synchronous():
    at_once = figures("sleep_tasks.py", "--tasks", "40", "--ms", "50", "--batches", "2")
    in_turn = figures("sleep_tasks.py", "--tasks", "10", "--ms", "50", "--synchronous")
    assert at_once["tasks"] == 80
    assert at_once["seconds"] >= 0.1
    assert in_turn["tasks"] == 10
    assert in_turn["seconds"] >= 10 * 0.05
    assert 0 <= at_once["oversleep_mean_ms"] <= at_once["oversleep_max_ms"]


@needs_gevent
def test_a_sleeping_task_takes_memory():
    measured = figures("sleep_tasks.py", "--tasks", "1000", "--ms", "20", "--memory")
    assert 1_000 < measured["pss_bytes_per_task"] < 100_000


def body(size: int) -> bytes:
    """As http_origin serves it; kept apart from the crawler's own, which is under test."""
    made, x = bytearray(), 1
    for _ in range(size):
        x = (x * 1103515245 + 12345) & 0x7FFFFFFF
        made.append(32 + (x >> 16) % 95)
    assert made.startswith(b"7ZKCq64)"[:size])
    return bytes(made)


class Origin(http.server.BaseHTTPRequestHandler):
    """/?bytes=N&latency_ms=L, and /wrong, whose body has one wrong byte."""

    def do_GET(self):
        where = urllib.parse.urlsplit(self.path)
        query = {key: int(value) for key, value in urllib.parse.parse_qsl(where.query)}
        time.sleep(query.get("latency_ms", 0) / 1e3)
        answer = bytearray(body(query.get("bytes", 5)))
        if where.path.startswith("/wrong"):
            answer[-1] ^= 1
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@pytest.fixture
def origin() -> Iterator[str]:
    class Server(http.server.ThreadingHTTPServer):
        request_queue_size = 200

    with Server(("127.0.0.1", 0), Origin) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@needs_gevent
def test_the_crawler_fetches_one_after_another_and_then_at_once(origin):
    slow, fast = f"{origin}/?bytes=10&latency_ms=400", f"{origin}/?bytes=2000"
    done = run("crawler.py", slow, fast)
    assert done.returncode == 0, done.stderr
    *printed, last = done.stdout.splitlines()
    assert printed[:4] == [f"get url {slow}", f"10 {slow}", f"get url {fast}", f"2000 {fast}"]
    assert printed[4].startswith("synchronous: time cost")
    assert printed[5:7] == [f"get url {slow}", f"get url {fast}"]
    assert printed[7:] == [f"2000 {fast}", f"10 {slow}"]
    assert last.startswith("gevent: time cost")


@needs_gevent
def test_the_crawler_ignores_a_proxy_for_this_machine(origin):
    nobody = "http://127.0.0.1:1"
    done = run("crawler.py", origin, http_proxy=nobody, HTTP_PROXY=nobody, no_proxy="")
    assert done.returncode == 0, done.stderr


@needs_gevent
def test_the_crawler_names_what_it_could_not_fetch(origin):
    done = run("crawler.py", "http://127.0.0.1:1/", "gopher", origin)
    assert done.returncode == 1
    assert "http://127.0.0.1:1/: " in done.stderr
    assert "Connection refused" in done.stderr
    assert "gopher: unknown url type" in done.stderr
    assert done.stdout.count(f"5 {origin}") == 2


@needs_gevent
def test_the_crawler_checks_every_fetch(origin):
    size = ("--urls", "20", "--bytes", "3000")
    measured = figures("crawler.py", "--origin", origin, *size, "--batches", "2")
    assert measured["fetches"] == 40
    done = run("crawler.py", "--origin", f"{origin}/wrong", *size)
    assert done.returncode == 1
    assert "another body instead of the 3000 bytes asked for" in done.stderr


@pytest.fixture
def echo_server() -> Iterator[tuple[subprocess.Popen, int]]:
    argv = [sys.executable, str(ORIGINALS / "echo_server.py"), "--port", "0"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        announced = process.stdout.readline()
        assert announced.startswith("listening on 127.0.0.1:")
        yield process, int(announced.rsplit(":", 1)[1])
        process.kill()


def echoed(client: socket.socket, message: bytes) -> bytes:
    client.sendall(message)
    received = b""
    while len(received) < len(message):
        received += client.recv(65536)
    return received


@needs_gevent
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_the_echo_server_echoes_and_ends_with_its_totals(echo_server, how):
    process, port = echo_server
    message = os.urandom(50_000)
    with (
        socket.create_connection(("127.0.0.1", port), timeout=300) as one,
        socket.create_connection(("127.0.0.1", port), timeout=300) as other,
    ):
        assert echoed(one, message) == message
        assert echoed(other, b"meanwhile") == b"meanwhile"
        one.shutdown(socket.SHUT_WR)
        assert one.recv(1) == b""
        process.send_signal(how)  # `other` is still there
        output, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    assert output == "served 2 connections, echoed 50009 bytes, turned away 0\n"


@needs_gevent
def test_a_program_ends_with_its_parent():
    shell = '"$0" "$1" --port 0 --parent $$ & wait'
    argv = ["sh", "-c", shell, sys.executable, str(ORIGINALS / "echo_server.py")]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout.readline().startswith("listening")
        parent.kill()
        parent.communicate(timeout=300)  # as long as the server lives, it holds this pipe open


BAD_ARGUMENTS = [
    ("switch.py", ["--via", "goto"], "goto"),
    ("switch.py", ["--switches", "0"], "'0' is no whole number of at least 1"),
    ("sleep_tasks.py", ["--tasks", "many"], "'many'"),
    ("sleep_tasks.py", ["--order", "-1"], "-1"),
    ("sleep_tasks.py", ["--memory", "--synchronous"], "not allowed with"),
    ("crawler.py", [], "URL --origin"),
    ("crawler.py", ["--origin", "somewhere"], "'somewhere' is no origin"),
    ("echo_server.py", ["--port", "99999"], "'99999'"),
    ("echo_server.py", ["--host", "no.such.host.invalid"], "'no.such.host.invalid'"),
    ("echo_server.py", ["--cpus", "x"], "'x' is no CPU number"),
    ("echo_server.py", ["--cpus", "1000", "--port", "0"], "CPU 1000 can't be used"),
    ("switch.py", ["surplus"], "surplus"),
]


@needs_gevent
@pytest.mark.parametrize(("program", "arguments", "culprit"), BAD_ARGUMENTS)
def test_bad_arguments_are_one_clear_line(program, arguments, culprit):
    done = run(program, *arguments)
    assert done.returncode == 2
    assert culprit in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


@needs_gevent
@pytest.mark.parametrize("program", PROGRAMS)
def test_help_and_version(program):
    assert "--cpus" in run(program, "--help").stdout
    assert run(program, "--version").stdout.startswith(f"{program}: gevent ")


ROWS = [
    ("bench_sleep", "sleep/gevent/tasks:10/ms:100"),
    ("bench_switch", "switch/gevent/via:switch/tasks:2/placement:same"),
    ("bench_switch", "switch/gevent/via:sleep0/tasks:2/placement:same"),
    ("bench_echo", "echo/gevent/connections:16/bytes:64"),
    ("bench_http_fetch", "http_fetch/gevent/urls:10/latency_ms:0/bytes:1024/connection:new"),
]


def run_row(binary: str, row: str, **environment: str) -> tuple[int, dict]:
    """The exit code, and the row that Google Benchmark wrote."""
    argv = [str(BIN / binary), f"--benchmark_filter={exact_filter(row)}",
            "--benchmark_min_time=0.01", "--benchmark_format=json"]  # fmt: skip
    done = subprocess.run(argv, env=os.environ | environment, capture_output=True, text=True,
                          timeout=300, check=False)  # fmt: skip
    (result,) = json.loads(done.stdout)["benchmarks"]
    return done.returncode, result


@needs_gevent
@needs_build
@pytest.mark.parametrize(("binary", "row"), ROWS)
def test_a_row_measures(binary, row):
    code, result = run_row(binary, row)
    assert "error_message" not in result, result["error_message"]
    assert code == 0
    assert result["ops_per_s"] > 0
    assert result["cpu_us_per_op"] > 0


@needs_build
@pytest.mark.parametrize(("binary", "row"), ROWS)
def test_without_gevent_a_row_has_met_a_limit(binary, row, tmp_path):
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')  # -S: without any packages
    python.chmod(0o755)
    code, result = run_row(binary, row, SWITCHYARD_PYTHON=str(python))
    assert code == 0
    missing = "gevent is not installed: scripts/setup.sh --gevent adds it"
    assert result["error_message"] == f"limit reached: {missing}"
