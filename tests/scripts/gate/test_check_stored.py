"""Stored results as a baseline: what is read, what is refused, and what is no time."""

import json
import math
from pathlib import Path

import pytest

from switchyard.gate import stored
from switchyard.system.errors import BadInputError

HERE = {"host": "vm", "cpu_model": "A", "cpu_count": 2, "kernel": "6.1", "virtualisation": None}
CONTEXT = {"host_name": "vm", "num_cpus": 2, "executable": "./bench_x"}


def bench_row(name: str, time: float, unit: str = "ns", **more) -> dict:
    return {"name": name, "run_type": "iteration", "real_time": time, "cpu_time": time / 2,
            "time_unit": unit} | more  # fmt: skip


def write(file: Path, *rows: dict, context: dict | None = None, **more) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    document = {"context": CONTEXT if context is None else context, "benchmarks": rows} | more
    file.write_text(json.dumps(document))
    return file


def of_run(folder: Path, machine: dict) -> Path:
    row = bench_row("x/fiber/manual_time", 3, "us", switchyard_name="x/fiber", round=0)
    write(folder / "x.json", row, row | {"real_time": 4, "round": 1})
    environment = {"machine": machine, "git": {"sha": "a" * 40, "dirty": True}}
    (folder / "environment.json").write_text(json.dumps(environment))
    return folder


def test_every_launch_of_a_run_is_read_in_seconds_and_in_order(tmp_path):
    loaded = stored.load(of_run(tmp_path, HERE), HERE, False)
    assert loaded.times == {"x/fiber": [pytest.approx(3e-6), pytest.approx(4e-6)]}
    assert (loaded.facts["sha"], loaded.facts["dirty"]) == ("a" * 40, True)
    assert loaded.problems == []


def test_of_a_check_its_candidate_is_read(tmp_path):
    write(tmp_path / "candidate.json", bench_row("BM/real_time", 7))
    write(tmp_path / "baseline.json", bench_row("BM/real_time", 9))
    facts = {"machine": HERE, "sides": {"candidate": {"sha": "b" * 40, "dirty": False}}}
    (tmp_path / "check.json").write_text(json.dumps({"facts": facts}))
    loaded = stored.load(tmp_path, HERE, False)
    assert loaded.times == {"BM": [pytest.approx(7e-9)]}
    assert loaded.facts["sha"] == "b" * 40


@pytest.mark.parametrize(("unit", "seconds"), [("ns", 2e-9), ("us", 2e-6), ("ms", 2e-3), ("s", 2)])
def test_units_and_the_metric_are_honoured(tmp_path, unit, seconds):
    file = write(tmp_path / "any.json", bench_row("BM", 2, unit))
    assert stored.load(file, HERE, False).times == {"BM": [pytest.approx(seconds)]}
    of_cpu = stored.load(file, HERE, False, metric="cpu_time").times
    assert of_cpu == {"BM": [pytest.approx(seconds / 2)]}


def test_aggregates_and_rows_without_a_measurement_are_passed_over(tmp_path):
    write(
        tmp_path / "any.json",
        bench_row("BM/repeats:2", 5),
        bench_row("BM/repeats:2", 6),
        bench_row("BM/repeats:2_mean", 5.5, run_type="aggregate"),
        bench_row("bad", 1, error_occurred=True, error_message="wrong answer"),
        bench_row("left", 0, skipped=True, skip_message="no GPU"),
    )
    loaded = stored.load(tmp_path, HERE, False)
    assert loaded.times == {"BM": [pytest.approx(5e-9), pytest.approx(6e-9)]}
    assert loaded.problems == []


@pytest.mark.parametrize("time", [math.nan, math.inf, -1, 0, "fast", None])
def test_what_is_no_time_is_a_problem_and_never_a_number(tmp_path, time):
    row = bench_row("bad", 1) | {"real_time": time}
    file = write(tmp_path / "any.json", row, bench_row("BM", 1))
    loaded = stored.load(file, HERE, False)
    assert list(loaded.times) == ["BM"]
    assert len(loaded.problems) == 1
    assert f"{file}: bad: a real_time of" in loaded.problems[0]


