"""Who is ahead: what intervals show, and nothing beyond it."""

import re
from pathlib import Path

import made_up
import pytest
from fakes import row
from test_comparison import results

from switchyard.compare.comparison import compare
from switchyard.compare.statistics import Finding, Summary, finding, level
from switchyard.suite.catalog import Row

FAST = [10.0, 11.0, 9.0, 10.0, 10.5, 9.5]


def times(values: list[float], *by: float) -> list[float]:
    return [value * by[index % len(by)] for index, value in enumerate(values)]


def spawn(**of_runtimes: list[float]):
    rows = ((row(f"spawn/{name}/tasks:1"), values) for name, values in of_runtimes.items())
    comparison = compare(results(*rows))
    return comparison, comparison.cases[0]


def ranking(**of_runtimes: list[float]):
    comparison, case = spawn(**of_runtimes)
    return comparison.ranking(case, level(comparison.leads(case)))


@pytest.mark.parametrize(
    ("low", "high", "p", "better", "said"),
    [(1.1, 1.2, 0.01, "higher", Finding.BETTER), (1.1, 1.2, 0.01, "lower", Finding.WORSE),
     (0.8, 0.9, 0.01, "higher", Finding.WORSE), (0.8, 0.9, 0.01, "lower", Finding.BETTER),
     (0.9, 1.2, 0.3, "higher", Finding.SAME), (1.1, 1.2, 0.03, "higher", Finding.PERHAPS)],
)  # fmt: skip
def test_a_ratio_says_what_its_interval_and_all_comparisons_support(low, high, p, better, said):
    ratio = Summary((low + high) / 2, low, high, 6, p=p)
    assert finding(ratio, better, shown=0.02) is said
    assert finding(Summary(1.15, 1.1, 1.2, 2, is_range=True)) is Finding.TOO_FEW


def test_the_leader_is_shown_when_it_is_ahead_of_every_other():
    found = ranking(fiber=FAST, thread=times(FAST, 2.0), process=times(FAST, 5.0))
    assert found.leader == "fiber"
    assert list(found.leads) == ["thread", "process"]
    assert found.leads["thread"].median == pytest.approx(2)  # times: the factor by which it wins
    assert found.is_shown


def test_a_noisy_third_keeps_the_leader_from_being_shown():
    """Ahead of the next by a clear margin, but not of the one after that."""
    third = times(FAST, 0.5, 3.0)
    found = ranking(fiber=FAST, thread=times(FAST, 1.2), process=third)
    assert not found.is_shown
    assert list(found.over(Finding.BETTER)) == ["thread"]
    assert list(found.over(Finding.SAME)) == ["process"]


def test_few_rounds_show_nothing_and_one_contender_has_nobody_to_lead():
    few = ranking(fiber=FAST[:2], thread=times(FAST[:2], 9.0))
    assert list(few.over(Finding.TOO_FEW)) == ["thread"]
    assert not few.is_shown
    alone = ranking(fiber=FAST)
    assert (alone.leader, alone.leads, alone.is_shown) == ("fiber", {}, False)


def test_the_best_median_may_lose_round_by_round():
    """The machine became slower, in the middle of a round: that one flatters the first."""
    first, second = [10.0] * 4 + [50.0] * 3, [9.0] * 3 + [45.0] * 4
    found = ranking(fiber=first, thread=second)
    assert found.leader == "fiber"
    assert found.leads["thread"].median == pytest.approx(0.9)
    assert not found.is_shown


def test_controls_and_outside_references_do_not_compete():
    comparison = compare(
        results(
            (row("echo/epoll/connections:1/bytes:64"), times(FAST, 9.0)),
            (row("echo/fiber/connections:1/bytes:64", control="epoll"), FAST),
            (row("echo/gevent/connections:1/bytes:64", needs="gevent"), times(FAST, 8.0)),
        )
    )
    (case,) = comparison.cases
    found = comparison.ranking(case, 0.05)
    assert (found.leader, found.leads) == ("fiber", {})
    assert comparison.ranked(case) == ["epoll", "gevent", "fiber"]
    assert comparison.next_behind(case, "epoll") == "gevent"
    assert comparison.next_behind(case, "fiber") is None


def test_a_control_that_no_row_names_does_not_compete_either():
    """A floor such as a bare switch of stacks is faster than any runtime over it."""
    floors = [("context/via:resume", 1.0), ("coroutine_handle/via:transfer", 0.5)]
    runtimes = [("fiber/via:yield", 3.0), ("thread/via:futex", 300.0)]
    comparison = compare(results(*(
        (row(f"switch/{name}/tasks:2/placement:same"), times(FAST, by))
        for name, by in (*floors, *runtimes)
    )))  # fmt: skip
    (case,) = comparison.cases
    assert comparison.contenders(case) == ["fiber yield", "thread futex"]
    assert len(list(comparison.leads(case))) == 1  # and nobody pays for more comparisons
    assert comparison.references[case] == "fiber yield"
    assert comparison.reference_kind(case) == "fastest"
    assert comparison.cells[case, "context resume"].ratio.median == pytest.approx(1 / 3)


def test_controls_compete_where_nothing_else_was_measured():
    comparison = compare(results(
        (row("switch/context/via:resume/tasks:2/placement:same"), FAST),
        (row("switch/greenlet/via:switch/tasks:2/placement:same"), times(FAST, 2.0)),
    ))  # fmt: skip
    (case,) = comparison.cases
    assert comparison.contenders(case) == ["context resume", "greenlet switch"]


def test_controls_are_those_that_the_docs_name_or_rows_name():
    page = (Path(__file__).resolve().parents[3] / "docs" / "workloads.md").read_text()
    _, _, after = page.partition("**Controls** stand beside them")
    table, _, _ = after.partition("**Outside references**")
    documented = {
        name for line in table.splitlines() if line.startswith("| `")
        for name in re.findall(r"`(\w+)`", line.split("|")[1].partition("(")[0])
    }  # fmt: skip
    documented |= set(re.findall(r"^`(\w+)` is", table, re.MULTILINE))
    made = [Row(**entry) for workload in made_up.WORKLOADS for entry, _ in made_up.rows(workload)]
    named = {row.control for row in made} - {None}
    controls = {name for name in documented if Row(**row(f"x/{name}")).is_control}
    assert controls == documented - named
    assert {entry.runtime for entry in made if entry.is_control} <= controls


def test_nothing_measured_is_no_standing():
    comparison, case = spawn(fiber=[float("nan")])
    assert comparison.ranking(case, 0.05) is None
    assert comparison.next_behind(case, "fiber") is None
