"""What simpler methods say about the same launches.

Both get the screening's launches of every benchmark: as many of each side, measured in turn, which
is better than what they get where they are used (all of the baseline first, or a stored result).
"""

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
from scipy import stats

from ..model import Pair, Stage

_ALPHA = 0.05
_RATIO = 1.10


def mann_whitney(baseline: np.ndarray, candidate: np.ndarray) -> bool:
    """Google Benchmark's compare.py: its U test's two-sided p-value below 0.05, and slower."""
    p = stats.mannwhitneyu(baseline, candidate, alternative="two-sided").pvalue
    return bool(p < _ALPHA and np.median(candidate) > np.median(baseline))


def median_ratio(baseline: np.ndarray, candidate: np.ndarray) -> bool:
    """A fixed threshold: the medians differ by ten per cent or more."""
    return bool(np.median(candidate) / np.median(baseline) >= _RATIO)


RIVALS = {
    "Mann-Whitney U, p < 0.05": mann_whitney,
    "ratio of medians >= 1.10": median_ratio,
}


def alarms(pairs: Iterable[Pair]) -> dict[str, set[str]]:
    """By rival: the benchmarks that it calls slower. Nothing is dropped for them."""
    times: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for pair in pairs:
        values = (pair.baseline.value, pair.candidate.value)
        if pair.stage == Stage.SCREEN and None not in values:
            times[pair.benchmark].append(values)
    return {
        name: {key for key, both in times.items() if says(*np.array(both).T)}
        for name, says in RIVALS.items()
    }
