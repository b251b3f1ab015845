"""What a row takes of a machine, and what it finds there: room that is asked for before it starts
and not once more when its server has it, the CPU that an outside program runs on, and huge pages.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import BIN
from programs import run
from system_files import that_reads

# Only where nothing was built at all: a program that is missing from a build is a failure.
pytestmark = pytest.mark.skipif(not BIN.exists(), reason="the release preset is not built")

two_cpus = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is one CPU")


def output_under(under: list[str], program: str, row: str, *options: str) -> str:
    """Of a row that is called until it has lasted long enough."""
    argv = [*under, str(BIN / program), f"--benchmark_filter=^{row}/", *options]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@two_cpus
@pytest.mark.alone  # the tasks of the whole machine count, those of other tests too
def test_a_server_that_stays_is_not_counted_against_itself(tmp_path: Path):
    taken = int(Path("/proc/loadavg").read_text().split("/")[1].split()[0])
    total = int((taken + 256 + 128) / 0.8)  # room for 256 threads, and not for them twice
    under = that_reads("/proc/sys/kernel/pid_max", str(total), tmp_path)
    told = output_under(under, "bench_echo", "echo/thread/connections:256/bytes:64",
                        "--benchmark_min_time=2", "--benchmark_format=json")  # fmt: skip
    (row,) = json.loads(told)["benchmarks"]
    assert not row.get("error_occurred"), row["error_message"]
    assert row["iterations"] > 8 * 256, "the first of several calls makes as many"


@pytest.mark.parametrize(
    ("program", "row"),
    [
        pytest.param("bench_echo", "echo/process/connections:256/bytes:64", marks=two_cpus),
        pytest.param("bench_echo", "echo/thread/connections:256/bytes:64", marks=two_cpus),
        ("bench_switch", "switch/process/via:futex/tasks:128/placement:same"),
        ("bench_spawn", "spawn/thread/tasks:1000"),
    ],
)
def test_a_row_asks_for_memory(program: str, row: str, tmp_path: Path):
    under = that_reads("/proc/meminfo", "MemAvailable:   20480 kB", tmp_path)
    told = output_under(under, program, row, "--benchmark_min_time=0.01")
    assert "of memory, 80 % of memory available allows 16 MiB" in told


# In the place of Python: it says where its parent may run, and tells figures that it made up.
FAKE_PYTHON = """#!{python}
import json, os, pathlib, sys
if sys.argv[1] != "-P":
    pathlib.Path("{where}").write_text(json.dumps(sorted(os.sched_getaffinity(os.getppid()))))
    told = dict(zip(sys.argv[2::2], sys.argv[3::2]))
    print(json.dumps({{
        "seconds": 1, "cpu_s": 1, "system_s": 0, "voluntary_switches": 0,
        "involuntary_switches": 0, "page_faults": 0, "switches": int(told.get("--switches", 0)),
        "fetches": int(told.get("--batches", 0)) * int(told.get("--urls", 0)),
    }}))
"""


@pytest.mark.parametrize(
    ("program", "row"),
    [
        ("bench_switch", "switch/gevent/via:switch/tasks:2/placement:same"),
        pytest.param(
            "bench_http_fetch", "http_fetch/gevent/urls:1/latency_ms:0/bytes:1024/connection:new",
            marks=two_cpus,
        ),
    ],
)  # fmt: skip
def test_the_stolen_time_of_an_outside_row_is_that_of_its_cpu(program, row, tmp_path: Path):
    """A row tells of the CPUs that something of it was bound to: so it has to be bound here."""
    where, python = tmp_path / "where.json", tmp_path / "python"
    python.write_text(FAKE_PYTHON.format(python=sys.executable, where=where))
    python.chmod(0o755)
    output_under(["env", f"SWITCHYARD_PYTHON={python}"], program, row, "--iterations=1")
    assert json.loads(where.read_text()) == [min(os.sched_getaffinity(0))]


@two_cpus
def test_servers_of_scale_have_the_huge_pages_that_those_of_echo_have(tmp_path: Path):
    status = Path("/proc/self/status").read_text()
    if "THP_enabled:\t1" not in status:
        pytest.skip("the kernel does not tell, or this process does without them")
    seen, server = tmp_path / "seen", tmp_path / "server.sh"
    server.write_text(
        f"#!/bin/sh\ngrep THP_enabled /proc/self/status >{seen}\n"
        f"exec {shlex.quote(str(BIN / 'echo_server'))} --runtime epoll --port $1\n"
    )
    server.chmod(0o755)
    done = run("bench_scale", "--server", f"probe={server} {{port}}", "--benchmark_min_time=0.01",
               "--benchmark_filter=scale/(coroutine/work:page_fault|probe/work:echo_shared)/cpus:1/",
               "--benchmark_format=json")  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [row["name"] for row in json.loads(done.stdout)["benchmarks"]]
    assert len(rows) == 2, "a row without huge pages comes before"
    assert re.fullmatch(r"THP_enabled:\s+1\n", seen.read_text())
