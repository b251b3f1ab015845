"""What an idle task or connection holds, with its page tables and its stack in the kernel."""

from collections import Counter
from dataclasses import replace

from matplotlib.axis import Axis
from matplotlib.figure import Figure

from ...suite.results import ResultsFolder
from ..comparison import Comparison
from .axes import log_axis
from .data import measured, values
from .panels import Panel, draw_panels

# In two rows.
_PARTS = (
    ("bytes_per_task", "all of it"),
    ("pss_bytes_per_task", "of that its pages in user space (PSS)"),
    ("page_table_bytes_per_task", "of that page tables"),
    ("kernel_stack_bytes_per_task", "of that its stack in the kernel"),
)
_Y_LABEL = "memory of one task (log scale)"


def memory_by_stack_depth(folder: ResultsFolder) -> Figure | None:
    whole = measured(folder, "memory")
    count = _most_shared(whole) if whole else None
    if count is None:
        return None
    where = {"of": "tasks", "count": count}
    panels = [
        # What nobody has, such as fibers alone a stack in the kernel, leaves its panel empty.
        Panel(measured(folder, "memory", key) or replace(whole, cells={}), where, title, _Y_LABEL)
        for key, title in _PARTS
    ]
    return draw_panels(
        f"Memory of one of {count:,} idle tasks, by how deep it has touched its stack",
        [panels[:2], panels[2:]], ("stack_kib", "stack touched, in KiB (log scale)"), _in_bytes,
        sharey="all",
    )  # fmt: skip


def memory_by_count(folder: ResultsFolder) -> Figure | None:
    whole = measured(folder, "memory")
    if not whole:
        return None
    untouched = min(values(whole, "stack_kib"), default=0)
    panels = [
        Panel(whole, {"of": "tasks", "stack_kib": untouched}, "an idle task", _Y_LABEL),
        Panel(whole, {"of": "connections"}, "an idle connection", _Y_LABEL),
    ]
    return draw_panels(
        "Memory of an idle task or connection, by their number", [panels],
        ("count", "count (log scale)"), _in_bytes,
    )  # fmt: skip


def _most_shared(comparison: Comparison) -> int | None:
    """The largest number of tasks of which most columns and depths were measured."""
    params = [dict(case) for case, _ in comparison.cells]
    measured_with = Counter(p["count"] for p in params if p.get("of") == "tasks")
    return max(measured_with, key=lambda count: (measured_with[count], count), default=None)


def _in_bytes(axis: Axis) -> None:
    log_axis(axis, "B")
