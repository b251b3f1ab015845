"""What a number of pairs says: by hand where that is possible, else against simulated truth.

Seeds are fixed, so that nothing here is left to chance. Bounds on counts are those that a correct
method breaks once in a million times.
"""

import itertools
import math
from statistics import fmean, median

import numpy as np
import pytest
from judging import fewest, most
from simulated import TAILS, Row, changes

from switchyard.gate.evidence import Question, capitals, of_changes, of_two_samples
from switchyard.gate.model import Evidence

LIMIT = math.log1p(0.05)
STAKES = (0.2, 0.5, 1.0, 2.0, 3.5)


def of(*data: float, interval: bool = True, sign: int = 1, least: float = 0.0) -> Evidence:
    return of_changes(data, 0, Question(sign, LIMIT, least, interval))


def capital(*zs: float) -> float:
    """Of the bets on positive signs, worked out anew from changes in units of the usual one."""
    return fmean(math.prod(2 / (1 + math.exp(-2 * stake * z)) for z in zs) for stake in STAKES)


def highest(data: list[float], size: float = 0.0) -> tuple[float, float]:
    up, down = zip(*capitals(data, size), strict=True)
    return max(up), max(down)


def test_the_estimate_is_the_mean_without_the_lowest_and_the_highest_fifth():
    assert of(5.0, 0.03, -1.0, 0.01, 0.02).estimate == pytest.approx(0.02)
    assert of(0.01, 0.02, 0.06).estimate == pytest.approx(0.03)  # a fifth of three is none


@pytest.mark.parametrize(
    ("data", "zs"),
    [
        ((0.3,), (1,)),
        ((-0.3,), (-1,)),
        ((0.1, -0.2), (1, -0.2 / 0.15)),  # the usual size of two is their mean
        ((0.2, 0.1, 0.4), (1, 0.1 / 0.15, 0.4 / 0.2)),
        ((0.1, 0.1, 5.0, -0.1), (1, 1, 2, -1)),  # none counts as more than two usual ones
        ((0.0, 0.2), (0, 2)),  # nothing is neither sign
    ],
)
def test_the_capital_is_the_one_worked_by_hand(data: tuple, zs: tuple):
    seen = of(*data)
    ups, downs = ([capital(*(sign * z for z in zs[: n + 1])) for n in range(len(zs))]
                  for sign in (1, -1))  # fmt: skip
    assert np.transpose(list(capitals(data))) == pytest.approx(np.array([ups, downs]))
    assert (seen.worse, seen.better) == pytest.approx((max(ups), max(downs)))


def test_numbers_of_the_first_bet():
    """2 / (1 + exp(-0.4)), (-1), (-2), (-4), (-7), and their mean."""
    bets = (1.19738, 1.46212, 1.76159, 1.96403, 1.99818)
    assert capital(1) == pytest.approx(sum(bets) / 5, abs=1e-5)


MAGNITUDES = ([1.0] * 8, [2.0**n for n in range(8)], [0.0, 1, 0, 5, 0.01, 3, 2, 2],
              [9.0, 0.1, 0.1, 0.2, 9.0, 0.1, 0.3, 0.1])  # fmt: skip


@pytest.mark.parametrize("magnitudes", MAGNITUDES)
def test_without_a_change_the_capital_is_expected_to_stay_at_one(magnitudes: list[float]):
    """Over all patterns of signs, which the coins make equally likely; however one stops."""
    at_the_end, stopped, ruined = [], [], 0
    for signs in itertools.product((-1, 1), repeat=len(magnitudes)):
        path = [up for up, _ in capitals(map(math.prod, zip(magnitudes, signs, strict=True)))]
        at_the_end.append(path[-1])
        stopped.append(next((c for c in path if c >= 3), path[-1]))
        ruined += max(path) >= 20
    assert fmean(at_the_end) == pytest.approx(1)
    assert fmean(stopped) == pytest.approx(1)
    assert ruined / len(at_the_end) <= 1 / 20


