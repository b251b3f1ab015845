"""Medians, their intervals, and ratios from paired rounds.

Medians, because a run on a shared machine has outliers to one side only. The interval is the
distribution-free one between two order statistics (scipy's quantile_test inverts the binomial
test); it exists at 95 % from six values on. Ratios are taken within a round and summarized after
that, because drift of the machine hits all rows of a round alike.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
MIN_FOR_INTERVAL = 6


@dataclass(frozen=True)
class Summary:
    """Median with its interval; `is_range` when there were too few values and low..high is all."""

    median: float
    low: float
    high: float
    count: int

    @property
    def is_range(self) -> bool:
        return self.count < MIN_FOR_INTERVAL

    @property
    def noise(self) -> float:
        """Half the width of the interval (or range), relative to the median."""
        return (self.high - self.low) / 2 / abs(self.median) if self.median else 0.0


def summarize(values: Sequence[float]) -> Summary:
    """Summary of at least one value."""
    data = np.sort(np.asarray(values, dtype=float))
    low, high = _ranks(len(data)) if len(data) >= MIN_FOR_INTERVAL else (0, -1)
    return Summary(float(np.median(data)), float(data[low]), float(data[high]), len(data))


@cache
def _ranks(count: int) -> tuple[int, int]:
    """Between which of so many sorted values the interval lies: it depends on nothing else."""
    ranks = stats.quantile_test(np.arange(count), q=0, p=0.5).confidence_interval(CONFIDENCE)
    return int(ranks.low), int(ranks.high)


def paired_ratio(values: Mapping[int, float], reference: Mapping[int, float]) -> Summary | None:
    """Of value / reference, over the rounds that both have; None when there are none."""
    ratios = [values[r] / reference[r] for r in values.keys() & reference.keys() if reference[r]]
    return summarize(ratios) if ratios else None


class Finding(StrEnum):
    """What a ratio says of two rows."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "no difference shown"
    TOO_FEW = f"fewer than {MIN_FOR_INTERVAL} rounds"


def finding(ratio: Summary | None, better: str = "higher") -> Finding:
    """What the 95 % interval of value / reference says: it has to exclude 1, and the range of a few
    rounds says nothing. `better`: which of them is, as the metric says. None is of no round.
    """
    if not ratio or ratio.is_range:
        return Finding.TOO_FEW
    if ratio.low <= 1 <= ratio.high:
        return Finding.SAME
    return Finding.BETTER if (ratio.median > 1) == (better == "higher") else Finding.WORSE
