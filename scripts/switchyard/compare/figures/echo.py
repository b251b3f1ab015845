"""The echo server: throughput and latency against the number of connections."""

from collections.abc import Callable

from matplotlib.axis import Axis
from matplotlib.figure import Figure

from ...suite.results import ResultsFolder
from ..comparison import Comparison
from .axes import linear_axis, log_axis
from .data import keep, measured, values
from .panels import Panel, draw_panels


def echo_throughput(folder: ResultsFolder) -> Figure | None:
    return _echo_panels(
        folder,
        "Echo server: messages per second against connections",
        [("ops_per_s", "messages per second")],
        lambda axis: linear_axis(axis, "1/s"),
    )


def echo_latency(folder: ResultsFolder) -> Figure | None:
    return _echo_panels(
        folder,
        "Echo server: latency against connections, median and 99th percentile",
        [("p50_us", "p50 latency (log scale)"), ("p99_us", "p99 latency (log scale)")],
        lambda axis: log_axis(axis, "us"),
    )


def _echo_panels(
    folder: ResultsFolder, title: str, keys: list[tuple[str, str]], y_axis: Callable[[Axis], None]
) -> Figure | None:
    """A row of panels per counter (key, label), a panel per message size."""
    found = [(_all_busy(folder, key), label) for key, label in keys]
    found = [(comparison, label) for comparison, label in found if comparison]
    sizes = values(found[0][0], "bytes") if found else []
    if not sizes:
        return None
    grid = [
        [
            Panel(comparison, {"bytes": size}, f"{size:,}-byte messages" if row == 0 else "", label)
            for size in sizes
        ]
        for row, (comparison, label) in enumerate(found)
    ]
    return draw_panels(title, grid, ("connections", "connections (log scale)"), y_axis)


def _all_busy(folder: ResultsFolder, key: str) -> Comparison | None:
    """Without the cases in which most connections are idle: they are another question."""
    comparison = measured(folder, "echo", key)
    return keep(comparison, lambda params: "active" not in params) if comparison else None
