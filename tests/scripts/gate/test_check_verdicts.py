"""From pairs to verdicts, one rule at a time."""

import pytest
from judging import judged, rows, slower, some
from simulated import STEAL, Row, World, a_plan, pairs, run

from switchyard.gate import evidence, verdicts
from switchyard.gate.model import (
    Benchmark,
    Finding,
    Pair,
    Sample,
    Stage,
    Verdict,
)

ONCE_IN_A_MILLION = 1e-6
SWAPPED = {Verdict.REGRESSED: Verdict.IMPROVED, Verdict.IMPROVED: Verdict.REGRESSED}


def test_a_suspect_is_judged_by_its_new_pairs_alone():
    screen = some("a", Stage.SCREEN, slower(10, 0.5))
    found = judged(a_plan(), screen + some("a", Stage.CONFIRM, slower(14, 0.0)))
    assert found["a"].verdict == Verdict.UNCHANGED
    found = judged(a_plan(), screen + some("a", Stage.CONFIRM, slower(14)))
    assert found["a"].verdict == Verdict.REGRESSED
    assert found["a"].evidence.estimate == pytest.approx(0.10)


def test_a_change_that_is_certain_but_small_is_no_regression():
    small = slower(14, 0.02)
    found = judged(a_plan(), some("a", Stage.SCREEN, small) + some("a", Stage.CONFIRM, small))
    assert found["a"].p_slower_corrected < 0.001
    assert found["a"].verdict == Verdict.UNCHANGED


def three_suspects() -> list[Pair]:
    """All signs agree, so that p is two to the power of minus the pairs: 1/1024, 1/256, 1/128."""
    counts = {"a": 10, "b": 8, "c": 7}
    return [
        pair
        for key, count in counts.items()
        for pair in some(key, Stage.SCREEN, slower(10)) + some(key, Stage.CONFIRM, slower(count))
    ]


def test_holms_correction_is_the_one_worked_by_hand():
    found = judged(a_plan(), three_suspects())
    corrected = [found[key].p_slower_corrected for key in "abc"]
    assert corrected == pytest.approx([3 / 1024, 2 / 256, 2 / 256])
    assert {finding.verdict for finding in found.values()} == {Verdict.REGRESSED}


def test_a_suspect_without_new_pairs_is_undecided_and_counts_among_the_suspects():
    found = judged(a_plan(), three_suspects() + some("d", Stage.SCREEN, slower(10)))
    corrected = [found[key].p_slower_corrected for key in "abc"]
    assert corrected == pytest.approx([4 / 1024, 3 / 256, 2 / 128])
    assert [found[key].verdict for key in "abc"] == [
        Verdict.REGRESSED, Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE
    ]  # fmt: skip
    assert found["d"].verdict == Verdict.INCONCLUSIVE
    assert "ended before its new pairs" in found["d"].why
    assert found["d"].p_slower_corrected is None


def test_a_budget_that_ends_leaves_suspects_undecided():
    check = run(a_plan(budget_s=13.0), World(rows(4, ratio=1.2), 1))
    stages = {pair.stage for pair in check.pairs}
    assert stages == {Stage.WARM_UP, Stage.SCREEN, Stage.CONFIRM}
    found = check.judge()
    without = [finding for finding in found.values() if not finding.confirm]
    assert without
    assert {finding.verdict for finding in without} == {Verdict.INCONCLUSIVE}


def test_nothing_measured_is_undecided():
    (finding,) = judged(a_plan(), some("a", Stage.WARM_UP, [0.1], dropped=STEAL)).values()
    assert (finding.verdict, finding.why) == (
        Verdict.INCONCLUSIVE, "the check ended before its first pair"
    )  # fmt: skip


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_handful_of_pairs_decides_nothing(count: int):
    few = slower(count)
    found = judged(a_plan(), some("a", Stage.SCREEN, few) + some("a", Stage.CONFIRM, few))
    assert found["a"].verdict == Verdict.INCONCLUSIVE


def test_pairs_all_alike_are_enough_when_they_are_many():
    alike = [0.10] * 12
    found = judged(a_plan(), some("a", Stage.SCREEN, alike) + some("a", Stage.CONFIRM, alike))
    assert found["a"].verdict == Verdict.REGRESSED
    none = some("a", Stage.SCREEN, [0.0] * 10)
    assert judged(a_plan(), none)["a"].verdict == Verdict.UNCHANGED


def test_many_dropped_pairs_leave_it_undecided_for_the_kernels_reason():
    kept, lost = slower(11), slower(3)
    measured = some("a", Stage.SCREEN, slower(10)) + some("a", Stage.CONFIRM, kept)
    assert judged(a_plan(), measured)["a"].verdict == Verdict.REGRESSED
    measured += some("a", Stage.CONFIRM, lost, dropped=STEAL)
    finding = judged(a_plan(), measured)["a"]
    assert finding.verdict == Verdict.INCONCLUSIVE
    assert finding.why == f"3 of 14 pairs dropped: {STEAL}"


