"""Switches and memory: what a task's own data, and where tasks run, add to the cost of a switch."""

import statistics

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...suite.results import ResultsFolder
from ..comparison import Comparison
from ..drawing import has_lines, new_figure, with_legend
from .axes import log_axis
from .data import Params, keep, measured, scaled, values
from .marks import draw_points

_PLACEMENTS = {
    "same": "same core", "smt": "threads of\na core", "cross": "two cores",
    "node": "two NUMA\nnodes", "free": "scheduler\ndecides",
}  # fmt: skip


def switch_working_set(folder: ResultsFolder) -> Figure | None:
    """The switch with the refilling of the caches, and for scale the block itself."""
    switch = measured(folder, "switch", "switch_ns")
    block = measured(folder, "switch", "block_ns")
    if not switch:
        return None
    switch = scaled(switch, lambda _: 1e-9)
    rings = values(switch, "tasks")
    sizes = list(dict.fromkeys(str(case["working_set"]) for case in map(dict, switch.cases)))
    figure, axes = new_figure(
        "What a switch costs when each task has memory of its own", [0.9] * len(rings), sharey=True
    )
    for ax, tasks in zip(axes, rings, strict=True):
        _draw_over(ax, switch, "working_set", sizes, {"tasks": tasks})
        if not has_lines(ax):
            continue
        if block:
            _draw_block(ax, block, sizes, tasks)
        _name_places(ax, [_size(size) for size in sizes])
        ax.set_title(f"{tasks} tasks in turn, on one core")
        ax.set_xlabel("memory that each reads and writes in its turn")
    log_axis(axes[0].yaxis, "s")
    axes[0].set_ylabel("time per switch,\nwithout the block itself (log scale)")
    return with_legend(figure, axes)


def _size(text: str) -> str:
    """ "16K" as "16 KiB"."""
    return "none" if text == "0" else f"{text[:-1]} {text[-1]}iB"


def _draw_block(ax: Axes, block: Comparison, sizes: list[str], tasks: int) -> None:
    medians: dict[int, list[float]] = {}
    for (case, _), cell in block.cells.items():
        params = dict(case)
        if params["tasks"] == tasks and str(params["working_set"]) in sizes:
            place = sizes.index(str(params["working_set"]))
            medians.setdefault(place, []).append(cell.summary.median * 1e-9)
    places = sorted(medians)
    style = {"color": "#444444", "linestyle": (0, (1, 2)), "label": "the block itself"}
    ax.plot(places, [statistics.median(medians[place]) for place in places], **style)


def switch_placement(folder: ResultsFolder) -> Figure | None:
    """Two tasks, by where they run; only when more than same and cross was measured."""
    comparison = measured(folder, "switch")
    pairs = comparison and keep(
        comparison, lambda params: params.get("tasks") == 2 and "working_set" not in params
    )
    places = [place for place in _PLACEMENTS if pairs and place in values(pairs, "placement")]
    if not set(places) - {"same", "cross"}:
        return None
    figure, (ax,) = new_figure("Where two tasks run, and what a switch between them costs", (1.2,))
    _draw_over(ax, pairs, "placement", places, {}, fewest=2)
    if not has_lines(ax):
        return None
    _name_places(ax, [_PLACEMENTS[place] for place in places])
    log_axis(ax.yaxis, "s")
    ax.set_ylabel("time per switch (log scale)")
    return with_legend(figure, [ax])


def _draw_over(
    ax: Axes, comparison: Comparison, name: str, places: list[str], where: Params, fewest: int = 1
) -> None:
    """A line for each column over the values of a parameter that is no number, in this order."""
    for column in comparison.columns:
        cells = [(dict(case), cell) for (case, c), cell in comparison.cells.items() if c == column]
        points = [
            (places.index(str(params[name])), cell.summary)
            for params, cell in cells
            if name in params and where.items() <= params.items()
        ]
        if len(points) >= fewest:  # else it has no choice
            draw_points(ax, points, column)


def _name_places(ax: Axes, names: list[str]) -> None:
    ax.set_xticks(range(len(names)), names)
    ax.set_xlim(-0.3, len(names) - 0.7)
