"""What a figure says of its points, and figures of workloads that have none of their own."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import made_up
import pytest
from test_figures import OVERVIEWS, drawn, drawn_from, folder, line, panels, title

from switchyard.compare import drawing, figures
from switchyard.compare.figures import serving, tasks
from switchyard.suite.results import ResultsFolder


def test_a_workload_without_a_figure_is_drawn_over_its_longest_parameter():
    made = folder().workloads["spawn"]
    document = made.workload.document() | {"workload": "mutex"}
    mutex = replace(made, workload=made.workload.parse(document))
    sleep = folder().workloads["sleep"]
    results = ResultsFolder(Path("none"), {"mutex": mutex, "sleep": sleep, "../mutex": mutex})
    found = {name: figure for name, figure in figures.drawn(results).items() if figure}
    assert set(found) == {"sleep_wall_time", "memory_per_task", "mutex_overview"}
    (ax,) = panels(found["mutex_overview"])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("tasks (log scale)", "time per task (log scale)")
    assert line(ax, "fiber") == line(panels(drawn(tasks.spawn_cost))[0], "fiber")


def test_an_overview_has_a_panel_for_each_case_of_what_is_not_across():
    first, second = panels(drawn(OVERVIEWS[-1]))
    assert (title(first), title(second)) == ("", "most:1024")
    assert line(first, "fiber")[0] == [0, 1]  # of:tasks and of:connections
    assert line(second, "fiber")[0] == [0]


def test_of_a_single_case_there_is_a_row_for_each_runtime():
    """Nothing to be followed over: points above each other would hide each other."""
    kept = made_up.folder(Path("none"), keep=lambda row: row["name"].endswith("/tasks:4"))
    (ax,) = panels(drawn_from(partial(figures.overview, workload="cpu"), kept))
    assert title(ax) == "tasks:4"
    named = [label.get_text() for label in ax.get_yticklabels()]
    assert named == ["fiber", "thread", "process", "serial"]
    (ax,) = panels(drawn(serving.echo_open_rates, "the quick set"))
    assert title(ax) == "20,000 messages per second"
    assert len(ax.containers) == 3 * len(ax.get_yticklabels()) == 12


@pytest.mark.parametrize(
    ("rounds", "said"),
    [
        ({6}, "medians of 6 rounds, bars: 95 % intervals"),
        ({1}, "one round"),
        ({3}, "medians of 3 rounds, bars: smallest to largest"),
        ({1, 6}, "bars: 95 % intervals, points without a bar: one round"),
        ({4, 6}, "4-6 rounds, bars: 95 % intervals (below 6 rounds smallest to largest)"),
    ],
)
def test_a_caption_says_how_many_rounds_stand_behind_the_points(rounds: set[int], said: str):
    assert drawing.caption(folder(), rounds).endswith(f"{said}.")


def test_points_that_were_launched_once_are_not_said_to_be_medians_of_six_rounds():
    once = made_up.folder(Path("none"), 1, lambda row: "tasks:1000" in row["name"])
    both = made_up.folder(Path("none"))
    sleep = both.workloads["sleep"]
    kept = {b["name"] for b in once.workloads["sleep"].benchmarks}
    sleep.benchmarks = [b for b in sleep.benchmarks if b["round"] == 0 or b["name"] not in kept]
    assert tasks.sleep_wall_time(both).rounds == {1, 6}
