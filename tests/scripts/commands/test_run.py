"""`switchyard.sh run`: what it keeps, what it prints, and how it takes misbehaving benchmarks."""

import json
from pathlib import Path

import pytest
from conftest import Cli
from fakes import FOREVER, row, write_bench

from switchyard.suite.benchmark_row import why
from switchyard.system.launch import Outcome


def rows_of(out: Path, workload: str) -> list[dict]:
    return json.loads((out / f"{workload}.json").read_text())["benchmarks"]


def test_keeps_every_launch_as_google_benchmark_json(cli: Cli, out: Path):
    assert cli("run", "--rounds", "3", "--out", out).returncode == 0
    rows = rows_of(out, "echo")
    assert len(rows) == 3 * 3
    for entry in rows:
        assert entry["name"].endswith("/manual_time")
        assert entry["name"].startswith(entry["switchyard_name"])
        assert entry["run_type"] == "iteration"
        assert entry["repetitions"] == 3
        assert entry["repetition_index"] == entry["round"]
        assert entry["launch_s"] > 0
    assert {entry["round"] for entry in rows} == {0, 1, 2}
    assert json.loads((out / "echo.json").read_text())["context"]["num_cpus"] == 2
    assert [p.name for p in out.iterdir() if p.name.startswith(".")] == []


def test_order_follows_the_seed_and_differs_between_rounds(cli: Cli, tmp_path: Path):
    rows = [row(f"spawn/thread/tasks:{n}") for n in range(1, 6)]

    def order(seed: int) -> list[str]:
        log = tmp_path / f"log{len(list(tmp_path.glob('log*')))}"
        build = tmp_path / "b"
        write_bench(build, rows, {entry["name"]: {"log": str(log)} for entry in rows})
        cli("run", "--build", build, "--rounds", "2", "--seed", str(seed), "--out", f"{log}.out")
        return log.read_text().split()

    first = order(1)
    assert sorted(first[:5]) == sorted(first[5:]) == sorted(entry["name"] for entry in rows)
    assert first[:5] != first[5:]
    assert order(1) == first
    assert order(2) != first


def test_table_shows_median_interval_and_ratio_to_the_control(cli: Cli, out: Path):
    printed = cli("run", "--rounds", "6", "--out", out, "--filter", "echo", "--tables").stdout
    lines = printed.splitlines()
    # The last one names a folder, which lies deeper when tests run beside each other.
    assert max(map(len, lines[:-1])) <= 80
    assert "95 % interval" in printed
    ratios = next(line for line in lines if "control" in line and "x" in line).split()
    control, thread, fiber = ratios
    assert control == "control"
    assert float(thread.rstrip("x")) == pytest.approx(0.50, abs=0.04)
    assert float(fiber.rstrip("x")) == pytest.approx(0.95, abs=0.07)
    assert "latency, p50 above p99" in printed
    assert "memory per connection" in printed


def test_few_rounds_are_said_to_give_no_interval(cli: Cli, out: Path):
    printed = cli("run", "--rounds", "2", "--out", out, "--filter", "echo", "--tables").stdout
    assert "min-max (a 95 % interval needs 6 rounds)" in printed


def test_quick_leaves_out_the_full_set(cli: Cli, out: Path, tmp_path: Path):
    cli("run", "--rounds", "1", "--out", out)
    assert len(rows_of(out, "sleep")) == 2
    cli("run", "--full", "--rounds", "1", "--out", tmp_path / "full")
    assert len(rows_of(tmp_path / "full", "sleep")) == 3


def test_smoke_takes_a_row_of_each_kind_of_every_workload(cli: Cli, build: Path, out: Path):
    names = (
        "channel/thread/via:mutex/pairs:4", "channel/thread/via:mutex/pairs:1",
        "channel/thread/via:ring/pairs:1", "channel/fiber/via:mutex/pairs:1",
    )  # fmt: skip
    quick = {names[1], names[3]}
    write_bench(build, [row(n, set_="quick" if n in quick else "full") for n in names])
    climb = row("limits/fiber/of:tasks", set_="full", rounds=1)
    write_bench(build, [climb, climb | {"name": "limits/fiber/of:tasks/most:8"}])
    spawn = [row("spawn/fiber/tasks:1", set_="full"), row("spawn/thread/tasks:1", rounds=1),
             row("spawn/process/tasks:9", set_="full", rounds=1)]  # fmt: skip
    write_bench(build, spawn)
    done = cli("run", "--smoke", "--out", out)
    assert done.returncode == 0, done.stderr
    assert {r["switchyard_name"] for r in rows_of(out, "channel")} == set(names[1:])
    assert [r["switchyard_name"] for r in rows_of(out, "limits")] == [climb["name"]]
    assert {r["switchyard_name"] for r in rows_of(out, "spawn")} == {e["name"] for e in spawn[:2]}
    assert len(rows_of(out, "echo")) == 3
    run = json.loads((out / "environment.json").read_text())["run"]
    assert (run["rounds_wanted"], run["min_time_s"], run["budget_s"]) == (1, 0.01, None)
    assert run["options"]["smoke"] is True


