"""Prints a check on a terminal: a line per benchmark, the worst last, and what to make of it all.

The last lines are those that stay on the screen, so what is slower stands just above the summary.
Numbers come in columns of one width and names whole, on a line of their own where the console is
too narrow: a name that is broken into a column can't be copied.
"""

from rich.console import Console
from rich.text import Text

from . import wording
from .model import Finding, Report, Verdict

STYLES = {
    Verdict.FAILED: "bold red",
    Verdict.REGRESSED: "bold red",
    Verdict.INCONCLUSIVE: "yellow",
    Verdict.IMPROVED: "green",
    Verdict.MISSING: "yellow",
    Verdict.SKIPPED: "dim",
    Verdict.UNCHANGED: "dim",
}
_INDENT = "  "
_LEGEND = (
    "change: time of one iteration, candidate against baseline, with its 95 % interval; pairs: {}"
    "; p: Holm-corrected, of suspects only"
)


def print_report(report: Report, console: Console) -> None:
    """The console's width decides the layout: give it 80 columns when it is no terminal."""
    findings = list(reversed(wording.worst_first(report.findings)))
    if findings:
        _print_findings(findings, console)
        pairs = "launches beside stored ones" if report.advisory else "screened+confirmed"
        console.print(Text(_LEGEND.format(pairs), style="dim"))
    for caveat in wording.caveats(report):
        console.print(Text(f"! {_one_line(caveat)}", style="bold yellow"), soft_wrap=True)
    _print_summary(report, console)


def _print_findings(findings: list[Finding], console: Console) -> None:
    counted = any(wording.instructions(finding) != wording.NONE for finding in findings)
    heading = _columns(
        "verdict", "change", "95 % interval", "instr." if counted else "", "pairs", "p"
    )
    longest = max(len(finding.benchmark.key) for finding in findings)
    beside = len(heading) + len(_INDENT) + longest <= console.width
    console.print(Text(heading + (f"{_INDENT}benchmark" if beside else ""), style="bold"))
    for finding in findings:
        numbers = _columns(
            finding.verdict, wording.change(finding), wording.interval(finding),
            wording.instructions(finding) if counted else "",
            wording.pairs(finding), wording.p_value(finding),
        )  # fmt: skip
        line, name = Text(numbers, style=STYLES[finding.verdict]), Text(finding.benchmark.key)
        whole = Text.assemble(line, _INDENT, name) if beside else Text.assemble(name, "\n", line)
        console.print(whole, soft_wrap=True)
        why = wording.reason(finding)
        if why:
            indent = " " * (len(heading) if beside else 0) + _INDENT
            console.print(Text(indent + _one_line(why), style="dim"), soft_wrap=True)


def _columns(
    verdict: str, change: str, interval: str, instructions: str, pairs: str, p: str
) -> str:
    """`instructions` is empty when they were not counted for any benchmark."""
    counted = f"{instructions:>9}" if instructions else ""
    return f"{_INDENT}{verdict:<12}{change:>9}  {interval:>18}{counted}{pairs:>7}{p:>9}"


def _print_summary(report: Report, console: Console) -> None:
    for side, what in wording.sides(report).items():
        console.print(Text(f"{side}: {what}"), soft_wrap=True)
    again = wording.command(report)
    if again:
        console.print(Text(f"again: {again}"), soft_wrap=True)
    console.print(Text(wording.summary(report), style=_style(report)), soft_wrap=True)


def _style(report: Report) -> str:
    if report.count(Verdict.REGRESSED) or report.count(Verdict.FAILED):
        return "bold red"
    undecided = report.count(Verdict.INCONCLUSIVE) or not report.findings or not report.complete
    return "bold yellow" if undecided else "bold green"


def _one_line(text: str) -> str:
    """Messages of programs may be of many lines."""
    return " ".join(text.split())
