"""Which number is compared with which, and how numbers are written."""

from pathlib import Path

import pytest
from fakes import METRICS, row

from switchyard.compare.comparison import compare, speed_up
from switchyard.suite.catalog import Workload, bare_name, exact_filter
from switchyard.suite.results import WorkloadResults
from switchyard.system import units


def results(*rows_and_values: tuple[dict, list[float]]) -> WorkloadResults:
    rows = [entry for entry, _ in rows_and_values]
    name = rows[0]["name"].split("/")[0]
    described = {"workload": name, "what": "", "metric": METRICS[name], "rows": rows}
    kept = WorkloadResults(Workload.parse(described, Path("x")))
    for entry, values in rows_and_values:
        for round_, value in enumerate(values):
            fields = {"name": entry["name"] + "/manual_time", "time_unit": "ns", "round": round_}
            kept.add({}, [fields | {"real_time": value, "ops_per_s": value}])
    return kept


def failing(kept: WorkloadResults, runtime: str, rounds: list[int]) -> WorkloadResults:
    """With a wrong answer of it in these rounds."""
    for entry in kept.benchmarks:
        if entry["round"] in rounds and entry["name"].split("/")[1] == runtime:
            entry |= {"error_occurred": True, "error_message": "wrong answer"}
    return kept


def test_times_become_seconds_and_the_fastest_is_the_reference():
    comparison = compare(
        results((row("spawn/fiber/tasks:1"), [10.0]), (row("spawn/thread/tasks:1"), [40.0]))
    )
    (case,) = comparison.cases
    assert comparison.cells[case, "fiber"].summary.median == pytest.approx(10e-9)
    assert comparison.references[case] == "fiber"
    assert comparison.reference_kind(case) == "fastest"
    assert comparison.cells[case, "thread"].ratio.median == pytest.approx(4)


def test_control_is_the_reference_even_when_another_is_faster():
    comparison = compare(
        results(
            (row("echo/epoll/connections:1/bytes:64"), [100.0]),
            (row("echo/fiber/connections:1/bytes:64", control="epoll"), [110.0]),
        )
    )
    (case,) = comparison.cases
    assert comparison.references[case] == "epoll"
    assert comparison.reference_kind(case) == "control"
    assert comparison.cells[case, "fiber"].ratio.median == pytest.approx(1.1)


def test_an_outside_reference_is_compared_and_never_compared_with():
    comparison = compare(
        results(
            (row("sleep/gevent/tasks:1/ms:1", needs="gevent"), [10.0]),
            (row("sleep/thread/tasks:1/ms:1"), [30.0]),
            (row("sleep/fiber/tasks:1/ms:1"), [20.0]),
            (row("sleep/gevent/tasks:2/ms:1", needs="gevent"), [10.0]),
        )
    )
    case, alone = comparison.cases
    assert comparison.references[case] == "fiber"
    assert comparison.cells[case, "gevent"].ratio.median == pytest.approx(0.5)
    assert comparison.reference_kind(alone) == ""


def test_what_failed_once_is_neither_contender_nor_reference():
    kept = results(
        (row("echo/epoll/connections:1/bytes:64"), [100.0] * 6),
        (row("echo/fiber/connections:1/bytes:64", control="epoll"), [90.0] * 6),
        (row("echo/thread/connections:1/bytes:64", control="epoll"), [50.0] * 6),
    )
    comparison = compare(failing(failing(kept, "epoll", [5]), "fiber", [0, 1, 2]))
    (case,) = comparison.cases
    assert comparison.ranked(case) == comparison.contenders(case) == ["thread"]
    assert comparison.references[case] == "thread"
    fiber = comparison.cells[case, "fiber"]
    assert (fiber.kind, fiber.share, fiber.values) == ("failed", "3 of 6 rounds", {})


def test_what_met_a_limit_now_and_then_keeps_its_other_rounds():
    kept = results((row("spawn/fiber/tasks:1"), [10.0] * 6))
    kept.benchmarks[2] |= {"error_occurred": True, "error_message": "limit reached: memory"}
    (fiber,) = compare(kept).cells.values()
    assert (fiber.kind, fiber.share, len(fiber.values)) == ("limit", "1 of 6 rounds", 5)


