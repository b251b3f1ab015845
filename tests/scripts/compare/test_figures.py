"""Every figure, from all that can be measured and from little of it: right, and fit to be read."""

import warnings
from collections.abc import Callable
from functools import cache, partial
from itertools import combinations, product
from pathlib import Path

import crowded
import made_up
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from switchyard.compare import drawing, figures, palette
from switchyard.compare.figures import scaling, serving, switching, tasks
from switchyard.suite.results import ResultsFolder

drawing.use_style()

EVERYBODY = "every runtime"
KEPT: dict[str, Callable[[dict], bool]] = {
    "everything": lambda row: True,
    "the quick set": lambda row: row["set"] == "quick",
    "fibers only": lambda row: row["runtime"] == "fiber",
    "processes of the quick set": lambda row: (row["runtime"], row["set"]) == ("process", "quick"),
    "gevent and wrk": lambda row: row["needs"] is not None,
}


@cache
def folder(kept: str = "everything", rounds: int = 6) -> ResultsFolder:
    """Made once: nothing here changes it."""
    if kept == EVERYBODY:
        return crowded.folder()
    return made_up.folder(Path("none"), rounds, KEPT[kept])


@cache
def drawn(draw: Callable, kept: str = "everything", rounds: int = 6) -> Figure | None:
    """Drawn once for all that is asked of it."""
    return drawn_from(draw, folder(kept, rounds))


def drawn_from(draw: Callable, folder: ResultsFolder) -> Figure | None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = draw(folder)
        if figure:
            drawing.put_below(figure, drawing.caption(folder, figure.rounds))
            FigureCanvasAgg(figure).draw()
    return figure


def panels(figure: Figure) -> list[Axes]:
    return [ax for ax in figure.axes if ax.get_visible()]


def title(ax: Axes) -> str:
    return ax.get_title(loc="left").replace("\n", " ")


def tick_labels(axis: Axis) -> list[Bbox]:
    low, high = sorted(axis.get_view_interval())
    ticks = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    labels = [tick.label1 for tick in ticks if tick.label1.get_visible()]
    return [label.get_window_extent() for label in labels if label.get_text()]


def line(ax: Axes, label: str) -> tuple[list[float], list[float]]:
    """A column's medians: what the label says may be on a container of lines."""
    ((data, _, _),) = [held for held in ax.containers if held.get_label() == label]
    return list(data.get_xdata()), list(data.get_ydata())


# Of workloads without a figure of their own: with several parameters beside the one across, with
# words among them, and with words across.
OVERVIEWS = tuple(partial(figures.overview, workload=w) for w in ("echo", "switch", "limits"))

# The quick run measures nothing for these, or so little that it stands in another.
FULL_ONLY = (
    switching.switch_rings, switching.switch_working_set, switching.switch_placement,
    serving.echo_open_latency, serving.echo_open_percentiles, serving.echo_capacity_rates,
    scaling.scale_speedup,
)  # fmt: skip


@pytest.mark.parametrize(
    ("kept", "rounds"),
    [(kept, 6 if "set" in kept or "every" in kept else 1) for kept in (*KEPT, EVERYBODY)],
)
@pytest.mark.parametrize("draw", figures.ALL + OVERVIEWS)
def test_nothing_is_cut_off_or_covered(draw: Callable, kept: str, rounds: int):
    figure = drawn(draw, kept, rounds)
    if figure is None:
        assert kept not in ("everything", EVERYBODY)
        assert kept != "the quick set" or draw in FULL_ONLY
        return
    whole = figure.bbox
    texts = [figure._suptitle, figure._supxlabel, *(ax._left_title for ax in panels(figure))]
    boxes = [text.get_window_extent() for text in texts if text.get_text()]
    boxes += [legend.get_window_extent() for legend in figure.legends]
    for box in boxes:
        assert whole.x0 <= box.x0 and box.x1 <= whole.x1 and whole.y0 <= box.y0
    for one, other in combinations(boxes + [ax.bbox for ax in panels(figure)], 2):
        assert not one.overlaps(other)
    for axis in (axis for ax in panels(figure) for axis in (ax.xaxis, ax.yaxis)):
        for one, other in combinations(tick_labels(axis), 2):
            assert not one.overlaps(other)
    for ax in panels(figure):
        for xs, ys in ((held[0].get_xdata(), held[0].get_ydata()) for held in ax.containers):
            for values, (low, high) in ((xs, ax.get_xlim()), (ys, ax.get_ylim())):
                assert low <= np.min(values) and np.max(values) <= high
        shown = [tick for tick in ax.get_yticks() if ax.get_ylim()[0] <= tick <= ax.get_ylim()[1]]
        assert shown, "an axis without a number on it"


