"""Pairs that are no evidence, and launches that fail late: they hide nothing, and prove nothing."""

from dataclasses import replace

import pytest
from judging import judged, slower, some
from simulated import STEAL, a_plan

from switchyard.gate import google_benchmark, verdicts
from switchyard.gate.model import Metric, Pair, Plan, Report, Sample, Verdict

ERRORS, P99 = Metric("errors"), Metric("p99_us")


def counted(before: float | None, after: float | None, count: int, begin: int = 1) -> list[Pair]:
    """So many pairs with these values of a counter, None for none."""
    samples = [Sample({} if value is None else {"errors": value}) for value in (before, after)]
    return [Pair(round_, "a", "baseline", *samples) for round_ in range(begin, begin + count)]


@pytest.mark.parametrize(("before", "after"), [(0, 5), (5, 0), (1, -1), (1, None), (None, 1)])
def test_what_is_there_on_one_side_at_times_is_not_called_unchanged(before, after):
    """The pairs in which it is on both, or on none, tell nothing of the others."""
    measured = counted(0, 0, 20) + counted(before, after, 8, begin=21)
    found = judged(a_plan(metrics=(ERRORS,)), measured)["a [errors]"]
    assert found.verdict == Verdict.INCONCLUSIVE
    assert found.evidence.dropped == 8
    assert found.why == "8 of 28 pairs dropped: errors is missing, or not above 0, on one side"
    assert verdicts.exit_code([found], strict=True) == 3
    rare = judged(a_plan(metrics=(ERRORS,)), counted(0, 0, 40) + counted(before, after, 1, 41))
    assert rare["a [errors]"].verdict == Verdict.UNCHANGED


def two_metrics(**later: Sample) -> list[Pair]:
    """real_time is proven to be worse, of p99_us nothing; then comes a pair of these samples."""
    times = some("a", slower(14))
    pairs = [
        replace(pair, baseline=Sample(pair.baseline.values | {"p99_us": 1.0}),
                candidate=Sample(pair.candidate.values | {"p99_us": 1.0 + 0.3 * (-1) ** i}))
        for i, pair in enumerate(times)
    ]  # fmt: skip
    return [*pairs, replace(pairs[-1], round=15, **later)]


@pytest.mark.parametrize("both", [False, True])
def test_a_regression_stays_proven_when_the_baseline_fails_later(both: bool):
    fails = Sample(problem="killed after 60 s: time-out")
    later = {"baseline": fails} | ({"candidate": fails} if both else {})
    found = judged(a_plan(metrics=(Metric(), P99)), two_metrics(**later))
    assert found["a"].verdict == Verdict.REGRESSED
    assert found["a [p99_us]"].verdict == Verdict.SKIPPED
    assert verdicts.exit_code(list(found.values()), strict=False) == 1


def test_a_candidate_that_fails_is_failed_whatever_was_proven_before():
    found = judged(a_plan(metrics=(Metric(), P99)), two_metrics(candidate=Sample(problem="crash")))
    assert {finding.verdict for finding in found.values()} == {Verdict.FAILED}


def against_stored() -> list[Pair]:
    """Twenty launches, of which the kernel disturbed every second one: it took a fifth more."""
    pairs = some("a", [0.002 * (-1) ** (i // 2) + 0.2 * (i % 2) for i in range(20)])
    return [replace(pair, dropped=STEAL if i % 2 else None) for i, pair in enumerate(pairs)]


def test_disturbed_launches_against_stored_values_are_no_evidence():
    plan, pairs = Plan(seed=1), against_stored()
    found = judged(plan, pairs, is_stored=True)["a"]
    assert abs(found.evidence.estimate) < 0.003
    assert (found.evidence.pairs, found.evidence.dropped) == (10, 10)
    assert found.why == f"10 of 20 pairs dropped: {STEAL}"
    written = google_benchmark.documents(Report(plan, [found], pairs, {}, [], advisory=True))
    counts = {side: len(document["benchmarks"]) for side, document in written.items()}
    assert counts == {"baseline": 20, "candidate": 10}
