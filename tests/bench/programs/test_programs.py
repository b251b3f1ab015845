"""The real programs as a user meets them: bad input is one clear line."""

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
from programs import run

# Only where nothing was built at all: a program that is missing from a build is a failure.
pytestmark = pytest.mark.skipif(not BIN.exists(), reason="the release preset is not built")


@pytest.fixture
def server():
    """A running fiber echo server; its port."""
    argv = [str(BIN / "echo_server"), "--port", "0"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        port = process.stdout.readline().strip().rsplit(":", 1)[1]
        yield port
        process.terminate()


BAD_ARGUMENTS = [
    ("echo_server", ["--runtime", "gofer"], "no runtime 'gofer'; there are serial, process"),
    ("echo_server", ["--port", "99999"], "--port"),
    ("echo_server", ["--host", "no.such.host.invalid"], "'no.such.host.invalid'"),
    ("echo_server", ["--cpus", "5000"], "'5000'"),
    ("echo_server", ["--cpus", "1000", "--port", "0"], "CPU 1000 can't be used"),
    ("echo_load", ["--port", "0"], "--port"),
    ("echo_load", ["--connections", "0"], "--connections"),
    ("echo_load", ["--connections", "10000000"], "RLIMIT_NOFILE"),
    ("echo_load", ["--active", "101"], "--active 101 is more than the --connections 100"),
    (
        "echo_load",
        ["--threads", "3", "--active", "2"],
        "--threads 3 is more than the 2 connections that get messages",
    ),
    ("echo_load", ["--threads", "0"], "--threads"),
    ("echo_load", ["--rate", "0"], "--rate"),
    ("echo_load", ["--rate", "fast"], "--rate"),
    ("echo_load", ["--schedule", "sometimes"], "sometimes"),
    ("echo_load", ["--schedule", "poisson"], "--schedule poisson is of an open loop"),
    ("echo_load", ["--seed", "7"], "--seed is of the times of --schedule poisson"),
    ("echo_load", ["--rate", "9", "--seed", "7"], "--seed is of the times of --schedule poisson"),
    ("echo_load", ["--slo", "p99"], "SLO 'p99'"),
    ("echo_load", ["--slo", "p99=5ms", "--rate", "100"], "--slo looks for a rate"),
    ("echo_load", ["--slo", "p99=5ms", "--histogram", "/tmp/h"], "--slo makes several runs"),
    ("echo_load", ["--slo", "p99=5ms", "--server-pid", "1"], "it goes without --server-pid"),
    ("echo_load", ["--histogram", "/no/such/folder/file"], "'/no/such/folder/file'"),
    ("bench_echo_capacity", ["--slo", "p101=5ms"], "SLO 'p101=5ms'"),
    ("echo_load", ["--host", "no.such.host.invalid"], "'no.such.host.invalid'"),
    ("echo_load", ["--host", "192.0.2.1"], "--allow-remote"),
    ("echo_load", ["--bytes", "0"], "--bytes"),
    ("echo_load", ["--duration", "5parsecs"], "parsecs"),
    ("echo_load", ["--json", "/no/such/folder/file"], "'/no/such/folder/file'"),
    ("echo_load", ["--server-pid", "0"], "--server-pid"),
    ("echo_load", ["--server-pid", "4999999"], "--server-pid 4999999: there is no such process"),
    ("echo_load", ["surplus"], "surplus"),
    ("echo_client", ["--port", "0"], "--port"),
    ("echo_client", ["--host", "no.such.host.invalid"], "'no.such.host.invalid'"),
    ("http_origin", ["--bytes", "-1"], "--bytes"),
    ("http_origin", ["--latency-ms", "soon"], "--latency-ms"),
    ("http_fetch", [], "no URL to fetch"),
    ("bench_echo", ["--surplus"], "--surplus"),
    ("bench_echo", ["--server-cpus", "x"], "'x' is no CPU number"),
    ("bench_echo", ["--load-cpus", "1-0"], "'1-0' runs backwards"),
    ("bench_sleep", ["--benchmark_filter=nothing"], "nothing"),
    ("bench_switch", ["--iterations", "0"], "--iterations: Value 0 not in range 1 to"),
    ("bench_switch", ["--iterations", "some"], "--iterations"),
]


@pytest.mark.parametrize(("program", "arguments", "culprit"), BAD_ARGUMENTS)
def test_bad_arguments_are_one_line_and_exit_code_2(program, arguments, culprit):
    done = run(program, *arguments)
    assert done.returncode == 2
    assert culprit in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


PROGRAMS = ["echo_server", "echo_load", "echo_client", "http_origin", "http_fetch", "bench_echo",
            "bench_echo_open", "bench_switch"]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_and_version(program):
    assert "--version" in run(program, "--help").stdout
    assert re.fullmatch(rf"{program} \d+\.\d+\.\d+\n", run(program, "--version").stdout)


def test_a_taken_port_is_named(server):
    done = run("echo_server", "--port", server)
    assert done.returncode == 1
    assert f"127.0.0.1:{server}" in done.stderr
    assert "Address already in use" in done.stderr


def test_a_server_that_is_not_there_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening
        port = taken.getsockname()[1]
        done = run("echo_load", "--port", str(port), "--connections", "2")
    assert done.returncode == 1
    assert f"connect to 127.0.0.1:{port}" in done.stderr


def test_load_reports_what_it_measured(server, tmp_path):
    report = tmp_path / "report.json"
    done = run("echo_load", "--port", server, "--connections", "7", "--bytes", "100",
               "--duration", "300ms", "--warmup", "100ms", "--json", str(report))  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "every reply was right" in done.stdout
    figures = json.loads(report.read_text())
    assert figures["connections"] == 7
    assert figures["requests"] > 0
    assert figures["errors"] == 0
    assert figures["seconds"] >= 0.3
    assert figures["p50_us"] <= figures["p99_us"] <= figures["max_us"]


def test_load_tells_the_cpu_time_of_the_server_it_is_shown(tmp_path):
    report = tmp_path / "report.json"
    argv = [str(BIN / "echo_server"), "--port", "0", "--runtime", "process"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        port = process.stdout.readline().strip().rsplit(":", 1)[1]
        done = run("echo_load", "--port", port, "--connections", "4", "--duration", "500ms",
                   "--warmup", "0s", "--json", str(report),
                   "--server-pid", str(process.pid))  # fmt: skip
        process.terminate()
        process.wait()
    used = json.loads(report.read_text())
    assert done.returncode == 0, done.stderr
    assert "server: " in done.stdout
    assert used["server_cpu_s"] > 0
    # That of each message, also of the four at the end that are not counted as requests.
    of_all = used["server_cpu_us_per_op"] * 1e-6 * used["requests"]
    most_uncounted = 4 * used["server_cpu_us_per_op"] * 1e-6
    assert of_all <= used["server_cpu_s"] <= of_all + 1.01 * most_uncounted


def test_an_open_loop_reports_both_clocks_and_writes_histograms(server, tmp_path, cli):
    files = [tmp_path / f"{i}.json" for i in range(2)]
    for file in files:
        done = run("echo_load", "--port", server, "--connections", "8", "--rate", "500",
                   "--schedule", "poisson", "--duration", "500ms", "--warmup", "50ms",
                   "--histogram", str(file), "--json", str(tmp_path / "report.json"))  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert "latency since due us: p50" in done.stdout
    assert "service time us: p50" in done.stdout
    assert "wanted 500 per second (poisson)" in done.stdout
    figures = json.loads((tmp_path / "report.json").read_text())
    assert figures["loop"] == "open"
    assert figures["due"] >= figures["requests"] > 0
    assert figures["p50_us"] >= figures["service_p50_us"]
    merged = cli("merge", *files, "--out", tmp_path / "whole.json")
    assert merged.returncode == 0, merged.stderr
    counts = [json.loads(f.read_text())["histograms"]["latency"]["count"] for f in files]
    whole = json.loads((tmp_path / "whole.json").read_text())
    assert whole["histograms"]["latency"]["count"] == sum(counts)


def test_an_objective_is_looked_for_and_its_probes_are_told(server, tmp_path):
    report = tmp_path / "report.json"
    done = run("echo_load", "--port", server, "--connections", "4", "--slo", "p50=1s",
               "--duration", "100ms", "--warmup", "10ms", "--json", str(report))  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "p50=1s holds up to" in done.stdout
    found = json.loads(report.read_text())
    assert 0 <= found["slo_low_ops_per_s"] <= found["slo_ops_per_s"]
    assert 0 < found["slo_ops_per_s"] <= found["slo_high_ops_per_s"]
    assert len(found["probes"]) >= 3 * 2  # searches, and trials that agree
    assert found["probes"][-1]["us"] > 0
    done = run("echo_load", "--port", server, "--connections", "4", "--slo", "p50=0.001us",
               "--duration", "100ms", "--warmup", "10ms")  # fmt: skip
    assert done.returncode == 1
    assert "no rate that was tried holds" in done.stdout


def test_idle_connections_stay_open(server):
    done = run("echo_load", "--port", server, "--connections", "200", "--active", "5",
               "--duration", "100ms", "--warmup", "10ms")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "every reply was right" in done.stdout


def test_a_load_stopped_in_the_warm_up_reports_nothing(server, tmp_path):
    argv = [str(BIN / "echo_load"), "--port", server, "--connections", "2", "--warmup", "60s",
            "--json", str(tmp_path / "report.json")]  # fmt: skip
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as load:
        time.sleep(0.5)
        load.send_signal(signal.SIGINT)
        output, error = load.communicate(timeout=300)
    assert load.returncode == 1
    assert "nothing was measured" in error
    assert output == ""


def test_a_load_stopped_while_measuring_says_so(server, tmp_path):
    report = tmp_path / "report.json"
    argv = [str(BIN / "echo_load"), "--port", server, "--connections", "2", "--warmup", "0s",
            "--duration", "60s", "--json", str(report)]  # fmt: skip
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as load:
        time.sleep(0.5)
        load.send_signal(signal.SIGTERM)
        output, _ = load.communicate(timeout=300)
    assert load.returncode == 128 + signal.SIGTERM
    assert "stopped before the time was over" in output
    assert json.loads(report.read_text())["interrupted"] is True


def test_output_that_can_not_be_written_is_an_error(server):
    with Path("/dev/full").open("w") as full:
        argv = [str(BIN / "echo_load"), "--port", server, "--duration", "50ms", "--warmup", "0s"]
        done = subprocess.run(argv, stdout=full, stderr=subprocess.PIPE, text=True, timeout=300,
                              check=False)  # fmt: skip
    assert done.returncode == 1
    assert "output could not be written" in done.stderr


def test_a_server_without_standard_streams_still_serves():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shell = f"exec {BIN / 'echo_server'} --port {port} <&- >&- 2>&-"
    with subprocess.Popen(["sh", "-c", shell]) as process:
        done = run("echo_load", "--port", str(port), "--connections", "2", "--duration", "100ms")
        for _ in range(100):
            if done.returncode == 0:
                break
            time.sleep(0.1)
            done = run(
                "echo_load", "--port", str(port), "--connections", "2", "--duration", "100ms"
            )
        process.terminate()
        assert process.wait(timeout=300) == 0
    assert done.returncode == 0, done.stderr


def test_a_foreign_client_gets_its_bytes_back(server):
    message = os.urandom(300_000)
    with socket.create_connection(("127.0.0.1", int(server)), timeout=300) as client:
        client.sendall(message[:1000])
        received = b""
        while len(received) < 1000:
            received += client.recv(65536)
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
    assert received == message[:1000]


def test_the_line_client_prints_what_comes_back(server):
    lines = "hello 0\n\nünïcode\nno newline at the end"
    done = run("echo_client", "--port", server, input=lines)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "Received hello 0\nReceived \nReceived ünïcode\n" + (
        "Received no newline at the end\n"
    )


def test_the_line_client_says_when_the_server_is_gone_or_silent():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        port = str(silent.getsockname()[1])
        refused = run("echo_client", "--port", port, input="x\n")
        silent.listen()
        unanswered = run("echo_client", "--port", port, "--timeout", "0.2", input="x\n")
    assert refused.returncode == unanswered.returncode == 1
    assert f"connect to 127.0.0.1:{port}: Connection refused" in refused.stderr
    assert "after 0 of 2 bytes: Connection timed out" in unanswered.stderr


def test_load_drives_a_foreign_server():
    echo = (
        "import socketserver,sys\n"
        "class H(socketserver.BaseRequestHandler):\n"
        "    def handle(self):\n"
        "        while data := self.request.recv(65536): self.request.sendall(data)\n"
        "s = socketserver.ThreadingTCPServer(('127.0.0.1', 0), H)\n"
        "s.daemon_threads = True\n"
        "print(s.server_address[1], flush=True)\n"
        "s.serve_forever()\n"
    )
    argv = ["python3", "-c", echo]
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as foreign:
        port = foreign.stdout.readline().strip()
        done = run("echo_load", "--port", port, "--connections", "5", "--duration", "200ms",
                   "--warmup", "0s")  # fmt: skip
        foreign.kill()
    assert done.returncode == 0, done.stdout + done.stderr
