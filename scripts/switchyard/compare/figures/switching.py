"""What tasks cost each other: switches, what the caches add to them, shared data and channels."""

import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence

from matplotlib.figure import Figure

from ...suite.catalog import Row
from ...suite.results import ResultsFolder
from ..comparison import Comparison
from .layout import draw_panels, is_crowded
from .panels import Across, Dots, Lines, Mark, keep, measured, scaled, values

_PLACEMENTS = {
    "same": "same core", "smt": "threads of\na core", "cross": "two cores",
    "node": "two NUMA\nnodes", "free": "scheduler\ndecides",
}  # fmt: skip
_MARKS = {
    Mark("same core"): lambda row: row.params.get("placement") != "cross",
    Mark("across two cores", filled=False): lambda row: row.params.get("placement") == "cross",
}
_TOLD = 4  # tasks that add; where they were not measured, the number nearest to it


def _usual(row: Row) -> bool:
    """Without what has figures of its own: placements other than same and cross, working sets."""
    usual_places = (None, "same", "cross")
    return row.params.get("placement") in usual_places and "working_set" not in row.params


def switch_cost(folder: ResultsFolder) -> Figure | None:
    """By mechanism for two tasks, and over the size of a ring where that has room beside them."""
    pairs, by_size = _pairs(folder), _rings(folder)
    # A single size of ring says nothing that the pairs don't, unless there are none.
    sizes = {size for size in values(by_size.comparison, "tasks", placement="same") if size > 1}
    has_rings = (len(sizes) > 1 or not pairs) and not is_crowded(by_size)
    return _draw_dots(
        "The cost of one context switch, by mechanism", {"two tasks": pairs} if pairs else {},
        "s", by_size.y_label, [by_size] * has_rings, height=max(3.2, 0.34 * len(pairs.columns)),
    )  # fmt: skip


def switch_rings(folder: ResultsFolder) -> Figure | None:
    """Where they are too many to stand beside the pairs."""
    by_size = _rings(folder)
    grid = [[by_size]] if is_crowded(by_size) else []
    return draw_panels("The cost of one context switch, by the size of the ring", grid, "s")


def _pairs(folder: ResultsFolder) -> Comparison:
    return measured(
        folder, "switch", wanted=lambda row: _usual(row) and row.params.get("tasks", 2) <= 2
    )


def _rings(folder: ResultsFolder) -> Lines:
    """What was measured for pairs only stands with the pairs."""
    comparison = measured(folder, "switch", wanted=_usual)
    larger = keep(comparison, lambda row: row.params.get("tasks", 2) > 2)
    return Lines(
        comparison, Across("tasks", "tasks in the ring (log scale)"), {"placement": "same"},
        "by ring size, all on the same core", "time per switch (log scale)",
        columns=larger.columns if larger and _pairs(folder) else comparison.columns,
    )  # fmt: skip


def shared_counter_cost(folder: ResultsFolder) -> Figure | None:
    """By mechanism, and by the number of tasks."""
    comparison = measured(folder, "shared_counter", wanted=_usual)
    told = min(values(comparison, "tasks"), key=lambda tasks: abs(tasks - _TOLD), default=_TOLD)
    dots = keep(
        comparison,
        # And what was never measured with as many: a control of one task, say.
        lambda row: (
            row.params.get("tasks") == told or len(values(comparison, "tasks", row.column)) == 1
        ),
    )
    by_count = Lines(
        comparison, Across("tasks", "tasks (log scale)"), {"placement": "same"},
        "by number of tasks, all on the same core", "time per addition (log scale)",
    )  # fmt: skip
    several = len(values(comparison, "tasks", placement="same")) > 1
    return _draw_dots(
        "Adding to shared data: the time of one addition",
        {f"{told} tasks" if told > 1 else "one task": dots} if dots else {},
        "s", by_count.y_label, [by_count] if several else [],
    )  # fmt: skip


def _draw_dots(
    title: str, groups: dict[str, Comparison], unit: str, x_label: str,
    beside: Sequence[Lines] = (), best: Callable = min, **options: object,
) -> Figure | None:  # fmt: skip
    """A panel of dots for each group, by its title, with the best at the bottom. Filled is what was
    measured on one core, hollow what was across cores. Lines beside them have axes of their own.
    """
    medians = defaultdict(list)
    for group in groups.values():
        for (_, column), cell in group.cells.items():
            medians[column].append(cell.summary.median)
    order = sorted(medians, key=lambda column: best(medians[column]), reverse=best is max)
    width, share = (1.0, "all") if len(groups) > 1 else (1.15, "none")
    panels = [
        Dots({mark: keep(group, wanted) for mark, wanted in _MARKS.items()},
             order, x_label, name, width)
        for name, group in groups.items()
    ]  # fmt: skip
    figure = draw_panels(title, [[*panels, *beside]], unit, sharex=share, sharey=share, **options)
    if panels:
        # Below the axes, as far as the label of the x axis reaches, however tall they are.
        below = -0.52 / (figure.get_figheight() - 1.4)
        found = [mark.handle() for mark in _MARKS if any(p.parts[mark] for p in panels)]
        figure.axes[0].legend(
            handles=found, loc="upper left", bbox_to_anchor=(-0.02, below), ncols=2,
            handletextpad=0.2,
        )  # fmt: skip
    return figure


