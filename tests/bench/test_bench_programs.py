"""The real benchmark binaries: exact iterations, limits, servers that die; and the runner, when it
is interrupted while they run, leaves no process and no listening port.
"""

import json
import math
import os
import re
import resource
import signal
import subprocess
import time

import pytest
from conftest import BIN, SWITCHYARD
from living import ours, wait_for_child, wait_until
from programs import run

from switchyard.suite import catalog, questions
from switchyard.suite.catalog import exact_filter

# Only where nothing was built at all: a program that is missing from a build is a failure.
pytestmark = pytest.mark.skipif(not BIN.exists(), reason="the release preset is not built")


def test_the_quick_run_has_what_each_workload_tells():
    """But of echo_capacity, whose rows take half a second each whatever they are asked for, and of
    scale, which asks for as many rows as a machine has CPUs.
    """
    for workload in catalog.load(BIN.parent):
        question = questions.of(workload.name)
        told = [row for row in workload.rows if question.is_of(row.case)]
        quick = {row.runtime for row in told if row.set == "quick"}
        assert len(quick) > 1 or workload.name in ("echo_capacity", "scale"), workload.name


@pytest.mark.parametrize("iterations", [20, 1000])
def test_a_row_is_run_once_with_the_iterations_asked_for(iterations):
    row = "switch/context/via:resume/tasks:2/placement:same"
    done = run("bench_switch", "--iterations", str(iterations), "--benchmark_format=json",
               f"--benchmark_filter={exact_filter(row)}")  # fmt: skip
    (result,) = json.loads(done.stdout)["benchmarks"]
    assert result["name"] == f"{row}/iterations:{iterations}/manual_time"
    assert result["iterations"] == iterations


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is one CPU")
def test_a_server_has_as_many_cpus_as_its_row_says_or_none():
    first = str(min(os.sched_getaffinity(0)))
    done = run("bench_scale", "--server-cpus", first, "--benchmark_min_time=0.01",
               "--benchmark_filter=scale/epoll/work:echo_shared/cpus:2/")  # fmt: skip
    assert done.returncode == 0
    assert "limit reached: this row's server needs 2 CPUs, and may have 1" in done.stdout


@pytest.mark.parametrize("ring", ["fiber/via:yield", "coroutine/via:yield", "awaitable/via:post",
                                  "context/via:resume"])  # fmt: skip
def test_a_rings_blocks_are_there_before_its_time_begins(ring):
    """Or few iterations pay for the first touch of each page: two blocks have 2,048 of them."""
    row, turns = f"switch/{ring}/tasks:2/placement:same/working_set:4M", 160
    done = run("bench_switch", "--iterations", str(turns), "--benchmark_format=json",
               f"--benchmark_filter={exact_filter(row)}")  # fmt: skip
    (result,) = json.loads(done.stdout)["benchmarks"]
    assert result["page_faults_per_op"] * turns < 500


def test_bare_contexts_are_the_floor_of_a_switch():
    """A greenlet is made of a context. The least CPU time of 30 short, interleaved rounds each."""
    greenlet = "switch/greenlet/via:switch/tasks:2/placement:same"
    rings = {n: f"switch/context/via:resume/tasks:{n}/placement:same" for n in (2, 16)}
    rows = "|".join((greenlet, *rings.values()))
    done = run("bench_switch", "--iterations", "200000", "--benchmark_format=json",
               "--benchmark_repetitions=30", "--benchmark_enable_random_interleaving=true",
               f"--benchmark_filter=^({rows})/iter")  # fmt: skip
    us: dict[str, float] = {}
    for result in json.loads(done.stdout)["benchmarks"]:
        if result["run_type"] == "iteration":
            name = result["run_name"].partition("/iterations")[0]
            us[name] = min(us.get(name, math.inf), result["cpu_us_per_op"])
    assert us[rings[2]] <= 1.05 * us[greenlet]
    assert us[rings[16]] <= 1.25 * us[greenlet]


@pytest.mark.parametrize("name", ["switch/thread/via:futex/tasks:2/placement:same",
                                  "echo/thread/connections:1/bytes:64"])  # fmt: skip
def test_hardware_counters_appear_where_the_machine_has_them(name):
    program = f"bench_{name.split('/')[0]}"
    has = json.loads(run(program, "--describe").stdout)["hardware_counters"]
    done = run(program, "--hardware-counters", "--benchmark_min_time=0.01",
               "--benchmark_format=json", f"--benchmark_filter={exact_filter(name)}")  # fmt: skip
    (result,) = json.loads(done.stdout)["benchmarks"]
    assert not result.get("error_message", "limit reached: ").partition("limit reached: ")[0]
    events = ("cycles_per_op", "instructions_per_op", "cache_misses_per_op")
    counted = [key for key in result if key.removeprefix("user_") in events]
    assert "error_message" in result or sorted(counted) == sorted(has)


def open_loop(row: str, *options: str) -> dict[str, float]:
    """The result of a row of the epoll server."""
    name = f"{row.partition('/')[0]}/epoll/connections:64/bytes:64/{row.partition('/')[2]}"
    done = run(f"bench_{row.partition('/')[0]}", "--benchmark_format=json", *options,
               f"--benchmark_filter={exact_filter(name)}")  # fmt: skip
    (result,) = json.loads(done.stdout)["benchmarks"]
    return result


