"""What a number of pairs says: by hand where that is possible, else against simulated truth.

Seeds are fixed, so that nothing here is left to chance. Bounds on counts are those that a correct
method breaks once in a million times.
"""

import math

import numpy as np
import pytest
from scipy import stats
from simulated import TAILS, Row, changes

from switchyard.gate import evidence
from switchyard.gate.model import Evidence, Pair, Sample, Stage

LIMIT = math.log1p(0.05)
ONCE_IN_A_MILLION = 1e-6
# For what does not ask for p-values of the sign-flip test.
NO_SIGNS = 1


def of(*data: float, resamples: int = evidence.RESAMPLES, seed: int = 1) -> Evidence:
    return evidence.of_changes(data, 0, Stage.SCREEN, LIMIT, seed, resamples)


def most(trials: int, probability: float) -> int:
    """More events of this probability than this come once in a million times."""
    return int(stats.binom.isf(ONCE_IN_A_MILLION, trials, probability))


def fewest(trials: int, probability: float) -> int:
    return int(stats.binom.ppf(ONCE_IN_A_MILLION, trials, probability))


def test_the_estimate_is_the_mean_without_the_lowest_and_the_highest_fifth():
    assert of(5.0, 0.03, -1.0, 0.01, 0.02).estimate == pytest.approx(0.02)
    assert of(0.01, 0.02, 0.06).estimate == pytest.approx(0.03)  # a fifth of three is none


def test_the_interval_is_yuens():
    # Worked by hand: 1..5 winsorized is 2 2 3 4 4, its variance 1; three of the five are kept.
    error = math.sqrt(5) * 1 / 3
    seen = of(0.01, 0.02, 0.03, 0.04, 0.05)
    reach = stats.t.ppf(0.975, 2) * error / 100
    assert (seen.low, seen.high) == pytest.approx((0.03 - reach, 0.03 + reach))
    assert seen.spread == pytest.approx(error / 100 * math.sqrt(5))


def test_p_values_count_the_patterns_of_signs():
    assert of(0.1, 0.2, 0.4).p_slower == 1 / 8
    assert of(0.1, 0.2, 0.4).p_faster == 1
    # Of the eight sums of +-1 +-2 +-4 five are -1 or more, four -1 or less.
    assert (of(1.0, 2.0, -4.0).p_slower, of(1.0, 2.0, -4.0).p_faster) == (5 / 8, 4 / 8)


@pytest.mark.parametrize("count", [2, 5, 8, 10, 14])
def test_all_signs_alike_are_one_pattern_of_all_though_some_pairs_are_trimmed(count: int):
    assert of(*np.linspace(0.1, 0.2, count)).p_slower == 2.0**-count
    assert of(*np.linspace(-0.2, -0.1, count)).p_faster == 2.0**-count


def test_one_pair_gives_a_direction_and_no_more():
    seen = of(0.3)
    assert (seen.low, seen.high, seen.spread) == (None, None, None)
    assert (seen.estimate, seen.p_slower, seen.p_faster, seen.p_equivalent) == (0.3, 0.5, 1, 1)
    assert (of(-0.3).p_slower, of(-0.3).p_faster) == (1, 0.5)
    assert (of(0.0).p_slower, of(0.0).p_faster) == (1, 1)


def test_two_pairs_have_an_interval_and_prove_nothing():
    seen = of(0.10, 0.12)
    assert seen.low < 0.10 < 0.12 < seen.high
    assert (seen.p_slower, seen.p_faster) == (0.25, 1)
    assert seen.p_equivalent > 0.5


@pytest.mark.parametrize(("value", "equivalent"), [(0.04, 0.0), (-0.04, 0.0), (0.06, 1.0)])
def test_pairs_that_are_all_alike_leave_nothing_to_chance(value: float, equivalent: float):
    seen = of(*[value] * 10)
    assert (seen.low, seen.high) == pytest.approx((value, value))
    assert seen.spread == pytest.approx(0, abs=1e-12)
    assert seen.p_equivalent == pytest.approx(equivalent)
    assert min(seen.p_slower, seen.p_faster) == 2.0**-10
    assert max(seen.p_slower, seen.p_faster) == 1


