"""How long N sleeping tasks take, against the one sleep that it could be."""

from matplotlib.figure import Figure

from ...suite.results import ResultsFolder
from .axes import log_axis
from .data import measured, values
from .panels import Panel, draw_panels


def sleep_wall_time(folder: ResultsFolder) -> Figure | None:
    comparison = measured(folder, "sleep")
    delays = values(comparison, "ms") if comparison else []
    if not delays:
        return None
    panels = [
        Panel(
            comparison, {"ms": delay}, f"each sleeps {delay} ms", "wall time of all (log scale)",
            {"ideal: one sleep": delay / 1000},
        )
        for delay in delays
    ]  # fmt: skip
    return draw_panels(
        "N tasks that sleep at once: wall time against N", [panels],
        ("tasks", "tasks (log scale)"), lambda axis: log_axis(axis, "s"),
    )  # fmt: skip
