"""`switchyard.sh run` and its folder: what it keeps of the surroundings, whose files it spares."""

import json
import os
from pathlib import Path

import pytest
from conftest import Cli
from fakes import row, write_bench
from test_run import rows_of


def test_environment_tells_code_machine_and_options(cli: Cli, out: Path):
    cli("run", "--rounds", "1", "--seed", "7", "--out", out)
    facts = json.loads((out / "environment.json").read_text())
    assert facts["build"]["compiler"] == "GNU 12.2.0"
    assert facts["machine"]["cpu_count"] >= 1
    assert facts["machine"]["kernel"]
    assert "RLIMIT_NOFILE" in facts["limits"]
    assert set(facts["git"]) == {"sha", "dirty"}
    run = facts["run"]
    assert (run["seed"], run["rounds_wanted"], run["rounds_done"], run["complete"]) == (
        7,
        1,
        1,
        True,
    )
    assert run["started_at"] <= run["ended_at"]


def test_the_callers_environment_decides_no_figure_or_is_told(
    cli: Cli, build: Path, out: Path, monkeypatch
):
    """What Go's runtime takes from it is for nobody; what changes all programs may be wanted."""
    for name in ("GOMAXPROCS", "GOGC", "GOMEMLIMIT", "GODEBUG", "MALLOC_ARENA_MAX"):
        monkeypatch.setenv(name, "1")
    entry = row("spawn/thread/tasks:1")
    code = "result['label'] = ' '.join(v for v in os.environ if v[:2] == 'GO' or 'MALLOC' in v)"
    write_bench(build, [entry], {entry["name"]: {"code": code}})
    done = cli("run", "--rounds", "1", "--filter", "spawn", "--out", out)
    assert rows_of(out, "spawn")[0]["label"] == "MALLOC_ARENA_MAX"
    facts = json.loads((out / "environment.json").read_text())["machine"]
    assert facts["environment_variables"] == {"MALLOC_ARENA_MAX": "1"}
    assert facts["nice"] == os.nice(0)
    assert "! environment: MALLOC_ARENA_MAX=1\n" in done.stdout


def test_results_are_never_mixed_with_those_of_another_run(cli: Cli, out: Path):
    assert cli("run", "--rounds", "1", "--out", out).returncode == 0
    before = (out / "echo.json").read_bytes()
    done = cli("run", "--rounds", "1", "--out", out)
    assert done.returncode == 2
    assert "holds results already" in done.stderr
    assert (out / "echo.json").read_bytes() == before


@pytest.mark.parametrize("name", ["any.json", "plots", "report.html", "results.csv", "results.md"])
def test_results_take_no_place_of_other_files(cli: Cli, out: Path, name: str):
    out.mkdir()
    (out / name).write_text("mine")
    done = cli("run", "--rounds", "1", "--out", out)
    assert (done.returncode, (out / name).read_text()) == (2, "mine")
    assert f"holds {name} already" in done.stderr
