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
    facts = [f"{side}: {what}" for side, what in wording.sides(report).items()]
    caveats = [f"**{prose(caveat)}**" for caveat in wording.caveats(report)]
    parts.append("\n".join(f"- {line}" for line in [*map(prose, facts), *caveats]))
    tail = "\n\n".join(_tail(report))
    room = _MOST_CHARACTERS - len("\n\n".join(parts)) - len(tail)
    if notable:
        # At least a third stays for all.
        parts.append(_table(notable, room if len(notable) == len(findings) else room * 2 // 3))
    if len(notable) < len(findings):
        left = _MOST_CHARACTERS - len("\n\n".join(parts)) - len(tail)
        parts.append(_details(f"All {len(findings)} benchmarks", _table(findings, left)))
    return "\n\n".join([*parts, tail]) + "\n"


def _table(findings: Sequence[Finding], room: int) -> str:
    """As many rows as there is room for; reasons stand below the names: a column would be wide."""
    lines, used = [], len(_HEAD) + 200
    for finding in findings:
        cells = [
            code(finding.benchmark.key) + _reason(finding), _verdict(finding),
            wording.change(finding), wording.interval(finding), wording.instructions(finding),
            wording.pairs(finding), prose(wording.p_value(finding)),
        ]  # fmt: skip
        line = f"| {' | '.join(cells)} |"
        used += len(line) + 1
        if used > room:
            break
        lines.append(line)
    left_out = len(findings) - len(lines)
    note = f"\n\n*{left_out} more do not fit in here; the other files of the check have them.*"
    return "\n".join([_HEAD, *lines]) + (note if left_out else "")


def _reason(finding: Finding) -> str:
    why = wording.reason(finding)
    if not why:
        return ""
    # What programs print reads better as code; the rest are sentences of ours.
    printed = finding.verdict in (Verdict.FAILED, Verdict.SKIPPED)
    return f"<br>{code(why) if printed else prose(why)}"


def _verdict(finding: Finding) -> str:
    loud = finding.verdict in (Verdict.REGRESSED, Verdict.FAILED)
    return f"**{finding.verdict}**" if loud else str(finding.verdict)


def _tail(report: Report) -> list[str]:
    again = wording.command(report)
    bar = fence(again, 3)
    machine = wording.machine(report)
    parts = [f"To repeat it:\n\n{bar}sh\n{again}\n{bar}"] if again else []
    parts.append(wording.method(report))
    return [*parts, f"Measured on {code(machine)}."] if machine else parts


def _details(summary: str, text: str) -> str:
    return f"<details><summary>{summary}</summary>\n\n{text}\n\n</details>"
