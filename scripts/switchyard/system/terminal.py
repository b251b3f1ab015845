"""The consoles that lines and tables are printed on."""

import shutil
import sys
from typing import Any

from rich.console import Console

_PIPED_WIDTH = 80


def plain_console(**options: Any) -> Console:  # noqa: ANN401 (whatever Console takes)
    """Prints names as they are: a folder may be called "[red]" or ":smile:"."""
    return Console(highlight=False, markup=False, emoji=False, **options)


def stdout_console() -> Console:
    """As wide as the terminal; in a file 80, unless COLUMNS says otherwise."""
    width = (
        shutil.get_terminal_size((_PIPED_WIDTH, 24)).columns if not sys.stdout.isatty() else None
    )
    return plain_console(width=width)