def test_a_row_for_one_round_is_launched_in_the_first_only(cli: Cli, build: Path, out: Path):
    entries = [row("limits/fiber/of:tasks", rounds=1), row("limits/thread/of:tasks")]
    does = {entry["name"]: {"fields": {"reached": 64.0, "label": "ports"}} for entry in entries}
    write_bench(build, entries, does)
    done = cli("run", "--rounds", "3", "--filter", "limits", "--out", out, "--tables")
    assert done.returncode == 0, done.stderr
    launched = [(r["switchyard_name"].split("/")[1], r["round"]) for r in rows_of(out, "limits")]
    assert sorted(launched) == [("fiber", 0), ("thread", 0), ("thread", 1), ("thread", 2)]
    assert "fiber/of:tasks: ports" in done.stdout


def test_limit_is_shown_and_is_no_failure(cli: Cli, build: Path, out: Path):
    entry = row("spawn/process/tasks:1000")
    write_bench(build, [entry], {entry["name"]: {"error": "limit reached: fork: pids.max"}})
    done = cli("run", "--rounds", "1", "--out", out)
    assert done.returncode == 0
    assert "limit reached: fork: pids.max" in done.stdout
    assert rows_of(out, "spawn")[0]["limit_reached"] == 1


def test_a_run_of_limits_alone_measured_nothing_and_says_so(cli: Cli, build: Path, out: Path):
    entry = row("spawn/process/tasks:1000")
    write_bench(build, [entry], {entry["name"]: {"error": "limit reached: fork: pids.max"}})
    done = cli("run", "--rounds", "1", "--filter", "spawn", "--plot", "--report", "--out", out)
    assert done.returncode == 1
    assert "no figures, report or results.csv: not a single row was measured" in done.stdout
    assert not (out / "report.html").exists()


MISBEHAVIOUR = {
    "failing": ({"error": "wrong answer: 3 of 64 bytes"}, "wrong answer: 3 of 64 bytes"),
    "killed": ({"code": "os.kill(os.getpid(), signal.SIGKILL)"}, "ended by SIGKILL"),
    "crashing": ({"code": "sys.exit('out of luck')"}, "exit code 1: out of luck"),
    "hanging": ({"code": FOREVER}, "time-out"),
    "nonsense": ({"code": "out.write('x')"}, "printed no result for this row"),
}


HEADER = """2026-11-23T17:39:04+00:00
Running build/release/bin/bench_switch
Run on (2 X 2596.12 MHz CPU s)
CPU Caches:
  L1 Data 48 KiB (x2)
Load Average: 1.48, 3.50, 7.36
***WARNING*** Library was built as DEBUG. Timings may be affected.
"""


@pytest.mark.parametrize(
    ("code", "stderr", "stdout", "reason"),
    [
        (-9, HEADER, "---\nspawn/fiber 1 ns", "ended by SIGKILL"),
        (-6, HEADER + "bench_x: error: bad", "", "ended by SIGABRT: bench_x: error: bad"),
        (-6, "bench_x: error: bad\n" + HEADER, "", "ended by SIGABRT: bench_x: error: bad"),
        (1, HEADER, "out of luck", "exit code 1: out of luck"),
        (1, HEADER, "", "exit code 1"),
    ],
)
def test_reason_is_never_the_header_of_the_library(code, stderr, stdout, reason):
    assert why(Outcome(code, 1.0, stdout, stderr, "")) == reason


