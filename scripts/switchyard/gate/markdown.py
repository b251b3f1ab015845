"""A check as Markdown, for a comment or the summary of a CI job: what matters first, then all.

Names and messages come from programs that we don't know, so each is set as code or escaped.
"""

from collections.abc import Sequence
from itertools import accumulate

from ..system.markdown import code, fence, prose, table
from . import wording
from .model import Finding, Report, Verdict

# GitHub takes 65,536 characters in a comment.
_MOST_CHARACTERS = 60_000
# Of these a table takes this many beside its rows.
_FRAME = 305
_HEADS = ("benchmark", "verdict", "change", "95 % interval", "instructions", "pairs", "p")


def markdown(report: Report) -> str:
    findings = wording.worst_first(report.findings)
    notable = [finding for finding in findings if finding.verdict != Verdict.UNCHANGED]
    parts = [f"## {wording.headline(report)}"]
    if named := wording.slower_ones(report):
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
        parts.append(f"<details>{everything}\n\n{_table(findings, room())}\n\n</details>")
    return "\n\n".join([*parts, tail]) + "\n"


def _table(findings: Sequence[Finding], room: int) -> str:
    """As many rows as there is room for; reasons stand below the names: a column would be wide."""
    rows = [_cells(finding) for finding in findings]
    used = accumulate(len(f"| {' | '.join(cells)} |\n") for cells in rows)
    fitting = sum(characters <= room - _FRAME for characters in used)
    left_out = len(rows) - fitting
    note = f"\n\n*{left_out} more do not fit in here; the other files of the check have them.*"
    numbers = range(2, len(_HEADS))
    return table(_HEADS, rows[:fitting], numbers) + note * bool(left_out)


def _cells(finding: Finding) -> list[str]:
    name, why, verdict = code(wording.name(finding)), wording.reason(finding), finding.verdict
    if why:
        # What programs print reads better as code; the rest are sentences of ours.
        printed = verdict in (Verdict.FAILED, Verdict.SKIPPED)
        name += f"<br>{code(why) if printed else prose(why)}"
    loud = finding.fails or verdict == Verdict.FAILED
    numbers = map(prose, wording.numbers(finding).values())
    return [name, f"**{verdict}**" if loud else str(verdict), *numbers]


def _tail(report: Report) -> list[str]:
    again, machine = report.facts.get("command", ""), wording.machine(report)
    bar = fence(again, 3)
    return [
        *([f"To repeat it:\n\n{bar}sh\n{again}\n{bar}"] if again else []),
        wording.method(report),
        *([f"Measured on {code(machine)}."] if machine else []),
    ]
