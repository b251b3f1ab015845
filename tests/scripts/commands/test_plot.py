"""`switchyard.sh plot` and `list`: every figure from full data, what is there from partial data."""

import json
import os
from pathlib import Path

import made_up
import pytest
from conftest import Cli
from fakes import INTERRUPT, METRICS, row, write_bench

# Of few runtimes: what a ring costs stands beside the pairs, and has no figure of its own.
FIGURES = {
    "switch_cost", "switch_working_set", "switch_placement", "sleep_wall_time", "echo_open_latency",
    "echo_open_rates", "echo_open_percentiles", "echo_capacity_rates", "echo_throughput",
    "echo_latency", "spawn_cost",
    "memory_per_task", "http_fetch_time", "http_fetch_throughput", "channel_throughput",
    "shared_counter_cost", "cpu_speedup", "blocking_lateness",
    "memory_by_stack_depth", "memory_by_count", "limits_reached", "scale_speedup",
}  # fmt: skip


def has_only_full_rows(name: str) -> bool:
    """Of a figure that the quick run does not draw."""
    return (
        name.startswith(("echo_open/", "echo_capacity/", "scale/"))
        or "working_set" in name
        or name.endswith(":free")
    )


@pytest.fixture
def slept(out: Path) -> Path:
    """The results folder of a run of one round that measured `sleep` alone."""
    return made_up.written(out, "sleep", rounds=1)


@pytest.fixture
def everything(tmp_path: Path) -> Path:
    """A build with some rows of every workload."""
    build = tmp_path / "everything"
    for workload in made_up.WORKLOADS:
        rows = [
            (entry, fields) for entry, fields in made_up.rows(workload)
            if entry["runtime"] in ("serial", "fiber", "thread")
            and (entry["set"] == "quick" or has_only_full_rows(entry["name"]))
        ]  # fmt: skip
        does = {entry["name"]: {"fields": fields} for entry, fields in rows}
        write_bench(build, [entry for entry, _ in rows], does)
    return build


def test_draws_every_figure_as_png_and_svg(cli: Cli, everything: Path, out: Path):
    arguments = ("--build", everything, "--full", "--rounds", "1", "--plot", "--out", out)
    assert cli("run", *arguments).returncode == 0
    drawn = {path.name for path in (out / "plots").iterdir()}
    assert drawn == {f"{name}.{kind}" for name in FIGURES for kind in ("png", "svg")}
    for path in (out / "plots").glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_size > 10_000


def test_figure_without_its_workload_is_skipped_with_a_line(cli: Cli, slept: Path):
    done = cli("plot", slept)
    assert done.returncode == 0
    assert "not measured: switch_cost, " in done.stdout
    assert len(done.stdout.splitlines()) == 1
    assert (slept / "plots" / "sleep_wall_time.png").exists()
    assert not (slept / "plots" / "switch_cost.png").exists()


@pytest.mark.parametrize(
    ("cases", "panels"),
    [
        (["tasks:16/placement:same"], 1),
        (["tasks:16/placement:same", "tasks:64/placement:same"], 1),
        (["tasks:2/placement:same", "tasks:64/placement:same"], 2),
        (["tasks:2/placement:cross", "tasks:64/placement:cross"], 1),
        (["tasks:64/placement:cross"], 0),
    ],
)
def test_switch_figure_has_only_panels_with_data(cases: list[str], panels: int, tmp_path: Path):
    from switchyard.compare import drawing
    from switchyard.compare.figures import switching
    from switchyard.suite.catalog import Workload
    from switchyard.suite.results import ResultsFolder, WorkloadResults

    rows = [row(f"switch/fiber/via:yield/{case}") for case in cases]
    described = {"workload": "switch", "what": "", "metric": METRICS["switch"], "rows": rows}
    values = [{"name": r["name"], "real_time": 5.0, "time_unit": "us"} for r in rows]
    results = WorkloadResults(Workload.parse(described), {}, values)
    figure = switching.switch_cost(ResultsFolder(tmp_path, {"switch": results}))
    assert (figure is not None) == (panels > 0)
    if figure:
        drawing.save(figure, "", tmp_path, "figure")
        assert sum(ax.get_visible() for ax in figure.axes) == panels


