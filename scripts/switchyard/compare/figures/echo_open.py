"""The echo server in an open loop: latency against load, and by percentile."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...suite.results import ResultsFolder
from ..drawing import has_lines, new_figure, with_legend
from ..statistics import Summary
from .axes import log_axis
from .data import measured, values
from .marks import draw_line, draw_points
from .percentiles import nines, percentile_axis

_LATENCIES = {"p50_us": "median", "p99_us": "99th percentile", "p999_us": "99.9th percentile"}
_QUANTILES = {"p50_us": 0.5, "p90_us": 0.9, "p99_us": 0.99, "p999_us": 0.999, "p9999_us": 0.9999}
_PERCENT_OF_MAXIMUM = 50  # at which the percentiles are drawn


def echo_open_latency(folder: ResultsFolder) -> Figure | None:
    """Since each message was due: a closed loop would hide the wait of those that were not sent."""
    found = {key: measured(folder, "echo_open", key) for key in _LATENCIES}
    found = {key: comparison for key, comparison in found.items() if comparison}
    loads = sorted({load for comparison in found.values() for load in values(comparison, "load")})
    if not loads:
        return None
    figure, axes = new_figure(
        "Echo server: latency since due against load (64 connections, open loop)",
        [0.9] * len(found), sharey=True,
    )  # fmt: skip
    for ax, (key, comparison) in zip(axes, found.items(), strict=True):
        for column in comparison.columns:
            draw_line(ax, comparison, column, "load", {})
        if has_lines(ax):
            _load_axis(ax, loads, _LATENCIES[key])
    log_axis(axes[0].yaxis, "us")
    axes[0].set_ylabel("latency (log scale)")
    return with_legend(figure, axes)


def echo_open_percentiles(folder: ResultsFolder) -> Figure | None:
    """At half of each server's own maximum, up to 99.99 %."""
    figure, (ax,) = new_figure(
        f"Echo server: latency by percentile at {_PERCENT_OF_MAXIMUM} % of each one's maximum",
        (1.3,),
    )
    found = {q: measured(folder, "echo_open", key) for key, q in _QUANTILES.items()}
    points: dict[str, list[tuple[float, Summary]]] = {}
    for quantile, comparison in found.items():
        for (case, column), cell in comparison.cells.items() if comparison else ():
            if dict(case).get("load") != _PERCENT_OF_MAXIMUM:
                continue
            line = points.setdefault(column, [])
            # A round with few messages has no outermost percentile: the others alone are not it.
            if not line or cell.summary.count == line[0][1].count:
                line.append((nines(quantile), cell.summary))
    for column, line in points.items():
        draw_points(ax, line, column)
    if not has_lines(ax):
        return None
    percentile_axis(ax)
    log_axis(ax.yaxis, "us")
    ax.set_ylabel("latency since due (log scale)")
    return with_legend(figure, [ax])


def _load_axis(ax: Axes, loads: list[int], title: str) -> None:
    ax.set_title(title)
    ax.set_xlim(0, max(loads) * 1.05)
    ax.set_xticks([load for load in loads if load != 90])
    ax.tick_params(axis="x", labelsize="small")  # 100 and 110 are close together
    ax.set_xlabel("load, % of its own maximum")
