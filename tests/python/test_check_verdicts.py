"""Whole checks with a known truth: what must be found is found, and nothing else.

Seeds are fixed, so that nothing here is left to chance. Bounds on counts are those that a correct
method breaks once in a million times.
"""

import gc
import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from simulated import STEAL, Check, Row, World, a_plan, mirrored, pairs, run

from switchyard.checking import document, evidence, sizing, verdicts
from switchyard.checking.model import (
    Benchmark,
    Finding,
    Pair,
    Plan,
    Report,
    Sample,
    Stage,
    Verdict,
)

ONCE_IN_A_MILLION = 1e-6
SWAPPED = {Verdict.REGRESSED: Verdict.IMPROVED, Verdict.IMPROVED: Verdict.REGRESSED}


def rows(count: int = 16, **same: object) -> list[Row]:
    return [Row(f"cpu/{index}", **same) for index in range(count)]


def verdict_of(finding: Finding) -> Verdict:
    return finding.verdict


def some(
    key: str, stage: Stage, changes: Iterable[float], dropped: str | None = None
) -> list[Pair]:
    """Pairs with these very changes."""
    return [
        Pair(stage, i, key, "baseline", Sample(1.0), Sample(float(np.exp(change))), dropped)
        for i, change in enumerate(changes)
    ]


def judged(plan: Plan, measured: list[Pair]) -> dict[str, Finding]:
    keys = sorted({pair.benchmark for pair in measured})
    benchmarks = [Benchmark(key, "bin/bench_made_up", key) for key in keys]
    return {f.benchmark.key: f for f in verdicts.judge(plan, benchmarks, measured)}


def slower(count: int, by: float = 0.10) -> np.ndarray:
    """Changes that are all of one sign, and none like the other."""
    return by + np.linspace(-0.005, 0.005, count)


@pytest.fixture(autouse=True, scope="module")
def _little_garbage() -> Iterator[None]:
    """statsmodels collects garbage in each of Holm's corrections; what is there now is none."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many patterns of signs as the correction needs and no more: a test runs many checks."""
    monkeypatch.setattr(evidence, "RESAMPLES", 400)


# Whole checks ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("few_resamples")
@pytest.mark.parametrize(
    ("tail", "drift"), [("normal", 0.0), ("student with 2 degrees", 1e-4), ("normal", 1e-3)]
)
def test_the_same_code_twice_raises_no_alarm(tail: str, drift: float):
    checks = 8
    found = [
        finding.verdict
        for seed in range(checks)
        for finding in run(a_plan(seed), World(rows(tail=tail), seed, drift)).judge().values()
    ]
    assert found.count(Verdict.REGRESSED) == found.count(Verdict.IMPROVED) == 0
    assert set(found) <= {Verdict.UNCHANGED, Verdict.INCONCLUSIVE}
    assert found.count(Verdict.UNCHANGED) >= 0.9 * len(found)


def test_noise_far_above_the_threshold_makes_no_alarm_but_at_alpha():
    """Here the threshold itself stops nothing: the correction over all suspects has to."""
    checks, plan = 60, a_plan(alpha=0.10)
    world = World(rows(6, spread=0.4), seed=1)
    alarms = 0
    for _ in range(checks):
        screen = [p for row in world.rows for p in some(row.name, Stage.SCREEN, [-0.1, 0.1])]
        found = judged(plan, screen + pairs(world, Stage.CONFIRM, 10, seed=1)).values()
        alarms += Verdict.REGRESSED in map(verdict_of, found)
    assert 0 < alarms <= stats.binom.isf(ONCE_IN_A_MILLION, checks, plan.alpha)


@pytest.mark.usefixtures("few_resamples")
@pytest.mark.parametrize("seed", range(4))
def test_ten_per_cent_on_one_benchmark_is_found_there_and_nowhere_else(seed: int):
    world = World([*rows(15), Row("echo/slow", ratio=1.10, spread=0.03)], seed, drift=1e-4)
    check = run(a_plan(seed), world)
    found = check.judge()
    alarmed = [key for key, finding in found.items() if finding.verdict == Verdict.REGRESSED]
    assert alarmed == ["echo/slow"]
    finding = found["echo/slow"]
    assert finding.confirm.estimate == pytest.approx(np.log(1.10), abs=0.02)
    assert finding.p_slower_corrected <= check.plan.alpha < finding.p_faster_corrected


@pytest.mark.usefixtures("few_resamples")
@pytest.mark.parametrize("seed", range(4))
def test_swapping_the_sides_mirrors_every_verdict(seed: int):
    ratios = (1.0, 1.10, 1 / 1.10, 1.04, 1 / 1.04)
    world = World([Row(f"cpu/{ratio}", ratio, spread=0.03) for ratio in ratios], seed)
    check = run(a_plan(seed), world)
    found = check.judge()
    swapped = replace(check, pairs=[mirrored(pair) for pair in check.pairs]).judge()
    for key, finding in found.items():
        assert swapped[key].verdict == SWAPPED.get(finding.verdict, finding.verdict)
        assert swapped[key].p_slower_corrected == finding.p_faster_corrected
        assert swapped[key].pairs_needed == finding.pairs_needed
    assert found["cpu/1.1"].verdict == Verdict.REGRESSED
    assert found[f"cpu/{1 / 1.1}"].verdict == Verdict.IMPROVED


@pytest.mark.usefixtures("few_resamples")
@pytest.mark.parametrize("ratio", [1.02, 1 / 1.02])
def test_two_per_cent_is_below_what_counts(ratio: float):
    found = []
    for seed in range(4):
        world = World(rows(8, ratio=ratio, spread=0.01), seed)
        found += map(verdict_of, run(a_plan(seed), world).judge().values())
    assert not {Verdict.REGRESSED, Verdict.IMPROVED} & set(found)
    assert found.count(Verdict.UNCHANGED) >= 0.8 * len(found)


