"""The figures, one function each: takes the results, returns a figure or None without its data.

Each title states what is compared; axes start at zero or are openly logarithmic.
"""

from collections.abc import Callable

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .comparison import Comparison, compare
from .drawing import (
    draw_line,
    has_lines,
    linear_axis,
    log_axis,
    new_figure,
    parameter_axis,
    with_legend,
)
from .palette import look
from .results import ResultsFolder


def _measured(folder: ResultsFolder, workload: str, key: str | None = None) -> Comparison | None:
    """The comparison without what was not measured, or is zero; None when nothing is left."""
    results = folder.workloads.get(workload)
    if not results:
        return None
    comparison = compare(results, key)
    comparison.cells = {
        where: cell
        for where, cell in comparison.cells.items()
        if cell.summary and cell.summary.median > 0
    }
    return comparison if comparison.cells else None


def _values(comparison: Comparison, name: str, **where: float) -> list:
    """The values that a parameter takes in the cases with these other parameters, in order."""
    cases = [dict(case) for case, _ in comparison.cells]
    return sorted({case[name] for case in cases if name in case and where.items() <= case.items()})


def _widths(*x_values: list) -> list[float]:
    """Panels with a single point need less room than those with lines."""
    return [1.0 if len(values) > 1 else 0.4 for values in x_values]


def switch_cost(folder: ResultsFolder) -> Figure | None:
    comparison = _measured(folder, "switch")
    if not comparison:
        return None
    pairs = any(dict(case).get("tasks", 2) <= 2 for case, _ in comparison.cells)
    sizes = [size for size in _values(comparison, "tasks", placement="same") if size > 1]
    # A single size of ring says nothing that the pairs don't, unless there are none.
    rings = len(sizes) > 1 or not pairs
    widths = [1.15] * pairs + [1.0] * rings
    figure, axes = new_figure("The cost of one context switch, by mechanism", widths)
    if pairs:
        _switch_pairs(axes[0], comparison)
    if rings:
        _switch_rings(axes[-1], comparison, sizes)
    return with_legend(figure, axes[int(pairs) :]) or (figure if pairs else None)


def _switch_rings(ax: Axes, comparison: Comparison, sizes: list[int]) -> None:
    """Lines over the ring size; without the control, which has no ring."""
    for column in comparison.columns:
        if column.split()[0] != "self_pipe":
            draw_line(ax, comparison, column, "tasks", {"placement": "same"})
    if not has_lines(ax):
        return
    parameter_axis(ax.xaxis, sizes)
    log_axis(ax.yaxis, "s")
    ax.set(title="by ring size, all on the same core", xlabel="tasks in the ring (log scale)")
    ax.set_ylabel("time per switch (log scale)")


def _switch_pairs(ax: Axes, comparison: Comparison) -> None:
    """A row per mechanism, cheapest at the bottom: filled on one core, hollow across cores."""
    placed = [
        (column, dict(case).get("placement"), cell)
        for (case, column), cell in comparison.cells.items()
        if dict(case).get("tasks", 2) <= 2
    ]
    cost = {}
    for column, _, cell in placed:
        cost[column] = min(cell.summary.median, cost.get(column, float("inf")))
    order = sorted(cost, key=cost.get)
    for column, placement, cell in placed:
        summary, style = cell.summary, look(column)
        same = placement != "cross"
        ax.errorbar(
            summary.median, order.index(column),
            xerr=[[summary.median - summary.low], [summary.high - summary.median]],
            color=style.colour, marker="o", markerfacecolor=style.colour if same else "white",
            markersize=7, capsize=3, linestyle="none",
        )  # fmt: skip
    for same, text in ((True, "same core"), (False, "across two cores")):
        ax.plot([], [], "o", color="#444444", markerfacecolor="#444444" if same else "white",
                markersize=7, label=text)  # fmt: skip
    ax.set_yticks(
        range(len(order)),
        [name.replace("self_pipe pipe", "self_pipe (no switch)") for name in order],
    )
    ax.set_ylim(-0.6, len(order) - 0.4)
    log_axis(ax.xaxis, "s")
    ax.set(title="two tasks", xlabel="time per switch (log scale)")
    ax.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.16), ncols=2, handletextpad=0.2)


