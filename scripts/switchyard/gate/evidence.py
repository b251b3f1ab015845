"""What the pairs measured so far say about one benchmark, at whatever pair one may look.

If nothing changed, the coin that chose the order within each pair makes the sign of its change a
fair coin too, whatever the magnitudes are. So a bet on these signs has a capital that is expected
to stay at 1 for ever, and reaches m / alpha with a chance of at most alpha / m, also if one looks
after each pair and stops as one likes (Ville 1939; Ramdas et al. 2023, Game-theoretic statistics
and safe anytime-valid inference). So it is the highest capital so far that counts, and what was
proven once stays proven. How much is bet on the next sign depends on the size of its change in
units of the usual one: that may look at anything but the sign itself.

Whether the change is larger or smaller than some other size is asked in the same way of what is
left when that size is taken off. There it is an assumption that changes lie around the true one
symmetrically; that all of them are equally far off, or equally noisy, is none.
"""

import functools
import math
from bisect import insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from .model import Evidence

# How much is staked on a change of the usual size: small stakes find what is small and steady,
# large ones what is large; the capital is their mean.
_STAKES = (0.2, 0.5, 1.0, 2.0, 3.5)
# No single pair may decide much, however far off it is: a large stake is lost nearly whole to one
# launch that met a busy moment.
_MOST_TIMES_THE_USUAL = 2.0
# Times have heavy tails: the estimate goes without the lowest and the highest fifth.
_TRIM = 0.2
# Of either end of the 95 % interval.
SURE_OF_AN_END = 40.0
_BISECTIONS = 24
_LARGEST_EXPONENT = 700.0

# (that the true change is above this one, that it is below it)
Weigh = Callable[[float], tuple[float, float]]


@dataclass(frozen=True)
class Question:
    """`sign` is that of a change for the worse. Worse and better are to be proven beyond `least`,
    their absence beyond `limit`; has_interval: whether its ends are asked for, which takes longer.
    """

    sign: int
    limit: float
    least: float = 0.0
    has_interval: bool = True


def of_changes(changes: Sequence[float], dropped: int, asked: Question) -> Evidence:
    """`changes` in the order they were measured, at least one."""
    weigh = functools.partial(_weigh, changes)
    return _evidence(weigh, trimmed_mean(changes), len(changes), dropped, asked)


def of_two_samples(
    before: Sequence[float], after: Sequence[float], dropped: int, asked: Question
) -> Evidence:
    """Of logarithms that were not measured in pairs: nothing guards against a drift of the machine
    between them, and all is measured before it is looked at. Mann and Whitney's test by ranks.
    """
    from scipy.stats import mannwhitneyu  # loading it takes longer than many a launch

    def weigh(size: float) -> tuple[float, float]:
        moved = [value - size for value in after]
        return tuple(
            1 / max(float(mannwhitneyu(moved, before, alternative=way).pvalue), 1e-300)
            for way in ("greater", "less")
        )

    estimate = median(new - old for new in after for old in before)  # Hodges and Lehmann
    return _evidence(weigh, estimate, min(len(before), len(after)), dropped, asked)


def _evidence(weigh: Weigh, estimate: float, pairs: int, dropped: int, asked: Question) -> Evidence:
    up, down = weigh(asked.least)[0], weigh(-asked.least)[1]
    below, above = weigh(asked.limit)[1], weigh(-asked.limit)[0]
    low = high = None
    if asked.has_interval:
        low, high = (_end(weigh, estimate, direction) for direction in (-1, 1))
    proofs = (up, down, below, above) if asked.sign > 0 else (down, up, above, below)
    return Evidence(pairs, dropped, estimate, low, high, *proofs)


def trimmed_mean(values: Sequence[float]) -> float:
    cut = int(_TRIM * len(values))
    return fmean(sorted(values)[cut : len(values) - cut])


def _weigh(changes: Sequence[float], size: float) -> tuple[float, float]:
    up, down = zip(*capitals(changes, size), strict=True)
    return max(up), max(down)


def capitals(changes: Iterable[float], size: float = 0.0) -> Iterator[tuple[float, float]]:
    """After each change, that of the bets that signs of what is left above `size` are positive, and
    negative. A bet gains 2 p for a sign that it gave the chance p = 1 / (1 + exp(-2 stake z)).
    """
    sizes: list[float] = []
    up, down = [0.0] * len(_STAKES), [0.0] * len(_STAKES)
    for change in changes:
        left = change - size
        insort(sizes, abs(left))
        half = len(sizes) // 2
        usual = sizes[half] if len(sizes) % 2 else (sizes[half - 1] + sizes[half]) / 2
        z = left / usual if usual else 0.0
        z = max(-_MOST_TIMES_THE_USUAL, min(_MOST_TIMES_THE_USUAL, z))
        for i, stake in enumerate(_STAKES):
            up[i] += math.log(2) - math.log1p(math.exp(-2 * stake * z))
            down[i] += math.log(2) - math.log1p(math.exp(2 * stake * z))
        yield _capital(up), _capital(down)


def _capital(logarithms: Sequence[float]) -> float:
    return fmean(
        math.exp(max(-_LARGEST_EXPONENT, min(value, _LARGEST_EXPONENT))) for value in logarithms
    )


def _end(weigh: Weigh, estimate: float, direction: int) -> float | None:
    """Where the interval ends: what lies beyond is excluded. None if nothing is."""
    beyond = (lambda size: weigh(size)[0]) if direction < 0 else (lambda size: weigh(size)[1])
    reach = 0.01
    while beyond(estimate + direction * reach) < SURE_OF_AN_END:
        reach *= 2
        if reach > _LARGEST_EXPONENT:
            return None
    near, far = 0.0, reach
    for _ in range(_BISECTIONS):
        middle = (near + far) / 2
        is_excluded = beyond(estimate + direction * middle) >= SURE_OF_AN_END
        near, far = (near, middle) if is_excluded else (middle, far)
    return estimate + direction * far
