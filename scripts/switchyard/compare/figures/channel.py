"""Producers and consumers over a bounded channel: items per second against its capacity."""

from matplotlib.figure import Figure

from ...suite.results import ResultsFolder
from ..comparison import Comparison
from ..drawing import new_figure
from .axes import log_axis
from .data import keep, measured, usual, values
from .marks import Dot, draw_dots
from .panels import Panel, draw_panels

_PLACEMENTS = {"same": "on the same core", "cross": "across cores"}


def channel_throughput(folder: ResultsFolder) -> Figure | None:
    """Lines over the capacity; with a single capacity, as in the quick run, dots by mechanism."""
    comparison = measured(folder, "channel")
    comparison = comparison and keep(comparison, usual)
    if not comparison:
        return None
    kinds = [
        (pairs, size)
        for pairs in values(comparison, "pairs")
        for size in values(comparison, "bytes", pairs=pairs)
    ]
    several = len(values(comparison, "capacity")) > 1
    return (_over_capacity if several else _by_mechanism)(comparison, kinds)


def _over_capacity(comparison: Comparison, kinds: list[tuple[int, int]]) -> Figure | None:
    grid = [
        [
            Panel(
                comparison, {"pairs": pairs, "bytes": size, "placement": placement},
                _title(pairs, size), f"items per second {where}\n(log scale)",
            )
            for pairs, size in kinds
        ]
        for placement, where in _PLACEMENTS.items()
        if placement in values(comparison, "placement")
    ]  # fmt: skip
    return draw_panels(
        "Producers and consumers over a bounded channel: items per second against its capacity",
        grid, ("capacity", "capacity (log scale)"), lambda axis: log_axis(axis, "1/s"),
        width=0.75, sharey="all",
    )  # fmt: skip


def _by_mechanism(comparison: Comparison, kinds: list[tuple[int, int]]) -> Figure:
    (capacity,) = values(comparison, "capacity")
    figure, axes = new_figure(
        f"Producers and consumers over a channel for {capacity} items: items per second",
        [1.0] * len(kinds), sharex="all", sharey="all",
    )  # fmt: skip
    groups = [
        [
            Dot(column, str(dict(case)["placement"]), cell.summary)
            for (case, column), cell in comparison.cells.items()
            if (dict(case)["pairs"], dict(case)["bytes"]) == kind
        ]
        for kind in kinds
    ]
    draw_dots(axes, groups, "1/s", "items per second (log scale)", best=max)
    for ax, kind in zip(axes, kinds, strict=True):
        ax.set_title(_title(*kind))
    return figure


def _title(pairs: int, size: int) -> str:
    plural = "s" if pairs > 1 else ""
    return f"{pairs} producer{plural}, {pairs} consumer{plural}, {size:,}-byte items"
