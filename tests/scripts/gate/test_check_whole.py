"""Whole checks with a known truth: what must be found is found, and nothing else.

Seeds are fixed, so that nothing here is left to chance. Bounds on counts are those that a correct
method breaks once in a million times.
"""

import random
from dataclasses import replace

import numpy as np
import pytest
from judging import judged, rows, some, verdict_of
from scipy import stats
from simulated import Check, Row, World, a_plan, mirrored, pairs, run

from switchyard.gate import document, verdicts
from switchyard.gate.model import (
    Report,
    Stage,
    Verdict,
)

ONCE_IN_A_MILLION = 1e-6
SWAPPED = {Verdict.REGRESSED: Verdict.IMPROVED, Verdict.IMPROVED: Verdict.REGRESSED}


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


def test_a_check_read_back_from_its_file_is_judged_the_same(mixed: Check, tmp_path):
    findings = list(mixed.judge().values())
    report = Report(mixed.plan, findings, mixed.pairs, facts={})
    document.save(report, tmp_path)
    back = document.load(tmp_path)
    assert back.findings == findings
    assert verdicts.judge(back.plan, mixed.benchmarks, back.pairs) == findings


@pytest.mark.parametrize("change", [{"threshold": 0.5}, {"threshold": 0.01}, {"alpha": 1e-3},
                                    {"screen_alpha": 0.001}])  # fmt: skip
def test_a_check_can_be_judged_again_by_another_plan(mixed: Check, change: dict):
    found = replace(mixed, plan=replace(mixed.plan, **change)).judge()
    expected = Verdict.UNCHANGED if change == {"threshold": 0.5} else Verdict.REGRESSED
    assert found["slow"].verdict == expected
    assert found["slow"].p_slower_corrected is not None