def test_a_server_with_more_to_do_than_it_can_is_told_by_what_it_answers():
    result = open_loop("echo_capacity/load:110")
    assert not [key for key in result if re.fullmatch(r"p\d+_us|max_us", key)]
    assert 0 <= result["unsent_percent"] < 100
    assert result["queue_growth_per_s"] == pytest.approx(result["due_per_s"] - result["ops_per_s"])


def test_a_launch_has_times_of_its_own_unless_told_which():
    seeds = [open_loop("echo_open/rate:10000", *told)["seed"] for told in ([], [], ["--seed", "7"])]
    assert seeds[0] != seeds[1]
    assert seeds[2] == 7


def test_the_rate_that_an_objective_allows_has_an_interval():
    result = open_loop("echo_capacity/find:slo", "--slo", "p50=1s")
    assert 0 <= result["slo_low_ops_per_s"] <= result["slo_ops_per_s"]
    assert result["slo_ops_per_s"] <= result["slo_high_ops_per_s"]
    assert result["slo_high_ops_per_s"] <= result["closed_loop_ops_per_s"]
    never = open_loop("echo_capacity/find:slo", "--slo", "p50=0.001us")["error_message"]
    assert never.startswith("limit reached: p50 is above the bound at each rate")


def fetched_from_a_running_origin(row: str, iterations: int) -> tuple[dict, str]:
    """What the row says, and the origin's totals."""
    argv = [str(BIN / "http_origin"), "--port", "0"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as origin:
        port = origin.stdout.readline().strip().rsplit(":", 1)[1]
        done = run("bench_http_fetch", "--iterations", str(iterations), "--origin-port", port,
                   "--benchmark_format=json",
                   f"--benchmark_filter={exact_filter(row)}")  # fmt: skip
        origin.terminate()
        totals = origin.stdout.read()
    (result,) = json.loads(done.stdout)["benchmarks"]
    return result, totals


@pytest.mark.parametrize("runtime", ["process", "thread", "fiber", "serial"])
@pytest.mark.parametrize("batches", [1, 3])
def test_a_kept_connection_serves_as_many_fetches_however_many_are_asked_for(runtime, batches):
    row = f"http_fetch/{runtime}/urls:10/latency_ms:0/bytes:1024/connection:keep"
    result, totals = fetched_from_a_running_origin(row, 320 * batches)
    assert result["iterations"] == 320 * batches
    assert totals.startswith(f"served {320 * batches} requests on {10 * batches} connections, ")


def test_fetches_from_an_origin_that_is_running_are_all_counted_there():
    row = "http_fetch/fiber/urls:10/latency_ms:0/bytes:1024/connection:new"
    result, totals = fetched_from_a_running_origin(row, 200)
    assert result["iterations"] == 200
    assert "origin_cpu_percent" not in result, "whose CPU time that is, nobody said"
    assert totals.startswith("served 200 requests on 200 connections, ")


def test_a_limit_is_a_row_that_says_so():
    def few_files():
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

    row = "echo/thread/connections:256/bytes:64/"
    done = run("bench_echo", f"--benchmark_filter={row}", "--benchmark_min_time=0.01",
               preexec_fn=few_files)  # fmt: skip
    assert done.returncode == 0
    assert "limit reached: needs 288 open files, RLIMIT_NOFILE allows 64" in done.stdout


def test_a_limit_met_by_the_server_is_a_limit_too():
    def little_memory():
        resource.setrlimit(resource.RLIMIT_AS, (30 << 20, 30 << 20))

    row = "echo/fiber/connections:1024/bytes:64/"
    done = run("bench_echo", f"--benchmark_filter={row}", "--benchmark_min_time=0.01",
               preexec_fn=little_memory)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "limit reached: the server met one: no address space" in done.stdout


def test_a_server_that_dies_fails_the_row_with_the_reason():
    argv = [str(BIN / "bench_echo"), "--benchmark_filter=echo/thread/connections:16/bytes:64/",
            "--benchmark_min_time=30"]  # fmt: skip
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as bench:
        victim = wait_for_child(bench.pid)
        time.sleep(1)  # well within the measuring
        os.kill(victim, signal.SIGKILL)
        output, _ = bench.communicate(timeout=300)
    assert bench.returncode == 1
    assert "the server was killed by signal 9" in output


# That SIGTERM and SIGHUP end a run as SIGINT does is promised in system/test_interrupts.py.
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize(
    "workload", ["echo/process", "sleep/process", "switch/process", "memory/process"]
)
def test_a_stopped_runner_leaves_no_process_behind(tmp_path, how, workload):
    marker = f"switchyard-test-{os.getpid()}-{time.monotonic_ns()}"
    out = tmp_path / "results"
    argv = [str(SWITCHYARD), "run", "--filter", f"^{workload}/", "--rounds", "50",
            "--out", str(out)]  # fmt: skip
    environment = {**os.environ, "SWITCHYARD_TEST_MARKER": marker}
    with subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as runner:  # fmt: skip
        name = workload.split("/")[0]
        results = out / f"{name}.json"
        wait_until(results.exists, "a first result")
        wait_until(lambda: f"bench_{name}" in " ".join(ours(marker)), "the next launch")
        runner.send_signal(how)
        runner.wait(timeout=120)
    wait_until(lambda: ours(marker) == [], "the end of all processes")
    assert json.loads(results.read_text())["benchmarks"]
    assert runner.returncode == (-how if how == signal.SIGKILL else 128 + how)