def test_the_same_is_asked_of_what_is_left_when_a_size_is_taken_off():
    data = [0.1, 0.2, 0.4]
    left = [change - LIMIT for change in data]
    assert np.array(list(capitals(data, LIMIT))) == pytest.approx(np.array(list(capitals(left))))
    seen = of(*data)
    assert seen.not_worse == pytest.approx(max(down for _, down in capitals(left)))
    assert of(*data, least=LIMIT).worse == pytest.approx(max(up for up, _ in capitals(left)))


def test_what_was_proven_once_stays_proven():
    proven = of(*[0.1] * 12)
    assert proven.worse > 1000
    after = of(*[0.1] * 12, *[-0.1] * 30)
    assert after.worse == proven.worse
    assert after.estimate < 0


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_handful_of_pairs_bounds_nothing(count: int):
    seen = of(*np.linspace(0.1, 0.2, count))
    assert (seen.low, seen.high) == (None, None)
    assert seen.worse < 40


def test_pairs_without_any_spread_leave_nothing_to_chance():
    seen = of(*[0.1] * 10)
    assert (seen.low, seen.high) == pytest.approx((0.1, 0.1), abs=1e-6)
    assert of(*[0.0] * 10).worse == 1  # no sign at all
    assert of(*[0.0] * 10).not_worse > 40


@pytest.mark.parametrize("sign", [-1, 1])
def test_one_launch_of_ten_times_the_time_moves_nothing_much(sign: int):
    calm = changes(Row("a", ratio=1.1, spread=0.02), 20, seed=3)
    before, after = of(*calm), of(*calm[:10], sign * math.log(10), *calm[11:])
    assert after.estimate == pytest.approx(before.estimate, abs=0.01)
    assert after.high - after.low < 2 * (before.high - before.low)
    assert after.worse > 400


def test_how_far_off_it_is_makes_no_difference():
    calm = changes(Row("a", spread=0.02), 20, seed=3)
    one, other = (of(*calm[:10], math.log(factor), *calm[11:]) for factor in (10, 1000))
    assert one == other


@pytest.mark.parametrize("count", [9, 25])
def test_swapped_sides_give_the_mirrored_evidence(count: int):
    data = changes(Row("a", ratio=1.01, tail="student with 2 degrees"), count, seed=5)
    seen, swapped = of(*data), of(*(-change for change in data))
    assert swapped.estimate == pytest.approx(-seen.estimate)
    assert (swapped.low, swapped.high) == pytest.approx((-seen.high, -seen.low))
    assert (swapped.worse, swapped.better) == pytest.approx((seen.better, seen.worse))
    assert (swapped.not_worse, swapped.not_better) == pytest.approx(
        (seen.not_better, seen.not_worse)
    )


@pytest.mark.parametrize("least", [0.0, 0.03])
def test_where_more_is_better_worse_is_what_is_less(least: float):
    data = changes(Row("a", ratio=1.04), 12, seed=5)
    seen, swapped = of(*data, least=least), of(*data, sign=-1, least=least)
    assert (swapped.estimate, swapped.low, swapped.high) == (seen.estimate, seen.low, seen.high)
    assert (swapped.worse, swapped.better) == (seen.better, seen.worse)
    assert (swapped.not_worse, swapped.not_better) == (seen.not_better, seen.not_worse)


@pytest.mark.parametrize("drift", [0.0, 0.01])
@pytest.mark.parametrize("tail", TAILS)
def test_without_a_change_alarms_are_as_rare_as_they_say_though_one_looks_at_each_pair(
    tail: str, drift: float
):
    trials = 300
    row = Row("a", spread=0.03, tail=tail)
    seen = [highest(changes(row, 40, seed, drift)) for seed in range(trials)]
    for alpha in (0.01, 0.05, 0.2):
        assert sum(up >= 1 / alpha for up, _ in seen) <= most(trials, alpha)
        assert sum(down >= 1 / alpha for _, down in seen) <= most(trials, alpha)
    assert any(up >= 1 / 0.2 for up, _ in seen)  # and not because nothing ever is one


def test_the_coin_is_what_holds_under_drift():
    """The same drift, but the baseline always first: it would look like a change."""
    rng = np.random.default_rng(1)
    seen = [highest((0.02 + rng.normal(0, 0.03, 40)).tolist()) for _ in range(100)]
    assert sum(up >= 20 for up, _ in seen) > most(100, 0.05)


