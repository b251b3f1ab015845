"""How many pairs it takes: to convict at all, to tell what counts from what doesn't, to decide."""

import math

from scipy import stats

from .model import Evidence, Plan

# More than this share of pairs lost to the kernel's doings, and the rest is not to be trusted.
MOST_DROPPED = 0.2
EQUIVALENCE_ALPHA = 0.05
_POWER = 0.9


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
