"""What tasks cost each other: switches, what the caches add to them, shared data and channels."""

import statistics

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...suite.results import ResultsFolder
from ..comparison import Comparison
from ..drawing import new_figure, with_legend
from .axes import log_axis
from .data import keep, measured, scaled, usual, values
from .marks import IDEAL, dots_of, draw_dots, draw_lines
from .panels import Lines, Panel, draw_cost, draw_panels

_PLACEMENTS = {
    "same": "same core", "smt": "threads of\na core", "cross": "two cores",
    "node": "two NUMA\nnodes", "free": "scheduler\ndecides",
}  # fmt: skip
_TOLD = 4  # tasks that add; where they were not measured, the number nearest to it


def switch_cost(folder: ResultsFolder) -> Figure | None:
    """By mechanism for two tasks, and over the size of a ring."""
    comparison = measured(folder, "switch", wanted=usual)
    pairs = keep(comparison, lambda params: params.get("tasks", 2) <= 2)
    larger = keep(comparison, lambda params: params.get("tasks", 2) > 2)
    sizes = [size for size in values(comparison, "tasks", placement="same") if size > 1]
    # A single size of ring says nothing that the pairs don't, unless there are none.
    rings = comparison and (len(sizes) > 1 or not pairs)
    # What was measured for pairs only stands with the pairs.
    in_rings = larger.columns if larger and pairs else comparison.columns
    title, x_label = "by ring size, all on the same core", "tasks in the ring (log scale)"
    return draw_cost(
        "The cost of one context switch, by mechanism", comparison, "time per switch",
        ("two tasks", dots_of(pairs)), Lines(title, x_label, sizes, in_rings) if rings else None,
        height=max(3.2, 0.34 * len(pairs.columns)),
    )  # fmt: skip


def shared_counter_cost(folder: ResultsFolder) -> Figure | None:
    """By mechanism, and by the number of tasks."""
    comparison = measured(folder, "shared_counter", wanted=usual)
    counts = values(comparison, "tasks")
    told = min(counts, key=lambda tasks: abs(tasks - _TOLD), default=_TOLD)
    by_column: dict[str, set[int]] = {}
    for case, column in comparison.cells:
        by_column.setdefault(column, set()).add(dict(case).get("tasks"))
    dots = dots_of(
        comparison,
        # And what was never measured with as many: a control of one task, say.
        lambda params, column: params.get("tasks") == told or len(by_column[column]) == 1,
    )
    several = len(values(comparison, "tasks", placement="same")) > 1
    title, x_label = "by number of tasks, all on the same core", "tasks (log scale)"
    return draw_cost(
        "Adding to shared data: the time of one addition", comparison, "time per addition",
        (f"{told} tasks" if told > 1 else "one task", dots),
        Lines(title, x_label, counts, comparison.columns) if several else None,
    )  # fmt: skip


def switch_working_set(folder: ResultsFolder) -> Figure | None:
    """The switch with the refilling of the caches, and for scale the block itself."""
    switch = scaled(measured(folder, "switch", "switch_ns"), lambda _: 1e-9)
    block = measured(folder, "switch", "block_ns")
    if not switch:
        return None
    rings = values(switch, "tasks")
    sizes = list(dict.fromkeys(str(case["working_set"]) for case in map(dict, switch.cases)))
    figure, axes = new_figure(
        "What a switch costs when each task has memory of its own", [0.9] * len(rings), sharey=True
    )
    for ax, tasks in zip(axes, rings, strict=True):
        if draw_lines(ax, switch, "working_set", {"tasks": tasks}, places=sizes):
            if block:
                _draw_block(ax, block, sizes, tasks)
            # "16K" as "16 KiB".
            names = ["none" if size == "0" else f"{size[:-1]} {size[-1]}iB" for size in sizes]
            _name_places(ax, names)
            ax.set_title(f"{tasks} tasks in turn, on one core")
            ax.set_xlabel("memory that each reads and writes in its turn")
    log_axis(axes[0].yaxis, "s")
    axes[0].set_ylabel("time per switch,\nwithout the block itself (log scale)")
    return with_legend(figure, axes)


