"""Stored results as a baseline: what is read, what is refused, and what is no time."""

import json
import math
from pathlib import Path

import pytest

from switchyard.gate import discovery, stored
from switchyard.gate.discovery import Discovery
from switchyard.gate.model import Benchmark
from switchyard.gate.stored import Stored
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


def times(loaded: stored.Stored) -> dict[str, list[float]]:
    """Of a single binary."""
    return {name: values for (_, name), values in loaded.values.items()}


def of_run(folder: Path, machine: dict) -> Path:
    row = bench_row("x/fiber/manual_time", 3, "us", switchyard_name="x/fiber", round=0)
    write(folder / "x.json", row, row | {"real_time": 4, "round": 1})
    environment = {"machine": machine, "git": {"sha": "a" * 40, "dirty": True}}
    (folder / "environment.json").write_text(json.dumps(environment))
    return folder


def test_every_launch_of_a_run_is_read_in_seconds_and_in_order(tmp_path):
    loaded = stored.load(of_run(tmp_path, HERE), HERE, False)
    key = ("./bench_x", "x/fiber/manual_time")
    assert loaded.values == {key: [pytest.approx(3e-6), pytest.approx(4e-6)]}
    assert (loaded.sha, loaded.dirty) == ("a" * 40, True)
    assert loaded.problems == []


def test_of_a_check_its_candidate_is_read(tmp_path):
    write(tmp_path / "candidate.json", bench_row("BM/real_time", 7))
    write(tmp_path / "baseline.json", bench_row("BM/real_time", 9))
    facts = {"machine": HERE, "sides": {"candidate": {"sha": "b" * 40, "dirty": False}}}
    (tmp_path / "check.json").write_text(json.dumps({"facts": facts}))
    loaded = stored.load(tmp_path, HERE, False)
    assert times(loaded) == {"BM/real_time": [pytest.approx(7e-9)]}
    assert loaded.sha == "b" * 40


@pytest.mark.parametrize(("unit", "seconds"), [("ns", 2e-9), ("us", 2e-6), ("ms", 2e-3), ("s", 2)])
def test_units_and_the_metric_are_honoured(tmp_path, unit, seconds):
    file = write(tmp_path / "any.json", bench_row("BM", 2, unit))
    assert times(stored.load(file, HERE, False)) == {"BM": [pytest.approx(seconds)]}
    of_cpu = times(stored.load(file, HERE, False, metric="cpu_time"))
    assert of_cpu == {"BM": [pytest.approx(seconds / 2)]}


def test_a_counter_has_no_unit(tmp_path):
    file = write(tmp_path / "any.json", bench_row("BM", 2, items_per_second=3e6))
    assert times(stored.load(file, HERE, False, metric="items_per_second")) == {"BM": [3e6]}


def test_rows_without_the_counter_are_no_trouble(tmp_path):
    with_it = bench_row("BM", 2, p99_us=7)
    file = write(tmp_path / "any.json", with_it, bench_row("other", 2), with_it | {"p99_us": None})
    loaded = stored.load(file, HERE, False, metric="p99_us")
    assert times(loaded) == {"BM": [7], "other": []}
    assert len(loaded.problems) == 1


def test_aggregates_are_passed_over_and_rows_without_a_measurement_have_no_value(tmp_path):
    """These were there, so that they are not new today."""
    write(
        tmp_path / "any.json",
        bench_row("BM/repeats:2", 5),
        bench_row("BM/repeats:2", 6),
        bench_row("BM/repeats:2_mean", 5.5, run_type="aggregate"),
        bench_row("bad", 1, error_occurred=True, error_message="wrong answer"),
        bench_row("left", 0, skipped=True, skip_message="no GPU"),
    )
    loaded = stored.load(tmp_path, HERE, False)
    measured = [pytest.approx(5e-9), pytest.approx(6e-9)]
    assert times(loaded) == {"BM/repeats:2": measured, "bad": [], "left": []}
    assert loaded.problems == []


