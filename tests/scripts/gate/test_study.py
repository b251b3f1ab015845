"""The validation of the check: raw data are kept whole, and what is counted from them is right."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from simulated import Row, World, a_plan, run

from switchyard.compare import drawing
from switchyard.gate.model import Pair, Sample, Stage
from switchyard.gate.study import figure, runs, summary, text
from switchyard.system.paths import ROOT

REFERENCE = ROOT / "results/reference/check"
NAMES = ("x/a", "x/b", "x/c")


def a_run(slowdown: int, seed: int, spread: float = 0.01) -> runs.Run:
    rows = [Row(name, 1 + slowdown / 100, spread) for name in NAMES]
    check = run(a_plan(seed, cpu=1), World(rows, seed))
    return runs.Run(slowdown, check.plan, check.pairs, [0.2 * i for i in range(len(check.pairs))])


def study(*arguments: str) -> subprocess.CompletedProcess:
    asked = [sys.executable, "-m", "switchyard.gate.study", *arguments]
    paths = os.environ | {"PYTHONPATH": str(ROOT / "scripts")}
    return subprocess.run(asked, capture_output=True, text=True, timeout=1800, env=paths)


@pytest.fixture(scope="module")
def found() -> dict:
    """What is counted from five checks without a change and five with one of 20 %."""
    made = [a_run(slowdown, seed) for slowdown in (0, 20) for seed in range(5)]
    return summary.summarize(made)


def test_runs_come_back_from_the_file_as_they_were_judged(tmp_path: Path):
    made, file = [a_run(0, 1), a_run(10, 2)], tmp_path / "pairs-1.csv.gz"
    for each in made:
        runs.append(file, each)
    back = runs.read([file])
    assert [len(each.pairs) for each in back] == [len(each.pairs) for each in made]
    for one, other in zip(back, made, strict=True):
        verdicts = [
            {judged.key: judged.finding.verdict for judged in summary.judge(each)}
            for each in (one, other)
        ]
        assert verdicts[0] == verdicts[1]


def test_a_failed_launch_stays_one(tmp_path: Path):
    pair = Pair(Stage.SCREEN, 0, "x/a", "baseline", Sample(1.0), Sample(None, "wrong answer"))
    runs.append(tmp_path / "p.csv.gz", runs.Run(5, a_plan(3), [pair], [1.5]))
    (back,) = runs.read([tmp_path / "p.csv.gz"])
    assert "wrong answer" in back.pairs[0].candidate.problem
    assert back.pairs[0].baseline.value == 1.0
    assert back.seconds == 1.5


def test_the_same_data_are_kept_as_the_same_bytes(tmp_path: Path):
    files = [tmp_path / name for name in ("one.csv.gz", "two.csv.gz")]
    for file in files:
        runs.append(file, a_run(0, 1))
    assert files[0].read_bytes() == files[1].read_bytes()


def test_measuring_goes_on_from_what_was_kept_and_never_loses_what_is_newer(tmp_path: Path):
    file, kept = tmp_path / "p.csv.gz", tmp_path / "kept.csv.gz"
    runs.go_on_from(kept, file)
    assert not file.exists()
    runs.append(kept, a_run(0, 1))
    runs.go_on_from(kept, file)
    assert file.read_bytes() == kept.read_bytes()
    runs.append(file, a_run(0, 2))
    runs.go_on_from(kept, file)
    assert len(runs.read([file])) == 2


def test_the_schedule_mixes_sizes_and_never_repeats_a_seed():
    todo = runs.schedule({0: 30, 10: 30}, seed=1)
    assert len(set(todo)) == 60
    assert len({slowdown for slowdown, _ in todo[:10]}) == 2
    assert todo == runs.schedule({0: 30, 10: 30}, seed=1)


def test_finds_and_false_alarms_are_counted(found):
    ours = {size: part["runs_with_an_alarm"][summary.OURS] for size, part in found["sizes"].items()}
    assert (ours["0"]["count"], ours["0"]["of"]) == (0, 5)
    assert (ours["20"]["count"], ours["20"]["of"]) == (5, 5)
    assert found["sizes"]["20"]["benchmarks_with_an_alarm"][summary.OURS]["count"] == 15
    assert found["sizes"]["20"]["by_benchmark"] == dict.fromkeys(NAMES, 5)
    assert found["p_values_without_a_change"]["count"] == 15


def test_a_share_has_the_exact_binomial_interval():
    share = summary.share(0, 60)
    assert share["low"] == 0
    assert share["high"] == pytest.approx(1 - 0.025 ** (1 / 60), abs=1e-5)


def test_rivals_say_what_their_methods_say():
    def pairs(ratio):
        times = [1.00, 1.01, 0.99, 1.02, 0.98, 1.03]
        return [
            Pair(Stage.SCREEN, i, "x", "baseline", Sample(t), Sample(t * ratio))
            for i, t in enumerate(times)
        ]

    assert summary.rivals_alarms(pairs(1.0)) == {name: set() for name in summary.RIVALS}
    assert set(map(len, summary.rivals_alarms(pairs(1.2)).values())) == {1}
    # Five per cent: a rank test sees it in so calm a world, a fixed ratio of 1.10 does not.
    assert [bool(found) for found in summary.rivals_alarms(pairs(1.06)).values()] == [True, False]
    assert summary.rivals_alarms(pairs(1 / 1.2)) == {name: set() for name in summary.RIVALS}


def test_rivals_get_the_screening_only():
    confirm = Pair(Stage.CONFIRM, 0, "x", "baseline", Sample(1.0), Sample(9.0))
    assert summary.rivals_alarms([confirm]) == {name: set() for name in summary.RIVALS}


def test_tables_and_figure_show_every_method_and_size(found, tmp_path: Path):
    page = text.page(found, {"x/a": {"0": 0.001, "20": 20.01}})
    assert "| `switchyard.sh check` | 0 of 5 (0-52 %) | 5 of 5 (48-100 %) |" in page
    assert "+20.01 %" in page
    assert page.count("ratio of medians") == 2
    drawing.use_style()
    drawing.save(figure.draw(found), "", tmp_path, "validation")
    assert (tmp_path / "validation.png").stat().st_size > 20_000


@pytest.mark.skipif(not REFERENCE.exists(), reason="no reference results of the validation")
def test_the_docs_have_the_reference_results():
    kept = json.loads((REFERENCE / "summary.json").read_text())
    page = (ROOT / "docs" / "gate.md").read_text()
    assert text.comparison(kept) in page
    for size in kept["sizes"].values():
        called = size["benchmarks_with_an_alarm"]["switchyard check"]
        assert f"{called['count']} of {called['of']}" in page
    most_s = max(size["seconds"]["most"] for size in kept["sizes"].values())
    assert f"took at most {most_s:.0f} s." in page
    p_values = kept["p_values_without_a_change"]
    below_10, below_5 = (100 * p_values["at_most"][p]["count"] for p in ("0.1", "0.05"))
    of = p_values["count"]
    said = f"{below_10 / of:.0f} % of the {of} p-values are below 0.10 and {below_5 / of:.0f} %"
    assert said in page


@pytest.mark.skipif(not REFERENCE.exists(), reason="no reference results of the validation")
def test_the_reference_follows_from_its_raw_data(tmp_path: Path):
    done = study("report", "--data", str(REFERENCE), "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    for name in ("TABLES.md", "instructions.json", "summary.json"):
        assert (tmp_path / name).read_text() == (REFERENCE / name).read_text()


@pytest.mark.parametrize("command", [[], ["build"], ["measure"], ["count"], ["report"]])
def test_every_command_explains_itself(command):
    done = study(*command, "--help")
    assert done.returncode == 0, done.stderr
    assert "usage: python -m switchyard.gate.study" in done.stdout
