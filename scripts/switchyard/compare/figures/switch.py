"""What a switch costs: by mechanism for two tasks, and over the size of a ring."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...suite.results import ResultsFolder
from ..comparison import Comparison
from ..drawing import has_lines, new_figure, with_legend
from .axes import log_axis, parameter_axis
from .data import keep, measured, usual, values
from .marks import Dot, draw_dots, draw_line


def switch_cost(folder: ResultsFolder) -> Figure | None:
    comparison = measured(folder, "switch")
    comparison = comparison and keep(comparison, usual)
    if not comparison:
        return None
    pairs = keep(comparison, lambda params: params.get("tasks", 2) <= 2)
    sizes = [size for size in values(comparison, "tasks", placement="same") if size > 1]
    # A single size of ring says nothing that the pairs don't, unless there are none.
    rings = len(sizes) > 1 or not pairs
    figure, axes = new_figure(
        "The cost of one context switch, by mechanism",
        [1.15] * bool(pairs) + [1.0] * rings,
        height=max(3.2, 0.34 * len(pairs.columns)) if pairs else 3.2,
    )
    if pairs:
        dots = [
            Dot(column, str(dict(case).get("placement")), cell.summary)
            for (case, column), cell in pairs.cells.items()
        ]
        draw_dots(axes[:1], [dots], "s", "time per switch (log scale)")
        axes[0].set_title("two tasks")
    if rings:
        _rings(axes[-1], comparison, sizes, bool(pairs))
    return with_legend(figure, axes[bool(pairs) :]) or (figure if pairs else None)


def _rings(ax: Axes, comparison: Comparison, sizes: list[int], beside_pairs: bool) -> None:
    """Lines over the ring size; what was measured for pairs only stands with the pairs."""
    larger = keep(comparison, lambda params: params.get("tasks", 2) > 2)
    with_rings = larger.columns if larger and beside_pairs else comparison.columns
    for column in with_rings:
        draw_line(ax, comparison, column, "tasks", {"placement": "same"})
    if not has_lines(ax):
        return
    parameter_axis(ax.xaxis, sizes)
    log_axis(ax.yaxis, "s")
    ax.set(title="by ring size, all on the same core", xlabel="tasks in the ring (log scale)")
    ax.set_ylabel("time per switch (log scale)")
