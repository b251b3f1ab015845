"""What tasks take: time to create them and to sleep, memory, CPUs, and how many there can be."""

import math
from collections import Counter

from matplotlib.figure import Figure

from ...suite.results import ResultsFolder
from ..comparison import speed_up
from .layout import draw_panels
from .panels import OF_LATENCY, Across, Dots, Lines, Mark, keep, measured, values

# In two rows.
_PARTS_OF_MEMORY = {
    "bytes_per_task": "all of it",
    "pss_bytes_per_task": "of that its pages in user space (PSS)",
    "page_table_bytes_per_task": "of that page tables",
    "kernel_stack_bytes_per_task": "of that its stack in the kernel",
}
_MEMORY = "memory of one task (log scale)"
_LATENESS = {key: OF_LATENCY[key] for key in ("p50_us", "p99_us", "max_us")}
_TASKS = Across("tasks", "tasks (log scale)")


def sleep_wall_time(folder: ResultsFolder) -> Figure | None:
    """Against the one sleep that it could be."""
    comparison = measured(folder, "sleep")
    panels = [
        Lines(
            comparison, _TASKS, {"ms": delay}, f"each sleeps {delay} ms",
            "wall time of all (log scale)", {"ideal: one sleep": delay / 1000},
        )
        for delay in values(comparison, "ms")
    ]  # fmt: skip
    return draw_panels("N tasks that sleep at once: wall time against N", [panels], "s")


def spawn_cost(folder: ResultsFolder) -> Figure | None:
    x = Across("tasks", "tasks created together (log scale)")
    panel = Lines(measured(folder, "spawn"), x, y_label="time per task (log scale)")
    return draw_panels("Creating and joining N tasks: the cost of each", [[panel]], "s")


def memory_per_task(folder: ResultsFolder) -> Figure | None:
    wanted = (("sleep", "tasks", "a sleeping task"), ("echo", "connections", "a served connection"))
    panels = []
    for workload, x_name, what in wanted:
        comparison = measured(folder, workload, "pss_bytes_per_task")
        # How long a task sleeps and how many others are busy does not matter to its memory; how
        # much is sent to it does.
        aside = {x_name, "ms", "active"}
        others = sorted({name for case, _ in comparison.cells for name, _ in case} - aside)
        where = {name: values(comparison, name)[0] for name in others}
        fixed = ", ".join(f"{name}:{value}" for name, value in where.items())
        title = f"{what} ({fixed})" if fixed else what
        x = Across(x_name, f"{x_name} (log scale)")
        if comparison:
            panels.append(Lines(comparison, x, where, title, "memory (log scale)"))
    return draw_panels("User-space memory of one task (PSS)", [panels], "B")


def memory_by_stack_depth(folder: ResultsFolder) -> Figure | None:
    params = [dict(case) for case, _ in measured(folder, "memory").cells]
    measured_with = Counter(p["count"] for p in params if p.get("of") == "tasks")
    if not measured_with:
        return None
    # The largest number of tasks of which most columns and depths were measured.
    count = max(measured_with, key=lambda count: (measured_with[count], count))
    x = Across("stack_kib", "stack touched, in KiB (log scale)")
    panels = [
        # What nobody has, such as fibers alone a stack in the kernel, leaves its panel empty.
        Lines(measured(folder, "memory", key), x, {"of": "tasks", "count": count}, title, _MEMORY)
        for key, title in _PARTS_OF_MEMORY.items()
    ]
    title = f"Memory of one of {count:,} idle tasks, by how deep it has touched its stack"
    return draw_panels(title, [panels[:2], panels[2:]], "B", sharey="all")


def memory_by_count(folder: ResultsFolder) -> Figure | None:
    whole, x = measured(folder, "memory"), Across("count", "count (log scale)")
    untouched = min(values(whole, "stack_kib"), default=0)
    panels = [
        Lines(whole, x, {"of": "tasks", "stack_kib": untouched}, "an idle task", _MEMORY),
        Lines(whole, x, {"of": "connections"}, "an idle connection", _MEMORY),
    ]
    return draw_panels("Memory of an idle task or connection, by their number", [panels], "B")


def cpu_speedup(folder: ResultsFolder) -> Figure | None:
    """How many times as fast as all of it in turn, and as it could be."""
    speed = speed_up(measured(folder, "cpu"), "serial")
    counts = values(speed, "tasks")
    machine = folder.environment.get("machine") or {}
    cpus = len(machine.get("usable_cpus") or []) or machine.get("cpu_count")
    ideal = {}
    if counts and cpus:
        kinked = sorted({*counts, *range(counts[0], min(cpus, counts[-1]) + 1)})
        ideal = {f"ideal: min(tasks, {cpus} CPUs)": {tasks: min(tasks, cpus) for tasks in kinked}}
    panel = Lines(speed, _TASKS, y_label="speed-up, ratio by round", marks=ideal, depth=1)
    title = "CPU-bound work split over K tasks: speed-up against serial"
    return draw_panels(title, [[panel]], "x", linear=True)


def blocking_lateness(folder: ResultsFolder) -> Figure | None:
    """A blocking call among periodic sleepers: a row per column, with three dots."""
    found = {key: measured(folder, "blocking", key) for key in _LATENESS}
    durations = sorted({ms for part in found.values() for ms in values(part, "block_ms")})
    columns = list(reversed(dict.fromkeys(c for part in found.values() for c in part.columns)))
    panels = [
        Dots(
            {
                mark: keep(found[key], lambda row, ms=block_ms: row.params.get("block_ms") == ms)
                for key, mark in _LATENESS.items()
            },
            columns, "lateness (log scale)",
            f"a call of {block_ms:g} ms" if block_ms else "no blocking call", 0.9,
            {"as long as the call": block_ms * 1000} if block_ms else {},
        )
        for block_ms in durations
    ]  # fmt: skip
    figure = draw_panels(
        "One task makes a blocking call: by how much all the others are late", [panels], "us",
        height=max(2.4, 0.62 * len(columns)), sharex="all", sharey="all",
        handles=[mark.handle() for mark in reversed(_LATENESS.values())],
    )  # fmt: skip
    if figure:
        figure.get_layout_engine().set(wspace=0.05)
    return figure


def limits_reached(folder: ResultsFolder) -> Figure | None:
    """Of the climb with the highest cap, the one without any if it was made; its ending beside."""
    comparison = measured(folder, "limits")
    endings = folder.workloads["limits"].labels() if comparison else {}
    by_cap = sorted(comparison.cases, key=lambda climb: dict(climb).get("most", math.inf))
    highest = {dict(climb)["of"]: climb for climb in by_cap}  # of each the last stays
    shown = keep(comparison, lambda row: row.case in highest.values())
    panels = [
        Dots(
            {Mark(marker=""): keep(shown, lambda row, climb=climb: row.case == climb)},
            shown.columns, "at once (log scale)",
            ", at most ".join(f"{n:,}" if name == "most" else n for name, n in climb),
            notes=endings,
        )
        for _, climb in sorted(highest.items(), reverse=True)
    ]  # fmt: skip
    title = "How many there can be at once, and what ends the climb"
    return draw_panels(title, [panels], "n", sharey="all")
