"""keep_server by itself: what a signal ends, whom it takes for the server, and what it makes of a
server that says a lot first. What the benchmarks see of it is in tests/outside.
"""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from conftest import BIN
from living import processes_of, wait_until
from programs import run
from servers import free_port, has_ipv6

pytestmark = pytest.mark.skipif(not BIN.exists(), reason="the release preset is not built")

LISTENS = """
import os, socket, subprocess, sys, time
def listen(family, address, port=0):
    s = socket.socket(family)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
    s.bind((address, port))
    s.listen()
    return s
def announce(s):
    print(f"listening on {s.getsockname()[0]}:{s.getsockname()[1]}", flush=True)
    time.sleep(600)
only = 1
"""
V4 = "listen(socket.AF_INET, '127.0.0.1'"


def program(text: str) -> list[str]:
    return [sys.executable, "-c", LISTENS + text]


def kept(text: str) -> subprocess.CompletedProcess:
    """Of a server that is none."""
    return run("keep_server", "--patience", "20s", "--", *program(text))


@contextmanager
def keeper(text: str, *before: str) -> Iterator[tuple[subprocess.Popen, str]]:
    """A keeper of a server, and what it has announced."""
    argv = [*before, BIN / "keep_server", "--", *program(text)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.terminate()


@pytest.mark.parametrize("name", ["SIGHUP", "SIGQUIT", "SIGINT", "SIGTERM"])
def test_what_a_server_started_ends_with_its_keeper(name: str):
    helper = f"{time.monotonic_ns() % 10**9}.5"
    text = f"subprocess.Popen(['sleep', '{helper}'])\nannounce({V4}))"
    # Whoever runs the tests may have had some of them ignored.
    with keeper(text, "env", "--default-signal=HUP,QUIT,INT,TERM") as (process, said):
        assert said.startswith("listening on 127.0.0.1:")
        wait_until(lambda: processes_of(f"sleep\0{helper}"), "the server's helper starts")
        process.send_signal(getattr(signal, name))
        process.wait(timeout=60)
    wait_until(lambda: not processes_of(helper), "all ends")


def test_one_that_is_to_outlive_its_terminal_does():
    with keeper(f"announce({V4}))", "nohup") as (process, _):
        process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.5)


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


@needs_ipv6
def test_one_that_has_ipv6_alone_is_told_where_to_be():
    done = kept("announce(listen(socket.AF_INET6, '::'))")
    assert done.returncode == 1
    assert "the server listens on [::]:" in done.stderr
    assert "its clients are on 127.0.0.1: have it listen there" in done.stderr


@needs_ipv6
@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_another_program_is_not_taken_for_one_that_has_ipv6_alone(address: str):
    with socket.create_server((address, 0)) as other:
        port = other.getsockname()[1]
        done = kept(f"announce(listen(socket.AF_INET6, '::', {port}))")
    assert done.returncode == 1
    assert f"port {port}, which is to be the server's, is another program's" in done.stderr


@needs_ipv6
@pytest.mark.parametrize(
    "text",
    ["only = 0; announce(listen(socket.AF_INET6, '::'))",
     "s = listen(socket.AF_INET6, '::'); time.sleep(0.1)\n"
     "t = listen(socket.AF_INET, '0.0.0.0', s.getsockname()[1]); announce(s)"],
)  # fmt: skip
def test_one_that_has_both_is_found(text: str):
    with keeper(text) as (_, said):
        assert said.startswith("listening on 127.0.0.1:")


def test_one_that_shares_its_port_with_another_program_is_none():
    share = "s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)"
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = kept(f"s = socket.socket(); {share}\n"
                    f"s.bind(('127.0.0.1', {port})); s.listen(); announce(s)")  # fmt: skip
    assert done.returncode == 1
    assert f"port {port}, which is to be the server's, is another program's" in done.stderr


LOGS = "sys.stdout.write(('x' * 999 + '\\n') * 1_300)\n"


@pytest.mark.parametrize("text", [LOGS, "sys.stdout.write('x' * 1_300_000 + '\\n')\n"])
def test_one_that_says_a_lot_first_is_heard(text: str):
    with keeper(text + f"announce({V4}))") as (_, said):
        assert said.startswith("listening on 127.0.0.1:")


def test_one_that_says_it_in_the_middle_of_a_lot_is_heard():
    begun = f"s = {V4})\nsays = f'listening on 127.0.0.1:{{s.getsockname()[1]}}\\n'\n"
    text = "os.write(1, ('x' * (2**20 - 6) + '\\n' + says).encode())\n"
    with keeper(begun + text + "time.sleep(600)") as (_, said):
        assert said.startswith("listening on 127.0.0.1:")


def test_one_that_says_a_lot_afterwards_is_heard():
    port = free_port()
    text = f"s = {V4}, {port})\nprint('listening on 127.0.0.1:{port}')\n{LOGS}announce(s)"
    with keeper(text) as (_, said):
        assert said == f"listening on 127.0.0.1:{port}"


def test_its_last_words_are_the_last_of_many():
    done = kept(LOGS + "sys.exit('out of luck')")
    assert done.returncode == 1
    assert "exited with code 1; its last words: out of luck" in done.stderr
