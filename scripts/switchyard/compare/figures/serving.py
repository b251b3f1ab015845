"""Serving and fetching: the echo server in a closed and an open loop, and URLs fetched at once."""

from matplotlib.figure import Figure

from ...suite.results import ResultsFolder
from ..drawing import has_lines, new_figure, with_legend
from ..statistics import Summary
from .axes import log_axis, tick
from .data import measured, scaled, values
from .marks import draw_lines, draw_points
from .panels import Panel, draw_panels
from .percentiles import nines, percentile_axis

_LATENCIES = {"p50_us": "median", "p99_us": "99th percentile", "p999_us": "99.9th percentile"}
_QUANTILES = {"p50_us": 0.5, "p90_us": 0.9, "p99_us": 0.99, "p999_us": 0.999, "p9999_us": 0.9999}
_PERCENT_OF_MAXIMUM = 50  # at which the percentiles are drawn
_CONNECTIONS = {"new": "a new connection per fetch", "keep": "connections are kept"}
_URLS = ("urls", "URLs fetched at once (log scale)")


def echo_throughput(folder: ResultsFolder) -> Figure | None:
    title = "Echo server: messages per second against connections"
    return _echo_panels(folder, title, {"ops_per_s": "messages per second"}, "1/s", linear=True)


def echo_latency(folder: ResultsFolder) -> Figure | None:
    title = "Echo server: latency against connections, median and 99th percentile"
    labels = {"p50_us": "p50 latency (log scale)", "p99_us": "p99 latency (log scale)"}
    return _echo_panels(folder, title, labels, "us")


def _echo_panels(
    folder: ResultsFolder, title: str, labels: dict[str, str], unit: str, linear: bool = False
) -> Figure | None:
    """A row of panels per counter, a panel per message size."""
    found = {
        # Cases in which most connections are idle are another question.
        label: measured(folder, "echo", key, lambda params: "active" not in params)
        for key, label in labels.items()
    }
    found = {label: comparison for label, comparison in found.items() if comparison}
    sizes = values(next(iter(found.values())), "bytes") if found else []
    grid = [
        [
            Panel(comparison, {"bytes": size}, "" if row else f"{size:,}-byte messages", label)
            for size in sizes
        ]
        for row, (label, comparison) in enumerate(found.items())
    ]
    x = ("connections", "connections (log scale)")
    return draw_panels(title, grid, x, unit, linear=linear)


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
        if draw_lines(ax, comparison, "load", {}):
            ax.set(title=_LATENCIES[key], xlabel="load, % of its own maximum")
            ax.set_xlim(0, max(loads) * 1.05)
            ax.set_xticks([load for load in loads if load != 90])
            ax.tick_params(axis="x", labelsize="small")  # 100 and 110 are close together
    log_axis(axes[0].yaxis, "us")
    axes[0].set_ylabel("latency (log scale)")
    return with_legend(figure, axes)


def echo_open_percentiles(folder: ResultsFolder) -> Figure | None:
    """At half of each server's own maximum, up to 99.99 %."""
    figure, (ax,) = new_figure(
        f"Echo server: latency by percentile at {_PERCENT_OF_MAXIMUM} % of each one's maximum",
        (1.3,),
    )
    points: dict[str, list[tuple[float, Summary]]] = {}
    for key, quantile in _QUANTILES.items():
        at_load = measured(
            folder, "echo_open", key, lambda params: params.get("load") == _PERCENT_OF_MAXIMUM
        )
        for (_, column), cell in at_load.cells.items():
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


def http_fetch_time(folder: ResultsFolder) -> Figure | None:
    """Of all tasks' one fetch: where each task makes several in turn, the mean of these."""
    slow = measured(folder, "http_fetch", "over_ideal", lambda params: params["latency_ms"] > 0)
    times = scaled(slow, lambda params: params["latency_ms"] / 1000)
    grid = [
        [
            Panel(
                times, {"latency_ms": latency, "bytes": size, "connection": kind},
                _title(size, kind), f"wall time at {latency} ms latency\n(log scale)",
                {"ideal: one latency": latency / 1000},
            )
            for kind in _kinds(values(times, "connection"))
        ]
        for latency in values(times, "latency_ms")
        for size in values(times, "bytes", latency_ms=latency)
    ]  # fmt: skip
    title = "Fetching N URLs at once: wall time against the ideal"
    return draw_panels(title, grid, _URLS, "s", sharey="all")


def http_fetch_throughput(folder: ResultsFolder) -> Figure | None:
    fast = measured(folder, "http_fetch", "ops_per_s", lambda params: params["latency_ms"] == 0)
    label = "fetches per second, no latency"
    grid = [
        [
            Panel(fast, {"bytes": size, "connection": kind}, _title(size, kind), label)
            for kind in _kinds(values(fast, "connection"))
        ]
        for size in values(fast, "bytes")
    ]
    title = "Fetching N URLs at once: fetches per second"
    return draw_panels(title, grid, _URLS, "1/s", linear=True)


def _kinds(found: list[str]) -> list[str]:
    """In the order in which they are told."""
    return sorted(found, key=lambda kind: (list(_CONNECTIONS) + found).index(kind))


def _title(size: int, kind: str) -> str:
    return f"{tick(size, 'B')} bodies, {_CONNECTIONS.get(kind, kind)}"
