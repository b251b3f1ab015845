"""The echo servers of outside/ in other languages: by hand they serve and end as ours do, and they
are rows of the suite. Where what one needs is missing, its rows say so and are no failure.
"""

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from conftest import BIN
from programs import run

from switchyard.suite.catalog import exact_filter

ROOT = Path(__file__).resolve().parents[2]
ASYNCIO = [sys.executable, str(ROOT / "outside/asyncio/echo_server.py")]
GO = ROOT / "build/outside/go/echo_server"
needs_uvloop = pytest.mark.skipif(
    importlib.util.find_spec("uvloop") is None,
    reason="uvloop is not installed: scripts/setup.sh --uvloop adds it",
)
needs_go = pytest.mark.skipif(
    not GO.exists(), reason="it is not built: scripts/setup.sh --go builds it"
)
needs_build = pytest.mark.skipif(not BIN.exists(), reason="the release preset is not built")
each_server = pytest.mark.parametrize(
    "argv",
    [pytest.param([*ASYNCIO, "--loop", "asyncio"], id="asyncio"),
     pytest.param([*ASYNCIO, "--loop", "uvloop"], id="uvloop", marks=needs_uvloop),
     pytest.param([str(GO)], id="go", marks=needs_go)],
)  # fmt: skip
each_row = pytest.mark.parametrize(
    "name",
    ["asyncio", pytest.param("uvloop", marks=needs_uvloop), pytest.param("go", marks=needs_go)],
)


@each_server
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_echoes_all_that_comes_and_ends_with_a_line_of_totals(argv, how):
    message = bytes(range(256)) * 4096  # more than any buffer: a part of it has to wait
    with subprocess.Popen([*argv, "--port", "0"], stdout=subprocess.PIPE, text=True) as server:
        announced = server.stdout.readline()
        assert announced.startswith("listening on 127.0.0.1:")
        where = ("127.0.0.1", int(announced.rsplit(":", 1)[1]))
        with socket.create_connection(where, timeout=60) as one:
            with socket.create_connection(where, timeout=60) as other:
                other.sendall(b"meanwhile")
                assert other.recv(100) == b"meanwhile"
            sender = threading.Thread(target=one.sendall, args=(message,))
            sender.start()
            back = b""
            while len(back) < len(message):
                back += one.recv(1 << 20)
            sender.join()
            assert back == message
        with socket.create_connection(where, timeout=60) as idle:
            idle.sendall(b"x")
            assert idle.recv(1) == b"x"
            server.send_signal(how)  # while one is connected
            totals = server.stdout.read()
        assert server.wait(60) == 0
    assert totals == f"served 3 connections, echoed {len(message) + 10} bytes\n"


@each_server
def test_bad_arguments_are_exit_code_2(argv):
    done = subprocess.run([*argv, "--prot", "1"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr


@each_server
def test_it_tells_what_it_runs_on(argv):
    done = subprocess.run([*argv, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(("echo_server.py: ", "echo_server: go1."))
    assert ("uvloop" in done.stdout) == ("uvloop" in argv)


@each_server
def test_a_port_that_is_taken_is_one_line(argv):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = subprocess.run([*argv, "--port", port], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "address already in use" in done.stderr.lower()
    assert len(done.stderr.splitlines()) == 1


def row_of(name: str, bench: str = "echo", **environment: str) -> tuple[dict, int]:
    pattern = exact_filter(f"{bench}/{name}/connections:64/bytes:64")
    done = run(f"bench_{bench}", "--benchmark_format=json", "--iterations", "5000",
               f"--benchmark_filter={pattern}", env=os.environ | environment)  # fmt: skip
    (row,) = json.loads(done.stdout)["benchmarks"]
    return row, done.returncode


@needs_build
@each_row
@pytest.mark.parametrize("bench", ["echo", "echo_churn"])
def test_a_row_measures(name, bench):
    row, code = row_of(name, bench, SWITCHYARD_PYTHON=sys.executable)
    assert "error_message" not in row
    assert code == 0
    assert row["ops_per_s"] > 0
    assert row["cpu_us_per_op"] > 0


@needs_build
def test_without_uvloop_its_row_has_met_a_limit(tmp_path: Path):
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')  # -S: without any packages
    python.chmod(0o755)
    row, code = row_of("uvloop", SWITCHYARD_PYTHON=str(python))
    missing = "uvloop is not installed: scripts/setup.sh --uvloop adds it"
    assert (code, row["error_message"]) == (0, f"limit reached: {missing}")


@needs_build
def test_rows_say_what_they_need_and_what_they_are():
    described = json.loads(run("bench_echo", "--describe").stdout)
    needs = {row["runtime"]: row["needs"] for row in described["rows"] if row["outside"]}
    assert needs == {"gevent": "gevent", "asyncio": None, "uvloop": "uvloop", "go": "go"}
