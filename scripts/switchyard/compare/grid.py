"""Prints one grid: a case per row, a column per runtime, in blocks as wide as the console.

Parameters that are the same in all cases go into the title. What doesn't fit into the width goes
into a second block, because a number broken across lines can't be read.
"""

from collections.abc import Callable

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .comparison import Case, Comparison, split_parameters

_GAP = 2  # between two columns
_EDGES = 2


def print_grid(
    console: Console, title: str, comparison: Comparison, cell: Callable[[Case, str], Text]
) -> None:
    """A table of all cases and columns, in blocks as wide as the console."""
    columns = {name: [cell(case, name) for case in comparison.cases] for name in comparison.columns}
    columns = {name: texts for name, texts in columns.items() if any(t.plain for t in texts)}
    constant, varying = split_parameters(comparison.cases)
    if constant:
        title += f" ({', '.join(f'{name}:{value}' for name, value in constant.items())})"
    label = "\n".join(varying) or "case"
    labels = [
        " ".join(str(dict(case).get(name, "-")) for name in varying) or "all"
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
