"""The figures, one function each: takes the results, returns a figure or None without its data.

Each title states what is compared; axes start at zero or are openly logarithmic. serving,
switching and tasks have them by subject; data, marks, axes and panels are what they share.
"""

from pathlib import Path

from ...suite.results import ResultsFolder
from ...system.errors import BadInputError, SwitchyardError
from .. import drawing
from .serving import (
    echo_latency,
    echo_open_latency,
    echo_open_percentiles,
    echo_throughput,
    http_fetch_throughput,
    http_fetch_time,
)
from .switching import (
    channel_throughput,
    shared_counter_cost,
    switch_cost,
    switch_placement,
    switch_working_set,
)
from .tasks import (
    blocking_lateness,
    cpu_speedup,
    limits_reached,
    memory_by_count,
    memory_by_stack_depth,
    memory_per_task,
    sleep_wall_time,
    spawn_cost,
)

ALL = (
    switch_cost, switch_working_set, switch_placement, sleep_wall_time, echo_throughput,
    echo_latency, echo_open_latency, echo_open_percentiles, spawn_cost, memory_per_task,
    http_fetch_time, http_fetch_throughput, channel_throughput, shared_counter_cost, cpu_speedup,
    blocking_lateness, memory_by_stack_depth, memory_by_count, limits_reached,
)  # fmt: skip


def draw_figures(folder: ResultsFolder) -> None:
    """Into the folder's plots/; says what was drawn and what was not."""
    plots = folder.path / "plots"
    try:
        plots.mkdir(exist_ok=True)
        drawn = _draw_all(folder, plots)
    except OSError as error:
        raise BadInputError(f"cannot write to {plots}: {error.strerror}") from None
    if not drawn:
        raise SwitchyardError(f"nothing to draw in {folder.path}: no row has a measurement")


def _draw_all(folder: ResultsFolder, plots: Path) -> int:
    """Returns how many figures were drawn."""
    drawing.use_style()
    caption = drawing.caption(folder)
    drawn = 0
    for draw in ALL:
        name = draw.__name__
        figure = draw(folder)
        if figure is None:
            print(f"{name}: skipped, not measured in this run")
            continue
        for path in drawing.save(figure, caption, plots, name):
            print(path)
        drawn += 1
    return drawn
