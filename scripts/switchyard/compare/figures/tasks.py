"""What tasks take: time to create them and to sleep, memory, CPUs, and how many there can be."""

import math
import textwrap
from collections import Counter

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...suite.results import ResultsFolder
from ..comparison import Comparison, speed_up
from ..drawing import new_figure, with_legend
from ..palette import look
from .axes import linear_axis, log_axis, parameter_axis
from .data import Params, keep, measured, values
from .marks import DARK, IDEAL, draw_dot, draw_lines, name_rows, tell_mark
from .panels import Panel, draw_panels

# In two rows.
_PARTS_OF_MEMORY = (
    ("bytes_per_task", "all of it"),
    ("pss_bytes_per_task", "of that its pages in user space (PSS)"),
    ("page_table_bytes_per_task", "of that page tables"),
    ("kernel_stack_bytes_per_task", "of that its stack in the kernel"),
)
_MEMORY = "memory of one task (log scale)"
# Key, name, marker, filled, size, and where in its runtime's row it stands.
_LATENESS = (
    ("p50_us", "median", "o", False, 5.5, -0.24),
    ("p99_us", "99th percentile", "d", False, 6.5, 0.0),
    ("max_us", "worst", "o", True, 7.5, 0.24),
)


def sleep_wall_time(folder: ResultsFolder) -> Figure | None:
    """Against the one sleep that it could be."""
    comparison = measured(folder, "sleep")
    panels = [
        Panel(
            comparison, {"ms": delay}, f"each sleeps {delay} ms", "wall time of all (log scale)",
            {"ideal: one sleep": delay / 1000},
        )
        for delay in values(comparison, "ms")
    ]  # fmt: skip
    title = "N tasks that sleep at once: wall time against N"
    return draw_panels(title, [panels], ("tasks", "tasks (log scale)"), "s")


def spawn_cost(folder: ResultsFolder) -> Figure | None:
    panel = Panel(measured(folder, "spawn"), {}, y_label="time per task (log scale)")
    x = ("tasks", "tasks created together (log scale)")
    return draw_panels("Creating and joining N tasks: the cost of each", [[panel]], x, "s")


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
        if draw_lines(ax, comparison, x_name, where):
            parameter_axis(ax.xaxis, values(comparison, x_name))
            fixed = ", ".join(f"{name}:{value}" for name, value in sorted(where.items()))
            ax.set_title(f"{what} ({fixed})" if fixed else what)
            ax.set_xlabel(f"{x_name} (log scale)")
    log_axis(axes[0].yaxis, "B")  # all share it
    axes[0].set_ylabel("memory (log scale)")
    return with_legend(figure, axes)


def memory_by_stack_depth(folder: ResultsFolder) -> Figure | None:
    params = [dict(case) for case, _ in measured(folder, "memory").cells]
    measured_with = Counter(p["count"] for p in params if p.get("of") == "tasks")
    if not measured_with:
        return None
    # The largest number of tasks of which most columns and depths were measured.
    count = max(measured_with, key=lambda count: (measured_with[count], count))
    panels = [
        # What nobody has, such as fibers alone a stack in the kernel, leaves its panel empty.
        Panel(measured(folder, "memory", key), {"of": "tasks", "count": count}, title, _MEMORY)
        for key, title in _PARTS_OF_MEMORY
    ]
    return draw_panels(
        f"Memory of one of {count:,} idle tasks, by how deep it has touched its stack",
        [panels[:2], panels[2:]], ("stack_kib", "stack touched, in KiB (log scale)"), "B",
        sharey="all",
    )  # fmt: skip


def memory_by_count(folder: ResultsFolder) -> Figure | None:
    whole = measured(folder, "memory")
    untouched = min(values(whole, "stack_kib"), default=0)
    panels = [
        Panel(whole, {"of": "tasks", "stack_kib": untouched}, "an idle task", _MEMORY),
        Panel(whole, {"of": "connections"}, "an idle connection", _MEMORY),
    ]
    title = "Memory of an idle task or connection, by their number"
    return draw_panels(title, [panels], ("count", "count (log scale)"), "B")


