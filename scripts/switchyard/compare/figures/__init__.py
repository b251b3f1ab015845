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

ALL = (
    switching.switch_cost, switching.switch_rings, switching.switch_working_set,
    switching.switch_placement, tasks.sleep_wall_time, serving.echo_throughput,
    serving.echo_latency, serving.echo_open_latency, serving.echo_open_rates,
    serving.echo_open_percentiles, serving.echo_capacity_rates, tasks.spawn_cost,
    tasks.memory_per_task, serving.http_fetch_time, serving.http_fetch_throughput,
    switching.channel_throughput, switching.shared_counter_cost, tasks.cpu_speedup,
    tasks.blocking_lateness, tasks.memory_by_stack_depth, tasks.memory_by_count,
    tasks.limits_reached, scaling.scale_speedup,
)  # fmt: skip


def drawn(folder: ResultsFolder) -> dict[str, Figure | None]:
    """All of them by name, which begins with the workload's; None without its data.

    Results of others may call a workload what can't be a file's name: it is not drawn.
    """
    drawing.use_style()
    figures = {draw.__name__: draw(folder) for draw in ALL}
    for workload in folder.workloads:
        if re.fullmatch(r"[\w-]+", workload, re.ASCII) and not any(
            name.startswith(f"{workload}_") for name in figures
        ):
            figures[f"{workload}_overview"] = overview(folder, workload)
    return figures


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
