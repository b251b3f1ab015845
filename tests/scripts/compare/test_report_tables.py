"""The report's tables: what stands in a cell, and what it is sorted by."""

from pathlib import Path

import made_up
import pytest
from fakes import row
from test_comparison import failing, results
from test_ranking import FAST, times

from switchyard.compare.comparison import compare
from switchyard.compare.figures.panels import measured
from switchyard.compare.report.row_tables import counters_table, rows_table
from switchyard.compare.tables import Cell, Table, metric_table, secondary_tables
from switchyard.suite.results import ResultsFolder


def tables(kept) -> dict[str, Table]:
    comparison = compare(kept)
    found = [
        metric_table(kept, comparison), *secondary_tables(kept, comparison),
        rows_table(kept, comparison), counters_table(kept, comparison),
    ]  # fmt: skip
    return {table.title: table for table in found}


def column(table: Table, label: str) -> list[Cell]:
    index = table.columns.index(label)
    return [cells[index] for cells in table.rows]


@pytest.mark.parametrize("workload", made_up.WORKLOADS)
def test_every_cell_has_a_column_and_every_number_is_sorted_as_one(workload: str):
    for table in tables(made_up.results(workload)).values():
        assert table.rows
        for cells in table.rows:
            assert len(cells) == len(table.columns)
            for cell, kind in zip(cells, table.kinds, strict=True):
                assert cell.key == "" or kind == "text" or float(cell.key) is not None
        assert 0 < table.headers < len(table.columns)


@pytest.mark.parametrize(
    ("workload", "titles"),
    [
        ("echo", ["messages per second, higher is better", "latency, p50", "latency, p99",
                  "user-space memory per connection"]),
        ("echo_capacity", ["messages answered per second, higher is better",
                           "of what was due, growth of the queue", "of what was due, what was due",
                           "rate that the objective allows, by majority",
                           "rate that the objective allows, surely",
                           "rate that the objective allows, surely not above"]),
        ("cpu", ["wall time of the whole work, lower is better", "speed-up against serial"]),
        ("sleep", ["wall time, lower is better", "user-space memory per task"]),
        ("blocking", ["worst lateness of the others, lower is better",
                      "lateness of the others, p50", "lateness of the others, p99"]),
    ],
)  # fmt: skip
def test_every_table_of_the_terminal_is_there(workload: str, titles: list[str]):
    found = tables(made_up.results(workload))
    assert [title.partition(" (")[0] for title in found] == [*titles, "Every row", "Every counter"]


def rows(**of_runtimes: list[float]) -> Table:
    kept = results(*((row(f"spawn/{name}/tasks:1"), v) for name, v in of_runtimes.items()))
    return tables(kept)["Every row"]


def test_a_row_has_its_ratio_with_interval_and_what_it_says():
    table = rows(fiber=FAST, thread=times(FAST, 2.0, 2.2), process=times(FAST, 0.9, 1.2))
    assert [cell.text for cell in column(table, "ratio")] == ["", "2.10x", "1.05x"]
    assert [cell.value for cell in column(table, "ratio")] == [
        None,
        *map(pytest.approx, (2.1, 1.05)),
    ]
    assert [c.text for c in column(table, "interval of the ratio")] == [
        "",
        "1.99-2.22",
        "0.88-1.23",
    ]
    compared = [cell.text for cell in column(table, "compared with")]
    assert compared == ["fastest", "fastest fiber", "fastest fiber"]
    assert [cell.text for cell in column(table, "finding")] == ["", "worse", "no difference shown"]


def test_a_row_has_its_lead_over_what_comes_next():
    table = rows(fiber=FAST, thread=times(FAST, 2.0, 2.2), process=times(FAST, 0.9, 1.2))
    fiber, thread, process = column(table, "lead over the next")
    assert fiber.text == "1.05x over process (0.88-1.23)"
    assert fiber.below == ("no difference shown",)
    assert process.text.startswith("2.")
    assert process.below == ()
    assert thread == Cell()


