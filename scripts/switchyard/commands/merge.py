"""Add up latency histograms of several load generators or runs: percentiles of the whole.

Reads what `echo_load --histogram FILE` wrote, histogram logs of HdrHistogram (.hlog; jHiccup and
YCSB write them), and its percentile files (.hgrm; the output of wrk2 --latency). Percentiles can't
be averaged: this is the way to get those of several runs together. --apart sets them side by side.
"""

import argparse
import itertools
import math
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.table import Table

from ..compare import histograms, interchange
from ..compare.histograms import QUANTILES, UNITS, Histogram, HistogramFile
from ..system import files, packages, units
from ..system.errors import BadInputError
from ..system.terminal import stdout_console

_LONGEST = 40  # of what a line of a picture is called: the end of a path tells files apart
# What has to be the same, or the whole would be about nothing.
_ALIKE = {"loop": "its loop", "bytes": "the size of its messages"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE",
        help="histogram files: JSON of echo_load, a log (.hlog), a percentile file (.hgrm)",
    )  # fmt: skip
    parser.add_argument(
        "--unit", choices=tuple(UNITS),
        help="what values of logs and percentile files are in, where these do not tell "
        "(default: ns in logs, ms in percentile files)",
    )  # fmt: skip
    parser.add_argument("--only", metavar="NAME", help="this histogram alone: latency, a tag")
    parser.add_argument(
        "--apart", action="store_true", help="set the files side by side, and do not add them up"
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE",
        help="write the merged histograms: as a log in ns (.hlog), as percentiles in ms (.hgrm; a "
        "file each where there are several), or as JSON in ns (any other)",
    )  # fmt: skip
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw them (.png or .svg)")


def main(args: argparse.Namespace) -> int:
    return _merge(args.files, args.unit, args.only, args.apart, args.out, args.plot)


def _merge(
    paths: list[Path], unit: str | None, only: str | None, apart: bool, out: Path | None,
    plot: Path | None,
) -> int:  # fmt: skip
    if plot and plot.suffix not in (".png", ".svg"):
        raise BadInputError(f"--plot {plot}: want a file that ends in .png or .svg")
    if out and apart:
        raise BadInputError("--out is for what was added up, and --apart adds nothing")
    if plot:
        packages.need("pictures")
    if out:
        interchange.need(out)
    if len({path.resolve() for path in paths}) < len(paths):
        raise BadInputError(f"{_twice(paths)} is named twice: its messages would count twice")
    parts = [_chosen(interchange.read(path, unit), only) for path in paths]
    if unit and all(part.unit not in ("", unit) for part in parts):
        raise BadInputError(f"--unit {unit}: {paths[0]} tells that it has {parts[0].unit}")
    if apart:
        shown = side_by_side(parts)
        _print(shown, f"{_count(parts)} side by side")
    else:
        whole = merge(parts)
        shown = {_words(name): part for name, part in whole.histograms.items()}
        _print(shown, f"{_count(parts)} merged")
        _tell_what_is_unknown(parts)
    if out:
        written = interchange.write(out, whole)
        if written != [out]:
            print(f"wrote {', '.join(map(str, written))}")
    if plot:
        _draw(shown, plot)
    return 0


def _twice(paths: Sequence[Path]) -> Path:
    there = [path.resolve() for path in paths]
    return next(path for i, path in enumerate(paths) if there[i] in there[:i])


def _chosen(file: HistogramFile, only: str | None) -> HistogramFile:
    if only is None:
        return file
    if only not in file.histograms:
        raise BadInputError(f"{file.path} has no histogram {only}, but {_names(file)}")
    file.histograms = {only: file.histograms[only]}
    return file


def merge(parts: Sequence[HistogramFile]) -> HistogramFile:
    """By name. Raises BadInputError when the runs were not alike, as far as they tell."""
    first = parts[0]
    for (one, other), key in itertools.product(itertools.combinations(parts, 2), _ALIKE):
        a, b = one.figures.get(key), other.figures.get(key)
        if None not in (a, b) and a != b:
            raise BadInputError(
                f"{one.path} and {other.path} can't be merged: {key} is {a} and {b}"
            )
    for file in parts[1:]:
        if file.histograms.keys() != first.histograms.keys():
            raise BadInputError(
                f"{first.path} and {file.path} have other histograms ({_names(first)}; "
                f"{_names(file)}): --only NAME takes one that both have"
            )
    figures = {
        key: None if any(file.figures.get(key) is None for file in parts) else first.figures[key]
        for key in _ALIKE
    }
    whole = {name: _added_up(name, parts) for name in first.histograms}
    span = min(part.span[0] for part in parts), max(part.span[1] for part in parts)
    return HistogramFile(first.path, figures, whole, "ns", span)


def _added_up(name: str, parts: Sequence[HistogramFile]) -> Histogram:
    try:
        return histograms.merged(part.histograms[name] for part in parts)
    except ValueError:
        paths = ", ".join(str(part.path) for part in parts)
        raise BadInputError(f"{paths} can't be merged: their buckets of {name} overlap") from None


def side_by_side(parts: Sequence[HistogramFile]) -> dict[str, Histogram]:
    """All histograms, by file and name."""
    return {
        f"{file.path}: {_words(name)}": part
        for file in parts
        for name, part in file.histograms.items()
    }


def _count(parts: Sequence[HistogramFile]) -> str:
    return f"{len(parts)} file{'s'[: len(parts) != 1]}"


def _names(file: HistogramFile) -> str:
    return ", ".join(file.histograms)


def _tell_what_is_unknown(parts: Sequence[HistogramFile]) -> None:
    for file in parts if len(parts) > 1 else ():
        unknown = [what for key, what in _ALIKE.items() if file.figures.get(key) is None]
        if unknown:
            print(f"{file.path} does not tell {' or '.join(unknown)}: taken to be like the others")


def _print(whole: dict[str, Histogram], title: str) -> None:
    console = stdout_console()
    table = Table(box=box.HORIZONTALS, title=title)
    for heading in ("", "values", *QUANTILES, "max"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, part in whole.items():
        cells = [
            units.with_unit(part.value_at(quantile) / 1e3, "us") if part.supports(quantile) else "-"
            for quantile in QUANTILES.values()
        ]
        largest = units.with_unit(part.max / 1e3, "us")
        table.add_row(name, f"{part.count:,}", *cells, largest)
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
    colours = [palette.GREEN, palette.VERMILLION, palette.BLUE, palette.PURPLE]
    lines = ["-", "--", ":"]
    ax.set_prop_cycle(
        color=colours * len(lines), linestyle=[line for line in lines for _ in colours]
    )
    for name, part in whole.items():
        reach = min(MOST_NINES, math.log10(max(part.count, 1)))
        places = [step * reach / 400 for step in range(401)]
        label = name if len(name) <= _LONGEST else f"...{name[-_LONGEST:]}"
        ax.errorbar(places, [part.value_at(1 - 10**-x) / 1e3 for x in places], label=label)
    percentile_axis(ax.xaxis)
    log_axis(ax.yaxis, "us")
    ax.set(xlabel="percentile", ylabel="latency (log scale)")
    drawing.with_legend(figure, [ax])
    counts = ", ".join(f"{name} {part.count:,}" for name, part in whole.items())
    drawing.put_below(figure, f"Values by histogram: {counts}.")
    with files.writing(path, BadInputError) as part:
        drawing.write(figure, part, path.suffix[1:])


def _words(name: str) -> str:
    return name.replace("_", " ")
