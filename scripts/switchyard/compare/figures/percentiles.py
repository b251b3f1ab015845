"""Latency by percentile, up to 99.99 %: the tail at a scale at which it can be read."""

import math
from collections.abc import Mapping
from itertools import cycle

from matplotlib.figure import Figure

from .. import palette
from ..drawing import new_figure, with_legend
from ..histograms import Histogram
from .axes import MOST_NINES, log_axis, percentile_axis

_COLOURS = (palette.GREEN, palette.VERMILLION, palette.BLUE, palette.PURPLE)


def percentiles(whole: Mapping[str, Histogram]) -> Figure:
    """A line for each histogram, as far as it has values."""
    figure, (ax,) = new_figure("Latency by percentile", (1.3,))
    for (name, part), colour in zip(whole.items(), cycle(_COLOURS), strict=False):
        reach = min(MOST_NINES, math.log10(max(part.count, 1)))
        places = [step * reach / 400 for step in range(401)]
        heights = [part.value_at(1 - 10**-x) / 1e3 for x in places]
        ax.errorbar(places, heights, color=colour, label=name.replace("_", " "))
    percentile_axis(ax.xaxis)
    log_axis(ax.yaxis, "us")
    ax.set(xlabel="percentile", ylabel="latency (log scale)")
    return with_legend(figure, [ax])
