"""What a run prints at its end: a table per workload, what was left out, and all warnings.

A table has a case per row and a runtime per column. A cell has its numbers below each other
(median, interval, ratio, interval of the ratio), so that seven columns fit into 80 characters.
Problems are footnotes: their texts are longer than any cell.
After the grid of the metric come those of what else a workload is about, where it was measured.
"""

from rich.console import Console
from rich.text import Text

from ..suite import needs
from ..suite.catalog import in_order
from ..suite.results import ResultsFolder, WorkloadResults
from ..suite.tally import Tally
from ..system import units
from ..system.terminal import stdout_console
from .advice import warnings_of
from .comparison import Case, Comparison, compare
from .footnotes import Footnotes, explanation, problem
from .grid import print_grid
from .secondary_metrics import RATIO, SecondaryMetric, secondary_metrics


def print_results(folder: ResultsFolder, tally: Tally, wanted_rounds: int) -> None:
    console = stdout_console()
    for results in in_order(folder.workloads.values(), lambda results: results.workload):
        print_workload(console, results)
    for line in needs.lines(folder.environment["run"]["left_out"]):
        console.print(Text(line), soft_wrap=True)
    warnings = warnings_of(folder, tally, wanted_rounds)
    if warnings:
        console.print(Text("Warnings", style="bold yellow"))
    for warning in warnings:
        console.print(Text(f"- {warning.what}"))
        console.print(Text(f"  what to do: {warning.advice}", style="dim"))
    if not folder.workloads:
        console.print(Text("Nothing was measured."))


def print_workload(console: Console, results: WorkloadResults) -> None:
    """The table of the workload's metric, then what else is known of it."""
    workload = results.workload
    comparison = compare(results)
    footnotes = Footnotes()
    unit = workload.metric.unit
    print_grid(
        console,
        f"{workload.name}: {workload.metric.label}, {workload.metric.better} is better",
        comparison,
        lambda case, column: _metric_cell(comparison, case, column, unit, footnotes),
    )
    console.print(Text(explanation(comparison), style="dim"))
    for line in footnotes.lines:
        console.print(Text(line))
    for metric in secondary_metrics(results, comparison):
        _print_secondary(console, workload.name, metric)
    if workload.name == "limits":
        _print_endings(console, results)
    console.print()


def _metric_cell(
    comparison: Comparison, case: Case, column: str, unit: str, footnotes: Footnotes
) -> Text:
    cell = comparison.cells.get((case, column))
    if cell is None:
        return Text("")
    note = problem(cell, footnotes)
    if not cell.summary:
        return Text(note or "-", style="" if not note or cell.only_limits else "bold red")
    summary = cell.summary
    text = Text(units.with_unit(summary.median, unit), style="bold")
    if summary.count > 1:
        interval = units.together((summary.low, summary.high), unit, summary.median)
        text.append(f"\n{interval}", style="not bold dim")
    if comparison.references.get(case) == column:
        text.append(f"\n{comparison.reference_kind(case)}", style="not bold")
    elif cell.ratio:
        text.append(f"\n{units.ratio(cell.ratio.median)}", style="not bold")
        if cell.ratio.count > 1:
            text.append(f"\n{units.ratios(cell.ratio.low, cell.ratio.high)}", style="not bold dim")
    if note:
        text.append(f"\n{note}", style="bold red")
    return text


def _print_secondary(console: Console, workload: str, metric: SecondaryMetric) -> None:
    """Medians above each other; of numbers that are ratios themselves, with their intervals."""
    names = f", {' above '.join(metric.parts)}" if len(metric.parts) > 1 else ""

    def cell(case: Case, column: str) -> Text:
        found = [part.cells.get((case, column)) for part in metric.parts.values()]
        summaries = [part_cell.summary for part_cell in found if part_cell]
        if metric.unit != RATIO:
            return Text("\n".join(units.with_unit(s.median, metric.unit) for s in summaries))
        text = Text()
        for s in summaries:
            text.append(units.ratio(s.median), style="bold")
            if s.count > 1:
                text.append(f"\n{units.together((s.low, s.high), '', s.median)}", style="dim")
        return text

    shape = max(metric.parts.values(), key=lambda part: len(part.cells))
    print_grid(console, f"{workload}: {metric.title}{names}", shape, cell)


def _print_endings(console: Console, results: WorkloadResults) -> None:
    """What ended each climb, in the words of the row itself."""
    endings = results.labels()
    if endings:
        console.print(Text("limits: what ended each climb", style="bold"))
    for name, ending in endings.items():
        console.print(Text(f"  {name.removeprefix('limits/')}: {ending}"), soft_wrap=True)
