"""Speed-ups over CPUs, and the laws that are fitted to them."""

from pathlib import Path

import pytest
from fakes import row
from test_comparison import results

from switchyard.compare import drawing
from switchyard.compare.comparison import Comparison, Measured
from switchyard.compare.figures.scaling import scale_speedup
from switchyard.compare.scaling import laws, speed_ups
from switchyard.suite.catalog import Workload
from switchyard.suite.results import ResultsFolder

CASE = (("work", "spawn"),)


def comparison_of(throughput: dict[int, dict[int, float]], runtime: str = "thread") -> Comparison:
    """Throughputs by number of CPUs and round."""
    described = [row(f"scale/{runtime}/work:spawn/cpus:{cpus}") for cpus in throughput]
    workload = Workload.parse({
        "workload": "scale", "what": "", "rows": described,
        "metric": {"key": "ops_per_s", "label": "", "unit": "1/s", "better": "higher"},
    })  # fmt: skip
    cells = {
        (each.case, each.column): Measured(each, dict(values))
        for each, values in zip(workload.rows, throughput.values(), strict=True)
    }
    return Comparison(workload, cells)


def law_gives(contention: float, coherency: float, cpus: int) -> float:
    return cpus / (1 + contention * (cpus - 1) + coherency * cpus * (cpus - 1))


def test_a_speed_up_is_that_of_the_same_round():
    speed = speed_ups(comparison_of({1: {0: 10.0, 1: 20.0}, 2: {0: 19.0, 1: 30.0, 2: 5.0}}), "cpus")
    by_cpus = {dict(case)["cpus"]: cell.values for (case, _), cell in speed.cells.items()}
    assert by_cpus == {1: {0: 1.0, 1: 1.0}, 2: {0: 1.9, 1: 1.5}}


def test_without_one_cpu_there_is_nothing_to_compare_with():
    assert not speed_ups(comparison_of({2: {0: 1.0}, 4: {0: 2.0}}), "cpus")


@pytest.mark.parametrize(("contention", "coherency"), [(0.0, 0.0), (0.1, 0.0), (0.03, 0.002)])
def test_a_law_is_found_again(contention: float, coherency: float):
    made = {
        cpus: {r: (1 + r) * 100 * law_gives(contention, coherency, cpus) for r in range(6)}
        for cpus in (1, 2, 4, 8, 14)
    }
    speed = speed_ups(comparison_of(made), "cpus")
    (law,) = laws(speed, "cpus").values()
    assert law.contention.median == pytest.approx(contention, abs=1e-9)
    assert law.coherency.median == pytest.approx(coherency, abs=1e-9)
    assert law.speed_up(6) == pytest.approx(law_gives(contention, coherency, 6))
    assert laws(speed, "cpus").keys() == {(CASE, "thread")}


@pytest.mark.parametrize(
    ("contention", "coherency", "said"),
    [(0.0, 0.0, ""), (0.02, 0.001, ""),
     (0.04, 0.4, "4% serial (4%-4%), 0.400 for each pair, slower on 8 CPUs than on one"),
     (0.6, 0.3, "60% serial (60%-60%), 0.300 for each pair, slower on 8 CPUs than on one"),
     (0.9, 0.0, "90% serial (90%-90%)"), (1.2, 0.0, "slower on 8 CPUs than on one"),
     (0.1, 0.002, "10% serial (10%-10%), 0.00200 for each pair")],
)  # fmt: skip
def test_what_holds_back_is_told_whichever_term_it_is(contention, coherency, said):
    rows = [f"scale/thread/work:spawn/cpus:{cpus}" for cpus in (1, 2, 4, 8)]
    given = [100 * law_gives(contention, coherency, cpus) for cpus in (1, 2, 4, 8)]
    kept = results(*((row(name), [ops] * 6) for name, ops in zip(rows, given, strict=True)))
    drawing.use_style()
    figure = scale_speedup(ResultsFolder(Path("none"), {"scale": kept}))
    assert figure.note == (f"Fitted: starting tasks, thread: {said}. " if said else "")


@pytest.mark.parametrize(("on_two", "said"), [(0.9, "slower"), (1.2, "no faster")])
def test_slower_is_said_only_where_the_interval_says_it(on_two: float, said: str):
    """A median of 0.7 in each; an interval from 0.6 to `on_two`."""
    ones, twos = [100.0] * 6, [60.0, 70.0, 70.0, 70.0, 70.0, 100 * on_two]
    rows = [row(f"scale/thread/work:page_fault/cpus:{cpus}") for cpus in (1, 2)]
    drawing.use_style()
    kept = results(*zip(rows, (ones, twos), strict=True))
    figure = scale_speedup(ResultsFolder(Path("none"), {"scale": kept}))
    assert figure.note == f"Fitted: mapping memory, thread: {said} on 2 CPUs than on one. "


def test_two_numbers_of_cpus_tell_amdahls_law_alone():
    made = {1: {0: 1.0, 1: 1.0, 2: 1.0}, 2: {0: 1.6, 1: 1.5, 2: 1.7}}
    (law,) = laws(speed_ups(comparison_of(made), "cpus"), "cpus").values()
    assert law.coherency is None
    assert law.contention.median == pytest.approx(2 / 1.6 - 1)
    assert law.contention.low == pytest.approx(2 / 1.7 - 1)
    assert law.contention.high == pytest.approx(2 / 1.5 - 1)
    assert law.speed_up(2) == pytest.approx(1.6)


def test_no_law_says_that_work_goes_faster_than_it_can():
    """Noise that looks like more than N times as much is no negative share of serial work."""
    (law,) = laws(speed_ups(comparison_of({1: {0: 1.0}, 2: {0: 2.1}}), "cpus"), "cpus").values()
    assert law.contention.median == 0


def test_rounds_that_lack_a_number_of_cpus_are_left_out():
    made = {1: {0: 1.0, 1: 1.0}, 2: {0: 2.0}, 4: {1: 3.0}}
    assert laws(speed_ups(comparison_of(made), "cpus"), "cpus") == {}
