"""Adding to shared data: what one addition costs, by mechanism and by the number of tasks."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...suite.results import ResultsFolder
from ..comparison import Comparison
from ..drawing import has_lines, new_figure, with_legend
from .axes import log_axis, parameter_axis
from .data import keep, measured, usual, values
from .marks import Dot, draw_dots, draw_line

_TOLD = 4  # tasks; where they were not measured, the number nearest to it


def shared_counter_cost(folder: ResultsFolder) -> Figure | None:
    comparison = measured(folder, "shared_counter")
    comparison = comparison and keep(comparison, usual)
    if not comparison:
        return None
    counts = values(comparison, "tasks")
    told = min(counts, key=lambda tasks: abs(tasks - _TOLD))
    several = len(values(comparison, "tasks", placement="same")) > 1
    figure, axes = new_figure(
        "Adding to shared data: the time of one addition", [1.15] + [1.0] * several
    )
    draw_dots(axes[:1], [_dots(comparison, told)], "s", "time per addition (log scale)")
    axes[0].set_title(f"{told} tasks" if told > 1 else "one task")
    if several:
        _lines(axes[1], comparison, counts)
    return with_legend(figure, axes[1:]) or figure


def _dots(comparison: Comparison, tasks: int) -> list[Dot]:
    """Of that many tasks, and what was never measured with as many: a control of one task, say."""
    measured_with = {column: set() for column in comparison.columns}
    for case, column in comparison.cells:
        measured_with[column].add(dict(case).get("tasks"))
    return [
        Dot(column, str(dict(case).get("placement")), cell.summary)
        for (case, column), cell in comparison.cells.items()
        if dict(case).get("tasks") == tasks or len(measured_with[column]) == 1
    ]


def _lines(ax: Axes, comparison: Comparison, counts: list[int]) -> None:
    for column in comparison.columns:
        draw_line(ax, comparison, column, "tasks", {"placement": "same"})
    if not has_lines(ax):
        return
    parameter_axis(ax.xaxis, counts)
    log_axis(ax.yaxis, "s")
    ax.set(title="by number of tasks, all on the same core", xlabel="tasks (log scale)")
    ax.set_ylabel("time per addition (log scale)")
