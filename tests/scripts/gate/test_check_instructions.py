"""The second witness: instructions for one iteration on both sides, or why there is no count.

A fake tool runs the program behind it; the fake program prints what the tool would have counted.
"""

import json
import shutil
import signal
import sys
import threading
from pathlib import Path

import pytest
from conftest import BIN

from switchyard.gate.instructions import Counting
from switchyard.gate.model import SIDES, Benchmark
from switchyard.system.interrupts import Interrupted, Interrupts
from switchyard.system.launch import launch
from switchyard.system.tools import find_counter

NAME = "BM_work/8"
NEWER, OWN = "[--benchmark_min_time=`<integer>x` OR `<float>s` ]", "--describe\n--iterations N"
OLDER = "[--benchmark_min_time=<min_time>]"
BENCHMARK = Benchmark(NAME, "bin/bench", NAME)

# What a side does: `starts` and `costs` in instructions, `batch` of which it does whole ones.
_PROGRAM = """#!{python} -S
import json, re, sys, time
does = dict(help="{help}", starts=5_000_000, costs=100, batch=1, says="==1== I   refs:      {{:,}}",
            row={{}}, name="{name}", exits=0, hangs=False) | {does}
if sys.argv[1:] == ["--help"]:
    sys.exit(print(does["help"]) if does["help"] else time.sleep(1000))
told = " ".join(sys.argv)
asked = re.search(r"--benchmark_min_time=(\\d+)x|--iterations=(\\d+)", told)
n = int(asked[1] or asked[2]) if asked else 1000
n += -n % does["batch"]
if asked and does["hangs"]:
    time.sleep(1000)
print(does["says"].format(does["starts"] + does["costs"] * n), file=sys.stderr)
row = dict(name=does["name"], run_type="iteration", iterations=n, real_time=50.0, time_unit="ns")
with open(re.search("--benchmark_out=([^ ]+)", told)[1], "w") as out:
    json.dump(dict(context={{}}, benchmarks=[row | does["row"]]), out)
sys.exit(does["exits"])
"""

_VALGRIND = """#!/bin/sh
[ "$1" = --version ] && echo valgrind-3.99.0 && exit
while [ "${1#--}" != "$1" ]; do shift; done
exec "$@"
"""
# Its counters can be read or not: that is the first argument of what it says.
_PERF = """#!/bin/sh
[ "$1" = --version ] && echo perf version 6.99 && exit
echo '%s,,instructions:u,1000,100.00,,' >&2
shift 5
exec "$@"
"""


