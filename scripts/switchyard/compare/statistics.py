"""Medians with their intervals, ratios from paired rounds, and who is ahead when many are compared.

Medians, because a run on a shared machine has outliers to one side only. Their interval is the
distribution-free one between two order statistics (scipy's quantile_test inverts the binomial
test); it exists at 95 % from six values on.

Ratios are taken within a round, because drift of the machine hits all rows of a round alike. Their
interval is Student's of the logarithms, from three rounds on: what docs/method.md shows of its
coverage is simulated in tests/scripts/compare/test_coverage.py. Where many are compared, one is
ahead only if Holm's procedure (1979) says so of all comparisons together.
"""

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import Any

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
MIN_FOR_INTERVAL = 6  # of values
MIN_FOR_RATIO = 3  # rounds, for the interval of a ratio


@dataclass(frozen=True)
class Summary:
    """Median with its interval; `is_range` when there were too few values and low..high is all.
    `p`: of a ratio, how probable one as far from 1 is where nothing differs.
    """

    median: float
    low: float
    high: float
    count: int
    is_range: bool = False
    p: float = 1.0

    @property
    def noise(self) -> float:
        """Half the width of the interval (or range), relative to the median."""
        return (self.high - self.low) / 2 / abs(self.median) if self.median else 0.0


def summarize(values: Sequence[float]) -> Summary:
    """Summary of at least one value."""
    data = np.sort(np.asarray(values, dtype=float))
    is_range = len(data) < MIN_FOR_INTERVAL
    low, high = (0, -1) if is_range else _ranks(len(data))
    return Summary(float(np.median(data)), float(data[low]), float(data[high]), len(data), is_range)


@cache
def _ranks(count: int) -> tuple[int, int]:
    """Between which of so many sorted values the interval lies: it depends on nothing else."""
    ranks = stats.quantile_test(np.arange(count), q=0, p=0.5).confidence_interval(CONFIDENCE)
    return int(ranks.low), int(ranks.high)


def paired_ratio(values: Mapping[int, float], reference: Mapping[int, float]) -> Summary | None:
    """Of value / reference, over the rounds that both have; None when there are none."""
    both = values.keys() & reference.keys()
    ratios = np.array([values[r] / reference[r] for r in both if reference[r]])
    if not len(ratios):
        return None
    if len(ratios) < MIN_FOR_RATIO or ratios.min() <= 0:
        return replace(summarize(ratios), is_range=True)
    return _with_interval(
        float(np.median(ratios)), len(ratios), lambda: stats.ttest_1samp(np.log(ratios), 0)
    )


def unpaired_ratio(values: Mapping[int, float], reference: Mapping[int, float]) -> Summary | None:
    """The same of two that were not measured in the same rounds, by Welch's interval; both have a
    value at least. None where the reference is zero; where `is_range`, there is no interval.
    """
    one, other = (np.array([*of.values()]) for of in (values, reference))
    count, median = min(len(one), len(other)), float(np.median(other))
    if not median:
        return None
    ratio = float(np.median(one)) / median
    if count < MIN_FOR_RATIO or min(one.min(), other.min()) <= 0:
        return Summary(ratio, ratio, ratio, count, is_range=True)
    test = lambda: stats.ttest_ind(np.log(one), np.log(other), equal_var=False)  # noqa: E731
    return _with_interval(ratio, count, test)


def _with_interval(ratio: float, count: int, test: Callable[[], Any]) -> Summary:
    """`test`: Student's of logarithms; where they are the same in all rounds it has no spread."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        found = test()
        low, high = np.exp(tuple(found.confidence_interval(CONFIDENCE)))
    if np.isnan(low):
        return Summary(ratio, ratio, ratio, count, p=1.0 if ratio == 1 else 0.0)
    p = float(np.nan_to_num(found.pvalue, nan=1.0))
    return Summary(ratio, min(float(low), ratio), max(float(high), ratio), count, p=p)


def level(ratios: Iterable[Summary | None]) -> float:
    """Up to which p a difference is shown, among all of these: Holm's procedure, at 5 % for one or
    more false ones in all.
    """
    ps = sorted(ratio.p for ratio in ratios if ratio and not ratio.is_range)
    shown = 0.0
    for rank, p in enumerate(ps):
        if p > (1 - CONFIDENCE) / (len(ps) - rank):
            break
        shown = p
    return shown


class Finding(StrEnum):
    """What a ratio says of two rows."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "no difference shown"
    PERHAPS = "shown alone, but not among all comparisons"
    TOO_FEW = f"fewer than {MIN_FOR_RATIO} rounds"
    ZERO = "a value of zero"


def finding(
    ratio: Summary | None, better: str = "higher", shown: float = 1 - CONFIDENCE
) -> Finding:
    """What value / reference says, where a difference is shown up to this p (see level).

    `better`: which of them is, as the metric says. None is of no round.
    """
    if not ratio or ratio.is_range:
        return Finding.ZERO if ratio and ratio.count >= MIN_FOR_RATIO else Finding.TOO_FEW
    if ratio.low <= 1 <= ratio.high:
        return Finding.SAME
    is_better = (ratio.low > 1) == (better == "higher")
    if ratio.p > shown:
        return Finding.PERHAPS if is_better else Finding.SAME
    return Finding.BETTER if is_better else Finding.WORSE
