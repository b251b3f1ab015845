"""The console that tables are printed on."""

import shutil
import sys

from rich.console import Console

_PIPED_WIDTH = 80


def stdout_console() -> Console:
    """As wide as the terminal; in a file 80, unless COLUMNS says otherwise."""
    width = (
        shutil.get_terminal_size((_PIPED_WIDTH, 24)).columns if not sys.stdout.isatty() else None
    )
    return Console(width=width, highlight=False)