def executable(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH, with a valgrind in it."""
    folder = tmp_path / "tools"
    executable(folder / "valgrind", _VALGRIND)
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def sides(tmp_path: Path, tools: Path):
    """The roots of two sides that do as told, on top of `both`."""

    def made(baseline=None, candidate=None, **both) -> dict[str, Path]:
        for side, own in zip(SIDES, (baseline, candidate), strict=True):
            does = both | (own or {})
            text = _PROGRAM.format(python=sys.executable, help=NEWER, name=NAME, does=repr(does))
            executable(tmp_path / side / BENCHMARK.binary, text)
        return {side: tmp_path / side for side in SIDES}

    return made


def count(
    roots: dict[str, Path], benchmark: Benchmark = BENCHMARK,
    interrupts: Interrupts | None = None, timeout_s: float = 30,
) -> dict:  # fmt: skip
    return Counting(find_counter(), roots, interrupts, timeout_s).count(benchmark)


@pytest.mark.parametrize("help_", [NEWER, OWN])
def test_what_the_start_takes_cancels_out(sides, help_):
    slower = {"costs": 110, "starts": 7_000_000}
    counted = count(sides(candidate=slower, help=help_))
    assert (counted["tool"], counted["version"]) == ("valgrind", "3.99.0")
    assert (counted["baseline"], counted["candidate"]) == (100, 110)
    assert counted["change_percent"] == pytest.approx(10)
    short, long = counted["iterations"]
    assert long >= 3 * short > 10_000
    json.dumps(counted)


def test_iterations_are_those_that_were_done(sides):
    """Not those asked for: a program may do whole batches only."""
    counted = count(sides(batch=1_000_003))
    assert (counted["baseline"], counted["change_percent"]) == (100, 0)


def test_a_suffix_of_the_printed_name_does_not_hide_the_row(sides):
    counted = count(sides(name=f"{NAME}/iterations:5/manual_time"))
    assert counted["baseline"] == 100


@pytest.mark.parametrize(
    ("candidate", "reason"),
    [
        ({"help": OLDER}, "candidate: can't be told how many iterations to run"),
        ({"row": {"error_occurred": True, "error_message": "wrong sum"}}, "candidate: wrong sum"),
        ({"row": {"skipped": True, "skip_message": "no GPU"}}, "candidate: no GPU"),
        ({"exits": 3, "says": "out of luck"},
         "candidate: valgrind gave no count (exit code 3: out of luck)"),
        ({"name": "BM_other"}, "candidate: printed no result for this row"),
        ({"says": "valgrind: Unrecognised instruction"},
         "candidate: valgrind gave no count (printed no result for this row: valgrind: Unrec"),
        ({"row": {"iterations": 5}}, "it runs 5 iterations whatever it is told"),
        ({"costs": 0}, "more iterations don't take more instructions"),
        ({"hangs": True}, "candidate: killed after 1 s: time-out"),
        ({"help": None, "hangs": True}, "candidate: can't be told how many iterations to run"),
    ],
)  # fmt: skip
def test_without_a_count_there_is_the_reason(sides, candidate, reason):
    timeout_s = 0.8 if "hangs" in candidate else 30
    counted = count(sides(candidate=candidate), timeout_s=timeout_s)
    assert list(counted) == ["problem"]
    assert counted["problem"].startswith(reason)


def test_a_time_of_nothing_is_a_problem_of_the_baseline(sides):
    counted = count(sides({"row": {"real_time": 0.0}}))
    assert counted == {"problem": "baseline: reported a real_time of 0 s, which is no time"}


def test_several_threads_are_not_counted(sides):
    threaded = Benchmark("BM_work/threads:4", BENCHMARK.binary, "BM_work/threads:4")
    assert count(sides(), threaded) == {"problem": "it has several threads"}


def test_a_signal_ends_the_counting(sides):
    roots = sides(hangs=True)
    with Interrupts() as interrupts:
        timer = threading.Timer(1, signal.raise_signal, (signal.SIGINT,))
        timer.start()
        with pytest.raises(Interrupted):
            count(roots, interrupts=interrupts, timeout_s=60)
        timer.join()


def test_perf_counts_where_it_can(sides, tools):
    executable(tools / "perf", _PERF % 12345)
    roots = sides(says="{},,instructions:u,1000,100.00,,")
    counted = count(roots)
    assert (counted["tool"], counted["version"]) == ("perf", "6.99")
    assert counted["baseline"] == 100  # what the fake adds to all is the same in both runs


def test_valgrind_counts_where_perf_can_not(tools):
    assert (find_counter().name, find_counter().version) == (
        "valgrind",
        "3.99.0",
    )
    executable(tools / "perf", _PERF % "<not supported>")
    assert (find_counter().name, find_counter().version) == (
        "valgrind",
        "3.99.0",
    )


def test_cores_of_two_kinds_are_added_up(tools):
    kinds = "%s,,cpu_core/instructions/u,9,90.00,,\n30,,cpu_atom/instructions/u,1,10.00,,"
    executable(tools / "perf", _PERF.replace("%s,,instructions:u,1000,100.00,,", kinds) % 70)
    perf = find_counter()
    assert perf.read(launch([*perf.command, sys.executable, "-V"], 30)) == 100


def test_without_a_tool_the_reason_tells_how_to_get_one(sides, tools):
    (tools / "valgrind").unlink()
    assert find_counter() is None
    assert "apt-get install valgrind" in count(sides())["problem"]


@pytest.mark.skipif(not BIN.exists(), reason="the release preset is not built")
@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
def test_the_same_yield_takes_the_same_instructions():
    name = "switch/fiber/via:yield/tasks:2/placement:same"
    roots = dict.fromkeys(SIDES, BIN.parent)
    benchmark = Benchmark(name, "bin/bench_switch", f"{name}/manual_time")
    counted = count(roots, benchmark, timeout_s=60)
    assert find_counter().name == counted["tool"]
    assert 20 < counted["baseline"] < 2_000
    assert abs(counted["change_percent"]) < 0.1