@pytest.mark.parametrize("kind", MISBEHAVIOUR)
def test_misbehaving_row_is_named_with_its_reason_and_the_rest_runs(
    kind: str, cli: Cli, build: Path, out: Path
):
    does, reason = MISBEHAVIOUR[kind]
    good, bad = row("spawn/thread/tasks:1"), row("spawn/fiber/tasks:1")
    write_bench(build, [good, bad], {bad["name"]: does})
    done = cli("run", "--rounds", "2", "--launch-timeout", "4", "--out", out, "--filter", "spawn")
    assert done.returncode == 1
    assert f"FAILED {bad['name']}: " in done.stdout.replace("\n", "")
    assert reason in done.stdout.replace("\n", "")
    kept = rows_of(out, "spawn")
    failed = [entry for entry in kept if entry.get("error_occurred")]
    assert {entry["switchyard_name"] for entry in failed} == {bad["name"]}
    assert len(kept) - len(failed) == 2


def test_an_outside_program_that_failed_is_asked_no_more(cli: Cli, build: Path, out: Path):
    """It may take twenty seconds to fail: the rounds are for the others."""
    ours, theirs = row("spawn/fiber/tasks:1"), row("spawn/theirs/tasks:1", outside=True)
    write_bench(build, [ours, theirs], {r["name"]: {"error": "wrong"} for r in (ours, theirs)})
    cli("run", "--rounds", "3", "--out", out, "--filter", "spawn")
    launched = [entry["switchyard_name"] for entry in rows_of(out, "spawn")]
    assert (launched.count(ours["name"]), launched.count(theirs["name"])) == (3, 1)


def test_saturated_origin_is_warned_of(cli: Cli, build: Path, out: Path):
    slow = row("http_fetch/fiber/urls:1/latency_ms:0/bytes:1024/connection:new")
    fast = row("http_fetch/fiber/urls:1/latency_ms:50/bytes:1024/connection:new")
    write_bench(build, [slow, fast], {
        slow["name"]: {"fields": {"ops_per_s": 1e4, "origin_cpu_percent": 99}},
        fast["name"]: {"fields": {"ops_per_s": 1e4, "origin_cpu_percent": 50}},
    })  # fmt: skip
    printed = cli("run", "--rounds", "1", "--out", out, "--filter", "http_fetch", "--tables").stdout
    warning = printed[printed.index("the origin is saturated") :].replace("\n", "")
    assert f"{slow['name']} (99 % of its CPU)" in warning
    assert fast["name"] not in warning


def test_saturated_generator_and_steal_are_warned_of(cli: Cli, build: Path, out: Path):
    entry = row("echo/epoll/connections:1/bytes:64")
    fields = {"ops_per_s": 1e5, "load_cpu_percent": 99, "steal_percent": 4}
    write_bench(build, [entry], {entry["name"]: {"fields": fields}})
    printed = cli("run", "--rounds", "1", "--out", out, "--filter", "echo", "--tables").stdout
    assert "load generator saturated" in printed
    assert "steal" in printed


BAD_INPUT = {
    "unknown runtime": (["--runtimes", "goroutine"], "known: "),
    "no match": (["--filter", "nothing"], "no benchmark matches"),
    "no regex": (["--filter", "("], "no regular expression"),
    "no rounds": (["--rounds", "0"], "--rounds must be"),
    "no time": (["--min-time", "-1"], "--min-time must be"),
    "no number": (["--min-time", "nan"], "--min-time must be"),
    "endless": (["--budget", "inf"], "--budget must be"),
    "for centuries": (["--launch-timeout", "1e10"], "--launch-timeout must be"),
    "too many rounds": (["--rounds", "9" * 400], "--rounds must be"),
    "no build": (["--build", "/nowhere"], "no benchmark binaries"),
    "unwritable": (["--out", "/proc/results"], "cannot write to /proc/results"),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_is_one_clear_line_and_exit_2(case: str, cli: Cli):
    arguments, message = BAD_INPUT[case]
    done = cli("run", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("switchyard: error: ")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_arguments_can_be_looked_at_without_a_build(cli: Cli, out: Path):
    nothing = ("run", "--check-only", "--build", "/nowhere", "--out", out)
    done = cli(*nothing, "--filter", "echo")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    for wrong in (("--fliter", "x"), ("--filter", "("), ("--rounds", "0"), ("--quick", "--full")):
        assert cli(*nothing, *wrong).returncode == 2
    assert not out.exists()


def test_broken_binary_is_named(cli: Cli, build: Path):
    write_bench(build, [row("spawn/thread/tasks:1")], {"describe": "no libboost_fiber.so"})
    done = cli("run")
    assert done.returncode == 1
    assert "bench_spawn --describe failed" in done.stderr
    assert "no libboost_fiber.so" in done.stderr
