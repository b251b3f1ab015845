"""From pairs to verdicts, one rule at a time."""

from dataclasses import replace

import pytest
from judging import SWAPPED, judged, rows, slower, some
from simulated import STEAL, Row, World, a_plan, pairs, run

from switchyard.gate import verdicts
from switchyard.gate.evidence import Question, of_changes
from switchyard.gate.model import Benchmark, Finding, Metric, Pair, Sample, Verdict

RATE = Metric("items_per_second", higher_is_better=True)


def capital(count: int) -> float:
    """Of so many changes that are all the same."""
    return of_changes([0.1] * count, 0, Question(1, 0.05)).worse


def test_what_is_proven_and_large_enough_is_regressed():
    found = judged(a_plan(), some("a", slower(12)))["a"]
    assert found.verdict == Verdict.REGRESSED
    assert found.evidence.estimate == pytest.approx(0.10)
    assert found.p <= 0.01
    assert judged(a_plan(), some("a", -slower(12)))["a"].verdict == Verdict.IMPROVED


def test_a_change_that_is_certain_but_small_is_no_regression():
    found = judged(a_plan(), some("a", slower(20, 0.02)))["a"]
    assert found.p < 0.001
    assert found.verdict == Verdict.UNCHANGED


def test_a_change_between_threshold_and_limit_is_measured_until_it_is_proven():
    """That it is less than the limit is known before."""
    found = judged(a_plan(), some("a", slower(7, 0.04)))["a"]
    assert min(found.evidence.not_worse, found.evidence.not_better) >= 40
    assert found.verdict == Verdict.INCONCLUSIVE
    assert 8 <= found.pairs_needed <= 10
    assert judged(a_plan(), some("a", slower(10, 0.04)))["a"].verdict == Verdict.REGRESSED


def test_told_to_prove_the_threshold_it_takes_more_than_an_estimate():
    barely = some("a", slower(14, 0.032))
    assert judged(a_plan(), barely)["a"].verdict == Verdict.REGRESSED
    found = judged(a_plan(prove_threshold=True), barely)["a"]
    assert found.verdict != Verdict.REGRESSED
    assert found.p > 0.01
    for sign, verdict in ((1, Verdict.REGRESSED), (-1, Verdict.IMPROVED)):
        clearly = some("a", sign * slower(14))
        assert judged(a_plan(prove_threshold=True), clearly)["a"].verdict == verdict


def test_the_first_pattern_that_matches_sets_the_threshold():
    measured = [pair for key in ("sort/8", "sort/64", "find/8") for pair in some(key, slower(14))]
    plan = a_plan(thresholds=(("64", 0.05), ("^sort", 0.5)))
    assert {key: found.verdict.value for key, found in judged(plan, measured).items()} == {
        "sort/8": "unchanged", "sort/64": "regressed", "find/8": "regressed",
    }  # fmt: skip


def three_slower() -> list[Pair]:
    counts = {"a": 12, "b": 10, "c": 8}
    return [pair for key, count in counts.items() for pair in some(key, [0.1] * count)]


def test_holms_correction_is_the_one_worked_by_hand():
    found = judged(a_plan(), three_slower())
    by_hand = [3 / capital(12), 2 / capital(10), 1 / capital(8)]
    assert [found[key].p for key in "abc"] == pytest.approx(by_hand)
    assert by_hand == sorted(by_hand)
    assert {finding.verdict for finding in found.values()} == {Verdict.REGRESSED}


def test_no_p_value_is_below_that_of_one_that_is_surer():
    found = judged(a_plan(), some("a", [0.1] * 10) + some("b", [0.1] * 10))
    assert found["a"].p == found["b"].p == pytest.approx(2 / capital(10))


def test_all_that_are_compared_count_also_those_that_are_not_measured_yet():
    benchmarks = [Benchmark(key, "b", key) for key in "abcd"]
    found = verdicts.judge(a_plan(), benchmarks, three_slower())
    assert [finding.p for finding in found[:3]] == pytest.approx(
        [4 / capital(12), 3 / capital(10), 2 / capital(8)]
    )
    assert [finding.verdict.value for finding in found] == [
        "regressed", "regressed", "inconclusive", "inconclusive"
    ]  # fmt: skip
    many = [*benchmarks, *(Benchmark(str(n), "b", str(n)) for n in range(20))]
    found = verdicts.judge(a_plan(), many, three_slower())
    assert {finding.verdict for finding in found} == {Verdict.INCONCLUSIVE}


def test_several_metrics_are_findings_of_their_own_and_count_among_all():
    plan = a_plan(metrics=(Metric(), RATE))
    both = [
        replace(pair, candidate=Sample(pair.candidate.values | {RATE.name: 1 / 1.2}),
                baseline=Sample(pair.baseline.values | {RATE.name: 1.0}))
        for pair in some("a", slower(12, 0.0))
    ]  # fmt: skip
    found = judged(plan, both)
    assert list(found) == ["a", "a [items_per_second]"]
    assert found["a"].verdict == Verdict.UNCHANGED
    rate = found["a [items_per_second]"]
    assert (rate.verdict, rate.metric) == (Verdict.REGRESSED, RATE)
    assert rate.evidence.estimate < 0
    assert rate.p == pytest.approx(2 / capital(12))


