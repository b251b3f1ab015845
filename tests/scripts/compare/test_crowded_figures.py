"""Figures of all runtimes at once: no more lines in a panel than can be told apart, each family on
the same axes, and looks that differ without colour.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import combinations

import crowded
import pytest
from matplotlib.axes import Axes
from test_figures import EVERYBODY, drawn, drawn_from, panels, title

from switchyard.compare import figures, palette
from switchyard.compare.figures import serving, switching, tasks
from switchyard.compare.figures.layout import MOST_LINES, draw_panels, is_crowded
from switchyard.compare.figures.panels import Across, Dots, Lines, Mark, measured
from switchyard.system.paths import ROOT

MATRIX = (ROOT / "tests" / "matrix.txt").read_text().split()


drawn = partial(drawn, kept=EVERYBODY)


def labels(ax: Axes) -> list[str]:
    return ax.get_legend_handles_labels()[1]


@pytest.mark.parametrize("draw", figures.ALL)
def test_no_panel_has_more_lines_than_can_be_told_apart(draw: Callable):
    figure = drawn(draw)
    assert figure
    for ax in panels(figure):
        assert len(labels(ax)) <= MOST_LINES, (title(ax), labels(ax))


@pytest.mark.parametrize("draw", [serving.echo_throughput, serving.echo_latency])
def test_everybody_is_drawn(draw: Callable):
    seen = {label.partition(" ")[0] for ax in panels(drawn(draw)) for label in labels(ax)}
    assert seen == {row.runtime for row in crowded.results("echo").workload.rows}


def test_families_stand_in_rows_on_the_same_axes_with_the_limits_in_each():
    found = panels(drawn(serving.echo_throughput))
    assert [title(ax) for ax in found] == [
        name
        for family in palette.FAMILIES
        for name in (f"{family}, 64-byte messages", "4,096-byte messages")
    ]
    assert len({ax.get_ylim() for ax in found}) == 1
    assert len({ax.get_xlim() for ax in found}) == 1
    assert all({"epoll", "uring"} <= set(labels(ax)) for ax in found)
    assert set(labels(found[0])) == {"process", "thread", "epoll", "uring"}
    assert set(labels(found[-1])) == {"mine", "epoll", "uring"}


def test_a_single_panel_is_split_into_panels_abreast():
    found = panels(drawn(switching.switch_rings))
    assert [title(ax) for ax in found] == [
        f"{family}, by ring size, all on the same core" for family in list(palette.FAMILIES)[:3]
    ]
    assert len({ax.get_ylim() for ax in found}) == 1
    assert len({round(ax.get_position().y0, 3) for ax in found}) == 1


def test_four_families_of_a_single_panel_have_titles_that_fit():
    folder = crowded.folder()
    echo = folder.workloads["echo"]
    echo.benchmarks = [
        each for each in echo.benchmarks if "/connections:64/bytes:64" in each["name"]
    ]
    figure = drawn_from(serving.echo_throughput, folder)
    found = panels(figure)
    assert [title(ax).partition(", ")[0] for ax in found] == [*palette.FAMILIES]
    boxes = [ax._left_title.get_window_extent(figure.canvas.get_renderer()) for ax in found]
    assert not any(one.padded(5).overlaps(other) for one, other in combinations(boxes, 2))


def test_rows_with_axes_of_their_own_keep_them_in_each_family():
    """One of 1 KiB bodies and one of 256 KiB."""
    found = panels(drawn(serving.http_fetch_throughput))
    by_size = {size: [ax for ax in found if size in title(ax)] for size in ("1 KiB", "256 KiB")}
    assert all(ax.get_ylabel() for ax in found)
    for axes in by_size.values():
        limits = {(title(ax).split(", ")[-1], ax.get_ylim()) for ax in axes}
        assert len(limits) == 2  # one for each kind of connection


def test_few_lines_stand_in_one_panel():
    assert len(panels(drawn(tasks.spawn_cost))) == 1
    assert all("," not in title(ax) for ax in panels(drawn(tasks.cpu_speedup)))


def test_what_can_not_be_split_stays_whole():
    """Lines of a single family, and such as stand beside dots."""
    switches = measured(crowded.folder(), "switch", wanted=lambda row: row.params["tasks"] > 1)
    every = Lines(switches, Across("tasks", "tasks"), {"placement": "same"})
    kernel = [name for name in switches.columns if name.startswith(("process", "thread"))]
    alone = replace(every, columns=kernel, marks={str(n): 1e-6 * n for n in (1, 2)})
    dots = Dots({Mark(): switches}, switches.columns, "time")
    assert is_crowded(every)
    assert is_crowded(alone)
    for grid in ([[alone]], [[dots, every]]):
        assert len(panels(draw_panels("", grid, "s"))) == len(grid[0])
    assert len(panels(draw_panels("", [[every]], "s"))) == 3


def columns(workload: str) -> set[str]:
    found = set()
    for name in MATRIX:
        if name.startswith(f"{workload}/"):
            via = re.search(r"/via:([^/]+)", name)
            found.add(f"{name.split('/')[1]} {via[1] if via else ''}".strip())
    return found


@pytest.mark.parametrize("workload", sorted({name.split("/")[0] for name in MATRIX}))
def test_runtimes_are_told_apart_without_colour(workload: str):
    """By their markers, in all that is really measured; mechanisms of one by the kind of line."""
    for one, other in combinations(sorted(columns(workload)), 2):
        looks = palette.look(one), palette.look(other)
        if one.split()[0] == other.split()[0]:
            assert looks[0].line != looks[1].line, (one, other)
        else:
            assert looks[0].marker != looks[1].marker, (one, other)
            assert looks[0].colour != looks[1].colour, (one, other)