def test_fetch_times_stand_in_seconds_beside_the_ideal():
    figure = drawn(serving.http_fetch_time)
    first = panels(figure)[0]
    urls, seconds = line(first, "serial")
    assert urls == [1, 10]
    assert seconds == pytest.approx([0.05, 0.5], rel=0.15)
    (ideal,) = [drawn for drawn in first.lines if drawn.get_label().startswith("ideal")]
    assert set(ideal.get_ydata()) == {0.05}
    assert len(panels(figure)) == 4  # two sizes, two kinds of connection


def test_fetch_throughput_has_wrk_where_it_is_the_limit():
    figure = drawn(serving.http_fetch_throughput)
    titles = {title(ax) for ax in panels(figure) if "kept" in title(ax)}
    assert titles == {"1 KiB bodies, connections are kept", "256 KiB bodies, connections are kept"}
    for ax in panels(figure):
        labels = ax.get_legend_handles_labels()[1]
        assert ("wrk" in labels) == ("kept" in title(ax))
        assert ax.get_ylim()[0] == 0


def test_channels_across_cores_have_panels_of_their_own():
    figure = drawn(switching.channel_throughput)
    assert len(panels(figure)) == 8
    same, cross = panels(figure)[0], panels(figure)[4]
    assert "fiber buffered_channel" in same.get_legend_handles_labels()[1]
    assert "fiber buffered_channel" not in cross.get_legend_handles_labels()[1]
    assert "across cores" in cross.get_ylabel()
    assert same.get_ylim() == cross.get_ylim()


def test_channels_of_one_capacity_are_dots_in_a_row_for_each_mechanism():
    one, four = panels(drawn(switching.channel_throughput, "the quick set"))
    names = [label.get_text() for label in one.get_yticklabels()]
    assert names[0] == "plain_queue ring"  # the fastest at the bottom
    assert len(names) == 5
    assert (len(one.containers), len(four.containers)) == (8, 5)  # of four, none across cores


def test_a_name_is_drawn_as_it_is(tmp_path: Path):
    kept = made_up.results("cpu")
    document = kept.workload.document()
    for entry in document["rows"]:
        entry["runtime"] = entry["runtime"].replace("thread", r"$\frac$")
    kept.workload = kept.workload.parse(document)
    folder = ResultsFolder(tmp_path, {"cpu": kept}, made_up.ENVIRONMENT)
    (ax,) = panels(drawn_from(tasks.cpu_speedup, folder))
    assert r"$\frac$" in ax.get_legend_handles_labels()[1]


def test_speed_up_is_measured_against_the_cpus():
    (ax,) = panels(drawn(tasks.cpu_speedup))
    _, thread = line(ax, "thread")
    assert thread == pytest.approx([1, 2, 2, 2], rel=0.1)
    assert line(ax, "serial")[1] == [1, 1, 1, 1]
    (ideal,) = [drawn for drawn in ax.lines if drawn.get_label().startswith("ideal")]
    assert list(ideal.get_ydata()) == [1, 2, 2, 2]
    assert ax.get_ylim()[0] == 0


def test_lateness_has_a_panel_for_each_call_and_three_dots_for_each_column():
    figure = drawn(tasks.blocking_lateness)
    assert [title(ax) for ax in panels(figure)] == [
        "no blocking call", "a call of 20 ms", "a call of 100 ms",
    ]  # fmt: skip
    assert [len(ax.containers) for ax in panels(figure)] == [9, 12, 12]
    worst = max(held[0].get_xdata()[0] for held in panels(figure)[2].containers)
    assert worst == pytest.approx(100.5e3, rel=0.1)


def test_shared_counter_shows_four_tasks_and_lines_over_all():
    full = panels(drawn(switching.shared_counter_cost))
    assert [title(ax) for ax in full] == [
        "4 tasks", "by number of tasks, all on the same core",
    ]  # fmt: skip
    assert len(full[0].containers) == 11  # six mechanisms, five of them across cores, too
    quick = panels(drawn(switching.shared_counter_cost, "the quick set"))
    assert [title(ax) for ax in quick] == ["4 tasks"]


def test_memory_stands_over_the_depth_of_the_stack_from_zero_on():
    figure = drawn(tasks.memory_by_stack_depth)
    assert "10,000 idle tasks" in figure._suptitle.get_text()
    whole, pages, tables, stacks = panels(figure)
    depths, held = line(whole, "fiber")
    assert depths == [0, 4, 16, 64]
    assert held[-1] - held[0] == pytest.approx(64 * 1024, rel=0.15)
    assert line(pages, "process")[0] == depths
    assert line(tables, "process")[1][0] > 100 * line(tables, "thread")[1][0]
    assert "fiber" not in stacks.get_legend_handles_labels()[1]  # they have none
    assert len({ax.get_ylim() for ax in panels(figure)}) == 1