def test_no_change_at_all_is_no_sign_of_one():
    seen = of(*[0.0] * 10)
    assert (seen.estimate, seen.p_slower, seen.p_faster, seen.p_equivalent) == (0, 1, 1, 0)


@pytest.mark.parametrize("bad", [[], [math.nan], [0.1, math.inf], [-math.inf, 0.1, 0.2]])
def test_what_is_no_change_is_an_error(bad: list[float]):
    with pytest.raises(ValueError, match="finite"):
        of(*bad)


def test_one_launch_of_ten_times_the_time_moves_nothing_much():
    calm = changes(Row("a", spread=0.02), 10, seed=3)
    worst = [*sorted(calm)[:-1], math.log(10)]
    assert of(*worst).estimate == pytest.approx(of(*calm).estimate)
    assert of(*worst).p_slower == pytest.approx(of(*calm).p_slower, abs=0.05)
    assert of(*worst).high == pytest.approx(of(*calm).high)


def test_the_same_pairs_and_seed_give_the_same_evidence():
    data = changes(Row("a", ratio=1.01), 30, seed=5)
    assert of(*data) == of(*data)
    assert of(*data).p_slower != of(*data, seed=2).p_slower  # 30 signs are too many to take all


@pytest.mark.parametrize("count", [9, 25])
def test_swapped_sides_give_the_mirrored_evidence(count: int):
    data = changes(Row("a", ratio=1.01, tail="student with 2 degrees"), count, seed=5)
    seen, swapped = of(*data), of(*(-change for change in data))
    assert swapped.estimate == pytest.approx(-seen.estimate)
    assert (swapped.low, swapped.high) == pytest.approx((-seen.high, -seen.low))
    assert (swapped.p_slower, swapped.p_faster) == (seen.p_faster, seen.p_slower)
    assert swapped.p_equivalent == pytest.approx(seen.p_equivalent)


def test_dropped_pairs_are_counted_and_are_no_evidence():
    good = [Pair(Stage.SCREEN, i, "a", "baseline", Sample(1.0), Sample(1.01)) for i in range(4)]
    bad = Pair(Stage.SCREEN, 4, "a", "baseline", Sample(1.0), Sample(9.0), dropped="steal")
    seen = evidence.of_pairs([*good, bad], Stage.SCREEN, LIMIT, seed=1)
    assert (seen.pairs, seen.dropped) == (4, 1)
    assert seen.high == pytest.approx(math.log(1.01))


@pytest.mark.parametrize("drift", [0.0, 0.01])
@pytest.mark.parametrize("tail", TAILS)
def test_without_a_change_small_p_values_are_as_rare_as_they_say(tail: str, drift: float):
    trials = 400
    row = Row("a", spread=0.03, tail=tail)
    seen = [of(*changes(row, 7, seed, drift)) for seed in range(trials)]
    for alpha in (0.02, 0.05, 0.10):
        assert sum(e.p_slower <= alpha for e in seen) <= most(trials, alpha)
        assert sum(e.p_faster <= alpha for e in seen) <= most(trials, alpha)


def test_the_coin_is_what_holds_under_drift():
    """The same drift, but the baseline always first: it would look like a change."""
    rng = np.random.default_rng(1)
    seen = [of(*(0.01 + rng.normal(0, 0.03, 7))) for _ in range(400)]
    assert sum(e.p_slower <= 0.05 for e in seen) > most(400, 0.05)


def test_random_patterns_of_signs_are_as_honest_as_all_of_them():
    trials = 400
    row = Row("a", spread=0.03, tail="student with 2 degrees")
    seen = [of(*changes(row, 20, seed), resamples=199, seed=seed) for seed in range(trials)]
    assert min(min(e.p_slower, e.p_faster) for e in seen) >= 1 / 200
    for alpha in (0.01, 0.05, 0.10):
        assert sum(e.p_slower <= alpha for e in seen) <= most(trials, alpha)
    assert sum(e.p_slower <= 0.5 for e in seen) >= fewest(trials, 0.4)


def test_five_per_cent_is_found_among_three_per_cent_of_noise():
    row = Row("a", ratio=1.05, spread=0.03)
    seen = [of(*changes(row, 22, seed), resamples=1999) for seed in range(100)]
    assert sum(e.p_slower <= 0.01 for e in seen) >= fewest(100, 0.99)
    assert sum(e.p_faster <= 0.01 for e in seen) == 0