def test_statistics_of_older_libraries_are_told_by_the_name_before_them(tmp_path):
    """Nothing marks them there. Nor the benchmark that is only called like one."""
    rows = [bench_row("BM/8/repeats:2", time) for time in (5, 6)]
    rows += [bench_row(f"BM/8/repeats:2_{name}", 5.5) for name in ("mean", "median", "stddev")]
    rows += [bench_row("BM_BigO", 3), bench_row("BM_RMS", 7), bench_row("arithmetic_mean", 9)]
    for row in rows:
        del row["run_type"]
    loaded = stored.load(write(tmp_path / "any.json", *rows), HERE, False)
    assert times(loaded) == {
        "BM/8/repeats:2": [pytest.approx(5e-9), pytest.approx(6e-9)],
        "arithmetic_mean": [pytest.approx(9e-9)],
    }
    assert loaded.problems == []


@pytest.mark.parametrize("time", [math.nan, math.inf, -1, 0, "fast", None])
def test_what_is_no_time_is_a_problem_and_never_a_number(tmp_path, time):
    row = bench_row("bad", 1) | {"real_time": time}
    file = write(tmp_path / "any.json", row, bench_row("BM", 1))
    loaded = stored.load(file, HERE, False)
    assert times(loaded) == {"bad": [], "BM": [pytest.approx(1e-9)]}
    assert len(loaded.problems) == 1
    assert f"{file}: bad: a real_time of" in loaded.problems[0]


def test_an_unknown_unit_is_a_problem(tmp_path):
    file = write(tmp_path / "any.json", bench_row("bad", 1, "fortnights"), bench_row("BM", 1))
    assert "1 fortnights is no time" in stored.load(file, HERE, False).problems[0]


def test_binaries_that_share_a_name_are_told_apart(tmp_path):
    write(tmp_path / "1.json", bench_row("BM", 1), context=CONTEXT | {"executable": "b/bench_x"})
    write(tmp_path / "2.json", bench_row("BM", 2), context=CONTEXT | {"executable": "b/bench_y"})
    assert set(stored.load(tmp_path, HERE, False).values) == {
        ("b/bench_x", "BM"), ("b/bench_y", "BM"),
    }  # fmt: skip


@pytest.mark.parametrize("name", ["cpu_model", "cpu_count", "kernel", "virtualisation"])
def test_another_machine_is_refused_unless_allowed(tmp_path, name):
    folder = of_run(tmp_path, HERE | {name: "else"})
    with pytest.raises(BadInputError, match=f"{name} else there, .* here.*--allow-other-machine"):
        stored.load(folder, HERE, False)
    loaded = stored.load(folder, HERE, True)
    assert "x/fiber/manual_time" in times(loaded)
    assert f"{name} else there" in loaded.problems[0]


def test_another_host_name_alone_is_no_other_machine(tmp_path):
    assert stored.load(of_run(tmp_path, HERE | {"host": "job-7"}), HERE, False).values


@pytest.mark.parametrize(
    ("context", "reason"),
    [
        ({"host_name": "other", "num_cpus": 2}, "host other there, vm here"),
        ({"host_name": "vm", "num_cpus": 64}, "cpu_count 64 there, 2 here"),
        ({}, "it does not say of which it is"),
        ({"num_cpus": -1}, "it does not say of which it is"),
    ],
)
def test_google_benchmarks_own_results_are_told_by_their_context(tmp_path, context, reason):
    file = write(tmp_path / "any.json", bench_row("BM", 1), context=context)
    with pytest.raises(BadInputError, match=reason):
        stored.load(file, HERE, False)
    assert stored.load(file, HERE, True).values


def test_a_library_that_could_not_count_the_cpus_says_nothing_of_them(tmp_path):
    file = write(tmp_path / "any.json", bench_row("BM", 1), context=CONTEXT | {"num_cpus": -1})
    assert stored.load(file, HERE, False).problems == []


