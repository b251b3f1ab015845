"""`switchyard.sh run` and its budget: a hard bound, within which rows have all their rounds."""

import json
from collections import Counter
from pathlib import Path

import pytest
from conftest import Cli
from fakes import row, write_bench
from test_run import rows_of


def test_budget_is_a_hard_bound_and_names_what_was_left_out(cli: Cli, build: Path, out: Path):
    rows = [row(f"spawn/thread/tasks:{n}") for n in range(1, 6)]
    write_bench(build, rows, {entry["name"]: {"code": "time.sleep(0.5)"} for entry in rows})
    done = cli("run", "--budget", "1.4", "--out", out, "--filter", "spawn", "--tables")
    assert done.returncode == 0
    facts = json.loads((out / "environment.json").read_text())["run"]
    assert facts["measured_s"] < 5  # without a bound it would be 15
    measured = {entry["switchyard_name"] for entry in rows_of(out, "spawn")}
    assert len(facts["dropped"]) + len(measured) == 5
    assert "4 rows were left out" in done.stdout
    assert facts["dropped"][0] in done.stdout.replace("\n", "")


def test_every_row_that_is_kept_has_all_its_rounds_and_the_screen_is_one(
    cli: Cli, build: Path, out: Path
):
    rows = [row(f"spawn/{r}/tasks:{n}") for n in range(1, 9) for r in ("thread", "fiber")]
    write_bench(build, rows, {entry["name"]: {"code": "time.sleep(0.2)"} for entry in rows})
    done = cli("run", "--budget", "12", "--out", out)
    facts = json.loads((out / "environment.json").read_text())["run"]
    counts = Counter(entry["switchyard_name"] for entry in rows_of(out, "spawn"))
    whole = {name for name, count in counts.items() if count == 6}
    assert whole
    assert whole | set(facts["dropped"]) >= {entry["name"] for entry in rows}
    assert not whole & set(facts["dropped"])
    assert len(done.stdout.splitlines()) <= 40


def test_run_that_measured_nothing_fails(cli: Cli, out: Path):
    done = cli("run", "--budget", "0.001", "--out", out)
    assert done.returncode == 1
    assert "Nothing was measured." in done.stdout
    assert "no figures, report or results.csv: not a single row was measured" in done.stdout


def test_no_round_is_begun_that_does_not_fit(cli: Cli, build: Path, out: Path):
    entry = row("spawn/thread/tasks:1")
    write_bench(build, [entry], {entry["name"]: {"code": "time.sleep(1)"}})
    done = cli("run", "--budget", "2.9", "--out", out, "--filter", "spawn")
    assert len(rows_of(out, "spawn")) in (1, 2)
    assert "of 6 rounds fitted into the budget" in done.stdout


@pytest.mark.parametrize(("option", "seconds"), [("--quick", 120), ("--full", 2700)])
def test_measuring_stays_within_what_the_help_promises(
    option: str, seconds: int, cli: Cli, out: Path
):
    cli("run", option, "--filter", "fiber/connections", "--out", out)
    facts = json.loads((out / "environment.json").read_text())["run"]
    assert (facts["budget_s"], facts["rounds_wanted"]) == (seconds, 6)
    words = {120: "at most 120 s", 2700: "at most 45 minutes"}
    assert words[seconds] in " ".join(cli("run", "--help").stdout.split())