def test_a_row_has_its_noise_its_steal_and_its_notes():
    kept = results((row("spawn/fiber/tasks:1"), [10.0, 20.0, 30.0, 10.0, 20.0, 30.0]))
    for round_, entry in enumerate(kept.benchmarks):
        entry |= {"steal_percent": float(round_), "loadavg": 0.5}
        entry |= {"frequency_mhz": 2600.0 - 100 * round_}
    kept.benchmarks[0] |= {"error_occurred": True, "error_message": "limit reached: memory"}
    (cells,) = tables(kept)["Every row"].rows
    by_label = dict(zip(tables(kept)["Every row"].columns, cells, strict=True))
    assert by_label["noise"] == Cell("50.0 %", pytest.approx(0.5))
    assert by_label["rounds"] == Cell("5", 5)
    assert by_label["steal, worst"] == Cell("5.0 %", 5.0)
    assert by_label["load average"] == Cell("0.50", 0.5)
    assert by_label["frequency"] == Cell("2100-2500 MHz", 2300.0)
    notes = by_label["notes"]
    assert notes.text == "limit reached: memory (1 of 6 rounds)"
    assert notes.below == ("5.0 % steal", "noise 50 %")
    assert notes.kind == "limit"


@pytest.mark.parametrize(
    ("values", "said"),
    [(times(FAST, 2.0), ()), (times(FAST, 0.9, 1.2), ("no difference shown",)),
     (times(FAST, 2.0)[:3], ()), (times(FAST, 2.0)[:2], ("fewer than 3 rounds",))],
)  # fmt: skip
def test_a_cell_says_where_its_ratio_shows_nothing(values: list[float], said: tuple[str, ...]):
    kept = results((row("spawn/fiber/tasks:1"), FAST), (row("spawn/thread/tasks:1"), values))
    (thread,) = column(metric_table(kept, compare(kept)), "thread")
    assert thread.below[2:] == said


@pytest.mark.parametrize(
    ("rounds", "said"),
    [((6,), "Median of 6 rounds; its 95 % interval; ratio to control or fastest, by round; the "
            "ratio's 95 % interval, which shows no difference where it includes 1."),
     ((3,), "Median of 3 rounds; its min-max (a 95 % interval needs 6 rounds); ratio to control or "
            "fastest, by round; the ratio's 95 % interval, which shows no difference where it "
            "includes 1."),
     ((2,), "Median of 2 rounds; its min-max (a 95 % interval needs 6 rounds); ratio to control or "
            "fastest, by round; the ratio's min-max (a 95 % interval needs 3 rounds)."),
     ((2, 6), "Median of 2-6 rounds; its 95 % interval (min-max below 6 rounds); ratio to control "
              "or fastest, by round; the ratio's 95 % interval (min-max below 3 rounds), which "
              "shows no difference where it includes 1.")],
)  # fmt: skip
def test_the_note_tells_of_ratios_what_their_interval_needs(rounds: tuple[int, ...], said: str):
    names = zip(("fiber", "thread"), rounds, strict=False)
    kept = results(*((row(f"spawn/{name}/tasks:1"), FAST[:n]) for name, n in names))
    assert metric_table(kept, compare(kept)).notes == (said,)


def test_what_was_not_measured_is_named_and_sorted_last():
    kept = results((row("spawn/fiber/tasks:1"), FAST), (row("spawn/thread/tasks:1"), FAST))
    for entry in kept.benchmarks:
        if "thread" in entry["name"]:
            entry |= {"error_occurred": True, "error_message": "wrong answer"}
    table = metric_table(kept, compare(kept))
    (thread,) = column(table, "thread")
    assert (thread.text, thread.key, thread.kind) == ("FAILED (1)", "", "failed")
    assert "(1) wrong answer" in table.notes


