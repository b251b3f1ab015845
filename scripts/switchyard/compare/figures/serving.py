"""Serving and fetching: the echo server in a closed and an open loop, and URLs fetched at once."""

from dataclasses import replace

from matplotlib.figure import Figure

from ...suite.results import ResultsFolder
from ..comparison import Case, Measured
from .axes import load_axis, nines, percentile_axis, tick
from .layout import draw_panels
from .panels import OF_LATENCY, Across, Dots, Lines, Mark, keep, measured, scaled, values

_QUANTILES = {"p50_us": 0.5, "p90_us": 0.9, "p99_us": 0.99, "p999_us": 0.999, "p9999_us": 0.9999}
_TAIL = {key: OF_LATENCY[key] for key in ("p50_us", "p99_us", "p999_us")}
_PERCENT_OF_MAXIMUM = 50  # at which the percentiles are drawn
_CONNECTIONS = {"new": "a new connection per fetch", "keep": "connections are kept"}
_CLIENTS = Across("connections", "connections (log scale)")
_LOAD = Across("load", "load, % of its own maximum", load_axis)
_RATE = Across("rate", "messages due per second (log scale)")
_PERCENTILE = Across("nines", "percentile", percentile_axis)
_URLS = Across("urls", "URLs fetched at once (log scale)")


def echo_throughput(folder: ResultsFolder) -> Figure | None:
    title = "Echo server: messages per second against connections"
    grid = _echo_panels(folder, {"ops_per_s": ""}, "messages per second")
    return draw_panels(title, grid, "1/s", linear=True)


def echo_latency(folder: ResultsFolder) -> Figure | None:
    title = "Echo server: latency against connections, median and 99th percentile"
    grid = _echo_panels(folder, {"p50_us": "p50", "p99_us": "p99"}, "latency (log scale)")
    return draw_panels(title, grid, "us", sharey="all")


def _echo_panels(folder: ResultsFolder, names: dict[str, str], label: str) -> list[list[Lines]]:
    """A row of panels per counter, a panel per message size."""
    found = {
        # Cases in which most connections are idle are another question.
        name: measured(folder, "echo", key, lambda row: "active" not in row.params)
        for key, name in names.items()
    }
    found = {name: comparison for name, comparison in found.items() if comparison}
    sizes = values(next(iter(found.values())), "bytes") if found else []
    return [
        [
            Lines(
                comparison, _CLIENTS, {"bytes": size},
                ", ".join(filter(None, (name, f"{size:,}-byte messages"))), label,
            )
            for size in sizes
        ]
        for name, comparison in found.items()
    ]  # fmt: skip


def echo_open_latency(folder: ResultsFolder) -> Figure | None:
    """Since each message was due: a closed loop would hide the wait of those that were not sent."""
    return _latency_since_due(folder, "against load", _LOAD)


def echo_open_rates(folder: ResultsFolder) -> Figure | None:
    """The same rates for all: a load is another rate for each server. Of a single one, as in the
    quick run, a row for each server.
    """
    at_rates = {
        mark: measured(folder, "echo_open", key, lambda row: "rate" in row.params)
        for key, mark in _TAIL.items()
    }
    rates = sorted({rate for part in at_rates.values() for rate in values(part, "rate")})
    if len(rates) != 1:
        return _latency_since_due(folder, "at the same rate for all", _RATE)
    columns = list(reversed(dict.fromkeys(c for part in at_rates.values() for c in part.columns)))
    dots = Dots(at_rates, columns, "latency (log scale)", f"{rates[0]:,} messages per second")
    return draw_panels(
        "Echo server: latency since due (64 connections, open loop)", [[dots]], "us",
        height=max(2.4, 0.62 * len(columns)),
        handles=[mark.handle() for mark in reversed(_TAIL.values())],
    )  # fmt: skip


