"""What a run prints at its end: a table per workload, what was left out, and all warnings."""

import shutil
import sys

from rich.console import Console
from rich.text import Text

from . import needs
from .advice import warnings_of
from .catalog import in_order
from .results import ResultsFolder
from .table import print_workload
from .tally import Tally

_PIPED_WIDTH = 80


def stdout_console() -> Console:
    """As wide as the terminal; in a file 80, unless COLUMNS says otherwise."""
    width = (
        shutil.get_terminal_size((_PIPED_WIDTH, 24)).columns if not sys.stdout.isatty() else None
    )
    return Console(width=width, highlight=False)


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
