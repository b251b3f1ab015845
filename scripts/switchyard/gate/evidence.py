"""What a number of pairs says about one benchmark, and how many it takes: to convict at all, to
tell what counts from what doesn't, to decide.

The measure is the mean of ln(candidate / baseline) without the lowest and the highest fifth of the
pairs: times have heavy tails, and one launch that met a busy moment must not decide. Whether it
differs from zero is asked by flipping signs: a coin has chosen the order within each pair, so that
without a change every sign is as likely as the other, whatever the distribution is. Whether a
change is excluded is asked by two one-sided tests (Schuirmann 1987) with Yuen's standard error of a
trimmed mean (Wilcox, Introduction to Robust Estimation and Hypothesis Testing, ch. 4).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from .model import Evidence, Pair, Plan, Stage

TRIM = 0.2
CONFIDENCE = 0.95
# Of sign patterns, when there are too many to take them all; the smallest p-value is one over it.
RESAMPLES = 20_000
# How many of them at a time: with all at once, a large check needs a gigabyte.
_BATCH = 2_000
# Of the share of positive signs, against the mean size of a change: it decides between equals only.
_TIE_BREAK = 1e-9
_LEAST_FOR_A_SPREAD = 2

# More than this share of pairs lost to the kernel's doings, and the rest is not to be trusted.
MOST_DROPPED = 0.2
EQUIVALENCE_ALPHA = 0.05
_POWER = 0.9

Statistic = Callable[..., np.ndarray]


@dataclass(frozen=True)
class _Shift:
    """A trimmed mean, or the difference of two, with its standard error and degrees of freedom;
    neither is known of a single value.
    """

    mean: float
    error: float | None = None
    freedom: float = 1.0

    @classmethod
    def of(cls, data: np.ndarray) -> "_Shift":
        """The error is Yuen's (Wilcox, section 3.3)."""
        if len(data) < _LEAST_FOR_A_SPREAD:
            return cls(float(data.mean()))
        cut = int(TRIM * len(data))
        kept = len(data) - 2 * cut
        ordered = np.sort(data)[cut : cut + kept]
        winsorized = np.clip(data, ordered[0], ordered[-1])
        error = math.sqrt(winsorized.var(ddof=1) * len(data)) / kept
        return cls(float(ordered.mean()), error, kept - 1)

    def minus(self, other: "_Shift") -> "_Shift":
        """With Welch's degrees of freedom (Yuen 1974)."""
        error, freedom = math.hypot(self.error, other.error), 1.0
        if error:
            parts = (part.error**4 / part.freedom for part in (self, other))
            freedom = error**4 / sum(parts)
        return _Shift(self.mean - other.mean, error, freedom)

    def evidence(
        self, stage: Stage, pairs: int, dropped: int, equivalence: float, p: tuple[float, float]
    ) -> Evidence:
        """`p`: of slower and of faster. p_equivalent is of "the change lies outside of
        -equivalence..equivalence".
        """
        low = high = spread = None
        outside = 1.0
        if self.error is not None:
            reach = self.error * float(stats.t.ppf((1 + CONFIDENCE) / 2, self.freedom))
            low, high = self.mean - reach, self.mean + reach
            spread = self.error * math.sqrt(pairs)
            distance = equivalence - abs(self.mean)
            outside = float(distance <= 0)  # all alike: nothing left to chance
            if self.error:
                outside = float(stats.t.sf(distance / self.error, self.freedom))
        return Evidence(stage, pairs, dropped, self.mean, low, high, spread, *p, outside)


def of_pairs(
    pairs: Sequence[Pair], stage: Stage, equivalence: float, seed: int, resamples: int = RESAMPLES
) -> Evidence:
    """The evidence of the pairs of a stage. `equivalence` is a change's logarithm."""
    dropped = sum(pair.dropped is not None for pair in pairs)
    if stage == Stage.STORED:
        kept = [pair for pair in pairs if not pair.dropped]
        before = [pair.baseline.value for pair in kept if pair.baseline.value is not None]
        after = [pair.candidate.value for pair in kept if pair.candidate.value is not None]
        return of_two_samples(before, after, dropped, equivalence, seed, resamples)
    changes = [change for pair in pairs if (change := pair.change) is not None]
    return of_changes(changes, dropped, stage, equivalence, seed, resamples)


def of_changes(
    changes: Sequence[float], dropped: int, stage: Stage, equivalence: float, seed: int,
    resamples: int = RESAMPLES,
) -> Evidence:  # fmt: skip
    """Of at least one change; the same changes and seed give the same evidence."""
    data = np.asarray(changes, dtype=float)
    if not len(data) or not np.isfinite(data).all():
        raise ValueError("changes have to be finite, and at least one")
    signs = _sign_flip(data, seed, resamples)
    return _Shift.of(data).evidence(stage, len(data), dropped, equivalence, signs)


