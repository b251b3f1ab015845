"""Write what a results folder holds as one HTML file that needs nothing but itself.

Summary, tables, figures, environment, warnings, method, and the command that measures each row
again. Figures that were drawn already are taken as they are, the others are drawn.
"""

import argparse
from pathlib import Path

from .errors import BadInputError
from .files import replacing
from .paths import RESULTS
from .results import ResultsFolder, newest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "dir", nargs="?", type=Path, metavar="DIR", help="results folder (default: the newest)"
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="the file to write (default: DIR/report.html)"
    )


def main(args: argparse.Namespace) -> int:
    write_report(ResultsFolder.load(args.dir or newest(RESULTS)), args.out)
    return 0


def write_report(folder: ResultsFolder, out: Path | None = None) -> None:
    """Into the folder, or as `out`; says where. Raises BadInputError if it can't be written."""
    # Only here: loading the templates and the figures takes longer than the other commands.
    from .reporting.page import page

    out = out or folder.path / "report.html"
    if out.is_dir():
        raise BadInputError(f"cannot write {out}: it is a folder")
    text = page(folder)
    try:
        with replacing(out) as part:
            # JSON may hold halves of characters, which no file can.
            part.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise BadInputError(f"cannot write {out}: {error.strerror}") from None
    print(out)
