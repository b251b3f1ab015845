"""What a number of pairs says about one benchmark.

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

from .model import Evidence, Pair, Stage

TRIM = 0.2
CONFIDENCE = 0.95
# Of sign patterns, when there are too many to take them all; the smallest p-value is one over it.
RESAMPLES = 20_000
# How many of them at a time: with all at once, a large check needs a gigabyte.
_BATCH = 2_000
# Of the share of positive signs, against the mean size of a change: it decides between equals only.
_TIE_BREAK = 1e-9
_LEAST_FOR_A_SPREAD = 2

Statistic = Callable[..., np.ndarray]


@dataclass(frozen=True)
class _Trimmed:
    """A trimmed mean, its standard error after Yuen (Wilcox, section 3.3), and how many values are
    left to it.
    """

    mean: float
    error: float
    kept: int

    @classmethod
    def of(cls, data: np.ndarray) -> "_Trimmed":
        cut = int(TRIM * len(data))
        kept = len(data) - 2 * cut
        ordered = np.sort(data)[cut : cut + kept]
        winsorized = np.clip(data, ordered[0], ordered[-1])
        error = math.sqrt(winsorized.var(ddof=1) * len(data)) / kept
        return cls(float(ordered.mean()), error, kept)


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
    estimate = float(stats.trim_mean(data, TRIM))
    low, high, spread = _interval(data)
    slower, faster = _sign_flip(data, seed, resamples)
    return Evidence(
        stage=stage,
        pairs=len(data),
        dropped=dropped,
        estimate=estimate,
        low=low,
        high=high,
        spread=spread,
        p_slower=slower,
        p_faster=faster,
        p_equivalent=_equivalence(data, equivalence),
    )


def of_two_samples(
    before: Sequence[float], after: Sequence[float], dropped: int, equivalence: float, seed: int,
    resamples: int = RESAMPLES,
) -> Evidence:  # fmt: skip
    """Of times that were not measured in pairs, at least two of each: nothing guards against a
    drift of the machine between them. Labels are permuted instead of signs; Welch's degrees of
    freedom (Yuen 1974).
    """
    old, new = (np.log(np.asarray(times, dtype=float)) for times in (before, after))
    if min(len(old), len(new)) < _LEAST_FOR_A_SPREAD or not np.isfinite([*old, *new]).all():
        raise ValueError("two positive times of each side are needed at least")

    def shift(a: np.ndarray, b: np.ndarray, axis: int) -> np.ndarray:
        return stats.trim_mean(a, TRIM, axis=axis) - stats.trim_mean(b, TRIM, axis=axis)

    estimate = float(shift(new, old, 0))
    parts = [_Trimmed.of(data) for data in (new, old)]
    error = math.hypot(*(part.error for part in parts))
    freedom = 1.0
    if error:
        freedom = error**4 / sum(part.error**4 / (part.kept - 1) for part in parts)
    reach = error * float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom))
    distance = equivalence - abs(estimate)
    p_equivalent = float(stats.t.sf(distance / error, freedom)) if error else float(distance <= 0)
    pairs = min(len(old), len(new))
    slower, faster = _permuted((new, old), shift, "independent", seed, resamples)
    return Evidence(
        Stage.STORED, pairs, dropped, estimate, estimate - reach, estimate + reach,
        error * math.sqrt(pairs), slower, faster, p_equivalent,
    )  # fmt: skip


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


def _interval(data: np.ndarray) -> tuple[float | None, float | None, float | None]:
    """The 95 % interval of the trimmed mean, and the spread of one pair that it implies."""
    if len(data) < _LEAST_FOR_A_SPREAD:
        return None, None, None
    trimmed = _Trimmed.of(data)
    reach = trimmed.error * float(stats.t.ppf((1 + CONFIDENCE) / 2, trimmed.kept - 1))
    return trimmed.mean - reach, trimmed.mean + reach, trimmed.error * math.sqrt(len(data))


def _equivalence(data: np.ndarray, bound: float) -> float:
    """p-value of "the change lies outside of -bound..bound"."""
    if len(data) < _LEAST_FOR_A_SPREAD:
        return 1.0
    trimmed = _Trimmed.of(data)
    distance = bound - abs(trimmed.mean)
    if not trimmed.error:  # all alike: nothing left to chance
        return 0.0 if distance > 0 else 1.0
    return float(stats.t.sf(distance / trimmed.error, trimmed.kept - 1))