def of_two_samples(
    before: Sequence[float], after: Sequence[float], dropped: int, equivalence: float, seed: int,
    resamples: int = RESAMPLES,
) -> Evidence:  # fmt: skip
    """Of times that were not measured in pairs, at least two of each: nothing guards against a
    drift of the machine between them. Labels are permuted instead of signs.
    """
    old, new = (np.log(np.asarray(times, dtype=float)) for times in (before, after))
    if min(len(old), len(new)) < _LEAST_FOR_A_SPREAD or not np.isfinite([*old, *new]).all():
        raise ValueError("two positive times of each side are needed at least")

    def shift(a: np.ndarray, b: np.ndarray, axis: int) -> np.ndarray:
        return stats.trim_mean(a, TRIM, axis=axis) - stats.trim_mean(b, TRIM, axis=axis)

    labels = _permuted((new, old), shift, "independent", seed, resamples)
    difference, pairs = _Shift.of(new).minus(_Shift.of(old)), min(len(old), len(new))
    return difference.evidence(Stage.STORED, pairs, dropped, equivalence, labels)


def _sign_flip(data: np.ndarray, seed: int, resamples: int) -> tuple[float, float]:
    """One-sided p-values, of slower and of faster, of the trimmed mean against random signs."""
    if len(data) == 1:
        # scipy wants two; with one pair there are two patterns of signs.
        return (0.5 if data[0] > 0 else 1.0), (0.5 if data[0] < 0 else 1.0)
    # The sign of a pair that trimming leaves out moves no trimmed mean: without this weight many
    # patterns tie, and ten pairs that are all alike can't get below 0.05.
    tie_break = _TIE_BREAK * np.abs(data).mean()

    def statistic(sample: np.ndarray, axis: int) -> np.ndarray:
        signs = np.sign(sample).mean(axis=axis)
        return stats.trim_mean(sample, TRIM, axis=axis) + tie_break * signs

    return _permuted((data,), statistic, "samples", seed, resamples)


def _permuted(
    data: tuple[np.ndarray, ...], statistic: Statistic, kind: str, seed: int, resamples: int
) -> tuple[float, float]:
    """One-sided p-values, of a greater and of a smaller statistic, against permutations of a kind
    that scipy knows. Both come from the same ones, as they are what takes the time.
    """

    def both_ways(*samples: np.ndarray, axis: int) -> np.ndarray:
        seen = statistic(*samples, axis=axis)
        return np.stack((seen, -seen), axis=-1)

    greater, smaller = stats.permutation_test(
        data, both_ways, permutation_type=kind, vectorized=True, n_resamples=resamples,
        batch=_BATCH, alternative="greater", rng=np.random.default_rng(seed),
    ).pvalue  # fmt: skip
    return float(greater), float(smaller)


def fewest_pairs(plan: Plan, among: int) -> int:
    """With fewer no p-value of `among` suspects can get below alpha, even if all signs agree.

    One more than that, also when as many are dropped as may be.
    """
    return math.ceil((math.log2(max(among, 1) / plan.alpha) + 1) / (1 - MOST_DROPPED))


def pairs_for(plan: Plan, spread: float | None, fewest: int, most: int) -> int:
    """How many pairs tell a change that counts from one that doesn't, whatever it turns out to be:
    their standard error is a third of the way from the threshold to the equivalence limit.
    """
    wanted_error = (plan.equivalence_limit - plan.limit) / 3
    wanted = math.ceil(((spread or 0) / wanted_error) ** 2)
    return min(max(wanted, fewest), max(most, fewest))


def pairs_needed(plan: Plan, seen: Evidence, among: int) -> int | None:
    """How many pairs would decide in nine of ten checks, if the estimate and the spread are right:
    exclude a change beyond the equivalence limit, or show one beyond the threshold and survive the
    correction over all suspects. None when there is no spread to go by.
    """
    if not seen.spread:
        return None

    def wanted(distance: float, p: float) -> float:
        reach = stats.norm.ppf(1 - p) + stats.norm.ppf((1 + _POWER) / 2)
        return (reach * seen.spread / distance) ** 2 if distance > 0 else math.inf

    size = abs(seen.estimate)
    excluded = wanted(plan.equivalence_limit - size, EQUIVALENCE_ALPHA)
    beyond = max(wanted(size - plan.limit, 0.5), wanted(size, plan.alpha / max(among, 1)))
    least = max(seen.pairs + 1, fewest_pairs(plan, among))
    return max(math.ceil(min(excluded, beyond)), least)