@pytest.mark.parametrize("higher", [False, True])
def test_the_direction_of_a_counter_decides_what_is_worse(higher: bool):
    plan = a_plan(metrics=(Metric("x", higher),))
    more = judged(plan, some("a", slower(12), metric="x"))["a [x]"].verdict
    assert more == (Verdict.IMPROVED if higher else Verdict.REGRESSED)
    less = judged(plan, some("a", -slower(12), metric="x"))["a [x]"].verdict
    assert less == SWAPPED[more]


@pytest.mark.parametrize(
    ("before", "after", "verdict", "why"),
    [
        (0.0, 0.0, "unchanged", "a change of 5 % or more is excluded"),
        (-2.0, -2.0, "unchanged", "a change of 5 % or more is excluded"),
        (0.0, 3.0, "inconclusive", "errors is not above 0"),
        (3.0, 0.0, "inconclusive", "errors is not above 0"),
        (-1.0, 1.0, "inconclusive", "errors is not above 0"),
        (1e-300, 1e300, "regressed", "p 0.0"),
        (3.0, None, "skipped", "no errors in its results"),
    ],
)
def test_a_counter_may_be_any_number(before: float, after: float, verdict: str, why: str):
    sides = ({"errors": value} if value is not None else {"other": 1.0}
             for value in (before, after))  # fmt: skip
    one = Pair(1, "a", "baseline", *map(Sample, sides))
    measured = [replace(one, round=round_) for round_ in range(1, 13)]
    found = judged(a_plan(metrics=(Metric("errors"),)), measured)["a [errors]"]
    assert found.verdict.value == verdict
    assert found.why.startswith(why)


def test_a_budget_that_ends_leaves_undecided_ones_with_what_still_fits():
    check = run(a_plan(budget_s=10), World(rows(4, ratio=1.04, spread=0.1), 1))
    found = check.judge()
    assert {finding.verdict for finding in found.values()} == {Verdict.INCONCLUSIVE}
    assert all("anything from -" in finding.why for finding in found.values())
    assert all(finding.pairs_needed > finding.evidence.pairs for finding in found.values())


def test_while_it_is_measured_there_are_no_intervals():
    (found,) = verdicts.judge(
        a_plan(), [Benchmark("a", "b", "a")], some("a", slower(12)), is_final=False
    )
    assert found.verdict == Verdict.REGRESSED
    assert (found.evidence.low, found.evidence.high) == (None, None)


def test_nothing_measured_is_undecided():
    warm_up = [replace(pair, round=0) for pair in some("a", [0.1])]
    (finding,) = judged(a_plan(), warm_up).values()
    assert (finding.verdict, finding.why) == (
        Verdict.INCONCLUSIVE, "the check ended before its first pair"
    )  # fmt: skip


@pytest.mark.parametrize("count", [1, 2, 4, 5])
def test_a_handful_of_pairs_decides_nothing(count: int):
    for by in (0.0, 0.1, 0.5):
        found = judged(a_plan(), some("a", slower(count, by)))["a"]
        assert found.verdict == Verdict.INCONCLUSIVE
        assert f"{count} pairs can't tell yet" in found.why


def test_pairs_all_alike_are_enough_when_they_are_many():
    assert judged(a_plan(), some("a", [0.10] * 12))["a"].verdict == Verdict.REGRESSED
    assert judged(a_plan(), some("a", [0.0] * 10))["a"].verdict == Verdict.UNCHANGED


def test_a_proven_regression_is_not_hidden_by_dropped_pairs():
    for by, verdict in ((0.1, Verdict.REGRESSED), (-0.1, Verdict.IMPROVED)):
        measured = some("a", slower(12, by)) + some("a", slower(30), dropped=STEAL)
        found = judged(a_plan(), measured)["a"]
        assert found.verdict == verdict
        assert (found.evidence.pairs, found.evidence.dropped) == (12, 30)


def test_many_dropped_pairs_keep_it_from_being_called_unchanged_for_the_kernels_reason():
    measured = some("a", slower(12, 0.0))
    assert judged(a_plan(), measured)["a"].verdict == Verdict.UNCHANGED
    measured += some("a", slower(3), dropped=STEAL)
    assert judged(a_plan(), measured)["a"].verdict == Verdict.UNCHANGED  # a fifth
    found = judged(a_plan(), measured + some("a", slower(1), dropped=STEAL))["a"]
    assert (found.verdict, found.why) == (
        Verdict.INCONCLUSIVE, f"4 of 16 pairs dropped: {STEAL}"
    )  # fmt: skip
    assert found.pairs_needed is None


def test_nothing_but_dropped_pairs_says_so():
    finding = judged(a_plan(), some("a", slower(12), dropped=STEAL))["a"]
    assert (finding.verdict, finding.why) == (
        Verdict.INCONCLUSIVE, f"all 12 pairs dropped: {STEAL}"
    )  # fmt: skip