def _latency_since_due(folder: ResultsFolder, against: str, across: Across) -> Figure | None:
    title = f"Echo server: latency since due {against} (64 connections, open loop)"
    keys = {"p50_us": "median", "p99_us": "99th percentile", "p999_us": "99.9th percentile"}
    panels = [
        Lines(comparison, across, {}, name, "latency (log scale)", width=0.9)
        for key, name in keys.items()
        if values(comparison := measured(folder, "echo_open", key), across.name)
    ]
    return draw_panels(title, [panels], "us", sharex="all")


def echo_capacity_rates(folder: ResultsFolder) -> Figure | None:
    """Of what is due, and within the objective: each a dot, as no server has several of them."""
    whole = measured(folder, "echo_capacity")
    columns = whole.columns[::-1]
    asked = {f"at {load} % of its closed-loop maximum": ("load", load) for load in
             values(whole, "load")}  # fmt: skip
    asked["within the latency objective"] = ("find", "slo")
    panels = [
        Dots(
            {Mark(marker=""): keep(whole, lambda row, at=at: at in row.params.items())}, columns,
            "messages answered per second (log scale)", title,
        )
        for title, at in asked.items()
    ]  # fmt: skip
    return draw_panels("Echo server: what it can do", [panels] if whole else [], "1/s")


def echo_open_percentiles(folder: ResultsFolder) -> Figure | None:
    """At half of each server's own maximum, up to 99.99 %."""
    cells: dict[tuple[Case, str], Measured] = {}
    first: dict[str, Measured] = {}
    for key, quantile in _QUANTILES.items():
        at_load = measured(
            folder, "echo_open", key, lambda row: row.params.get("load") == _PERCENT_OF_MAXIMUM
        )
        for (_, column), cell in at_load.cells.items():
            # A round with few messages has no outermost percentile: the others alone are not it.
            if cell.summary.count == first.setdefault(column, cell).summary.count:
                cells[(("nines", nines(quantile)),), column] = cell
    by_percentile = replace(measured(folder, "echo_open"), cells=cells)
    title = f"Echo server: latency by percentile at {_PERCENT_OF_MAXIMUM} % of each one's maximum"
    label = "latency since due (log scale)"
    panel = Lines(by_percentile, _PERCENTILE, y_label=label, width=1.3, columns=first)
    return draw_panels(title, [[panel]], "us")


def http_fetch_time(folder: ResultsFolder) -> Figure | None:
    """Of all tasks' one fetch: where each task makes several in turn, the mean of these."""
    slow = measured(folder, "http_fetch", "over_ideal", lambda row: row.params["latency_ms"] > 0)
    times = scaled(slow, lambda row: row.params["latency_ms"] / 1000)
    grid = [
        [
            Lines(
                times, _URLS, {"latency_ms": latency, "bytes": size, "connection": kind},
                _title(size, kind), f"wall time at {latency} ms latency\n(log scale)",
                {"ideal: one latency": latency / 1000},
            )
            for kind in _kinds(values(times, "connection"))
        ]
        for latency in values(times, "latency_ms")
        for size in values(times, "bytes", latency_ms=latency)
    ]  # fmt: skip
    title = "Fetching N URLs at once: wall time against the ideal"
    return draw_panels(title, grid, "s", sharey="all")


def http_fetch_throughput(folder: ResultsFolder) -> Figure | None:
    fast = measured(folder, "http_fetch", "ops_per_s", lambda row: row.params["latency_ms"] == 0)
    label = "fetches per second, no latency"
    grid = [
        [
            Lines(fast, _URLS, {"bytes": size, "connection": kind}, _title(size, kind), label)
            for kind in _kinds(values(fast, "connection"))
        ]
        for size in values(fast, "bytes")
    ]
    return draw_panels("Fetching N URLs at once: fetches per second", grid, "1/s", linear=True)


def _kinds(found: list[str]) -> list[str]:
    """In the order in which they are told."""
    return sorted(found, key=lambda kind: (list(_CONNECTIONS) + found).index(kind))


def _title(size: int, kind: str) -> str:
    return f"{tick(size, 'B')} bodies, {_CONNECTIONS.get(kind, kind)}"