def test_memory_of_fibers_alone_has_no_panel_for_stacks_in_the_kernel():
    assert len(panels(drawn(tasks.memory_by_stack_depth, "fibers only", 1))) == 3


def test_memory_over_the_count_leaves_the_stacks_untouched():
    of_tasks, connections = panels(drawn(tasks.memory_by_count))
    counts, held = line(of_tasks, "thread")
    assert counts == [10, 100, 1_000, 10_000]
    assert max(held) < 40e3
    assert line(connections, "thread")[0] == counts


def test_memory_of_connections_is_one_line_also_where_most_are_idle():
    of_tasks, connections = panels(drawn(tasks.memory_per_task))
    assert title(connections) == "a served connection (bytes:64)"
    assert line(connections, "fiber")[0][-3:] == [64, 1_024, 10_000]
    assert of_tasks.get_xticklabels()[-1].get_text() == "1M"


@pytest.mark.parametrize(
    ("kept", "titles"),
    [("everything", ["tasks", "connections"]), ("the quick set", ["tasks, at most 1,024"])],
)
def test_limits_show_the_highest_climb_and_what_ended_it(kept: str, titles: list):
    figure = drawn(tasks.limits_reached, kept)
    assert [title(ax) for ax in panels(figure)] == titles
    first = panels(figure)[0]
    assert len(first.containers) == 3
    ending = "kernel.pid_max: 80 % of" if kept == "everything" else "no limit up to 1024"
    assert any(ending in text.get_text() for text in first.texts)
    for text in first.texts:
        box = text.get_window_extent()
        assert first.bbox.x0 <= box.x0
        assert box.x1 <= figure.bbox.x1


def test_switches_show_every_mechanism_and_rings_only_what_has_rings():
    """Rings in a figure of their own where they have too many lines to stand beside the pairs."""
    for kept in ("everything", "the quick set"):
        found = panels(drawn(switching.switch_cost, kept))
        found += panels(apart) if (apart := drawn(switching.switch_rings, kept)) else []
        pairs, *rings = found
        names = {label.get_text() for label in pairs.get_yticklabels()}
        assert {"greenlet switch", "gevent switch (Python)", "self_pipe (no switch)"} <= names
        in_rings = {name for ax in rings for name in ax.get_legend_handles_labels()[1]}
        assert "fiber yield" in in_rings
        assert "greenlet switch" not in in_rings


def test_placements_are_not_compared_where_no_mechanism_has_several(tmp_path: Path):
    alone = ("thread/via:futex/tasks:2/placement:free", "process/via:futex/tasks:2/placement:same")
    kept = made_up.folder(tmp_path, keep=lambda row: row["name"].removeprefix("switch/") in alone)
    assert switching.switch_placement(kept) is None


@pytest.mark.parametrize("workload", made_up.WORKLOADS)
def test_no_two_columns_of_a_workload_look_the_same(workload: str):
    columns = {row.column for row in made_up.results(workload).workload.rows}
    for one, other in combinations(columns, 2):
        assert palette.look(one) != palette.look(other)
        same_colour = palette.look(one).colour == palette.look(other).colour
        assert same_colour == (one.split()[0] == other.split()[0])


def test_only_controls_are_dashed_and_only_outside_references_dash_dotted():
    rows = [row for name in made_up.WORKLOADS for row in made_up.results(name).workload.rows]
    floors = {"context", "greenlet", "self_pipe", "plain_process", "plain_thread"}
    floors |= {"coroutine_handle", "awaitable"}
    limits = floors | {row.control for row in rows} - {None, "serial"}
    for row, via in product(rows, ("", " pipe", " atomic")):
        line = palette.look(row.runtime + via).line
        assert (line == "--") == (row.runtime in limits)
        assert row.is_outside == (row.runtime == "gevent") == (line == "-.")


def test_a_percentile_that_some_rounds_lack_is_not_drawn(tmp_path: Path):
    folder = made_up.folder(tmp_path, keep=lambda row: row["name"].startswith("echo_open/"))
    (whole,) = panels(drawn_from(serving.echo_open_percentiles, folder))
    assert {len(held[0].get_xdata()) for held in whole.containers} == {5}
    ticks = " ".join(label.get_text() for label in whole.get_xticklabels())
    assert ticks == "p50 p90 p99 p99.9 p99.99"
    for fields in folder.workloads["echo_open"].benchmarks:
        if fields["name"].startswith("echo_open/fiber/") and fields["round"] == 0:
            fields.pop("p9999_us", None)
    (some,) = panels(drawn_from(serving.echo_open_percentiles, folder))
    assert sorted(len(held[0].get_xdata()) for held in some.containers) == [4, 5, 5, 5]
