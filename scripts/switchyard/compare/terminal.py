"""What a run prints at its end: a table per workload, what was left out, and all warnings.

A table has a case per row and a runtime per column. A cell has its numbers below each other
(median, interval, ratio, interval of the ratio), so that seven columns fit into 80 characters. What
doesn't fit into the width goes into a second block: a number broken across lines can't be read.
"""

from rich import box
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from ..suite import needs
from ..suite.catalog import in_order
from ..suite.results import ResultsFolder, Tally, WorkloadResults
from ..system.terminal import stdout_console
from .advice import warnings_of
from .comparison import compare
from .tables import Cell, Table, metric_table, secondary_tables

_GAP = 2  # between two columns
_EDGES = 2


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
    name, comparison = results.workload.name, compare(results)
    for table in (metric_table(comparison), *secondary_tables(results, comparison, stacked=True)):
        _print_table(console, name, table)
        for index, note in enumerate(table.notes):  # the first explains, others tell of trouble
            console.print(Text(note, style="" if index else "dim"))
    if name == "limits":
        _print_endings(console, results)
    console.print()


def _print_table(console: Console, workload: str, table: Table) -> None:
    console.print(Text(f"{workload}: {table.title}", style="bold"))
    names, headers = table.columns, table.headers
    label = "\n".join(names[:headers])
    labels = [" ".join(cell.text or "-" for cell in row[:headers]) for row in table.rows]
    columns = {
        index: texts
        for index in range(headers, len(names))
        if any(texts := [_text(row[index]) for row in table.rows])
    }
    tall = any("\n" in text.plain for texts in columns.values() for text in texts)
    headings = {index: _heading(names[index]) for index in columns}
    label_width = max(len(line) for line in [*labels, *label.split("\n")])
    for block in _blocks(columns, headings, console.width - label_width - _EDGES):
        grid = Grid(box=box.HORIZONTALS, show_lines=tall, padding=(0, 0, 0, 1), pad_edge=False)
        grid.add_column(label, no_wrap=True, justify="right")
        for index in block:
            grid.add_column(headings[index], justify="right", no_wrap=True)
        for row, text in enumerate(labels):
            texts = [columns[index][row] for index in block]
            if any(texts):
                grid.add_row(text, *texts)
        console.print(grid)


def _text(cell: Cell) -> Text:
    style = "bold" if cell.value is not None else "bold red" if cell.kind == "failed" else ""
    text = Text(cell.text, style=style)
    for line, style in (
        (cell.interval or None, "not bold dim"), (cell.ratio, "not bold"),
        (cell.ratio_interval or None, "not bold dim"), (cell.problem or None, "bold red"),
    ):  # fmt: skip
        if line is not None:
            text.append(f"\n{line}", style=style)
    return text


def _heading(column: str) -> str:
    """On several lines, so that a long name does not widen its column."""
    return column.replace(" ", "\n").replace("plain_", "plain_\n")


def _blocks(
    columns: dict[int, list[Text]], headings: dict[int, str], width: int
) -> list[list[int]]:
    """Split the columns into runs that fit into the width; at least one in each."""
    blocks: list[list[int]] = []
    used = width + 1
    for index, texts in columns.items():
        lines = [line for text in (headings[index], *texts) for line in str(text).split("\n")]
        needed = max(map(len, lines)) + _GAP
        if used + needed > width:
            blocks.append([])
            used = 0
        blocks[-1].append(index)
        used += needed
    return blocks


def _print_endings(console: Console, results: WorkloadResults) -> None:
    """What ended each climb, in the words of the row itself."""
    endings = results.labels()
    if endings:
        console.print(Text("limits: what ended each climb", style="bold"))
    for name, ending in endings.items():
        console.print(Text(f"  {name.removeprefix('limits/')}: {ending}"), soft_wrap=True)
