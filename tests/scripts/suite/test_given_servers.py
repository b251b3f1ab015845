"""run --server: a server of the user's own is rows like any other, in all that a run leaves, and
what it was started with is kept, so that the run can be repeated.
"""

import csv
import json
from pathlib import Path

import pytest
from conftest import Cli
from fakes import row, write_bench

from switchyard.compare import palette
from switchyard.compare.report.reproduction import recipe_of
from switchyard.suite.catalog import Row
from switchyard.suite.results import ResultsFolder

MINE = "echo/mine/connections:64/bytes:64"
COMMAND = "./server --port {port} 'two words'"


@pytest.fixture(autouse=True)
def serving(build: Path) -> Path:
    """The build's echo takes servers; its sleep does not."""
    rows = [row("echo/fiber/connections:64/bytes:64", control="epoll"),
            row("echo/epoll/connections:64/bytes:64")]  # fmt: skip
    fields = {"real_time": 10.0, "ops_per_s": 1e5, "p50_us": 300.0, "p99_us": 900.0}
    does = {entry["name"]: {"fields": fields} for entry in rows}
    write_bench(build, rows, does, takes_servers=True)
    return build


def test_it_is_measured_like_ours_and_stands_in_all_that_is_written(cli: Cli, out: Path):
    done = cli("run", "--rounds", "2", "--out", out, "--server", f"mine={COMMAND}",
               "--tables", "--report")  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads((out / "echo.json").read_text())
    measured = [entry["round"] for entry in document["benchmarks"]
                if entry["switchyard_name"] == MINE]  # fmt: skip
    assert sorted(measured) == [0, 1]
    (told,) = (entry for entry in document["switchyard"]["rows"] if entry["name"] == MINE)
    assert (told["outside"], told["command"]) == (True, COMMAND)
    assert "mine" in done.stdout
    with (out / "results.csv").open() as lines:
        assert [line["runtime"] for line in csv.DictReader(lines)].count("mine") == 2
    assert "mine" in (out / "results.md").read_text()
    assert "mine" in (out / "report.html").read_text()


def test_the_last_lines_of_a_run_say_how_it_stands_to_the_best_model(cli: Cli, out: Path):
    done = cli("run", "--rounds", "2", "--out", out, "--server", f"mine={COMMAND}")
    said = " ".join(done.stdout.split())
    assert "64 connections: fiber 100 k/s. Your own: mine 100 k/s (1.00x" in said


def test_it_can_be_measured_again_by_what_the_results_say(cli: Cli, out: Path):
    cli("run", "--rounds", "1", "--out", out, "--server", f"mine={COMMAND}")
    folder = ResultsFolder.load(out)
    found = recipe_of(folder, list(folder.workloads.values()))
    told = "--server 'mine=./server --port {port} '\"'\"'two words'\"'\"''"
    assert told in found.whole
    whole, rows = found.workloads["echo"]
    assert told in whole
    assert {row.runtime: told in line for row, line in rows} == {
        "mine": True, "fiber": False, "epoll": False,
    }  # fmt: skip
    assert told not in found.workloads["sleep"][0]


def test_it_can_be_asked_for_alone(cli: Cli, out: Path):
    done = cli("run", "--rounds", "1", "--out", out, "--server", "mine=sh", "--server", "his=sh",
               "--runtimes", "mine,his")  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads((out / "echo.json").read_text())
    assert {entry["switchyard_name"].split("/")[1] for entry in document["benchmarks"]} == {
        "mine", "his",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "why"),
    [("thread=sh", "'thread' is a row of the suite; take another name"),
     ("mine=no-such-program", "--server: no such program")],
)  # fmt: skip
def test_what_can_not_be_is_one_line_before_anything_is_measured(cli: Cli, out: Path, asked, why):
    done = cli("run", "--rounds", "1", "--out", out, "--server", asked)
    assert done.returncode == 2
    assert done.stderr.startswith("switchyard: error: --server")
    assert why in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not out.exists()


def test_a_build_that_takes_none_says_so(build: Path, cli: Cli, out: Path):
    write_bench(build, [row("echo/fiber/connections:64/bytes:64")])
    done = cli("run", "--rounds", "1", "--out", out, "--server", "mine=sh")
    assert done.returncode == 2
    assert "no benchmark of this build takes a server" in done.stderr


def test_each_has_a_look_of_its_own_with_the_line_of_an_outside_reference():
    names = [f"server-{i}" for i in range(7)]
    rows = [Row(**row(f"echo/{name}/bytes:64", outside=name != "server-3")) for name in names]
    ours = [palette.look(name) for name in ("fiber", "thread", "gevent", "go", "asyncio", "uvloop")]
    looks = [palette.look(name, rows) for name in names]
    assert len({look.marker for look in (*looks, *ours)}) == len(looks) + len(ours)
    assert len({(look.colour, look.marker) for look in looks}) == len(looks)
    assert {name: look.line for name, look in zip(names, looks, strict=True)} == {
        name: "-" if name == "server-3" else "-." for name in names
    }


def test_older_results_know_their_outside_reference():
    old = row("echo/gevent/connections:64/bytes:64")
    del old["outside"], old["command"]
    assert Row(**old).is_outside
    assert not Row(**(old | {"runtime": "fiber"})).is_outside
