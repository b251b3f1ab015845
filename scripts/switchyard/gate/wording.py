"""A finding in words and numbers, the same in every form that it is handed out in.

The order of findings is part of that: a page begins with the worst, a terminal ends with it, as
that is where its reader looks.
"""

import math
from collections.abc import Iterable

from .model import Finding, Verdict, percent

WORST_FIRST = (
    Verdict.FAILED, Verdict.REGRESSED, Verdict.INCONCLUSIVE, Verdict.IMPROVED, Verdict.MISSING,
    Verdict.SKIPPED, Verdict.UNCHANGED,
)  # fmt: skip
# Of these the numbers do not say all.
_NEEDS_REASON = (Verdict.FAILED, Verdict.SKIPPED, Verdict.MISSING, Verdict.INCONCLUSIVE)
NONE = "-"


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """By verdict, then by the change: of improved ones the largest gain, else the largest loss."""

    def order(finding: Finding) -> tuple[int, float, str]:
        change = finding.evidence.estimate if finding.evidence else -math.inf
        gained = finding.verdict == Verdict.IMPROVED
        place = WORST_FIRST.index(finding.verdict)
        return place, change if gained else -change, finding.benchmark.key

    return sorted(findings, key=order)


def change(finding: Finding) -> str:
    """ "+12.3 %"."""
    return f"{_signed(percent(finding.evidence.estimate))} %" if finding.evidence else NONE


def interval(finding: Finding) -> str:
    """ "+10.1 to +14.5 %", of 95 %."""
    seen = finding.evidence
    if not seen or seen.low is None or seen.high is None:
        return NONE
    return f"{_signed(percent(seen.low))} to {_signed(percent(seen.high))} %"


def _signed(number: float) -> str:
    """One decimal; nothing is neither plus nor minus."""
    text = f"{number:+.1f}"
    return "0.0" if float(text) == 0 else text


def pairs(finding: Finding) -> str:
    """How many were screened and, after a plus sign, how many confirm."""
    counts = [str(seen.pairs) for seen in (finding.screen, finding.confirm) if seen]
    return "+".join(counts) or NONE


def p_value(finding: Finding) -> str:
    """Corrected, of the verdict's direction; of the change's direction where there is none."""
    slower, faster = finding.p_slower_corrected, finding.p_faster_corrected
    upwards = finding.evidence is None or finding.evidence.estimate >= 0
    p = slower if upwards else faster
    if p is None:
        return NONE
    return "<0.0001" if p < 1e-4 else f"{p:.2g}" if p < 0.01 else f"{p:.2f}"


def instructions(finding: Finding) -> str:
    """The change of their number, when they were counted on both sides."""
    counted = (finding.instructions or {}).get("change_percent")
    return f"{_signed(counted)} %" if isinstance(counted, int | float) else NONE


def reason(finding: Finding) -> str:
    """Why this verdict, as far as the numbers don't say it, and what would help."""
    says_more = finding.verdict in _NEEDS_REASON or not finding.evidence
    parts = [finding.why] if says_more else []
    if finding.pairs_needed:
        parts.append(f"about {finding.pairs_needed} pairs would decide it")
    problem = (finding.instructions or {}).get("problem")
    if problem:
        parts.append(f"instructions not counted: {problem}")
    return "; ".join(part for part in parts if part)