def test_plots_of_an_interrupted_run_keep_its_exit_code(shell: Cli, build: Path, out: Path):
    ring, last = row("switch/fiber/via:yield/tasks:16/placement:same"), row("spawn/fiber/tasks:1")
    write_bench(build, [ring], {ring["name"]: {"fields": {"real_time": 5.0}}})
    write_bench(build, [last], {last["name"]: {"code": INTERRUPT}})
    arguments = ("run", "--rounds", "2", "--seed", "0", "--filter", "switch|spawn", "--out", out)
    done = shell(*arguments, "--plot")
    assert done.returncode == 128 + 15, done.stderr
    assert (out / "plots" / "switch_cost.png").exists()


def test_caption_tells_of_an_interrupted_run(cli: Cli, slept: Path):
    environment = slept / "environment.json"
    facts = json.loads(environment.read_text())
    facts["run"]["complete"] = False
    environment.write_text(json.dumps(facts))
    from switchyard.compare.drawing import caption
    from switchyard.suite.results import ResultsFolder

    assert caption(ResultsFolder.load(slept), [1]).startswith("Interrupted run;")
    assert cli("plot", slept).returncode == 0


def test_nothing_to_draw_is_one_clear_line(cli: Cli, build: Path, tmp_path: Path, out: Path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "echo.json").write_text('{"context": {')
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "package.json").write_text("{}")
    entry = row("spawn/thread/tasks:1")
    write_bench(build, [entry], {entry["name"]: {"error": "limit reached: threads"}})
    cli("run", "--rounds", "1", "--filter", "spawn", "--out", out)
    for folder, code, message in (
        (tmp_path / "nowhere", 2, "no such results folder"),
        (tmp_path / "empty", 2, "nothing was measured"),
        (tmp_path / "broken", 2, "is no JSON"),
        (tmp_path / "other", 2, "holds no results"),
        (out, 1, "nothing to draw"),
    ):
        done = cli("plot", folder)
        assert (done.returncode, len(done.stderr.splitlines())) == (code, 1), done.stderr
        assert message in done.stderr


def spoil_unit(document: dict):
    del document["benchmarks"][0]["time_unit"]


def spoil_params(document: dict):
    document["switchyard"]["rows"][0]["params"] = None


def spoil_param(document: dict):
    document["switchyard"]["rows"][0]["params"]["tasks"] = [1]


def spoil_label(document: dict):
    document["switchyard"]["metric"]["label"] = 5


def spoil_round(document: dict):
    document["benchmarks"][0]["round"] = "first"


def spoil_hardware(document: dict) -> None:
    document["hardware"] = {"sleep/fiber/tasks:10/ms:100": {"real_time": 1.0}}


SPOILT = {
    "time_unit": spoil_unit, "rows[0].params`": spoil_params, "rows[0].params[...]": spoil_param,
    "metric.label": spoil_label, "benchmarks[0].round": spoil_round, "hardware": spoil_hardware,
}  # fmt: skip


@pytest.mark.parametrize(("word", "spoil"), SPOILT.items())
def test_spoilt_results_are_one_clear_line(spoil, word: str, cli: Cli, slept: Path):
    file = slept / "sleep.json"
    document = json.loads(file.read_text())
    spoil(document)
    file.write_text(json.dumps(document))
    done = cli("plot", slept)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert word in done.stderr


@pytest.mark.parametrize(
    ("section", "spoilt"),
    [("machine", "fast"), ("machine", {"load_average": "high"}), ("run", {"left_out": ["wrk"]}),
     ("git", {"sha": 7})],
)  # fmt: skip
def test_a_spoilt_environment_is_one_clear_line(section, spoilt, cli: Cli, slept: Path):
    file = slept / "environment.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {section: spoilt}))
    done = cli("plot", slept)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert section in done.stderr


def test_newest_folder_is_the_one_that_began_last(tmp_path: Path):
    from switchyard.suite.results import newest

    for name in ("20250101T000000Z-b-1", "20260101T000000Z-a-1", "reference"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "environment.json").write_text("{}")
    os.utime(tmp_path / "20250101T000000Z-b-1")
    assert newest(tmp_path).name == "20260101T000000Z-a-1"


def test_list_names_every_benchmark_and_what_it_measures(cli: Cli):
    printed = cli("list").stdout
    assert "echo/epoll/connections:64/bytes:64  [quick]" in printed
    assert "sleep/fiber/tasks:100000/ms:100  [full]" in printed
    assert "measures echo/fiber/connections:64/bytes:64" in printed
    documents = json.loads(cli("list", "--json").stdout)
    assert [document["workload"] for document in documents] == ["sleep", "echo"]
    assert len(documents[0]["rows"]) == 3