@pytest.mark.parametrize("tail", ["normal", "student with 2 degrees"])
@pytest.mark.parametrize("count", [5, 10, 25])
def test_a_change_at_the_limit_is_seldom_called_equivalent(tail: str, count: int):
    trials = 400
    rows = [Row("a", ratio, spread=0.02, tail=tail) for ratio in (1.05, 1 / 1.05)]
    seen = [of(*changes(rows[s % 2], count, s), resamples=NO_SIGNS) for s in range(trials)]
    assert sum(e.p_equivalent <= 0.05 for e in seen) <= most(trials, 0.05)


def test_no_change_among_little_noise_is_called_equivalent():
    row = Row("a", spread=0.02)
    seen = [of(*changes(row, 10, seed), resamples=NO_SIGNS) for seed in range(200)]
    assert sum(e.p_equivalent <= 0.05 for e in seen) >= fewest(200, 0.98)


@pytest.mark.parametrize("count", [5, 10, 25])
@pytest.mark.parametrize("tail", ["normal", "student with 2 degrees"])
def test_the_interval_holds_the_true_change_in_95_of_100(tail: str, count: int):
    trials = 400
    row = Row("a", ratio=1.02, spread=0.03, tail=tail)
    seen = [of(*changes(row, count, seed), resamples=NO_SIGNS) for seed in range(trials)]
    hits = sum(e.low <= math.log(1.02) <= e.high for e in seen)
    assert hits >= fewest(trials, 0.95)
    if tail == "normal":  # and is not wider than it has to be
        assert hits <= most(trials, 0.95)


def test_the_spread_is_that_of_a_pair():
    spreads = [of(*changes(Row("a", spread=0.03), 40, s), resamples=NO_SIGNS).spread
               for s in range(50)]  # fmt: skip
    assert np.median(spreads) == pytest.approx(0.03, rel=0.15)


def stored(before: list[float], after: list[float], resamples: int = 999) -> Evidence:
    return evidence.of_two_samples(before, after, 0, LIMIT, 1, resamples)


def times(rng: np.random.Generator, count: int, ratio: float = 1.0) -> list[float]:
    return list(1e-3 * ratio * np.exp(rng.normal(0, 0.02, count)))


def test_two_samples_are_compared_by_all_their_labellings():
    seen = stored([1.0, 1.1, 1.2], [2.0, 2.1, 2.2])
    assert seen.p_slower == 1 / math.comb(6, 3)
    assert seen.p_faster == 1
    assert seen.stage == Stage.STORED


def test_two_samples_swapped_give_the_mirrored_evidence():
    rng = np.random.default_rng(1)
    old, new = times(rng, 8), times(rng, 6, 1.01)
    seen, swapped = stored(old, new), stored(new, old)
    assert (swapped.low, swapped.high) == pytest.approx((-seen.high, -seen.low))
    assert swapped.p_equivalent == pytest.approx(seen.p_equivalent)


def test_two_samples_without_a_change_keep_their_error_and_their_interval():
    rng, trials = np.random.default_rng(1), 300
    seen = [stored(times(rng, 5), times(rng, 5)) for _ in range(trials)]
    assert sum(e.p_slower <= 0.05 for e in seen) <= most(trials, 0.05)
    assert sum(e.low <= 0 <= e.high for e in seen) >= fewest(trials, 0.95)
    limit = [stored(times(rng, 5), times(rng, 5, 1.05), 1) for _ in range(trials)]
    assert sum(e.p_equivalent <= 0.05 for e in limit) <= most(trials, 0.05)


def test_two_samples_without_any_spread_leave_nothing_to_chance():
    assert stored([1.0] * 4, [1.04] * 4).p_equivalent == 0
    assert stored([1.0] * 4, [1.06] * 4).p_equivalent == 1


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("bad", [[], [1.0], [1.0, 0.0], [1.0, -1.0], [1.0, math.nan]])
def test_what_is_no_time_is_an_error(bad: list[float]):
    for sides in ((bad, [1.0, 1.1]), ([1.0, 1.1], bad)):
        with pytest.raises(ValueError, match="two positive times"):
            stored(*sides)
