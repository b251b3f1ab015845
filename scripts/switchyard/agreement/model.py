"""What is held against what, and how it is judged.

A comparison has one pair for each round: our figure, and the other instrument's of the same thing.
Only the ratio within a pair counts, so that drift of the machine cancels out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ..statistics import MIN_FOR_INTERVAL, Summary, summarize


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
    does not hold, whatever the ratio; `details` is kept for whoever wants to look closer.
    """

    round: int
    ours: float
    theirs: float
    order: str
    broken: str | None = None
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        return self.ours / self.theirs


# What a round of a probe gave, by the keys of its comparisons.
Measured = dict[str, Pair | ProbeError]


@dataclass(frozen=True)
class Finding:
    """`why` where the numbers do not say all. The summary is None when there is no pair."""

    comparison: Comparison
    verdict: Verdict
    why: str = ""
    ours: float | None = None
    theirs: float | None = None
    ratio: Summary | None = None


def judge(
    comparison: Comparison, pairs: Sequence[Pair], problem: ProbeError | None = None
) -> Finding:
    if problem:
        verdict = Verdict.LEFT_OUT if problem.left_out else Verdict.FAILED
        return _finding(comparison, pairs, verdict, str(problem))
    if not pairs:
        return _finding(comparison, pairs, Verdict.LEFT_OUT, "no round of it was measured")
    return _finding(comparison, pairs, *_verdict(comparison, pairs))


def _verdict(comparison: Comparison, pairs: Sequence[Pair]) -> tuple[Verdict, str]:
    """It agrees when the estimate lies in the band and its interval is no wider than the band; it
    differs when the whole interval lies outside.
    """
    broken = [f"round {pair.round + 1}: {pair.broken}" for pair in pairs if pair.broken]
    if not comparison.is_judged:
        return Verdict.SHOWN, ""
    if broken:
        more = f" (and {len(broken) - 1} more rounds)" if len(broken) > 1 else ""
        return Verdict.DIFFERS, broken[0] + more
    if comparison.band is None:
        return Verdict.AGREES, ""
    seen = summarize([pair.ratio for pair in pairs])
    if seen.is_range:
        return Verdict.UNCLEAR, f"an interval of 95 % takes {MIN_FOR_INTERVAL} rounds"
    low, high = comparison.band
    if seen.high < low or seen.low > high:
        return Verdict.DIFFERS, ""
    if seen.high - seen.low > high - low:
        return Verdict.UNCLEAR, "the interval is wider than the tolerance: more --rounds"
    if not low <= seen.median <= high:
        return Verdict.UNCLEAR, "the interval reaches into the tolerance: more --rounds"
    return Verdict.AGREES, ""


def _finding(comparison: Comparison, pairs: Sequence[Pair], verdict: Verdict, why: str) -> Finding:
    if not pairs:
        return Finding(comparison, verdict, why)
    return Finding(
        comparison, verdict, why,
        ours=summarize([pair.ours for pair in pairs]).median,
        theirs=summarize([pair.theirs for pair in pairs]).median,
        ratio=summarize([pair.ratio for pair in pairs]),
    )  # fmt: skip


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
