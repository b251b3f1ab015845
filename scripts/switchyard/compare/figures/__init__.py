"""The figures, one function each: takes the results, returns a figure or None without its data.

Each title states what is compared; axes start at zero or are openly logarithmic. serving,
switching and tasks have them by subject, overview one for each workload that is in none of these;
they are made of panels, which layout draws, and axes scales what is drawn.
"""

import re

from ...suite.results import ResultsFolder
from ...system.errors import BadInputError, SwitchyardError
from .. import drawing
from ..drawing import Figure
from . import scaling, serving, switching, tasks
from .overview import overview

_BY_WORKLOAD = {
    "switch": (
        switching.switch_cost, switching.switch_rings, switching.switch_working_set,
        switching.switch_placement,
    ),
    "sleep": (tasks.sleep_wall_time,),
    "echo": (serving.echo_throughput, serving.echo_latency),
    "echo_open": (
        serving.echo_open_latency, serving.echo_open_rates, serving.echo_open_percentiles,
    ),
    "echo_capacity": (serving.echo_capacity_rates,),
    "spawn": (tasks.spawn_cost,),
    "": (tasks.memory_per_task,),  # of several
    "http_fetch": (serving.http_fetch_time, serving.http_fetch_throughput),
    "channel": (switching.channel_throughput,),
    "shared_counter": (switching.shared_counter_cost,),
    "cpu": (tasks.cpu_speedup,),
    "blocking": (tasks.blocking_lateness,),
    "memory": (tasks.memory_by_stack_depth, tasks.memory_by_count),
    "limits": (tasks.limits_reached,),
    "scale": (scaling.scale_speedup,),
}  # fmt: skip
ALL = tuple(draw for of_workload in _BY_WORKLOAD.values() for draw in of_workload)
_OVERVIEW = "_overview"


def drawn(folder: ResultsFolder) -> dict[str, Figure | None]:
    """All of them by name; None without its data.

    Results of others may call a workload what can't be a file's name: it is not drawn.
    """
    drawing.use_style()
    figures = {draw.__name__: draw(folder) for draw in ALL}
    for workload in folder.workloads:
        if workload not in _BY_WORKLOAD and re.fullmatch(r"[\w-]+", workload, re.ASCII):
            figures[f"{workload}{_OVERVIEW}"] = overview(folder, workload)
    return figures


def workload_of(name: str) -> str:
    """The workload that the figure of this name shows; empty where it shows several."""
    for workload, figures in _BY_WORKLOAD.items():
        if name in (draw.__name__ for draw in figures):
            return workload
    return name.removesuffix(_OVERVIEW)


def told_below(folder: ResultsFolder, figure: Figure) -> str:
    """What it says of itself, and what every figure says."""
    return figure.note + drawing.caption(folder, figure.rounds)


def draw_figures(folder: ResultsFolder) -> None:
    """Into the folder's plots/, as PNG and SVG; says what was drawn and what was not."""
    plots, figures = folder.path / "plots", drawn(folder)
    try:
        plots.mkdir(exist_ok=True)
        for name, figure in figures.items():
            if figure:
                drawing.save(figure, told_below(folder, figure), plots, name)
    except OSError as error:
        raise BadInputError(f"cannot write to {plots}: {error.strerror}") from None
    if not any(figures.values()):
        raise SwitchyardError(f"nothing to draw in {folder.path}: no row has a measurement")
    missing = [name for name, figure in figures.items() if not figure]
    of_these = f"; not measured: {', '.join(missing)}" if missing else ""
    print(f"plots: {len(figures) - len(missing)} figures in {plots}{of_these}")
