"""Prints a check on a terminal: a line per benchmark, the worst last, and what to make of it all.

The last lines are those that stay on the screen, so what is slower stands just above the summary.
Numbers come in columns of one width and names whole, on a line of their own where the console is
too narrow: a name that is broken into a column can't be copied.
"""

from rich.console import Console
from rich.text import Text

from . import wording
from .model import Finding, Report, Verdict

_LEGEND = (
    "change: candidate against baseline, with its 95 % interval; p: of the change's direction, "
    "corrected for all that are compared"
)
_INDENT, _INSTRUCTIONS = "  ", "{instructions:>9}"
_NUMBERS = "  {verdict:<12}{change:>9}  {95 % interval:>18}" + _INSTRUCTIONS + "{pairs:>6}{p:>9}"


def print_report(report: Report, console: Console) -> None:
    """The console's width decides the layout: give it 80 columns when it is no terminal."""

    def line(text: str, style: str = "") -> None:
        console.print(Text(text, style=style), soft_wrap=True)

    findings = list(reversed(wording.worst_first(report.findings)))
    if findings:
        _print_findings(findings, console)
        console.print(Text(_LEGEND, style="dim"))
    for caveat in wording.caveats(report):
        line(f"! {' '.join(caveat.split())}", "bold yellow")
    for side, what in wording.sides(report).items():
        line(f"{side}: {what}")
    if again := report.facts.get("command"):
        line(f"again: {again}")
    line(wording.summary(report), _style(report))


def _print_findings(findings: list[Finding], console: Console) -> None:
    """Instructions have a column where they were counted."""
    rows = [{"verdict": f.verdict} | wording.numbers(f) for f in findings]
    counted = any(row["instructions"] != wording.NONE for row in rows)
    form = _NUMBERS if counted else _NUMBERS.replace(_INSTRUCTIONS, "")
    heading = form.format_map({name: name for name in rows[0]} | {"instructions": "instr."})
    longest = max(len(wording.name(finding)) for finding in findings)
    beside = len(heading) + len(_INDENT) + longest <= console.width
    console.print(Text(heading + f"{_INDENT}benchmark" * beside, style="bold"))
    for finding, row in zip(findings, rows, strict=True):
        line = Text(form.format_map(row), style=wording.WORST_FIRST[finding.verdict].style)
        name = Text(wording.name(finding))
        whole = Text.assemble(line, _INDENT, name) if beside else Text.assemble(name, "\n", line)
        console.print(whole, soft_wrap=True)
        if why := wording.reason(finding):
            indent = " " * len(heading) * beside + _INDENT
            console.print(Text(indent + why, style="dim"), soft_wrap=True)


def _style(report: Report) -> str:
    if any(finding.fails for finding in report.findings) or report.count(Verdict.FAILED):
        return "bold red"
    undecided = report.count(Verdict.INCONCLUSIVE) or not report.findings or not report.complete
    return "bold yellow" if undecided or report.exit_code else "bold green"