def test_an_unknown_unit_is_a_problem(tmp_path):
    file = write(tmp_path / "any.json", bench_row("bad", 1, "fortnights"), bench_row("BM", 1))
    assert "1 fortnights is no time" in stored.load(file, HERE, False).problems[0]


def test_binaries_that_share_a_name_are_told_apart(tmp_path):
    write(tmp_path / "1.json", bench_row("BM", 1), context=CONTEXT | {"executable": "b/bench_x"})
    write(tmp_path / "2.json", bench_row("BM", 2), context=CONTEXT | {"executable": "b/bench_y"})
    assert set(stored.load(tmp_path, HERE, False).times) == {"bench_x:BM", "bench_y:BM"}


@pytest.mark.parametrize("name", ["cpu_model", "cpu_count", "kernel", "virtualisation"])
def test_another_machine_is_refused_unless_allowed(tmp_path, name):
    folder = of_run(tmp_path, HERE | {name: "else"})
    with pytest.raises(BadInputError, match=f"{name} else there, .* here.*--allow-other-machine"):
        stored.load(folder, HERE, False)
    loaded = stored.load(folder, HERE, True)
    assert "x/fiber" in loaded.times
    assert f"{name} else there" in loaded.problems[0]


def test_another_host_name_alone_is_no_other_machine(tmp_path):
    assert stored.load(of_run(tmp_path, HERE | {"host": "job-7"}), HERE, False).times


@pytest.mark.parametrize(
    ("context", "reason"),
    [
        ({"host_name": "other", "num_cpus": 2}, "host other there, vm here"),
        ({"host_name": "vm", "num_cpus": 64}, "cpu_count 64 there, 2 here"),
        ({}, "it does not say of which it is"),
    ],
)
def test_google_benchmarks_own_results_are_told_by_their_context(tmp_path, context, reason):
    file = write(tmp_path / "any.json", bench_row("BM", 1), context=context)
    with pytest.raises(BadInputError, match=reason):
        stored.load(file, HERE, False)
    assert stored.load(file, HERE, True).times


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no JSON, or not all of it"),
        (b'{"context": {}, "benchmarks": [{"name": "B', "is no JSON, or not all of it"),
        (b"\xff\xfe\x00", "is no JSON, or not all of it"),
        (b"[1, 2]", "is not in Google Benchmark's format"),
        (b'{"benchmarks": 3}', "is not in Google Benchmark's format"),
        (b'{"benchmarks": [{"real_time": 1}]}', "is not in Google Benchmark's format"),
        (b'{"context": {"host_name": "vm"}, "benchmarks": []}', "holds no real_time of any"),
    ],
)
def test_what_is_no_results_is_refused_by_name(tmp_path, content, message):
    file = tmp_path / "any.json"
    file.write_bytes(content)
    with pytest.raises(BadInputError, match=message) as error:
        stored.load(file, HERE, False)
    assert str(file) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_folder_without_results_and_no_folder_are_refused(tmp_path):
    with pytest.raises(BadInputError, match="holds no results"):
        stored.load(tmp_path, HERE, False)
    with pytest.raises(BadInputError, match="no such results"):
        stored.load(tmp_path / "none", HERE, False)


def test_counters_that_are_called_like_marks_and_keys_are_counters(tmp_path):
    row = bench_row("BM", 2, skipped=3.0, error_occurred=1.0, marker=9.0)
    file = write(tmp_path / "any.json", row, bench_row("BM_skipped", 2, skipped=True))
    file.write_text(file.read_text().replace('"marker"', '"real_time"'))
    assert stored.load(file, HERE, False).times == {"BM": [pytest.approx(2e-9)]}
