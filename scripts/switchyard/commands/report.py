"""Write what a results folder holds as one HTML file that needs nothing but itself.

Summary, tables, figures, environment, warnings, method, and the command that measures each row
again. Figures that were drawn already are taken as they are, the others are drawn.
"""

import argparse
from pathlib import Path

from ..suite import options
from ..suite.results import ResultsFolder, newest
from ..system import packages
from ..system.paths import RESULTS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    options.add_results(parser)
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="the file to write (default: DIR/report.html)"
    )


def main(args: argparse.Namespace) -> int:
    packages.need("pictures")
    # Only here: loading the templates and the figures takes longer than the other commands.
    from ..compare.report.page import write_report

    write_report(ResultsFolder.load(args.dir or newest(RESULTS)), args.out)
    return 0
