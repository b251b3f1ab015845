"""Fetching URLs: the wall time against the ideal of one latency, and fetches per second."""

from matplotlib.figure import Figure

from ...suite.results import ResultsFolder
from .axes import linear_axis, log_axis, tick
from .data import keep, measured, scaled, values
from .panels import Panel, draw_panels

_CONNECTIONS = {"new": "a new connection per fetch", "keep": "connections are kept"}
_URLS = ("urls", "URLs fetched at once (log scale)")


def http_fetch_time(folder: ResultsFolder) -> Figure | None:
    """Of all tasks' one fetch: where each task makes several in turn, the mean of these."""
    over_ideal = measured(folder, "http_fetch", "over_ideal")
    slow = keep(over_ideal, lambda params: params["latency_ms"] > 0) if over_ideal else None
    if not slow:
        return None
    times = scaled(slow, lambda params: params["latency_ms"] / 1000)
    grid = [
        [
            Panel(
                times, {"latency_ms": latency, "bytes": size, "connection": kind},
                _title(size, kind),
                f"wall time at {latency} ms latency\n(log scale)",
                {"ideal: one latency": latency / 1000},
            )
            for kind in _kinds(values(times, "connection"))
        ]
        for latency in values(times, "latency_ms")
        for size in values(times, "bytes", latency_ms=latency)
    ]  # fmt: skip
    return draw_panels(
        "Fetching N URLs at once: wall time against the ideal", grid, _URLS,
        lambda axis: log_axis(axis, "s"), sharey="all",
    )  # fmt: skip


def http_fetch_throughput(folder: ResultsFolder) -> Figure | None:
    comparison = measured(folder, "http_fetch", "ops_per_s")
    fast = keep(comparison, lambda params: params["latency_ms"] == 0) if comparison else None
    if not fast:
        return None
    grid = [
        [
            Panel(
                fast, {"bytes": size, "connection": kind}, _title(size, kind),
                "fetches per second, no latency",
            )
            for kind in _kinds(values(fast, "connection"))
        ]
        for size in values(fast, "bytes")
    ]  # fmt: skip
    return draw_panels(
        "Fetching N URLs at once: fetches per second", grid, _URLS,
        lambda axis: linear_axis(axis, "1/s"),
    )  # fmt: skip


def _kinds(found: list[str]) -> list[str]:
    """In the order in which they are told."""
    return sorted(found, key=lambda kind: (list(_CONNECTIONS) + found).index(kind))


def _title(size: int, kind: str) -> str:
    return f"{tick(size, 'B')} bodies, {_CONNECTIONS.get(kind, kind)}"
