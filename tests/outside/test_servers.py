"""A server of the user's own is rows beside ours, whatever it is written in; one that goes wrong is
a row that says how, after which the others run, and nothing of it is left.
"""

import json
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
from conftest import BIN
from living import ours, processes_of, wait_until
from programs import run
from servers import free_port

SOURCE = Path(__file__).with_name("echo.c")
ROW = "connections:16/bytes:64"
pytestmark = pytest.mark.skipif(not BIN.exists(), reason="the release preset is not built")


@pytest.fixture(scope="session")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program that echo.c makes; its path is nobody else's."""
    program = tmp_path_factory.mktemp("outside") / f"echo-{os.getpid()}"
    compiler = ["cc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror"]
    subprocess.run([*compiler, "-o", program, SOURCE], check=True)
    return program


@pytest.fixture(autouse=True)
def nothing_is_left(echo: Path):
    yield
    wait_until(lambda: not processes_of(str(echo)), "the end of all servers")


def row_of(mode: str, echo: Path, *more: str, iterations: int = 20_000) -> tuple[dict, int, str]:
    """The row of one server alone."""
    command = " ".join((str(echo), mode, *more))
    done = run("bench_echo", f"--server=mine={command}", "--benchmark_format=json",
               "--iterations", str(iterations),
               f"--benchmark_filter=^echo/mine/{ROW}/")  # fmt: skip
    (row,) = json.loads(done.stdout)["benchmarks"]
    return row, done.returncode, done.stderr


@pytest.mark.parametrize("arguments", [(), ("{port}",)])
def test_one_that_echoes_is_a_row_like_ours(echo: Path, arguments):
    row, code, _ = row_of("correct", echo, *arguments)
    assert code == 0
    assert "error_message" not in row
    assert row["errors"] == 0
    for counter in ("ops_per_s", "cpu_us_per_op", "kernel_switches_per_op", "p99_us"):
        assert row[counter] > 0


@pytest.mark.parametrize(
    ("bench", "row"),
    [("bench_echo_open", "connections:64/bytes:64/rate:10000"),
     ("bench_echo_churn", "connections:64/bytes:64"),
     ("bench_echo_capacity", "connections:64/bytes:64/load:110")],
)  # fmt: skip
def test_it_has_rows_in_every_workload_about_servers(echo: Path, bench: str, row: str):
    workload = bench.removeprefix("bench_")
    done = run(bench, f"--server=mine={echo} correct", "--benchmark_format=json",
               f"--benchmark_filter=^{workload}/mine/{row}/")  # fmt: skip
    (result,) = json.loads(done.stdout)["benchmarks"]
    # Of the open loop a machine that is busy may say that the server does not keep up.
    assert done.returncode == 0, result
    assert result["name"].startswith(f"{workload}/mine/{row}")


def test_what_it_is_stands_in_its_rows(echo: Path):
    command = f"{echo} correct {{port}}"
    described = json.loads(run("bench_echo", f"--server=mine={command}", "--describe").stdout)
    rows = {row["name"]: row for row in described["rows"]}
    mine = rows["echo/mine/connections:64/bytes:64"]
    assert (mine["outside"], mine["command"], mine["set"]) == (True, command, "quick")
    assert (mine["needs"], mine["control"]) == (None, "epoll")
    gevent = rows["echo/gevent/connections:64/bytes:64"]
    assert (gevent["outside"], gevent["command"], gevent["needs"]) == (True, None, "gevent")
    assert rows["echo/fiber/connections:64/bytes:64"]["outside"] is False
    names = {name.replace("/mine/", "/gevent/") for name in rows if "/mine/" in name}
    assert names == {name for name in rows if "/gevent/" in name}


def test_one_wrong_byte_in_a_million_fails_the_row_and_tells_where(echo: Path):
    row, code, _ = row_of("corrupt", echo, iterations=40_000)
    assert code == 1
    assert re.search(r"connection \d+, message \d+: the reply differs from the message at byte \d+",
                     row["error_message"])  # fmt: skip


@pytest.mark.parametrize(
    ("mode", "why"),
    [("dies", "the server was killed by signal 6"),
     ("exits", "the server exited with code 3; its last words: out of luck"),
     ("daemon", r"the server exited with code 0 and left 1 process behind: .*foreground"),
     ("elsewhere 0 127.0.0.1", None),
     ("elsewhere 0 0.0.0.0", None)],
)  # fmt: skip
def test_one_that_does_not_stay_says_how_it_ended(echo: Path, mode: str, why: str | None):
    row, code, _ = row_of(mode, echo)
    assert (code, "error_message" in row) == (1 if why else 0, bool(why))
    if why:
        assert re.match(why, row["error_message"])


def test_one_that_is_nowhere_near_its_clients_is_told_where_to_be(echo: Path):
    addresses = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=False)
    away = [a for a in addresses.stdout.split() if "." in a and not a.startswith("127.")]
    if not away:
        pytest.skip("this machine has no address but those of its loopback")
    row, code, _ = row_of(f"elsewhere 0 {away[0]}", echo)
    assert code == 1
    assert re.fullmatch(rf"the server listens on {re.escape(away[0])}:\d+, and its clients are on "
                        "127.0.0.1: have it listen there", row["error_message"])  # fmt: skip