def test_a_row_that_failed_in_some_rounds_has_no_figure_anywhere():
    kept = results((row("spawn/fiber/tasks:1"), FAST), (row("spawn/thread/tasks:1"), FAST))
    failing(kept, "fiber", [0, 2, 4])
    found = tables(kept)
    (fiber,) = column(found["time per task, lower is better"], "fiber")
    assert (fiber.text, fiber.below, fiber.key) == ("FAILED (1)", ("in 3 of 6 rounds",), "")
    (thread,) = column(found["time per task, lower is better"], "thread")
    assert thread.ratio == ""  # nobody is left to compare with
    every = column(found["Every row"], "median"), column(found["Every row"], "notes")
    assert [[cell.text for cell in cells] for cells in every] == [
        ["", "10.0 ns"], ["wrong answer (3 of 6 rounds)", ""],
    ]  # fmt: skip
    assert [name.text for name, *_ in found["Every counter"].rows] == ["spawn/thread/tasks:1"]
    assert (
        not measured(ResultsFolder(Path("none"), {"spawn": kept}), "spawn")
        .of((("tasks", 1),))
        .get("fiber")
    )


def test_what_ended_each_climb_stands_below_the_table():
    kept = made_up.results("limits")
    notes = metric_table(kept, compare(kept)).notes
    at = notes.index("What ended each climb:")
    assert len(notes[at + 1 :]) == len(kept.labels())
    assert "fiber/of:tasks/most:1024: no limit up to 1024" in notes[at + 1 :]


def test_values_that_are_no_numbers_are_sorted_last():
    assert Cell("x", float("nan")).key == Cell("x", float("inf")).key == Cell("x").key == ""
    assert Cell("0", 0).key == "0"


def test_counters_have_their_units_and_are_medians():
    kept = results((row("spawn/fiber/tasks:1"), FAST))
    for round_, entry in enumerate(kept.benchmarks):
        entry |= {"cpu_us_per_op": 1.0 + round_, "steal_percent": 2.0, "errors": 0.0, "tasks": 1}
    kept.hardware["spawn/fiber/tasks:1"] = {"cycles_per_op": 1234.0}
    table = counters_table(kept, compare(kept))
    assert table.columns == [
        "row", "real_time", "ops_per_s", "cpu_us_per_op", "steal_percent", "errors",
        "cycles_per_op",
    ]  # fmt: skip
    assert [cell.text for cell in table.rows[0]] == [
        "spawn/fiber/tasks:1", "10.0 ns", "10.0 /s", "3.50 us", "2.00 %", "0", "1234",
    ]  # fmt: skip


def test_what_is_missing_of_stacked_numbers_keeps_its_place():
    names = [f"echo_capacity/{name}/find:slo" for name in ("fiber", "thread", "process")]
    kept = results(*((row(name), FAST) for name in names))
    for entry in kept.benchmarks:
        if "fiber" in entry["name"]:
            entry |= {"slo_low_ops_per_s": 300.0}
        if "thread" in entry["name"]:
            entry |= {"slo_ops_per_s": 200.0, "slo_high_ops_per_s": 400.0}
    (table,) = secondary_tables(kept, compare(kept), stacked=True)
    assert table.title.endswith("by majority above surely above surely not above")
    assert column(table, "fiber")[0].text == "-\n300 /s\n-"
    assert column(table, "thread")[0].text == "200 /s\n-\n400 /s"
    assert "process" not in table.columns


def test_a_difference_that_may_be_none_is_told_as_what_it_is_below():
    name = "switch/fiber/via:yield/tasks:2/placement:same/working_set:16K"
    kept = results((row(name), FAST))
    for entry, ns in zip(kept.benchmarks, (-30.0, 20.0, 40.0, -10.0, 35.0, 25.0), strict=True):
        entry["switch_ns"] = ns
    (table,) = secondary_tables(kept, compare(kept))
    assert column(table, "fiber yield")[0].text == "<40.0 ns"
    assert column(table, "fiber yield")[0].interval == "-30.0-40.0"
    (stacked,) = secondary_tables(kept, compare(kept), stacked=True)
    assert column(stacked, "fiber yield")[0].text == "<40.0 ns"
    shown = measured(ResultsFolder(Path("none"), {"switch": kept}), "switch", "switch_ns")
    assert not shown.cells
