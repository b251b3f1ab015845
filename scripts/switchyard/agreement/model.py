"""What is held against what, and how it is judged.

A comparison has one pair for each round: our figure, and the other instrument's of the same thing.
Only the ratio within a pair counts, so that drift of the machine cancels out.
"""

import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from ..compare.statistics import MIN_FOR_INTERVAL, Summary, summarize


class Verdict(StrEnum):
    AGREES = "agrees"
    DIFFERS = "differs"
    UNCLEAR = "unclear"
    FAILED = "failed"
    LEFT_OUT = "left out"
    SHOWN = "shown"  # for information: there is nothing that it would have to agree with


class ProbeError(Exception):
    """Why a comparison gave no figures, in one line. `left_out`: nothing is broken, but what it
    takes is not there.
    """

    def __init__(self, why: str, left_out: bool = False) -> None:
        super().__init__(" ".join(why.split()))
        self.left_out = left_out


@dataclass(frozen=True)
class Comparison:
    """`ours` and `theirs` name who tells the two figures, `unit` is theirs ("" of a count).

    `band` is where the ratio ours / theirs has to lie, and `rule` says so in words. Without a band
    each round has to hold by itself (Pair.broken). `needs` is the tool that it can't be without.
    """

    key: str
    what: str
    ours: str
    theirs: str
    unit: str
    rule: str
    band: tuple[float, float] | None = None
    is_judged: bool = True
    needs: str | None = None


@dataclass(frozen=True)
class Pair:
    """Two figures of one round. `order` says how they were measured; `broken` what of the rule
    does not hold, whatever the ratio; `dropped` why the round counts for nothing, which only the
    kernel may say and never the figures; `details` is for whoever wants to look closer.
    """

    round: int
    ours: float
    theirs: float
    order: str
    broken: str | None = None
    dropped: str | None = None
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        return self.ours / self.theirs


# What a round of a probe gave, by the keys of its comparisons.
Measured = dict[str, Pair | ProbeError]


class Probe(Protocol):
    """Measures a round of its comparisons. Raises ProbeError, and Interrupted."""

    name: str
    comparisons: tuple[Comparison, ...]

    def measure(self, round_: int, chance: random.Random) -> Measured: ...


@dataclass(frozen=True)
class Finding:
    """`why` where the numbers do not say all, `dropped` how many rounds count for nothing and why.
    The summary is None when no pair is left.
    """

    comparison: Comparison
    verdict: Verdict
    why: str = ""
    dropped: str = ""
    ours: float | None = None
    theirs: float | None = None
    ratio: Summary | None = None


def judge(
    comparison: Comparison, pairs: Sequence[Pair], problem: ProbeError | None = None
) -> Finding:
    kept = [pair for pair in pairs if not pair.dropped]
    ratio = summarize([pair.ratio for pair in kept]) if kept else None
    if problem or not pairs:
        is_left_out = problem is None or problem.left_out
        verdict = Verdict.LEFT_OUT if is_left_out else Verdict.FAILED
        why = str(problem or "no round of it was measured")
    else:
        verdict, why = _verdict(comparison, kept, ratio)
    reasons = [pair.dropped for pair in pairs if pair.dropped]
    dropped = f"{len(reasons)} of {len(pairs)} rounds: {reasons[0]}" if reasons else ""
    sides = [[pair.ours for pair in kept], [pair.theirs for pair in kept]]
    medians = (statistics.median(side) if side else None for side in sides)
    return Finding(comparison, verdict, why, dropped, *medians, ratio)


def _verdict(
    comparison: Comparison, pairs: Sequence[Pair], ratio: Summary | None
) -> tuple[Verdict, str]:
    """It agrees when the estimate lies in the band and its interval is no wider than the band; it
    differs when the whole interval lies outside.
    """
    if ratio is None:
        return Verdict.UNCLEAR, "no round of it counts"
    if not comparison.is_judged:
        return Verdict.SHOWN, ""
    broken = [f"round {pair.round + 1}: {pair.broken}" for pair in pairs if pair.broken]
    if broken:
        more = f" (and {len(broken) - 1} more rounds)" if len(broken) > 1 else ""
        return Verdict.DIFFERS, broken[0] + more
    if comparison.band is None:
        return Verdict.AGREES, ""
    low, high = comparison.band
    if ratio.is_range:
        return Verdict.UNCLEAR, f"an interval of 95 % takes {MIN_FOR_INTERVAL} rounds"
    if ratio.high < low or ratio.low > high:
        return Verdict.DIFFERS, ""
    is_wide = ratio.high - ratio.low > high - low
    if is_wide or not low <= ratio.median <= high:
        how = "is wider than" if is_wide else "reaches into"
        return Verdict.UNCLEAR, f"the interval {how} the tolerance: more --rounds"
    return Verdict.AGREES, ""


def exit_code(findings: Sequence[Finding]) -> int:
    """1: something differs; 2: something failed, or nothing was compared; 3: something is unclear;
    0: all that could be compared agrees.
    """
    verdicts = {finding.verdict for finding in findings}
    if Verdict.DIFFERS in verdicts:
        return 1
    if Verdict.FAILED in verdicts or not verdicts & {Verdict.AGREES, Verdict.UNCLEAR}:
        return 2
    return 3 if Verdict.UNCLEAR in verdicts else 0
