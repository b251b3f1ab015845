"""Who is ahead in a case, as far as intervals show it.

Contenders are ordered by their medians, but only the interval of a ratio taken from paired rounds
decides whether one is ahead of another: it has to exclude 1.
"""

from dataclasses import dataclass
from enum import StrEnum

from .comparison import Case, Comparison
from .statistics import MIN_FOR_INTERVAL, Summary, shows_difference

NO_DIFFERENCE = "no difference shown"


class Finding(StrEnum):
    """What a ratio says of two rows."""

    BETTER = "better"
    WORSE = "worse"
    SAME = NO_DIFFERENCE
    TOO_FEW = f"fewer than {MIN_FOR_INTERVAL} rounds"


def finding(ratio: Summary | None, better: str = "higher") -> Finding:
    """Of value / reference; `better`: which of them is, as the metric says. None is of no round."""
    if not ratio or ratio.is_range:
        return Finding.TOO_FEW
    if not shows_difference(ratio):
        return Finding.SAME
    return Finding.BETTER if (ratio.median > 1) == (better == "higher") else Finding.WORSE


@dataclass(frozen=True)
class Ranking:
    """The contender with the best median, and its lead over each of the others, the next first.

    A lead is the factor by which it is better; None where two have no round in common.
    """

    case: Case
    leader: str
    leads: dict[str, Summary | None]

    def over(self, found: Finding) -> dict[str, Summary | None]:
        """The others of which its lead says this; WORSE are those that lead round by round."""
        return {name: lead for name, lead in self.leads.items() if finding(lead) is found}

    @property
    def is_shown(self) -> bool:
        """Whether it is ahead of every other."""
        return bool(self.leads) and len(self.over(Finding.BETTER)) == len(self.leads)


def ranking(comparison: Comparison, case: Case) -> Ranking | None:
    """None where no contender was measured."""
    leader, *others = comparison.contenders(case) or [None]
    if leader is None:
        return None
    return Ranking(case, leader, {name: comparison.lead(case, leader, name) for name in others})


def next_behind(comparison: Comparison, case: Case, column: str) -> str | None:
    """Who comes after it by median among all that were measured; None at the end."""
    ranked = comparison.ranked(case)
    after = ranked[ranked.index(column) + 1 :] if column in ranked else []
    return after[0] if after else None
