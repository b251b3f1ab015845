"""Prints comparisons as tables: a case per row, a runtime per column.

A cell has its numbers below each other (median, interval, ratio), so that seven columns fit into 80
characters; what still doesn't fit goes into a second block, because a number broken across lines
can't be read. Problems are footnotes: their texts are longer than any cell.
"""

from collections.abc import Callable

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from . import units
from .comparison import Case, Cell, Comparison, compare
from .results import WorkloadResults
from .statistics import MIN_FOR_INTERVAL

_GAP = 2  # between two columns
_EDGES = 2
_LATENCY_OF = ("echo",)
_MEMORY_PER = {"echo": "connection", "sleep": "task"}


class Footnotes:
    """Numbers texts as they come, the same text only once."""

    def __init__(self) -> None:
        self._texts: dict[str, int] = {}

    def mark(self, text: str) -> str:
        return f"({self._texts.setdefault(text, len(self._texts) + 1)})"

    def print(self, console: Console) -> None:
        for text, number in self._texts.items():
            console.print(Text(f"({number}) {text}"))


def print_workload(console: Console, results: WorkloadResults) -> None:
    """The table of the workload's metric, then those of latency and memory where measured."""
    workload = results.workload
    comparison = compare(results)
    footnotes = Footnotes()
    unit = workload.metric.unit
    _print_grid(
        console,
        f"{workload.name}: {workload.metric.label}, {workload.metric.better} is better",
        comparison,
        lambda case, column: _metric_cell(comparison, case, column, unit, footnotes),
    )
    console.print(Text(_explanation(comparison), style="dim"))
    footnotes.print(console)
    _print_latency(console, results)
    _print_memory(console, results)
    console.print()


def _metric_cell(
    comparison: Comparison, case: Case, column: str, unit: str, footnotes: Footnotes
) -> Text:
    cell = comparison.cells.get((case, column))
    if cell is None:
        return Text("")
    note = _problem(cell, footnotes)
    if not cell.summary:
        return Text(note or "-", style="" if not note or cell.only_limits else "bold red")
    summary = cell.summary
    text = Text(units.with_unit(summary.median, unit), style="bold")
    if summary.count > 1:
        interval = units.together((summary.low, summary.high), unit, summary.median)
        text.append(f"\n{interval}", style="not bold dim")
    if comparison.references.get(case) == column:
        text.append(f"\n{comparison.reference_kind(case)}", style="not bold")
    elif cell.ratio is not None:
        text.append(f"\n{units.ratio(cell.ratio)}", style="not bold")
    if note:
        text.append(f"\n{note}", style="bold red")
    return text


def _problem(cell: Cell, footnotes: Footnotes) -> str:
    if not cell.problems:
        return ""
    marks = dict.fromkeys(footnotes.mark(record.problem or "") for record in cell.problems)
    return ("limit " if cell.only_limits else "FAILED ") + " ".join(marks)


def _explanation(comparison: Comparison) -> str:
    """What the three lines of a cell are."""
    counts = [cell.summary.count for cell in comparison.cells.values() if cell.summary]
    if not counts:
        return "Nothing was measured."
    spread = "95 % interval of it"
    if max(counts) < MIN_FOR_INTERVAL:
        spread = f"min-max (a 95 % interval needs {MIN_FOR_INTERVAL} rounds)"
    elif min(counts) < MIN_FOR_INTERVAL:
        spread += f" (min-max below {MIN_FOR_INTERVAL} rounds)"
    rounds = f"{min(counts)}-{max(counts)}" if min(counts) < max(counts) else f"{max(counts)}"
    noun = "round" if rounds == "1" else "rounds"
    return f"Median of {rounds} {noun}; {spread}; ratio to control or fastest, by round."


def _print_latency(console: Console, results: WorkloadResults) -> None:
    p50, p99 = compare(results, "p50_us"), compare(results, "p99_us")
    if results.workload.name not in _LATENCY_OF or not _is_measured(p99):
        return

    def cell(case: Case, column: str) -> Text:
        pair = (p50.cells.get((case, column)), p99.cells.get((case, column)))
        medians = [c.summary.median for c in pair if c and c.summary]
        return Text("\n".join(units.with_unit(us * 1e-6, "s") for us in medians))

    _print_grid(console, f"{results.workload.name}: latency, p50 above p99", p99, cell)


def _is_measured(comparison: Comparison) -> bool:
    return any(cell.summary for cell in comparison.cells.values())


def _print_memory(console: Console, results: WorkloadResults) -> None:
    memory = compare(results, "bytes_per_task")
    what = _MEMORY_PER.get(results.workload.name)
    if not what or not _is_measured(memory):
        return

    def cell(case: Case, column: str) -> Text:
        found = memory.cells.get((case, column))
        return Text(units.with_unit(found.summary.median, "B") if found and found.summary else "")

    _print_grid(console, f"{results.workload.name}: memory per {what}", memory, cell)


def _print_grid(
    console: Console, title: str, comparison: Comparison, cell: Callable[[Case, str], Text]
) -> None:
    """A table of all cases and columns, in blocks as wide as the console."""
    columns = {name: [cell(case, name) for case in comparison.cases] for name in comparison.columns}
    columns = {name: texts for name, texts in columns.items() if any(t.plain for t in texts)}
    constant, varying = _split_parameters(comparison.cases)
    if constant:
        title += f" ({', '.join(f'{name}:{value}' for name, value in constant.items())})"
    label = "\n".join(varying) or "case"
    labels = [
        " ".join(str(value) for name, value in case if name in varying) or "all"
        for case in comparison.cases
    ]
    label_width = max(len(line) for line in [*labels, *label.split("\n")])
    console.print(Text(title, style="bold"))
    tall = any("\n" in text.plain for texts in columns.values() for text in texts)
    for block in _blocks(columns, console.width - label_width - _EDGES):
        table = Table(box=box.HORIZONTALS, show_lines=tall, padding=(0, 0, 0, 1), pad_edge=False)
        table.add_column(label, no_wrap=True, justify="right")
        for name in block:
            table.add_column(_heading(name), justify="right", no_wrap=True)
        for index, text in enumerate(labels):
            row = [columns[name][index] for name in block]
            if any(cell_text.plain for cell_text in row):
                table.add_row(text, *row)
        console.print(table)


def _split_parameters(cases: list[Case]) -> tuple[dict[str, int | float | str], list[str]]:
    """Parameters that are the same in all cases, and the names of those that are not."""
    values = {name: {dict(case).get(name) for case in cases} for case in cases for name, _ in case}
    constant = {
        name: next(iter(found))
        for name, found in values.items()
        if len(found) == 1 and len(cases) > 1
    }
    return constant, [name for name in values if name not in constant]


def _heading(column: str) -> str:
    """On several lines, so that a long name does not widen its column."""
    return column.replace(" ", "\n").replace("plain_", "plain_\n")


def _blocks(columns: dict[str, list[Text]], width: int) -> list[list[str]]:
    """Split the columns' names into runs that fit into the width; at least one in each."""
    blocks: list[list[str]] = []
    used = width + 1
    for name, texts in columns.items():
        lines = [line for text in texts for line in text.plain.split("\n")]
        needed = max(map(len, [*lines, *_heading(name).split("\n")])) + _GAP
        if used + needed > width:
            blocks.append([])
            used = 0
        blocks[-1].append(name)
        used += needed
    return blocks