def sleep_wall_time(folder: ResultsFolder) -> Figure | None:
    comparison = _measured(folder, "sleep")
    delays = _values(comparison, "ms") if comparison else []
    if not delays:
        return None
    tasks = [_values(comparison, "tasks", ms=delay) for delay in delays]
    figure, axes = new_figure(
        "N tasks that sleep at once: wall time against N", _widths(*tasks), sharey=True
    )
    for ax, delay, counts in zip(axes, delays, tasks, strict=True):
        for column in comparison.columns:
            draw_line(ax, comparison, column, "tasks", {"ms": delay})
        if not has_lines(ax):
            continue
        ax.axhline(delay / 1000, color="#444444", linestyle=(0, (1, 2)), label="ideal: one sleep")
        parameter_axis(ax.xaxis, counts)
        log_axis(ax.yaxis, "s")
        ax.set(title=f"each sleeps {delay} ms", xlabel="tasks (log scale)")
    axes[0].set_ylabel("wall time of all (log scale)")
    return with_legend(figure, axes)


def _echo_panels(
    folder: ResultsFolder, title: str, keys: list[tuple[str, str]], y_axis: Callable
) -> Figure | None:
    """A row of panels per counter (key, label), a panel per message size."""
    measured = [(_measured(folder, "echo", key), label) for key, label in keys]
    measured = [(comparison, label) for comparison, label in measured if comparison]
    sizes = _values(measured[0][0], "bytes") if measured else []
    if not sizes:
        return None
    clients = {size: _values(measured[0][0], "connections", bytes=size) for size in sizes}
    figure, axes = new_figure(
        title, _widths(*clients.values()), len(measured), sharex="col", sharey="row"
    )
    for index, ax in enumerate(axes):
        (comparison, label), size = measured[index // len(sizes)], sizes[index % len(sizes)]
        for column in comparison.columns:
            draw_line(ax, comparison, column, "connections", {"bytes": size})
        if not has_lines(ax):
            continue
        parameter_axis(ax.xaxis, clients[size])
        y_axis(ax.yaxis)
        if index < len(sizes):
            ax.set_title(f"{size:,}-byte messages")
        if index >= len(axes) - len(sizes):
            ax.set_xlabel("connections (log scale)")
        if index % len(sizes) == 0:
            ax.set_ylabel(label)
    return with_legend(figure, axes)


def echo_throughput(folder: ResultsFolder) -> Figure | None:
    return _echo_panels(
        folder,
        "Echo server: requests per second against connections",
        [("ops_per_s", "requests per second")],
        lambda axis: linear_axis(axis, "1/s"),
    )


def echo_latency(folder: ResultsFolder) -> Figure | None:
    return _echo_panels(
        folder,
        "Echo server: latency against connections, median and 99th percentile",
        [("p50_us", "p50 latency (log scale)"), ("p99_us", "p99 latency (log scale)")],
        lambda axis: log_axis(axis, "s", factor=1e-6),
    )


def spawn_cost(folder: ResultsFolder) -> Figure | None:
    comparison = _measured(folder, "spawn")
    if not comparison:
        return None
    figure, (ax,) = new_figure("Creating and joining N tasks: the cost of each", [1.0])
    for column in comparison.columns:
        draw_line(ax, comparison, column, "tasks", {})
    if not has_lines(ax):
        return None
    parameter_axis(ax.xaxis, _values(comparison, "tasks"))
    log_axis(ax.yaxis, "s")
    ax.set(xlabel="tasks created together (log scale)", ylabel="time per task (log scale)")
    return with_legend(figure, [ax])


def memory_per_task(folder: ResultsFolder) -> Figure | None:
    wanted = (("sleep", "tasks", "a sleeping task"), ("echo", "connections", "a served connection"))
    panels = [
        (comparison, x_name, what)
        for workload, x_name, what in wanted
        if (comparison := _measured(folder, workload, "bytes_per_task"))
    ]
    if not panels:
        return None
    figure, axes = new_figure(
        "User-space memory of one task (PSS)", [1.0] * len(panels), sharey=True
    )
    for ax, (comparison, x_name, what) in zip(axes, panels, strict=True):
        # How long it sleeps does not matter to a task's memory; how much is sent to it does.
        others = {name for case, _ in comparison.cells for name, _ in case} - {x_name, "ms"}
        where = {name: _values(comparison, name)[0] for name in others}
        for column in comparison.columns:
            draw_line(ax, comparison, column, x_name, where)
        if not has_lines(ax):
            continue
        parameter_axis(ax.xaxis, _values(comparison, x_name))
        log_axis(ax.yaxis, "B")
        fixed = ", ".join(f"{name}:{value}" for name, value in sorted(where.items()))
        ax.set(title=f"{what}" + (f" ({fixed})" if fixed else ""), xlabel=f"{x_name} (log scale)")
    axes[0].set_ylabel("memory (log scale)")
    return with_legend(figure, axes)


ALL = (switch_cost, sleep_wall_time, echo_throughput, echo_latency, spawn_cost, memory_per_task)
