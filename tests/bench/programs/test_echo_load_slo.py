"""A search for the rate that an objective allows ends at the first wrong or missing reply: what a
server does for the connections that are left is no answer.
"""

import contextlib
import itertools
import socketserver
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import BIN
from hostile import running

pytestmark = pytest.mark.skipif(not BIN.exists(), reason="the release preset is not built")

SEARCH = ["--connections", "4", "--slo", "p50=1s", "--warmup", "0s"]


class _Session(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        is_last = next(self.server.numbers) == 3
        with contextlib.suppress(ConnectionError):
            while message := self.request.recv(65536):
                wrong = self.server.goes_wrong.is_set() and not is_last
                self.request.sendall(b"?" * len(message) if wrong else message)


class _Server(socketserver.ThreadingTCPServer):
    """Echoes, and answers all connections wrong but the last from when `goes_wrong` is set."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.numbers, self.goes_wrong = itertools.count(), threading.Event()


def searched(port: int | str, report: Path, after_a_trial: Callable[[], None]) -> list[str]:
    """All that is said of a search that fails."""
    argv = [BIN / "echo_load", "--port", str(port), *SEARCH, "--duration", "500ms",
            "--json", report]  # fmt: skip
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as load:
        output = []
        for line in load.stdout:
            output.append(line)
            if "unsent: holds" in line:
                after_a_trial()
        error = load.stderr.read()
    assert load.returncode == 1
    assert len(error.splitlines()) == 1
    assert not report.exists()
    return [*output, error]


def test_no_rate_comes_of_wrong_replies_from_the_beginning(tmp_path: Path):
    with running(_Server()) as server:
        server.goes_wrong.set()
        (error,) = searched(server.server_address[1], tmp_path / "report.json", lambda: None)
    assert "in the warm-up: " in error
    assert "the reply differs from the message" in error


def test_no_rate_comes_of_replies_that_go_wrong_in_the_middle(tmp_path: Path):
    with running(_Server()) as server:
        port, report = server.server_address[1], tmp_path / "report.json"
        *output, error = searched(port, report, server.goes_wrong.set)
    assert "in a trial of the search: " in error
    assert "the reply differs from the message" in error
    assert not any("holds up to" in line for line in output)


def test_no_rate_comes_of_a_server_that_dies_in_the_middle(tmp_path: Path):
    argv = [BIN / "echo_server", "--port", "0"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as server:
        port = server.stdout.readline().strip().rsplit(":", 1)[1]
        *output, error = searched(port, tmp_path / "report.json", server.kill)
    assert "in a trial of the search: " in error
    assert not any("holds up to" in line for line in output)