def test_a_fifth_of_the_pairs_may_be_dropped():
    measured = some("a", Stage.SCREEN, slower(10)) + some("a", Stage.CONFIRM, slower(12))
    measured += some("a", Stage.CONFIRM, slower(3), dropped=STEAL)
    assert judged(a_plan(), measured)["a"].verdict == Verdict.REGRESSED


@pytest.mark.parametrize("stage", [Stage.SCREEN, Stage.CONFIRM])
def test_nothing_but_dropped_pairs_says_so(stage: Stage):
    measured = some("a", Stage.SCREEN, slower(10)) if stage == Stage.CONFIRM else []
    measured += some("a", stage, slower(12), dropped=STEAL)
    finding = judged(a_plan(), measured)["a"]
    assert finding.verdict == Verdict.INCONCLUSIVE
    assert f"all 12 pairs dropped: {STEAL}" in finding.why


def test_a_calm_remainder_of_a_disturbed_screening_is_no_proof():
    measured = some("a", Stage.SCREEN, slower(7, 0.0))
    assert judged(a_plan(), measured)["a"].verdict == Verdict.UNCHANGED
    measured += some("a", Stage.SCREEN, slower(3), dropped=STEAL)
    assert verdicts.suspects(a_plan(), verdicts.screened(a_plan(), measured)) == ["a"]


def test_the_reason_named_is_the_most_frequent_and_of_equals_the_first():
    measured = some("a", Stage.SCREEN, slower(10))
    for reason in ("switches", STEAL, "z", "y", "x"):
        measured += some("a", Stage.CONFIRM, slower(2), dropped=reason)
    assert judged(a_plan(), measured)["a"].why.startswith("all 10 pairs dropped: switches")
    measured += some("a", Stage.CONFIRM, slower(1), dropped="x")
    assert judged(a_plan(), measured)["a"].why.startswith("all 11 pairs dropped: x")


@pytest.mark.parametrize(
    ("row", "verdict", "why", "code"),
    [
        (Row("a", fails="candidate"), Verdict.FAILED, "candidate failed: wrong answer", 2),
        (Row("a", fails="baseline"), Verdict.SKIPPED, "baseline failed: wrong answer", 0),
        (Row("a", skips="candidate"), Verdict.SKIPPED, "candidate skipped itself", 0),
        (Row("a", skips="baseline"), Verdict.SKIPPED, "baseline skipped itself", 0),
    ],
)
def test_a_side_that_gives_no_time_is_said_and_measured_no_more(
    row: Row, verdict: Verdict, why: str, code: int
):
    check = run(a_plan(), World([row, Row("b")], 1))
    found = check.judge()
    assert found["a"].verdict == verdict
    assert found["a"].why.startswith(why)
    assert found["b"].verdict == Verdict.UNCHANGED
    assert sum(pair.benchmark == "a" for pair in check.pairs) == 1
    assert verdicts.exit_code(list(found.values()), strict=False) == code
    assert verdicts.exit_code(list(found.values()), strict=True) == (code or 3)


def test_one_failure_among_good_launches_is_a_failure():
    measured = some("a", Stage.SCREEN, slower(10, 0.0))
    bad = Pair(Stage.SCREEN, 10, "a", "baseline", Sample(1.0), Sample(None, "killed by signal 11"))
    finding = judged(a_plan(), [*measured, bad])["a"]
    assert (finding.verdict, finding.why) == (
        Verdict.FAILED, "candidate failed: killed by signal 11"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("found", "plain", "strict", "advisory", "advisory_and_strict"),
    [
        ("unchanged", 0, 0, 0, 0),
        ("improved", 0, 0, 0, 0),
        ("regressed", 1, 1, 0, 1),
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
    seen = evidence.of_changes([0.1, 0.2], 0, Stage.SCREEN, 0.05, seed=1)
    of_pairs = ("regressed", "improved", "inconclusive")
    findings = [
        Finding(Benchmark(v, "b", v), Verdict(v), "", screen=seen if v in of_pairs else None)
        for v in found.split()
    ]
    codes = [
        verdicts.exit_code(findings, strict=s, advisory=a)
        for s, a in ((False, False), (True, False), (False, True), (True, True))
    ]
    assert codes == [plain, strict, advisory, advisory_and_strict]


def test_undecided_without_one_pair_is_no_pass():
    findings = [Finding(Benchmark("x", "b", "x"), Verdict.INCONCLUSIVE, "the budget was too short")]
    assert verdicts.exit_code(findings, strict=False) == 2


def test_stored_results_are_judged_in_one_stage_with_everybody_a_suspect():
    world = World([Row("a"), Row("slow", 1.2), Row("fast", 0.8)], seed=1)
    stored = pairs(world, Stage.STORED, 12)
    found = judged(a_plan(), stored)
    assert {key: finding.verdict.value for key, finding in found.items()} == {
        "a": "unchanged", "slow": "regressed", "fast": "improved"
    }  # fmt: skip
    assert all(finding.p_slower_corrected is not None for finding in found.values())


def test_a_single_stored_result_is_too_few_and_says_so():
    (finding,) = judged(a_plan(), some("a", Stage.STORED, [0.1])).values()
    assert finding.verdict == Verdict.INCONCLUSIVE
    assert "two of each side" in finding.why
