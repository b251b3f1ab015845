"""How many pairs it takes: to convict at all, and to decide."""

import numpy as np
import pytest
from judging import judged, some
from scipy import stats
from simulated import Row, World, a_plan, pairs

from switchyard.gate import evidence
from switchyard.gate.model import (
    Finding,
    Stage,
    Verdict,
)

ONCE_IN_A_MILLION = 1e-6
SWAPPED = {Verdict.REGRESSED: Verdict.IMPROVED, Verdict.IMPROVED: Verdict.REGRESSED}


@pytest.mark.parametrize("among", [1, 2, 16, 400])
def test_the_fewest_pairs_can_decide_even_with_as_many_dropped_as_may_be(among: int):
    plan = a_plan()
    fewest = evidence.fewest_pairs(plan, among)
    kept = fewest - int(evidence.MOST_DROPPED * fewest)
    assert 2.0**-kept <= plan.alpha / among
    assert fewest <= 2 + evidence.fewest_pairs(plan, max(among // 2, 1))


def test_pairs_for_grow_with_the_spread_between_their_bounds():
    plan = a_plan()
    asked = [evidence.pairs_for(plan, spread, 10, 60) for spread in (None, 0, 0.03, 0.04, 1.0)]
    assert asked[:2] == [10, 10]
    assert 15 <= asked[2] <= 30
    assert asked[2] < asked[3] < asked[4] == 60
    assert evidence.pairs_for(plan, 0.01, 70, 60) == 70


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
