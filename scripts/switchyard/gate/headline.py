"""A whole check in words: how it came out, what stands between that and trusting it, and how it was
made. The same in every form that it is handed out in.
"""

from collections import Counter
from typing import Any

from .model import SIDES, Report, Stage, Verdict
from .wording import change, worst_first

_NAMED = 3
_OTHERS = {
    Verdict.FAILED: "failed",
    Verdict.IMPROVED: "faster",
    Verdict.INCONCLUSIVE: "undecided",
    Verdict.MISSING: "on one side only",
    Verdict.SKIPPED: "skipped",
}


def headline(report: Report) -> str:
    """One line: how many are slower, and how many of those that are not just unchanged."""
    return ", ".join([_lead(report), *_others(report)]) + _notes(report)


def summary(report: Report) -> str:
    """The headline with names."""
    named = slower_ones(report)
    lead = f"{_lead(report)}: {named}." if named else f"{_lead(report)}."
    others = f" {', '.join(_others(report))}."
    return lead + (others if _others(report) else "") + _notes(report)


def slower_ones(report: Report) -> str:
    """The worst by name: "a (+12.3 %), b (+5.0 %) and 4 more"; empty when there are none."""
    found = [f for f in worst_first(report.findings) if f.verdict == Verdict.REGRESSED]
    named = ", ".join(f"{f.benchmark.key} ({change(f)})" for f in found[:_NAMED])
    rest = len(found) - _NAMED
    return f"{named} and {rest} more" if rest > 0 else named


def _lead(report: Report) -> str:
    total = len(report.findings)
    if not total:
        return "Nothing was compared"
    of_total = f"of {total} benchmark{'s'[: total != 1]}"
    slower = report.count(Verdict.REGRESSED)
    if slower:
        return f"{slower} {of_total} {'is' if slower == 1 else 'are'} slower"
    if not any(finding.was_compared for finding in report.findings):
        return f"None {of_total} could be compared"
    return f"None {of_total} was found slower"


def _others(report: Report) -> list[str]:
    counts = {what: report.count(verdict) for verdict, what in _OTHERS.items()}
    return [f"{count} {what}" for what, count in counts.items() if count]


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
    measured = [pair for pair in report.pairs if pair.stage != Stage.WARM_UP]
    reasons = Counter(pair.dropped for pair in measured if pair.dropped)
    for why, count in reasons.most_common():
        lines.append(f"{count} of {len(measured)} pairs dropped: {why}")
    identical = report.facts.get("identical") or []
    if identical:
        lines.append(
            f"The same bytes on both sides, so a change of theirs is noise: {', '.join(identical)}"
        )
    return lines + report.problems


def sides(report: Report) -> dict[str, str]:
    """What each side is: "commit abc1234 with uncommitted changes"."""
    facts = report.facts.get("sides") or {}
    return {side: _side(facts.get(side) or {}) for side in SIDES}


def _side(facts: dict[str, Any]) -> str:
    what = facts.get("what") or (f"commit {facts['sha'][:7]}" if facts.get("sha") else "unknown")
    changed = facts.get("dirty") and "uncommitted" not in what
    return f"{what} with uncommitted changes" if changed else what


def machine(report: Report) -> str:
    """Empty when it is not known."""
    facts = report.facts.get("machine") or {}
    virtual = facts.get("virtualisation")
    parts = [
        facts.get("cpu_model"),
        f"{facts['cpu_count']} CPUs" if facts.get("cpu_count") else "",
        f"Linux {facts['kernel']}" if facts.get("kernel") else "",
        f"virtual machine{'' if virtual == 'unknown' else f' ({virtual})'}" if virtual else "",
    ]
    return ", ".join(part for part in parts if part)


def command(report: Report) -> str:
    """That repeats the check with the same coins; empty when it is not known."""
    line = report.facts.get("command") or ""
    return f"{line} --seed {report.plan.seed}" if line and "--seed" not in line else line


def method(report: Report) -> str:
    plan = report.plan
    decided = f"by {100 * plan.threshold:.3g} % or more with p at most {plan.alpha:g}"
    if report.advisory:
        return (
            f"Each launch of the candidate is a process of its own; the times of the baseline are "
            f"stored ones. Change: difference of the 20 % trimmed means of ln(time). Slower or "
            f"faster is what differs {decided} (permutation test, Holm's correction over all)."
        )
    return (
        f"Baseline and candidate run back to back, each launch in a process of its own; a coin "
        f"decides which goes first (seed {plan.seed}). Change: 20 % trimmed mean of "
        f"ln(candidate / baseline). Suspects of a screening are measured anew; slower or faster "
        f"is what then differs {decided} (sign-flip test, Holm's correction over all suspects)."
    )
