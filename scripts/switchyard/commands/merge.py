"""Add up latency histograms of several load generators or runs: percentiles of the whole.

Reads what `echo_load --histogram FILE` wrote. Percentiles can't be averaged: this is the way to get
those of several runs together.
"""

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.table import Table

from ..compare import histograms
from ..compare.histograms import QUANTILES, Histogram, HistogramFile
from ..system import files, packages, units
from ..system.errors import BadInputError
from ..system.terminal import stdout_console

# What has to be the same, or the whole would be about nothing.
_ALIKE = ("loop", "bytes")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="histogram files")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the merged histograms")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw them (.png or .svg)")


def main(args: argparse.Namespace) -> int:
    if args.plot and args.plot.suffix not in (".png", ".svg"):
        raise BadInputError(f"--plot {args.plot}: want a file that ends in .png or .svg")
    if args.plot:
        packages.need("pictures")
    parts = [histograms.read(path) for path in args.files]
    whole = merge(parts)
    _print(whole, len(parts))
    if args.out:
        document = {
            "format": histograms.FORMAT,
            "unit": "ns",
            "figures": {key: parts[0].figures.get(key) for key in _ALIKE},
            "histograms": {name: part.document() for name, part in whole.items()},
        }
        files.write(args.out, json.dumps(document) + "\n", BadInputError)
    if args.plot:
        _draw(whole, args.plot)
    return 0


def merge(parts: Sequence[HistogramFile]) -> dict[str, Histogram]:
    """By name. Raises BadInputError when the runs were not alike, or a file was given twice."""
    if len({part.path.resolve() for part in parts}) < len(parts):
        raise BadInputError("a file is named twice: its messages would count twice")
    first = parts[0]
    for file in parts[1:]:
        for key in _ALIKE:
            if file.figures.get(key) != first.figures.get(key):
                raise BadInputError(
                    f"{first.path} and {file.path} can't be merged: "
                    f"{key} is {first.figures.get(key)} and {file.figures.get(key)}"
                )
        if file.histograms.keys() != first.histograms.keys():
            raise BadInputError(f"{first.path} and {file.path} have other histograms")
    return {
        name: histograms.merged(part.histograms[name] for part in parts)
        for name in first.histograms
    }


def _print(whole: dict[str, Histogram], files: int) -> None:
    console = stdout_console()
    table = Table(box=box.HORIZONTALS, title=f"{files} file{'s'[: files != 1]} merged")
    for heading in ("", "values", *QUANTILES, "max"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, part in whole.items():
        cells = [
            units.with_unit(part.value_at(quantile) / 1e3, "us") if part.supports(quantile) else "-"
            for quantile in QUANTILES.values()
        ]
        largest = units.with_unit(part.max / 1e3, "us")
        table.add_row(_words(name), f"{part.count:,}", *cells, largest)
    console.print(table)
    if any(not part.supports(q) for part in whole.values() for q in QUANTILES.values()):
        console.print("-: too few values; the largest says as much")


def _draw(whole: dict[str, Histogram], path: Path) -> None:
    """Latency by percentile, up to 99.99 %: the tail at a scale at which it can be read. A line for
    each histogram, as far as it has values.
    """
    # Only here: loading matplotlib takes longer than all the rest.
    from ..compare import drawing, palette
    from ..compare.figures.axes import MOST_NINES, log_axis, percentile_axis

    drawing.use_style()
    figure, (ax,) = drawing.new_figure("Latency by percentile", (1.3,))
    ax.set_prop_cycle(color=[palette.GREEN, palette.VERMILLION, palette.BLUE, palette.PURPLE])
    for name, part in whole.items():
        reach = min(MOST_NINES, math.log10(max(part.count, 1)))
        places = [step * reach / 400 for step in range(401)]
        ax.errorbar(places, [part.value_at(1 - 10**-x) / 1e3 for x in places], label=_words(name))
    percentile_axis(ax.xaxis)
    log_axis(ax.yaxis, "us")
    ax.set(xlabel="percentile", ylabel="latency (log scale)")
    drawing.with_legend(figure, [ax])
    counts = ", ".join(f"{_words(name)} {part.count:,}" for name, part in whole.items())
    drawing.put_below(figure, f"Values by histogram: {counts}.")
    with files.writing(path, BadInputError) as part:
        drawing.write(figure, part, path.suffix[1:])


def _words(name: str) -> str:
    return name.replace("_", " ")
