"""The table of a validation, on a terminal and as Markdown, and what has to be known to read it."""

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..compare.statistics import MIN_FOR_INTERVAL
from ..suite.environment import in_short
from ..system import units
from ..system.markdown import prose, table
from .model import Finding, Verdict

_STYLES = {
    Verdict.AGREES: "green",
    Verdict.DIFFERS: "bold red",
    Verdict.FAILED: "bold red",
    Verdict.UNCLEAR: "yellow",
    Verdict.LEFT_OUT: "dim",
    Verdict.SHOWN: "dim",
}
NOTES = (
    "Figures are medians over the rounds. A ratio is ours / theirs within a round; shown is its "
    f"median with the 95 % interval (below {MIN_FOR_INTERVAL} rounds its range, which decides "
    "nothing).",
    "agrees: the ratio is within the tolerance, and its interval no wider. differs: the whole "
    "interval is outside. unclear: neither. Counts have to hold in every round.",
    "Switches: all tasks are on one CPU. One operation of ours is one switch, one of perf's a "
    "round trip of two: its time is halved. Ours run as SCHED_BATCH, and for equal work perf does "
    "too; as SCHED_OTHER, as it comes, the kernel may switch at a wake-up.",
    "HTTP: wrk may stop with a request under way on each of its 100 connections.",
    "CPU time: theirs is about the server's whole life, its start and end and the opening of 16 "
    "connections included, which is up to 1 % more; GNU time cuts to hundredths of a second. perf "
    "also counts time that the hypervisor took: rounds with more than 2 % of it are dropped.",
    "TCP: a message and its reply are two segments, which carry the acknowledgements. The kernel "
    "also counts the opening of connections and early acknowledgements. Run by root, none may be "
    "sent again; by others, the kernel's counts include all other traffic.",
)


def print_findings(findings: Sequence[Finding], facts: Sequence[str], console: Console) -> None:
    """Two lines for each in the table, so that it fits into 80 columns."""
    table = Table(box=box.HORIZONTALS, show_lines=True, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("what\nours / theirs")
    for name in ("ours\ntheirs", "ratio\ninterval"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict\ntolerance", no_wrap=True)
    for finding in findings:
        comparison = finding.comparison
        ours, theirs, ratio, interval = _figures(finding)
        table.add_row(
            _above(comparison.what, f"{comparison.ours} / {comparison.theirs}"),
            Text(f"{ours}\n{theirs}"),
            _above(ratio, interval, "bold"),
            _above(finding.verdict, comparison.rule, _STYLES[finding.verdict]),
        )
    console.print(table)
    for line in [*NOTES, *facts]:
        console.print(Text(line, style="dim"))
    for line in reasons(findings):
        console.print(Text(line), soft_wrap=True)
    console.print(Text(summary(findings), style="bold"), soft_wrap=True)


def _above(first: str, second: str, style: str = "") -> Text:
    return Text.assemble((first, style), "\n", (second, "dim"))


def reasons(findings: Sequence[Finding]) -> list[str]:
    """A line for each reason, with the comparisons that it is about."""
    about: dict[tuple[str, str], list[str]] = {}
    for finding in findings:
        for what, why in ((finding.verdict, finding.why), ("dropped", finding.dropped)):
            if why:
                about.setdefault((what, why), []).append(finding.comparison.key)
    return [f"{what}: {', '.join(keys)}: {why}" for (what, why), keys in about.items()]


def summary(findings: Sequence[Finding]) -> str:
    """ "12 agree, 1 differs, 2 are left out"."""
    counts = {v: sum(finding.verdict == v for finding in findings) for v in Verdict}
    said = {
        Verdict.AGREES: ("agrees", "agree"), Verdict.DIFFERS: ("differs", "differ"),
        Verdict.FAILED: ("failed", "failed"),
    }  # fmt: skip
    parts = [f"{n} {said.get(v, (f'is {v}', f'are {v}'))[n != 1]}" for v, n in counts.items() if n]
    return f"{len(findings)} comparisons: {', '.join(parts)}"


def markdown(findings: Sequence[Finding], facts: Sequence[str]) -> str:
    rows = []
    for finding in findings:
        comparison = finding.comparison
        ours, theirs, *ratio = _figures(finding)
        both = (f"{ours}<br>{comparison.ours}", f"{theirs}<br>{comparison.theirs}")
        rows.append((comparison.what, *both, *ratio, comparison.rule, finding.verdict))
    heads = ("what", "ours", "theirs", "ratio", "95 % interval", "tolerance", "verdict")
    lists = [
        "\n".join(f"- {prose(line)}" for line in lines)
        for lines in (reasons(findings), NOTES, facts)
        if lines
    ]
    title = f"# Agreement with outside instruments\n\n{prose(summary(findings))}."
    return "\n\n".join([title, table(heads, rows, numbers=(1, 2, 3, 4)), *lists]) + "\n"


def _figures(finding: Finding) -> tuple[str, str, str, str]:
    """Ours, theirs, their ratio and its interval. Counts differ by less than three digits show."""
    ratio, unit = finding.ratio, finding.comparison.unit
    if ratio is None:
        return ("-",) * 4
    ours, theirs = (
        units.with_unit(value, unit) if unit else f"{value:,.0f}"
        for value in (finding.ours, finding.theirs)
    )
    return ours, theirs, f"{ratio.median:.4f}", f"{ratio.low:.4f}-{ratio.high:.4f}"


def facts_in_words(facts: dict[str, Any]) -> list[str]:
    """Of the environment, what the table can't be understood without."""
    validation = facts["validate"]
    tools = ", ".join(f"{name} {version}" for name, version in validation["tools"].items())
    lines = [
        f"Machine: {', '.join(in_short(facts))}",
        f"Instruments: {tools or 'none'}",
        f"Rounds: {validation['rounds_done']} of {validation['rounds_wanted']}, seed "
        f"{validation['seed']}; measured on CPU {validation['cpu']}, clients on CPU "
        f"{validation['other_cpu']}",
    ]
    if validation["steal_percent"] is not None:
        lines.append(f"CPU time taken by the hypervisor: {validation['steal_percent']:.1f} %")
    return lines