# What a verdict rests on -------------------------------------------------------------------------


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


# What the kernel and the benchmarks themselves say ---------------------------------------------


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


# How many pairs ----------------------------------------------------------------------------------


@pytest.mark.parametrize("among", [1, 2, 16, 400])
def test_the_fewest_pairs_can_decide_even_with_as_many_dropped_as_may_be(among: int):
    plan = a_plan()
    fewest = sizing.fewest_pairs(plan, among)
    kept = fewest - int(sizing.MOST_DROPPED * fewest)
    assert 2.0**-kept <= plan.alpha / among
    assert fewest <= 2 + sizing.fewest_pairs(plan, max(among // 2, 1))


def test_pairs_for_grow_with_the_spread_between_their_bounds():
    plan = a_plan()
    asked = [sizing.pairs_for(plan, spread, 10, 60) for spread in (None, 0, 0.03, 0.04, 1.0)]
    assert asked[:2] == [10, 10]
    assert 15 <= asked[2] <= 30
    assert asked[2] < asked[3] < asked[4] == 60
    assert sizing.pairs_for(plan, 0.01, 70, 60) == 70


def undecided(estimate: float, spread: float, count: int = 10) -> Finding:
    """Of one benchmark whose new pairs are undecided, with about this estimate and spread."""
    shape = stats.norm.ppf((np.arange(count) + 0.5) / count)
    changes = estimate + spread * shape
    measured = some("a", Stage.SCREEN, changes) + some("a", Stage.CONFIRM, changes)
    return judged(a_plan(), measured)["a"]


@pytest.mark.parametrize("estimate", [0.0, 0.02, 0.04, -0.04, 0.2])
def test_a_wider_spread_needs_more_pairs(estimate: float):
    scale = 4 if estimate > 0.1 else 1
    found = [undecided(estimate, scale * spread) for spread in (0.2, 0.3, 0.4, 0.8)]
    needed = [finding.pairs_needed for finding in found]
    assert {finding.verdict for finding in found} == {Verdict.INCONCLUSIVE}
    assert needed == sorted(set(needed))
    assert needed[0] > 10


def test_an_undecided_one_is_told_what_still_fits():
    finding = undecided(0.0, 0.2)
    assert "anything from -" in finding.why
    assert undecided(0.0, 0.0).pairs_needed is None


@pytest.mark.usefixtures("few_resamples")
@pytest.mark.parametrize("ratio", [1.0, 1.02, 1.08, 1.3])
def test_that_many_pairs_decide_in_most_checks(ratio: float):
    trials, plan = 40, a_plan()
    few = undecided(np.log(ratio), 0.3 if ratio > 1.2 else 0.06, count=5)
    world = World([Row("a", ratio, few.evidence.spread)], seed=1)
    decided = 0
    for _ in range(trials):
        measured = some("a", Stage.SCREEN, [-0.1, 0.1])
        measured += pairs(world, Stage.CONFIRM, few.pairs_needed)
        decided += judged(plan, measured)["a"].verdict != Verdict.INCONCLUSIVE
    assert decided >= 0.8 * trials


# A pure function ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mixed() -> Check:
    world = World(
        [*rows(3), Row("slow", 1.2), Row("fast", 0.8), Row("wild", 1.1, 0.5),
         Row("busy", dropped=0.5), Row("broken", fails="candidate")], seed=7,
    )  # fmt: skip
    return run(a_plan(7), world)


def test_every_kind_of_benchmark_gets_its_verdict(mixed: Check):
    found = mixed.judge()
    assert {key: finding.verdict.value for key, finding in found.items()} == {
        "cpu/0": "unchanged", "cpu/1": "unchanged", "cpu/2": "unchanged", "slow": "regressed",
        "fast": "improved", "wild": "inconclusive", "busy": "inconclusive", "broken": "failed",
    }  # fmt: skip


def test_judging_again_gives_the_same(mixed: Check):
    assert mixed.judge() == mixed.judge()


def test_how_the_pairs_of_different_benchmarks_are_interleaved_does_not_matter(mixed: Check):
    by_benchmark = {b.key: iter([p for p in mixed.pairs if p.benchmark == b.key])
                    for b in mixed.benchmarks}  # fmt: skip
    order = [pair.benchmark for pair in mixed.pairs]
    random.Random(1).shuffle(order)
    assert replace(mixed, pairs=[next(by_benchmark[key]) for key in order]).judge() == mixed.judge()


def test_a_check_read_back_from_its_file_is_judged_the_same(mixed: Check):
    findings = list(mixed.judge().values())
    report = Report(mixed.plan, findings, mixed.pairs, facts={})
    text = json.dumps(document.to_document(report), allow_nan=False)
    back = document.from_document(json.loads(text))
    assert back.findings == findings
    assert verdicts.judge(back.plan, mixed.benchmarks, back.pairs) == findings


@pytest.mark.parametrize("change", [{"threshold": 0.5}, {"threshold": 0.01}, {"alpha": 1e-3},
                                    {"screen_alpha": 0.001}])  # fmt: skip
def test_a_check_can_be_judged_again_by_another_plan(mixed: Check, change: dict):
    found = replace(mixed, plan=replace(mixed.plan, **change)).judge()
    expected = Verdict.UNCHANGED if change == {"threshold": 0.5} else Verdict.REGRESSED
    assert found["slow"].verdict == expected
    assert found["slow"].p_slower_corrected is not None


# Stored results ----------------------------------------------------------------------------------


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