def switch_working_set(folder: ResultsFolder) -> Figure | None:
    """The switch with the refilling of the caches, and for scale the block itself."""
    switch = scaled(measured(folder, "switch", "switch_ns"), lambda _: 1e-9)
    block = scaled(measured(folder, "switch", "block_ns"), lambda _: 1e-9)
    sizes = dict.fromkeys(str(case["working_set"]) for case in map(dict, switch.cases))
    # "16K" as "16 KiB".
    names = {size: "none" if size == "0" else f"{size[:-1]} {size[-1]}iB" for size in sizes}
    x = Across("working_set", "memory touched in each turn", places=names)
    panels = [
        Lines(
            switch, x, {"tasks": tasks}, f"{tasks} tasks in turn, on one core",
            "time per switch,\nwithout the block itself (log scale)",
            {"the block itself": _medians(block, list(names), tasks)}, width=0.9,
        )
        for tasks in values(switch, "tasks")
    ]  # fmt: skip
    title = "What a switch costs when each task has memory of its own"
    return draw_panels(title, [panels], "s")


def _medians(block: Comparison, sizes: list[str], tasks: int) -> dict[float, float]:
    """Over all columns, by the place of the working set."""
    medians = defaultdict(list)
    for cell in block.cells.values():
        if cell.row.params["tasks"] == tasks:
            medians[str(cell.row.params["working_set"])].append(cell.summary.median)
    found = {place: medians[size] for place, size in enumerate(sizes) if size in medians}
    return {place: statistics.median(of_all) for place, of_all in found.items()}


def switch_placement(folder: ResultsFolder) -> Figure | None:
    """Two tasks, by where they run; only when more than same and cross was measured."""
    pairs = measured(
        folder, "switch",
        wanted=lambda row: row.params.get("tasks") == 2 and "working_set" not in row.params,
    )  # fmt: skip
    found = values(pairs, "placement")
    places = {place: name for place, name in _PLACEMENTS.items() if place in found}
    if not places.keys() - {"same", "cross"}:
        return None
    # A column with a single place has no choice.
    columns = [name for name in pairs.columns if len(values(pairs, "placement", name)) > 1]
    label = "time per switch (log scale)"
    panel = Lines(
        pairs, Across("placement", "", places=places), y_label=label, width=1.2, columns=columns
    )  # fmt: skip
    title = "Where two tasks run, and what a switch between them costs"
    return draw_panels(title, [[panel]], "s")


def channel_throughput(folder: ResultsFolder) -> Figure | None:
    """Lines over the capacity; with a single capacity, as in the quick run, dots by mechanism."""
    comparison = measured(folder, "channel", wanted=_usual)
    kinds = {
        f"{n} producer{'s'[: n > 1]}, {n} consumer{'s'[: n > 1]}, {size:,}-byte items": {
            "pairs": n, "bytes": size,
        }
        for n in values(comparison, "pairs")
        for size in values(comparison, "bytes", pairs=n)
    }  # fmt: skip
    capacities = values(comparison, "capacity")
    if len(capacities) == 1:
        groups = {
            title: keep(comparison, lambda row, kind=kind: kind.items() <= row.params.items())
            for title, kind in kinds.items()
        }
        return _draw_dots(
            f"Producers and consumers over a channel for {capacities[0]} items: items per second",
            groups, "1/s", "items per second (log scale)", best=max,
        )  # fmt: skip
    x = Across("capacity", "capacity (log scale)")
    grid = [
        [
            Lines(
                comparison, x, kind | {"placement": placement}, title,
                f"items per second {where}\n(log scale)", width=0.75,
            )
            for title, kind in kinds.items()
        ]
        for placement, where in {"same": "on the same core", "cross": "across cores"}.items()
        if placement in values(comparison, "placement")
    ]  # fmt: skip
    return draw_panels(
        "Producers and consumers over a bounded channel: items per second against its capacity",
        grid, "1/s", sharey="all",
    )  # fmt: skip
