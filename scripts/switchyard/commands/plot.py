"""Draw the figures of a results folder, as PNG and SVG.

Works on what is there: a figure whose workload was not measured is skipped with a line.
"""

import argparse

from ..suite import options
from ..suite.results import ResultsFolder, newest
from ..system import packages
from ..system.paths import RESULTS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    options.add_results(parser)


def main(args: argparse.Namespace) -> int:
    packages.need("pictures")
    # Only here: loading matplotlib takes longer than all that the other commands do.
    from ..compare.figures import draw_figures

    draw_figures(ResultsFolder.load(args.dir or newest(RESULTS)))
    return 0
