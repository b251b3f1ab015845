"""Latency by percentile, up to 99.99 %: the tail at a scale at which it can be read."""

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from .. import palette
from ..drawing import new_figure, with_legend
from ..histograms import Histogram
from .axes import log_axis

_COLOURS = (palette.GREEN, palette.VERMILLION, palette.BLUE, palette.PURPLE)
_TICKS = (0.0, 0.9, 0.99, 0.999, 0.9999)
_MOST_NINES = 4.0


def nines(quantile: float) -> float:
    """Where a percentile stands on the axis: 90 % at 1, 99 % at 2, 99.9 % at 3."""
    return -math.log10(1 - quantile)


def percentile_axis(ax: Axes) -> None:
    ax.set_xlim(0, _MOST_NINES + 0.05)
    ax.xaxis.set_major_locator(FixedLocator([nines(q) for q in _TICKS]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{100 * (1 - 10**-x):.4g} %"))
    ax.set_xlabel("percentile")


def percentiles(whole: Mapping[str, Histogram]) -> Figure:
    """A line for each histogram, as far as it has values."""
    figure, (ax,) = new_figure("Latency by percentile", (1.3,))
    for (name, part), colour in zip(whole.items(), _colours(len(whole)), strict=True):
        reach = min(_MOST_NINES, math.log10(max(part.count, 1)))
        places = [step * reach / 400 for step in range(401)]
        ax.errorbar(
            places, [part.value_at(1 - 10**-x) / 1e3 for x in places], color=colour,
            label=name.replace("_", " "),
        )  # fmt: skip
    percentile_axis(ax)
    log_axis(ax.yaxis, "us")
    ax.set_ylabel("latency (log scale)")
    return with_legend(figure, [ax])


def _colours(count: int) -> Sequence[str]:
    return [_COLOURS[i % len(_COLOURS)] for i in range(count)]
