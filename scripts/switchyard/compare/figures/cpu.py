"""Work for the CPU split over K tasks: how many times as fast as all of it in turn."""

from matplotlib.figure import Figure

from ...suite.results import ResultsFolder
from ..comparison import speed_up
from ..drawing import has_lines, new_figure, with_legend
from .axes import linear_axis, parameter_axis
from .data import measured, values
from .marks import draw_line


def cpu_speedup(folder: ResultsFolder) -> Figure | None:
    times = measured(folder, "cpu")
    speed = speed_up(times, "serial") if times else None
    if not speed or not speed.cells:
        return None
    counts = values(speed, "tasks")
    machine = folder.environment.get("machine") or {}
    cpus = len(machine.get("usable_cpus") or []) or machine.get("cpu_count")
    figure, (ax,) = new_figure("CPU-bound work split over K tasks: speed-up against serial", [1.0])
    for column in speed.columns:
        draw_line(ax, speed, column, "tasks", {})
    if not has_lines(ax):
        return None
    parameter_axis(ax.xaxis, counts)
    if cpus:
        kinked = sorted({*counts, *range(counts[0], min(cpus, counts[-1]) + 1)})
        ax.plot(
            kinked, [min(tasks, cpus) for tasks in kinked], color="#444444",
            linestyle=(0, (1, 2)), label=f"ideal: min(tasks, {cpus} CPUs)", zorder=1,
        )  # fmt: skip
    linear_axis(ax.yaxis, "x")
    ax.set(xlabel="tasks (log scale)", ylabel="speed-up, ratio by round")
    return with_legend(figure, [ax])
