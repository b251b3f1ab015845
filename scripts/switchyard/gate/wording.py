"""A finding, and a whole check, in words and numbers: how it came out, what stands between that and
trusting it, and how it was made. The same in every form that it is handed out in.

The order of findings is part of that: a page begins with the worst, a terminal ends with it, as
that is where its reader looks.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from ..compare.palette import BLUE, ORANGE, VERMILLION, Look
from ..suite.environment import machine_in_short
from .model import SIDES, WARM_UP, Finding, Metric, Report, Verdict, clear, percent


@dataclass(frozen=True)
class Shown:
    """How findings of a verdict are shown.

    style: on a terminal; counted: in a headline, empty where nobody counts them; element: of JUnit,
    empty for one that passed; colour: of the word in a figure; look: of the interval there, if it
    is drawn.
    """

    style: str
    counted: str = ""
    element: str = ""
    colour: str = "#666666"
    look: Look | None = None


# The worst first. Looks differ in colour and in shape; orange is too pale for letters.
WORST_FIRST = {
    Verdict.FAILED: Shown("bold red", "failed", "error", VERMILLION),
    Verdict.REGRESSED: Shown(
        "bold red", "", "failure", VERMILLION, Look(VERMILLION, "^", size=6.5)
    ),
    Verdict.INCONCLUSIVE: Shown(
        "yellow", "undecided", "skipped", "#222222", Look(ORANGE, "D", size=5.0)
    ),
    Verdict.IMPROVED: Shown("green", "faster", "", BLUE, Look(BLUE, "v", size=6.5)),
    Verdict.MISSING: Shown("yellow", "on one side only", "skipped"),
    Verdict.SKIPPED: Shown("dim", "skipped", "skipped"),
    Verdict.UNCHANGED: Shown("dim", look=Look("#6E6E6E", "o", size=5.0)),
}
NONE = "-"
_NAMED = 3
_MOST_LINES = 20


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """By verdict, then by the change: of improved ones the largest gain, else the largest loss."""

    def order(finding: Finding) -> tuple[float, float, str]:
        seen = finding.evidence
        loss = finding.metric.sign * seen.estimate if seen else -math.inf
        gained = finding.verdict == Verdict.IMPROVED
        place = list(WORST_FIRST).index(finding.verdict)
        return place + 0.5 * bool(finding.accepted), loss if gained else -loss, name(finding)

    return sorted(findings, key=order)


def numbers(finding: Finding) -> dict[str, str]:
    """By what they are: the columns of a table. Instructions: the change of their number, when they
    were counted on both sides.
    """
    seen = finding.evidence
    counted = (finding.instructions or {}).get("change_percent")
    return {
        "change": change(finding),
        "95 % interval": _interval(finding) or NONE,
        "instructions": f"{_signed(counted)} %" if isinstance(counted, int | float) else NONE,
        "pairs": str(seen.pairs) if seen else NONE,
        "p": _p_value(finding),
    }


def name(finding: Finding) -> str:
    """With the metric, unless that is the usual one."""
    metric = finding.metric.name
    return finding.benchmark.key + (f" [{metric}]" if metric != Metric().name else "")


def proven(finding: Finding) -> str:
    """Of a regression, while others are still measured: "a (+12.3 %, 95 %: +9.1 to +15.0 %)"."""
    interval = _interval(finding)
    return f"{name(finding)} ({change(finding)}{f', 95 %: {interval}' if interval else ''})"


def _interval(finding: Finding) -> str:
    seen = finding.evidence
    if not seen or seen.low is None or seen.high is None:
        return ""
    return f"{_signed(percent(seen.low))} to {_signed(percent(seen.high))} %"


def change(finding: Finding) -> str:
    """ "+12.3 %"."""
    return f"{_signed(percent(finding.evidence.estimate))} %" if finding.evidence else NONE


def _signed(number: float) -> str:
    """One decimal; nothing is neither plus nor minus."""
    return f"{number:+z.1f}".replace("+0.0", "0.0")


def _p_value(finding: Finding) -> str:
    p = finding.p
    if p is None:
        return NONE
    return "<0.0001" if p < 1e-4 else f"{p:.2g}" if p < 0.01 else f"{p:.2f}"


def reason(finding: Finding) -> str:
    """Why this verdict, as far as the numbers don't say it, and what would help; on one line,
    though messages of programs may be of many.
    """
    says_more = not finding.evidence or finding.verdict == Verdict.INCONCLUSIVE
    parts = [finding.why] if says_more else []
    if finding.accepted:
        parts.append(f"accepted: {finding.accepted}")
    if finding.threshold:
        parts.append(f"its threshold is {100 * finding.threshold:.3g} %")
    if finding.pairs_needed:
        parts.append(f"about {finding.pairs_needed} pairs would decide it")
    if problem := (finding.instructions or {}).get("problem"):
        parts.append(f"instructions not counted: {problem}")
    return " ".join("; ".join(part for part in parts if part).split())


def headline(report: Report) -> str:
    """One line: how many are slower, and how many of those that are not just unchanged."""
    return ", ".join([_lead(report), *_others(report)]) + _notes(report)


def summary(report: Report) -> str:
    """The headline with names."""
    named, others = slower_ones(report), ", ".join(_others(report))
    lead = f"{_lead(report)}: {named}" if named else _lead(report)
    return " ".join(f"{said}." for said in (lead, others) if said) + _notes(report)


def slower_ones(report: Report) -> str:
    """The worst by name: "a (+12.3 %), b (+5.0 %) and 4 more"; empty when there are none."""
    found = [f for f in worst_first(report.findings) if f.fails]
    named = ", ".join(f"{name(f)} ({change(f)})" for f in found[:_NAMED])
    rest = len(found) - _NAMED
    return f"{named} and {rest} more" if rest > 0 else named


def _lead(report: Report) -> str:
    total = len(report.findings)
    if not total:
        return "Nothing was compared"
    of_total = f"of {total} benchmark{'s'[: total != 1]}"
    slower = sum(finding.fails for finding in report.findings)
    if slower:
        word = "slower" if all(m.is_time for m in report.plan.metrics) else "worse"
        return f"{slower} {of_total} {'is' if slower == 1 else 'are'} {word}"
    was_compared = any(finding.was_compared for finding in report.findings)
    return f"None {of_total} {'was found slower' if was_compared else 'could be compared'}"


def _others(report: Report) -> list[str]:
    counts = {what.counted: report.count(verdict) for verdict, what in sorted(WORST_FIRST.items())}
    counts["slower, but accepted"] = sum(bool(finding.accepted) for finding in report.findings)
    return [f"{count} {what}" for what, count in counts.items() if what and count]


def _notes(report: Report) -> str:
    notes = ["interrupted"] * (not report.complete) + ["advisory"] * report.advisory
    return f" ({', '.join(notes)})" if notes else ""


def caveats(report: Report) -> list[str]:
    """What stands between the verdicts and trusting them; then what could not be compared."""
    lines = []
    if not report.complete:
        lines.append("Interrupted: the verdicts rest on the pairs that were measured until then.")
    if report.advisory:
        lines.append(
            "Advisory: the baseline was measured some other time, so a change may be the machine's."
        )
    measured = [pair for pair in report.pairs if pair.round != WARM_UP]
    reasons = Counter(pair.dropped for pair in measured if pair.dropped)
    for why, count in reasons.most_common():
        lines.append(f"{count} of {len(measured)} pairs dropped: {why}")
    if identical := ", ".join(report.facts.get("identical", ())):
        lines.append(f"The same bytes on both sides, so a change of theirs is noise: {identical}")
    return lines + shortened(report.problems)


def shortened(lines: Sequence[str]) -> list[str]:
    """The first ones: what is wrong with each of thousands of rows is nothing that one reads."""
    left_out = f"and {len(lines) - _MOST_LINES} more, in check.json"
    return [*lines[:_MOST_LINES], *[left_out][: len(lines) > _MOST_LINES]]


def sides(report: Report) -> dict[str, str]:
    """What each side is: "commit abc1234 with uncommitted changes"."""
    told = {}
    for side in SIDES:
        facts = report.facts.get("sides", {}).get(side, {})
        changed = " with uncommitted changes" if facts.get("dirty") else ""
        told[side] = facts.get("what", "unknown") + changed
    return told


def machine(report: Report) -> str:
    """Empty when it is not known."""
    facts = report.facts.get("machine")
    return ", ".join(machine_in_short(facts)) if facts else ""


def method(report: Report) -> str:
    plan = report.plan
    least = f"{100 * plan.threshold:.3g} %"
    proof = (
        f"proven to be so at all, and estimated at {least} or more, with a 95 % interval that "
        f"begins at {100 * clear(plan.threshold):.3g} % or beyond"
    )
    if plan.prove_threshold:
        proof = f"proven to be so by {least} or more"
    if report.advisory:
        return (
            "Each launch of the candidate is a process of its own; the values of the baseline are "
            "stored ones. Change: the median of all differences of ln(value). Slower or faster is "
            f"what is {proof} (rank test, p at most {plan.alpha:g} by Holm's correction over all)."
        )
    gaps = [pair.gap_s for pair in report.pairs if pair.round != WARM_UP]
    between = f", {1e3 * median(gaps):.1f} ms apart," if gaps else ""
    return (
        f"Baseline and candidate run back to back{between} in processes of their own; a coin "
        f"decides which goes first (seed {plan.seed}). Change: 20 % trimmed mean of "
        f"ln(candidate / baseline). Slower or faster is what is {proof}: bets on the signs of the "
        f"changes, which may be looked at after each pair, p at most {plan.alpha:g} for all "
        "together (Holm's correction)."
    )