def test_each_file_is_asked_where_it_was_measured(tmp_path):
    write(tmp_path / "1.json", bench_row("BM", 1))
    for name in ("2", "3"):
        elsewhere = CONTEXT | {"host_name": "other"}
        write(tmp_path / f"{name}.json", bench_row("BM", 2), context=elsewhere)
    with pytest.raises(BadInputError, match=r"2.json \(and 1 more\) is not of this machine: host"):
        stored.load(tmp_path, HERE, False)
    assert len(stored.load(tmp_path, HERE, True).problems) == 1


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
    assert times(stored.load(file, HERE, False)) == {
        "BM": [pytest.approx(2e-9)], "BM_skipped": [],
    }  # fmt: skip


def matched(values: list[tuple[str, str]], candidate: dict[str, list[str]], **broken: str):
    """What is compared, and why what is left is not: by key. Each stored name was launched once for
    each time that it is given.
    """
    by_name = {key: [1.0] * values.count(key) for key in values}
    listed = Discovery(candidate, broken)
    side, found = stored.as_side(Stored(by_name), listed)
    both, findings, _ = discovery.match(side, listed, None, None)
    return (
        {benchmark.key: len(found[benchmark.binary, benchmark.name]) for benchmark in both},
        {finding.benchmark.key: finding.why for finding in findings},
    )


NEW, GONE = "only in the candidate: new", "only in the baseline: gone"


@pytest.mark.parametrize("executable", ["b/one.bench", "/home/x/b/one.bench", "one.bench", "one"])
def test_a_binary_is_found_by_its_path_its_name_or_its_stem(executable):
    candidate = {"b/one.bench": ["BM"], "b/two.bench": ["BM"]}
    compared, others = matched([(executable, "BM")], candidate)
    assert (compared, others) == ({"one:BM": 1}, {"two:BM": NEW})


def test_binaries_of_one_name_are_told_apart_by_their_folders():
    sides = {"a/bench": ["BM"], "b/bench": ["BM"]}
    values = [("/x/b/bench", "BM")] * 2 + [("/x/a/bench", "BM")]
    assert matched(values, sides) == ({"a/bench:BM": 1, "b/bench:BM": 2}, {})


def test_a_binary_that_is_called_otherwise_today_is_found_by_what_it_has():
    assert matched([("old", "BM")], {"new": ["BM"], "other": ["BM_x"]})[0] == {"BM": 1}


def test_times_of_two_binaries_are_never_thrown_together():
    compared, others = matched([("one", "BM"), ("two", "BM")], {"one": ["BM"]})
    assert (compared, others) == ({"one:BM": 1}, {"two:BM": GONE})


def test_arguments_that_tell_names_apart_do_so_in_stored_results_too():
    names = ["BM/iterations:2", "BM/iterations:16"]
    compared, others = matched([("b", names[0])] * 2 + [("b", names[1])], {"b": names})
    assert (compared, others) == ({names[0]: 2, names[1]: 1}, {})
    assert matched([("b", names[0])], {"b": names[1:]}) == ({}, {names[0]: GONE, names[1]: NEW})


@pytest.mark.parametrize(
    ("told", "today"), [("BM/8/repeats:5", "BM/8"), ("BM/8", "BM/8/real_time")]
)
def test_what_one_of_the_two_does_not_append_does_not_part_them(told, today):
    assert matched([("b", told)], {"b": [today, "BM/9"]}) == ({"BM/8": 1}, {"BM/9": NEW})


def test_what_a_broken_binary_had_is_not_gone_but_failed():
    _, others = matched([("b", "BM")], {"other": ["BM_x"]}, b="lists no benchmarks")
    assert others["BM"] == "candidate failed: b lists no benchmarks"


def test_what_is_no_benchmark_today_and_was_none_is_skipped():
    _, others = matched([("b", "BM")], {"b": ["BM"]}, tool="lists no benchmarks")
    assert others == {"tool": "lists no benchmarks (on both sides)"}


def test_a_few_times_are_not_enough_for_a_spread():
    few, many = Benchmark("x", "b", "x"), Benchmark("y", "b", "y")
    values, lost = stored.enough({("b", "x"): [1.0] * 3, ("b", "y"): [1.0] * 4}, [few, many])
    assert (list(values), [finding.benchmark for finding in lost]) == (["y"], [few])