def cpu_speedup(folder: ResultsFolder) -> Figure | None:
    """How many times as fast as all of it in turn, and as it could be."""
    speed = speed_up(measured(folder, "cpu"), "serial")
    figure, (ax,) = new_figure("CPU-bound work split over K tasks: speed-up against serial", [1.0])
    if not draw_lines(ax, speed, "tasks", {}):
        return None
    counts = values(speed, "tasks")
    parameter_axis(ax.xaxis, counts)
    machine = folder.environment.get("machine") or {}
    cpus = len(machine.get("usable_cpus") or []) or machine.get("cpu_count")
    if cpus:
        kinked = sorted({*counts, *range(counts[0], min(cpus, counts[-1]) + 1)})
        ideal, text = [min(tasks, cpus) for tasks in kinked], f"ideal: min(tasks, {cpus} CPUs)"
        ax.plot(kinked, ideal, label=text, zorder=1, **IDEAL)
    linear_axis(ax.yaxis, "x")
    ax.set(xlabel="tasks (log scale)", ylabel="speed-up, ratio by round")
    return with_legend(figure, [ax])


def blocking_lateness(folder: ResultsFolder) -> Figure | None:
    """A blocking call among periodic sleepers: a row per column, with three dots."""
    found = {key: measured(folder, "blocking", key) for key, *_ in _LATENESS}
    durations = sorted({ms for part in found.values() for ms in values(part, "block_ms")})
    if not durations:
        return None
    columns = list(reversed(dict.fromkeys(c for part in found.values() for c in part.columns)))
    figure, axes = new_figure(
        "One task makes a blocking call: by how much all the others are late",
        [0.9] * len(durations), height=max(2.4, 0.62 * len(columns)), sharex="all", sharey="all",
    )  # fmt: skip
    figure.get_layout_engine().set(wspace=0.05)
    for ax, block_ms in zip(axes, durations, strict=True):
        _draw_lateness(ax, found, columns, block_ms)
    for ax in axes:  # they share it: only now all that it has to hold is there
        log_axis(ax.xaxis, "us")
    name_rows(axes[0], columns)
    for _, name, marker, filled, size, _ in reversed(_LATENESS):
        tell_mark(axes[0], name, marker, filled, size)
    return with_legend(figure, axes)


def _draw_lateness(
    ax: Axes, found: dict[str, Comparison], columns: list[str], block_ms: float
) -> None:
    for key, _, marker, filled, size, offset in _LATENESS:
        for (case, column), cell in found[key].cells.items():
            if dict(case).get("block_ms") == block_ms:
                y = columns.index(column) + offset
                draw_dot(ax, cell.summary, y, look(column).colour, marker, filled, size)
    if block_ms:
        ax.axvline(block_ms * 1000, label="as long as the call", **IDEAL)
    ax.set(title=f"a call of {block_ms:g} ms" if block_ms else "no blocking call")
    ax.set_xlabel("lateness (log scale)")


def limits_reached(folder: ResultsFolder) -> Figure | None:
    """Of the climb with the highest cap: the one without any, if it was made."""
    comparison = measured(folder, "limits")
    if not comparison:
        return None
    endings = folder.workloads["limits"].labels()
    climbs = [_highest(comparison, what) for what in reversed(values(comparison, "of"))]
    shown = [keep(comparison, lambda params, climb=climb: params == climb) for climb in climbs]
    columns = [name for name in comparison.columns if any(name in part.columns for part in shown)]
    figure, axes = new_figure(
        "How many there can be at once, and what ends the climb", [1.0] * len(climbs), sharey=True
    )
    for ax, climb, part in zip(axes, climbs, shown, strict=True):
        _draw_endings(ax, part, columns, endings)
        most = f", at most {climb['most']:,}" if "most" in climb else ""
        ax.set(title=f"{climb['of']}{most}", xlabel="at once (log scale)")
    name_rows(axes[0], columns)
    return figure


def _highest(comparison: Comparison, what: str) -> Params:
    climbs = [dict(case) for case, _ in comparison.cells if dict(case)["of"] == what]
    return max(climbs, key=lambda climb: climb.get("most", math.inf))


def _draw_endings(
    ax: Axes, comparison: Comparison, columns: list[str], endings: dict[str, str]
) -> None:
    """A dot for each runtime with its ending beside it, on the side where there is more room."""
    highest = max(cell.summary.high for cell in comparison.cells.values())
    ax.set_xlim(1, max(2 * highest, 10))
    for (_, column), cell in comparison.cells.items():
        y, reached = columns.index(column), cell.summary.median
        draw_dot(ax, cell.summary, y, look(column).colour, look(column).marker)
        ax.annotate(
            textwrap.fill(endings.get(cell.row.name, ""), 36), (reached, y), xytext=(0, 8),
            textcoords="offset points", fontsize=7.5, color=DARK,
            ha="right" if reached * reached > highest else "left",
        )  # fmt: skip
    log_axis(ax.xaxis, "n")