def test_one_that_does_not_start_says_why_in_its_own_words(echo: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        row, code, _ = row_of("correct", echo, port)
        assert code == 1
        in_its_words = "exited with code 1; its last words: listen: Address already in use"
        assert in_its_words in row["error_message"]
        claimed, _, _ = row_of("claims", echo, port)
        in_ours = f"port {port}, which is to be the server's, is another program's"
        assert in_ours in claimed["error_message"]


def test_one_that_leaves_a_process_behind_fails_and_leaves_none(echo: Path):
    row, code, said = row_of("leaves", echo)
    assert row["errors"] == 0, "its answers were right"
    assert code == 1
    assert re.search(r"mine: the server ended and left 1 process behind: echo-", said)


def test_one_that_ignores_sigterm_is_ended_all_the_same(echo: Path):
    row, code, _ = row_of("stubborn", echo)
    assert (code, "error_message" in row) == (0, False)


def test_one_that_prints_a_lot_is_not_held_up_by_nobody_reading_it(echo: Path):
    row, code, _ = row_of("chatty", echo)
    assert (code, "error_message" in row) == (0, False)


def test_the_rows_after_one_that_fails_still_run(echo: Path):
    modes = {"first": "correct", "second": "dies", "third": "leaves", "last": "correct"}
    servers = [f"--server={name}={echo} {mode}" for name, mode in modes.items()]
    done = run("bench_echo", *servers, "--benchmark_format=json", "--iterations", "20000",
               f"--benchmark_filter=^echo/({'|'.join(modes)})/{ROW}/")  # fmt: skip
    rows = {row["name"].split("/")[1]: row for row in json.loads(done.stdout)["benchmarks"]}
    failed = {name for name, row in rows.items() if "error_message" in row}
    assert (done.returncode, [*rows], failed) == (1, [*modes], {"second"})
    assert "third: the server ended and left 1 process behind" in done.stderr


@pytest.mark.parametrize(
    ("asked", "why"),
    [("mine", "it is no NAME=COMMAND"),
     ("=sh", "there is no name before the '='"),
     ("a/b=sh", "'a/b' can't be part of a row's name"),
     ("a b=sh", "'a b' can't be part of a row's name"),
     ("fiber=sh", "'fiber' is a row of the suite"),
     ("gevent=sh", "'gevent' is a row of the suite"),
     ("mine= ", "there is no command behind the '='"),
     ("mine=no-such-program", "there is no program 'no-such-program' on PATH"),
     ("mine=/tmp", "'/tmp' is no program that can be started"),
     ("mine=sh -c 'x' | cat", "no shell runs it"),
     ("mine=sh '", "can't be split into words"),
     ("mine=$SWITCHYARD_NOT_SET", "names a variable that is not set")],
)  # fmt: skip
@pytest.mark.parametrize("bench", ["bench_echo", "bench_echo_open", "bench_echo_churn"])
def test_what_can_not_be_a_server_is_refused_before_anything_runs(bench, asked, why):
    done = run(bench, f"--server={asked}")
    assert done.returncode == 2
    assert done.stderr.startswith(f"{bench}: error: --server '{asked}': ")
    assert why in done.stderr
    assert (len(done.stderr.splitlines()), done.stdout) == (1, "")


def test_a_name_is_given_once():
    done = run("bench_echo", "--server=mine=sh", "--server", "mine=cat")
    assert done.returncode == 2
    assert "'mine' is given twice" in done.stderr


def kept(echo: Path, *arguments: str, patience: str = "20s") -> subprocess.CompletedProcess:
    return run("keep_server", "--patience", patience, "--", str(echo), *arguments)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [(("silent",), "it prints no line 'listening on HOST:PORT', and there is no {port} in its"),
     (("silent", "{port}"), "nobody listens at port "),
     (("claims", str(free_port())), "nobody listens at port ")],
)  # fmt: skip
def test_one_that_never_listens_is_given_up(echo: Path, arguments, why):
    done = kept(echo, *arguments, patience="300ms")
    assert done.returncode == 1
    assert done.stderr.startswith("keep_server: error: the server is not there in time: ")
    assert why in done.stderr


def test_the_keeper_tells_of_what_can_not_be_started():
    done = run("keep_server", "--", "/no/such/program")
    assert (done.returncode, done.stderr) == (
        1, "keep_server: error: start /no/such/program: No such file or directory\n",
    )  # fmt: skip
    assert run("keep_server").returncode == 2


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_all_of_it_ends_with_whoever_measures_it(echo: Path, how):
    """A SIGKILL the benchmark does not see, and a child of its server hears nothing else."""
    marker = f"switchyard-test-{os.getpid()}-{time.monotonic_ns()}"
    argv = [BIN / "bench_echo", f"--server=mine={echo} leaves", "--benchmark_min_time=1000",
            f"--benchmark_filter=^echo/mine/{ROW}/"]  # fmt: skip
    environment = {**os.environ, "SWITCHYARD_TEST_MARKER": marker}
    with subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as bench:  # fmt: skip
        # The benchmark, the keeper, the server, and what the server leaves.
        wait_until(lambda: len(ours(marker)) == 4, "the start of all")
        bench.send_signal(how)
    wait_until(lambda: not ours(marker), "the end of all")
