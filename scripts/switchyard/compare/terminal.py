"""What a run prints at its end: one screen of answers, or all its tables.

A table has a case per row and a runtime per column. A cell has its numbers below each other
(median, interval, ratio, interval of the ratio), so that seven columns fit into 80 characters. What
doesn't fit into the width goes into a second block: a number broken across lines can't be read.
"""

from rich import box
from rich.console import Console
from rich.table import Column
from rich.table import Table as Grid
from rich.text import Text

from ..suite import needs
from ..suite.catalog import in_order
from ..suite.results import ResultsFolder, Tally, WorkloadResults
from ..system.terminal import stdout_console
from .advice import warnings_of
from .answers import answers
from .comparison import compare
from .tables import Cell, Table, metric_table, secondary_tables

_GAP = 2  # between two columns
_EDGES = 2
_SCREEN = 35  # lines for answers and warnings, of the 40 that all the end of a run may take
_LEAST_WARNINGS = 4
_Column = tuple[str, list[Text]]


def print_answers(folder: ResultsFolder, tally: Tally, wanted_rounds: int) -> None:
    """A sentence for each workload, and a line for each thing that spoiled the run, as far as
    a screen has lines. What is cut stands in the report.
    """
    console = stdout_console()
    grid = Grid.grid(Column(style="bold", no_wrap=True), padding=(0, 1))
    for answer in answers(folder):
        grid.add_row(Text(answer.workload), Text(answer.text))
    if grid.rows:
        told = "in brackets how far each is behind the first, with its 95 % interval"
        console.print(Text(f"{tally.rounds} rounds; {told}:", style="dim"))
    console.print(grid)
    lines = [f"! {warning.what}" for warning in warnings_of(folder, tally, wanted_rounds)]
    lines += needs.lines(folder.environment["run"]["left_out"])
    room = max(_SCREEN - len(console.render_lines(grid)), _LEAST_WARNINGS)
    if len(lines) > room:
        rest = len(lines) - room + 1
        lines[room - 1 :] = [f"! {rest} more warnings: in the report, or with --tables"]
    for line in lines:
        console.print(Text(line), no_wrap=True, overflow="ellipsis")
    if not folder.workloads:
        console.print(Text("Nothing was measured."))


def print_tables(folder: ResultsFolder, tally: Tally, wanted_rounds: int) -> None:
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
    console.print()


def print_workload(console: Console, results: WorkloadResults) -> None:
    """The table of the workload's metric, then what else is known of it."""
    name, comparison = results.workload.name, compare(results)
    stacked = secondary_tables(results, comparison, stacked=True)
    for table in (metric_table(results, comparison), *stacked):
        print_table(console, name, table)
    console.print()


def print_table(console: Console, workload: str, table: Table, has_room: bool = False) -> None:
    """And its notes. What is said of a ratio beside its interval stands there if it `has_room`."""
    console.print(Text(f"{workload}: {table.title}", style="bold"))
    label = "\n".join(table.columns[: table.headers])
    names = [" ".join(cell.text or "-" for cell in row[: table.headers]) for row in table.rows]
    columns: list[_Column] = []
    for index in range(table.headers, len(table.columns)):
        # On several lines, so that a long name does not widen its column.
        heading = table.columns[index].replace(" ", "\n").replace("plain_", "plain_\n")
        if any(texts := [_text(row[index], has_room) for row in table.rows]):
            columns.append((heading, texts))
    tall = any("\n" in text.plain for _, texts in columns for text in texts)
    for block in _blocks(columns, console.width - _width([label, *names]) - _EDGES):
        grid = Grid(box=box.HORIZONTALS, show_lines=tall, padding=(0, 0, 0, 1), pad_edge=False)
        grid.add_column(label, no_wrap=True, justify="right")
        for heading, _ in block:
            grid.add_column(heading, justify="right", no_wrap=True)
        for name, *texts in zip(names, *(texts for _, texts in block), strict=True):
            if any(texts):
                grid.add_row(name, *texts)
        console.print(grid)
    for index, note in enumerate(table.notes):  # the first explains, others tell of trouble
        console.print(Text(note, style="" if index else "dim"))


def _text(cell: Cell, has_room: bool) -> Text:
    style = "bold" if cell.value is not None else "bold red" if cell.kind == "failed" else ""
    text = Text(cell.text, style=style)
    for line, style in (
        (cell.interval or None, "not bold dim"), (cell.ratio, "not bold"),
        (cell.ratio_interval or None, "not bold dim"),
        *((note, "not bold") for note in cell.notes if has_room),
        (cell.problem or None, "bold red"),
    ):  # fmt: skip
        if line is not None:
            text.append(f"\n{line}", style=style)
    return text


def _blocks(columns: list[_Column], width: int) -> list[list[_Column]]:
    """Split the columns into runs that fit into the width; at least one in each."""
    blocks: list[list[_Column]] = []
    used = width + 1
    for heading, texts in columns:
        needed = _width([heading, *map(str, texts)]) + _GAP
        if used + needed > width:
            blocks.append([])
            used = 0
        blocks[-1].append((heading, texts))
        used += needed
    return blocks


def _width(texts: list[str]) -> int:
    return max(len(line) for text in texts for line in text.split("\n"))