def test_the_reason_named_is_the_most_frequent_and_of_equals_the_first():
    measured = []
    for reason in ("switches", STEAL, "z", "y", "x"):
        measured += some("a", slower(2), dropped=reason)
    assert judged(a_plan(), measured)["a"].why == "all 10 pairs dropped: switches"
    measured += some("a", slower(1), dropped="x")
    assert judged(a_plan(), measured)["a"].why == "all 11 pairs dropped: x"


@pytest.mark.parametrize(
    ("row", "verdict", "why", "code"),
    [
        (Row("a", fails="candidate"), Verdict.FAILED, "candidate: wrong answer", 2),
        (Row("a", fails="baseline"), Verdict.SKIPPED, "baseline: wrong answer", 0),
        (Row("a", fails="both"), Verdict.SKIPPED, "wrong answer (on both sides)", 0),
        (Row("a", skips="candidate"), Verdict.SKIPPED, "candidate: wrong answer", 0),
        (Row("a", skips="baseline"), Verdict.SKIPPED, "baseline: wrong answer", 0),
        (Row("a", skips="both"), Verdict.SKIPPED, "wrong answer (on both sides)", 0),
    ],
)
def test_a_side_that_gives_no_time_is_said(row: Row, verdict: Verdict, why: str, code: int):
    found = run(a_plan(), World([row, Row("b")], 1)).judge()
    assert (found["a"].verdict, found["a"].why) == (verdict, why)
    assert found["b"].verdict == Verdict.UNCHANGED
    assert verdicts.exit_code(list(found.values()), strict=False) == code
    assert verdicts.exit_code(list(found.values()), strict=True) == (code or 3)


def test_one_failure_among_good_launches_is_a_failure():
    bad = Pair(13, "a", "baseline", Sample({"real_time": 1.0}), Sample(problem="ended by SIGSEGV"))
    finding = judged(a_plan(), [*some("a", slower(12, 0.0)), bad])["a"]
    assert (finding.verdict, finding.why) == (Verdict.FAILED, "candidate: ended by SIGSEGV")


@pytest.mark.parametrize(
    ("found", "plain", "strict", "advisory", "advisory_and_strict"),
    [
        ("unchanged", 0, 0, 0, 0),
        ("improved", 0, 0, 0, 0),
        ("regressed", 1, 1, 0, 1),
        ("accepted", 0, 0, 0, 0),
        ("accepted regressed", 1, 1, 0, 1),
        ("regressed failed", 1, 1, 2, 1),
        ("regressed inconclusive", 1, 1, 0, 1),
        ("unchanged failed", 2, 2, 2, 2),
        ("unchanged inconclusive", 0, 3, 0, 3),
        ("unchanged missing", 0, 3, 0, 3),
        ("unchanged skipped", 0, 3, 0, 3),
        ("inconclusive", 0, 3, 0, 3),
        ("skipped", 2, 2, 2, 2),
        ("missing", 2, 2, 2, 2),
        ("skipped missing", 2, 2, 2, 2),
        ("failed", 2, 2, 2, 2),
        ("", 2, 2, 2, 2),
    ],
)
def test_the_exit_code_says_what_was_found(
    found: str, plain: int, strict: int, advisory: int, advisory_and_strict: int
):
    seen = of_changes([0.1, 0.2], 0, Question(1, 0.05))
    of_pairs = ("regressed", "improved", "inconclusive", "accepted")
    findings = [
        Finding(
            Benchmark(v, "b", v), Verdict("regressed" if v == "accepted" else v), "",
            evidence=seen if v in of_pairs else None, accepted="on purpose" * (v == "accepted"),
        )
        for v in found.split()
    ]  # fmt: skip
    codes = [
        verdicts.exit_code(findings, strict=s, advisory=a)
        for s, a in ((False, False), (True, False), (False, True), (True, True))
    ]
    assert codes == [plain, strict, advisory, advisory_and_strict]


def test_undecided_without_one_pair_is_no_pass():
    findings = [Finding(Benchmark("x", "b", "x"), Verdict.INCONCLUSIVE, "the budget was too short")]
    assert verdicts.exit_code(findings, strict=False) == 2


def test_stored_results_are_judged_by_a_rank_test_over_all():
    world = World([Row("a"), Row("slow", 1.2), Row("fast", 0.8)], seed=1)
    found = judged(a_plan(), pairs(world, 12), is_stored=True)
    assert {key: finding.verdict.value for key, finding in found.items()} == {
        "a": "unchanged", "slow": "regressed", "fast": "improved"
    }  # fmt: skip
    assert all(finding.p is not None for finding in found.values())


def test_too_few_stored_results_say_so():
    (finding,) = judged(a_plan(), some("a", [0.1] * 3), is_stored=True).values()
    assert finding.verdict == Verdict.INCONCLUSIVE
    assert "too few launches" in finding.why