def test_five_per_cent_is_found_among_three_per_cent_of_noise():
    """Beside 13 others, at the usual alpha."""
    row = Row("a", ratio=1.05, spread=0.03)
    seen = [highest(changes(row, 40, seed)) for seed in range(100)]
    assert sum(up >= 1400 for up, _ in seen) >= fewest(100, 0.98)
    assert sum(down >= 1400 for _, down in seen) == 0


@pytest.mark.parametrize("tail", TAILS)
def test_a_change_at_the_limit_is_seldom_called_none(tail: str):
    trials = 300
    ratios = (1.05, 1 / 1.05)
    count = 0
    for seed in range(trials):
        data = changes(Row("a", ratios[seed % 2], spread=0.02, tail=tail), 40, seed)
        count += min(highest(data, LIMIT)[1], highest(data, -LIMIT)[0]) >= 40
    assert count <= most(trials, 0.025)


def test_no_change_among_little_noise_is_called_none():
    row = Row("a", spread=0.02)
    seen = [of(*changes(row, 20, seed), interval=False) for seed in range(100)]
    assert sum(min(e.not_worse, e.not_better) >= 40 for e in seen) >= fewest(100, 0.98)


@pytest.mark.parametrize("tail", TAILS)
def test_the_interval_holds_the_true_change_in_95_of_100(tail: str):
    trials, true = 60, math.log(1.02)
    row = Row("a", ratio=1.02, spread=0.03, tail=tail)
    seen = [of(*changes(row, 20, seed)) for seed in range(trials)]
    assert sum(e.low <= true + 1e-9 and true - 1e-9 <= e.high for e in seen) >= fewest(trials, 0.95)
    assert all(e.low <= e.estimate <= e.high for e in seen)
    if tail == "normal":  # and is not much wider than one that may be looked at but once
        assert median(e.high - e.low for e in seen) < 2 * (2 * 2.09 * 0.03 / math.sqrt(20))


def stored(before: list[float], after: list[float], interval: bool = False) -> Evidence:
    logs = ([math.log(time) for time in times] for times in (before, after))
    return of_two_samples(*logs, 0, Question(1, LIMIT, has_interval=interval))


def times(rng: np.random.Generator, count: int, ratio: float = 1.0) -> list[float]:
    return list(1e-3 * ratio * np.exp(rng.normal(0, 0.02, count)))


def test_two_samples_are_compared_by_all_their_labellings():
    seen = stored([1.0, 1.1, 1.2], [2.0, 2.1, 2.2])
    assert seen.worse == pytest.approx(math.comb(6, 3))
    assert seen.better == pytest.approx(1)
    assert seen.pairs == 3


def test_two_samples_swapped_give_the_mirrored_evidence():
    rng = np.random.default_rng(1)
    old, new = times(rng, 8), times(rng, 6, 1.01)
    seen, swapped = stored(old, new, True), stored(new, old, True)
    assert swapped.estimate == pytest.approx(-seen.estimate)
    assert (swapped.low, swapped.high) == pytest.approx((-seen.high, -seen.low))
    assert swapped.not_worse == pytest.approx(seen.not_better)


def test_two_samples_without_a_change_keep_their_error():
    rng, trials = np.random.default_rng(1), 200
    seen = [stored(times(rng, 5), times(rng, 5)) for _ in range(trials)]
    assert sum(e.worse >= 20 for e in seen) <= most(trials, 0.05)
    limit = [stored(times(rng, 5), times(rng, 5, 1.05)) for _ in range(trials)]
    assert sum(e.not_worse >= 20 for e in limit) <= most(trials, 0.05)


def test_the_interval_of_two_samples_holds_the_true_change():
    rng, trials = np.random.default_rng(1), 30
    seen = [stored(times(rng, 5), times(rng, 5), True) for _ in range(trials)]
    assert sum(e.low <= 0 <= e.high for e in seen) >= fewest(trials, 0.95)


def test_two_samples_without_any_spread_leave_nothing_to_chance():
    assert stored([1.0] * 4, [1.04] * 4).not_worse > 40
    assert stored([1.0] * 4, [1.06] * 4).not_worse < 2
