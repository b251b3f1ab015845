"""Draw the figures of a results folder, as PNG and SVG.

Works on what is there: a figure whose workload was not measured is skipped with a line.
"""

import argparse
from pathlib import Path

from .errors import BadInputError, SwitchyardError
from .paths import RESULTS
from .results import ResultsFolder, newest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "dir", nargs="?", type=Path, metavar="DIR", help="results folder (default: the newest)"
    )


def main(args: argparse.Namespace) -> int:
    draw_figures(ResultsFolder.load(args.dir or newest(RESULTS)))
    return 0


def draw_figures(folder: ResultsFolder) -> None:
    """Into the folder's plots/; says what was drawn and what was not."""
    plots = folder.path / "plots"
    try:
        plots.mkdir(exist_ok=True)
        drawn = _draw_all(folder, plots)
    except OSError as error:
        raise BadInputError(f"cannot write to {plots}: {error.strerror}") from None
    if not drawn:
        raise SwitchyardError(f"nothing to draw in {folder.path}: no row has a measurement")


def _draw_all(folder: ResultsFolder, plots: Path) -> int:
    """Returns how many figures were drawn."""
    # Only here: loading matplotlib takes longer than all that the other commands do.
    from . import drawing, figures

    drawing.use_style()
    caption = drawing.caption(folder)
    drawn = 0
    for draw in figures.ALL:
        name = draw.__name__
        figure = draw(folder)
        if figure is None:
            print(f"{name}: skipped, not measured in this run")
            continue
        for path in drawing.save(figure, caption, plots, name):
            print(path)
        drawn += 1
    return drawn