def test_a_control_that_is_not_that_of_a_case_is_not_its_fastest():
    """Say, when the rows that name it failed in this case."""
    comparison = compare(
        results(
            (row("echo/epoll/connections:1/bytes:64"), [100.0]),
            (row("echo/fiber/connections:1/bytes:64"), [90.0]),
            (row("echo/thread/connections:1/bytes:64"), [80.0]),
            (row("echo/thread/connections:2/bytes:64", control="epoll"), [80.0]),
        )
    )
    case = comparison.cases[0]
    assert comparison.references[case] == "fiber"
    assert comparison.reference_kind(case) == "fastest"


def test_speed_up_is_taken_within_rounds_and_against_the_base_of_the_case():
    comparison = compare(
        results(
            (row("cpu/serial/tasks:1"), [10.0, 20.0]),
            (row("cpu/serial/tasks:2"), [10.0, 20.0]),
            (row("cpu/thread/tasks:2", control="serial"), [5.0, 10.0]),
            (row("cpu/thread/tasks:4", control="serial"), [5.0, 10.0]),
        )
    )
    speed = speed_up(comparison, "serial").cells
    assert speed[(("tasks", 2),), "thread"].summary.median == pytest.approx(2)
    assert speed[(("tasks", 2),), "thread"].summary.noise == pytest.approx(0)
    assert ((("tasks", 4),), "thread") not in speed  # there are two bases, and none is of this case


def test_the_only_base_serves_all_cases():
    comparison = compare(
        results((row("cpu/serial/tasks:1"), [10.0]), (row("cpu/thread/tasks:2"), [5.0]))
    )
    cells = speed_up(comparison, "serial").cells
    assert cells[(("tasks", 2),), "thread"].summary.median == pytest.approx(2)
    assert speed_up(comparison, "fiber").cells == {}


def test_mechanisms_are_columns_and_not_cases():
    comparison = compare(
        results(
            (row("switch/thread/via:futex/tasks:2/placement:same"), [2.0]),
            (row("switch/thread/via:pipe/tasks:2/placement:same"), [3.0]),
        )
    )
    assert comparison.columns == ["thread futex", "thread pipe"]
    assert comparison.cases == [(("tasks", 2), ("placement", "same"))]


def test_what_is_no_number_is_not_measured():
    comparison = compare(results((row("spawn/fiber/tasks:1"), [float("nan"), float("inf"), 3.0])))
    assert list(comparison.cells[(("tasks", 1),), "fiber"].values) == [2]


def test_filter_matches_one_row_only_with_whatever_is_appended():
    import re

    wanted = re.compile(exact_filter("sleep/fiber/tasks:1/ms:1"))
    assert wanted.search("sleep/fiber/tasks:1/ms:1/manual_time")
    assert wanted.search("sleep/fiber/tasks:1/ms:1/iterations:1/real_time")
    assert not wanted.search("sleep/fiber/tasks:1/ms:10/manual_time")
    assert not wanted.search("xsleep/fiber/tasks:1/ms:1")
    assert (
        bare_name("sleep/fiber/tasks:1/ms:1/iterations:1/real_time") == "sleep/fiber/tasks:1/ms:1"
    )


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1.25e-6, "s", "1.25 us"), (0.9999, "s", "1.00 s"), (12.34e-9, "s", "12.3 ns"),
        (99_960, "1/s", "100 k/s"), (1_234_567, "1/s", "1.23 M/s"), (8192, "B", "8.00 KiB"),
        (0, "s", "0 ns"), (0.5, "us", "500 ns"), (12.3, "us", "12.3 us"), (97_000, "us", "97.0 ms"),
        (16_384, "", "16384"), (16_384, "n", "16.4 k"),
        (7e-8, "n", "<0.000001"), (-7e-8, "n", ">-0.000001"), (2e-6, "n", "0.000002"),
    ],
)  # fmt: skip
def test_numbers_have_three_digits_and_a_fitting_unit(value: float, unit: str, text: str):
    assert units.with_unit(value, unit) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.94, "0.94x"), (12.34, "12.3x"), (1234, "1234x"), (0.0612, "0.061x"), (0.0045, "0.0045x"),
     (9.994, "9.99x"), (9.997, "10.0x"),
     (0.0999, "0.10x"), (0, "0.00x"), (1, "1.00x"), (1.0019, "1.002x"), (0.9996, "0.9996x"),
     (1.00000001, "1.000000x")],
)  # fmt: skip
def test_small_ratios_still_say_something(value: float, text: str):
    assert units.ratio(value) == text
