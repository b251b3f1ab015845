"""`switchyard.sh compare`: results of several machines side by side, and what differs in them."""

import json
from collections.abc import Callable
from pathlib import Path

import made_up
import pytest
from conftest import Cli

from switchyard.compare.side_by_side import side_by_side


def results(path: Path, factor: float = 1.0, kernel: str = "6.1.0", rounds: int = 6) -> Path:
    """Of spawn and cpu, in `factor` times the time."""
    made_up.written(path, "spawn", "cpu", rounds=rounds)
    for name in ("spawn", "cpu"):
        document = json.loads((path / f"{name}.json").read_text())
        for entry in document["benchmarks"]:
            entry["real_time"] *= factor
        (path / f"{name}.json").write_text(json.dumps(document))
    machine = made_up.ENVIRONMENT["machine"] | {"kernel": kernel}
    environment = made_up.ENVIRONMENT | {"machine": machine}
    (path / "environment.json").write_text(json.dumps(environment))
    return path


def test_the_first_lines_say_what_differs_and_nothing_else(cli: Cli, tmp_path: Path):
    folders = [results(tmp_path / "old", kernel="5.15.0"), results(tmp_path / "new")]
    done = cli("compare", *folders)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:2] == ["compared: old, new", "  machine.kernel: 5.15.0 | 6.1.0"]
    assert lines[2] == "spawn: time per task, lower is better"


def test_limits_and_how_a_run_was_made_are_told_where_they_differ(tmp_path: Path):
    folders = [results(tmp_path / "a"), results(tmp_path / "b")]
    for folder, most, algorithm, seconds, complete in zip(
        folders, (20_000, 1_024), ("bbr", "reno"), (0.1, 0.05), (True, False), strict=True
    ):
        environment = json.loads((folder / "environment.json").read_text())
        environment["limits"] = {
            "RLIMIT_NOFILE": [most, most], "net.ipv4.tcp_congestion_control": algorithm,
            "kernel.pid_max": 32768,
        }  # fmt: skip
        run = {"min_time_s": seconds, "complete": complete, "seed": most, "measured_s": seconds}
        (folder / "environment.json").write_text(json.dumps(environment | {"run": run}))
    assert side_by_side(folders).environments() == {
        "run.min_time_s": ["0.1", "0.05"], "run.complete": ["True", "False"],
        "limits.RLIMIT_NOFILE": ["[20000, 20000]", "[1024, 1024]"],
        "limits.net.ipv4.tcp_congestion_control": ["bbr", "reno"],
    }  # fmt: skip


def test_all_folders_are_compared_by_the_same_metric(tmp_path: Path):
    folders = [results(tmp_path / "a"), results(tmp_path / "b", factor=2.0)]
    document = json.loads((folders[1] / "spawn.json").read_text())
    own = {"key": "ops_per_s", "label": "tasks per second", "unit": "1/s", "better": "higher"}
    document["switchyard"]["metric"] = own
    for entry in document["benchmarks"]:
        entry["ops_per_s"] = 1e9
    (folders[1] / "spawn.json").write_text(json.dumps(document))
    table = side_by_side(folders).table("spawn")
    assert {cell.ratio for *_, cell in table.rows} == {"2.00x"}
    assert table.notes[1] == (
        "time per task (real_time) of b too, which itself compares by tasks per second (ops_per_s)."
    )


def test_each_row_has_its_ratio_to_the_first_with_an_interval(tmp_path: Path):
    found = side_by_side([results(tmp_path / "a"), results(tmp_path / "b", factor=1.5)])
    table = found.table("spawn")
    assert table.columns == ["row", "a", "b"]
    assert len(table.rows) == 9
    for _, _, cell in table.rows:
        assert cell.ratio == "1.50x"
        low, high = map(float, cell.ratio_interval.split("-"))
        assert low < 1.5 < high
        assert cell.notes == ("worse",)


def test_without_a_difference_none_is_shown(tmp_path: Path):
    found = side_by_side([results(tmp_path / "a"), results(tmp_path / "b", factor=1.001)])
    assert {cell.notes for *_, cell in found.table("spawn").rows} == {("no difference shown",)}


def test_a_row_that_one_lacks_is_named_with_who_has_it(tmp_path: Path):
    whole, part = results(tmp_path / "whole"), results(tmp_path / "part")
    document = json.loads((part / "spawn.json").read_text())
    gone = "spawn/fiber/tasks:100"
    document["benchmarks"] = [b for b in document["benchmarks"] if b["name"] != gone]
    (part / "spawn.json").write_text(json.dumps(document))
    (part / "cpu.json").unlink()
    found = side_by_side([whole, part])
    assert "only in whole: fiber/tasks:100." in found.table("spawn").notes
    assert found.table("cpu").rows == []
    assert found.figure("cpu") is None


