"""A check as Markdown, for a comment or the summary of a CI job: what matters first, then all.

Names and messages come from programs that we don't know, so each is set as code or escaped.
"""

from collections.abc import Sequence

from ..system.markdown import code, fence, prose
from . import wording
from .model import Finding, Report, Verdict

# GitHub takes 65,536 characters in a comment.
_MOST_CHARACTERS = 60_000
_HEAD = (
    "| benchmark | verdict | change | 95 % interval | instructions | pairs | p |\n"
    "|---|---|--:|--:|--:|--:|--:|"
)


def markdown(report: Report) -> str:
    findings = wording.worst_first(report.findings)
    notable = [finding for finding in findings if finding.verdict != Verdict.UNCHANGED]
    named = wording.slower_ones(report)
    parts = [f"## {wording.headline(report)}"]
    if named:
        parts.append(f"Slower: {prose(named)}.")
    facts = [prose(f"{side}: {what}") for side, what in wording.sides(report).items()]
    caveats = [f"**{prose(caveat)}**" for caveat in wording.caveats(report)]
    parts.append("\n".join(f"- {line}" for line in [*facts, *caveats]))
    tail = "\n\n".join(_tail(report))

    def room() -> int:
        return _MOST_CHARACTERS - len("\n\n".join(parts)) - len(tail)

    if notable:
        # At least a third stays for all.
        share = room() if len(notable) == len(findings) else room() * 2 // 3
        parts.append(_table(notable, share))
    if len(notable) < len(findings):
        everything = f"<summary>All {len(findings)} benchmarks</summary>"
        table = _table(findings, room())
        parts.append(f"<details>{everything}\n\n{table}\n\n</details>")
    return "\n\n".join([*parts, tail]) + "\n"


def _table(findings: Sequence[Finding], room: int) -> str:
    """As many rows as there is room for; reasons stand below the names: a column would be wide."""
    lines, used = [], len(_HEAD) + 200
    for finding in findings:
        line = f"| {' | '.join(_cells(finding))} |"
        used += len(line) + 1
        if used > room:
            break
        lines.append(line)
    left_out = len(findings) - len(lines)
    note = f"\n\n*{left_out} more do not fit in here; the other files of the check have them.*"
    return "\n".join([_HEAD, *lines]) + (note if left_out else "")


def _cells(finding: Finding) -> list[str]:
    name, why, verdict = code(wording.name(finding)), wording.reason(finding), finding.verdict
    if why:
        # What programs print reads better as code; the rest are sentences of ours.
        printed = verdict in (Verdict.FAILED, Verdict.SKIPPED)
        name += f"<br>{code(why) if printed else prose(why)}"
    loud = finding.fails or verdict == Verdict.FAILED
    numbers = wording.numbers(finding)
    numbers["p"] = prose(numbers["p"])
    return [name, f"**{verdict}**" if loud else str(verdict), *numbers.values()]


def _tail(report: Report) -> list[str]:
    again, machine = wording.command(report), wording.machine(report)
    bar = fence(again, 3)
    return [
        *([f"To repeat it:\n\n{bar}sh\n{again}\n{bar}"] if again else []),
        wording.method(report),
        *([f"Measured on {code(machine)}."] if machine else []),
    ]