def _draw_block(ax: Axes, block: Comparison, sizes: list[str], tasks: int) -> None:
    medians: dict[int, list[float]] = {}
    for (case, _), cell in block.cells.items():
        params = dict(case)
        if params["tasks"] == tasks and str(params["working_set"]) in sizes:
            place = sizes.index(str(params["working_set"]))
            medians.setdefault(place, []).append(cell.summary.median * 1e-9)
    places = sorted(medians)
    heights = [statistics.median(medians[place]) for place in places]
    ax.plot(places, heights, label="the block itself", **IDEAL)


def switch_placement(folder: ResultsFolder) -> Figure | None:
    """Two tasks, by where they run; only when more than same and cross was measured."""
    pairs = measured(
        folder, "switch",
        wanted=lambda params: params.get("tasks") == 2 and "working_set" not in params,
    )  # fmt: skip
    found = values(pairs, "placement")
    places = [place for place in _PLACEMENTS if place in found]
    if not set(places) - {"same", "cross"}:
        return None
    figure, (ax,) = new_figure("Where two tasks run, and what a switch between them costs", (1.2,))
    # A column with a single place has no choice.
    if not draw_lines(ax, pairs, "placement", {}, places=places, fewest=2):
        return None
    _name_places(ax, [_PLACEMENTS[place] for place in places])
    log_axis(ax.yaxis, "s")
    ax.set_ylabel("time per switch (log scale)")
    return with_legend(figure, [ax])


def _name_places(ax: Axes, names: list[str]) -> None:
    ax.set_xticks(range(len(names)), names)
    ax.set_xlim(-0.3, len(names) - 0.7)


def channel_throughput(folder: ResultsFolder) -> Figure | None:
    """Lines over the capacity; with a single capacity, as in the quick run, dots by mechanism."""
    comparison = measured(folder, "channel", wanted=usual)
    kinds = [
        (pairs, size)
        for pairs in values(comparison, "pairs")
        for size in values(comparison, "bytes", pairs=pairs)
    ]
    capacities = values(comparison, "capacity")
    if not capacities:
        return None
    if len(capacities) == 1:
        return _channel_dots(comparison, kinds, capacities[0])
    grid = [
        [
            Panel(
                comparison, {"pairs": pairs, "bytes": size, "placement": placement},
                _channel_title(pairs, size), f"items per second {where}\n(log scale)",
            )
            for pairs, size in kinds
        ]
        for placement, where in {"same": "on the same core", "cross": "across cores"}.items()
        if placement in values(comparison, "placement")
    ]  # fmt: skip
    return draw_panels(
        "Producers and consumers over a bounded channel: items per second against its capacity",
        grid, ("capacity", "capacity (log scale)"), "1/s", width=0.75, sharey="all",
    )  # fmt: skip


def _channel_dots(
    comparison: Comparison, kinds: list[tuple[int, int]], capacity: int
) -> Figure | None:
    figure, axes = new_figure(
        f"Producers and consumers over a channel for {capacity} items: items per second",
        [1.0] * len(kinds), sharex="all", sharey="all",
    )  # fmt: skip
    groups = [
        dots_of(comparison, lambda params, _, kind=kind: (params["pairs"], params["bytes"]) == kind)
        for kind in kinds
    ]
    draw_dots(axes, groups, "1/s", "items per second (log scale)", best=max)
    for ax, kind in zip(axes, kinds, strict=True):
        ax.set_title(_channel_title(*kind))
    return figure


def _channel_title(pairs: int, size: int) -> str:
    plural = "s" if pairs > 1 else ""
    return f"{pairs} producer{plural}, {pairs} consumer{plural}, {size:,}-byte items"