def test_few_rounds_have_no_interval(tmp_path: Path):
    found = side_by_side([results(tmp_path / n, rounds=2) for n in ("a", "b")])
    assert {c.notes for *_, c in found.table("spawn").rows} == {("fewer than 3 rounds",)}


def changed(folder: Path, name: str, change: Callable[[dict], object]) -> None:
    """Each launch of this row of spawn."""
    document = json.loads((folder / "spawn.json").read_text())
    for entry in document["benchmarks"]:
        if entry["name"] == name:
            change(entry)
    (folder / "spawn.json").write_text(json.dumps(document))


def test_where_there_is_no_interval_none_is_shown_and_the_reason_is_printed(
    cli: Cli, tmp_path: Path
):
    folders = [results(tmp_path / n, rounds=2) for n in ("a", "b")]
    cells = [cell for *_, cell in side_by_side(folders).table("spawn").rows]
    assert {(cell.ratio, cell.ratio_interval) for cell in cells} == {("1.00x", "")}
    assert cli("compare", *folders).stdout.count("fewer than 3 rounds") > len(cells)
    more = [results(tmp_path / n, factor) for n, factor in (("c", 1.0), ("d", 1.5))]
    assert "worse" in cli("compare", *more).stdout


def test_nothing_is_told_in_times_of_zero(tmp_path: Path, recwarn):
    folders = [results(tmp_path / n) for n in ("a", "b")]
    changed(folders[0], "spawn/fiber/tasks:1", lambda entry: entry.update(real_time=0.0))
    changed(folders[1], "spawn/thread/tasks:1", lambda entry: entry.update(real_time=0.0))
    found = side_by_side(folders)
    told = {name.text: cell for name, _, cell in found.table("spawn").rows}
    for name, ratio in (("fiber", "-"), ("thread", "0.00x")):
        cell = told[f"{name}/tasks:1"]
        assert (cell.ratio, cell.ratio_interval) == (ratio, "")
        assert cell.notes == ("a value of zero",)
    (ax,) = found.figure("spawn").axes
    drawn = [label.get_text() for label in ax.get_yticklabels()]
    assert len(drawn) == len(told) - 2
    assert not [w for w in recwarn if issubclass(w.category, RuntimeWarning)]


def test_a_figure_draws_no_bar_where_there_is_no_interval(tmp_path: Path):
    found = side_by_side([results(tmp_path / n, rounds=2) for n in ("a", "b")])
    (held,) = found.figure("spawn").axes[0].containers
    (bars,) = held[2]
    assert not any(len(segment) for segment in bars.get_segments())


def test_failures_and_limits_are_named_with_the_folder(tmp_path: Path):
    folders = [results(tmp_path / n, rounds=2) for n in ("a", "b")]

    def fails(name: str, text: str, rounds: tuple[int, ...] = (0, 1)) -> None:
        error = {"error_occurred": True, "error_message": text}
        changed(folders[1], name, lambda e: e["round"] in rounds and e.update(error))

    fails("spawn/fiber/tasks:1", "wrong answer")
    fails("spawn/fiber/tasks:100", "wrong answer", (1,))
    fails("spawn/thread/tasks:1", "limit reached: pids.max")
    fails("spawn/thread/tasks:100", "limit reached: pids.max", (1,))
    table = side_by_side(folders).table("spawn")
    assert table.notes[1:] == (
        "limit (1) in b: thread/tasks:1.", "FAILED (2) in b: fiber/tasks:1.",
        "FAILED (2) in 1 of 2 rounds of b: fiber/tasks:100.",
        "(1) limit reached: pids.max", "(2) wrong answer",
    )  # fmt: skip
    told = {name.text: cell for name, _, cell in table.rows}
    assert not told.keys() & {"fiber/tasks:1", "fiber/tasks:100", "thread/tasks:1"}
    cell = told["thread/tasks:100"]
    assert (cell.problem, cell.kind) == ("limit (1)", "limit")


def test_a_figure_for_each_workload_is_drawn_where_it_is_asked_for(cli: Cli, tmp_path: Path):
    folders = [results(tmp_path / n, f) for n, f in (("a", 1.0), ("b", 2.0), ("c", 0.5))]
    done = cli("compare", *folders, "--plot", tmp_path / "plots")
    assert done.stdout.splitlines()[-1] == f"plots: 2 figures in {tmp_path / 'plots'}"
    drawn = {path.name for path in (tmp_path / "plots").glob("*.png")}
    assert drawn == {"compare_spawn.png", "compare_cpu.png"}


@pytest.mark.parametrize(("names", "culprit"), [
    (["a"], "two results folders"), (["a", "a"], "named twice"), (["a", "none"], "none"),
])  # fmt: skip
def test_bad_folders_are_named(cli: Cli, tmp_path: Path, names: list[str], culprit: str):
    results(tmp_path / "a")
    done = cli("compare", *(tmp_path / name for name in names))
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert culprit in done.stderr
