"""What a task costs: the time to create and join it, and the memory that it holds."""

from matplotlib.figure import Figure

from ...suite.results import ResultsFolder
from ..drawing import has_lines, new_figure, with_legend
from .axes import log_axis, parameter_axis
from .data import measured, values
from .marks import draw_line
from .panels import Panel, draw_panels


def spawn_cost(folder: ResultsFolder) -> Figure | None:
    comparison = measured(folder, "spawn")
    if not comparison:
        return None
    return draw_panels(
        "Creating and joining N tasks: the cost of each",
        [[Panel(comparison, {}, y_label="time per task (log scale)")]],
        ("tasks", "tasks created together (log scale)"),
        lambda axis: log_axis(axis, "s"),
    )


def memory_per_task(folder: ResultsFolder) -> Figure | None:
    wanted = (("sleep", "tasks", "a sleeping task"), ("echo", "connections", "a served connection"))
    panels = [
        (comparison, x_name, what)
        for workload, x_name, what in wanted
        if (comparison := measured(folder, workload, "bytes_per_task"))
    ]
    if not panels:
        return None
    figure, axes = new_figure(
        "User-space memory of one task (PSS)", [1.0] * len(panels), sharey=True
    )
    for ax, (comparison, x_name, what) in zip(axes, panels, strict=True):
        # How long a task sleeps and how many others are busy does not matter to its memory; how
        # much is sent to it does.
        aside = {x_name, "ms", "active"}
        others = {name for case, _ in comparison.cells for name, _ in case} - aside
        where = {name: values(comparison, name)[0] for name in others}
        for column in comparison.columns:
            draw_line(ax, comparison, column, x_name, where)
        if not has_lines(ax):
            continue
        parameter_axis(ax.xaxis, values(comparison, x_name))
        fixed = ", ".join(f"{name}:{value}" for name, value in sorted(where.items()))
        ax.set(title=f"{what}" + (f" ({fixed})" if fixed else ""), xlabel=f"{x_name} (log scale)")
    log_axis(axes[0].yaxis, "B")  # all share it
    axes[0].set_ylabel("memory (log scale)")
    return with_legend(figure, axes)
