"""The validation of the check: raw data are kept whole, and what is counted from them is right."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from judging import most
from simulated import Row, World, a_plan, run

from switchyard.compare import drawing
from switchyard.gate.model import Pair, Sample
from switchyard.gate.study import figure, runs, summary, text
from switchyard.system.paths import ROOT

REFERENCE = ROOT / "results/reference/check"
NAMES = ("x/a", "x/b", "x/c")
REPLAYS = 300


def a_run(kind: str, seed: int, spread: float = 0.01) -> runs.Run:
    slower = 1 + int(kind.partition("-")[0]) / 100
    world = World([Row(name, slower, spread) for name in NAMES], seed)
    check = run(a_plan(seed, cpu=1), world)
    return runs.Run(kind, check.plan, check.pairs, [0.2 * i for i in range(len(check.pairs))])


def study(*arguments: str) -> subprocess.CompletedProcess:
    asked = [sys.executable, "-m", "switchyard.gate.study", *arguments]
    paths = os.environ | {"PYTHONPATH": str(ROOT / "scripts")}
    return subprocess.run(asked, capture_output=True, text=True, timeout=1800, env=paths)


@pytest.fixture(scope="module")
def found() -> dict:
    """What is counted from ten checks without a change and five with one of 20 %."""
    made = [a_run(kind, seed) for kind in ("0", "0-busy", "20") for seed in range(5)]
    return summary.summarize(made)


def test_runs_come_back_from_the_file_as_they_were_judged(tmp_path: Path):
    made, file = [a_run("0", 1), a_run("10", 2)], tmp_path / "pairs-1.csv.gz"
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
    pair = Pair(1, "x/a", "baseline", Sample({"real_time": 1.0}), Sample(problem="wrong answer"))
    runs.append(tmp_path / "p.csv.gz", runs.Run("5", a_plan(3), [pair], [1.5]))
    (back,) = runs.read([tmp_path / "p.csv.gz"])
    assert "wrong answer" in back.pairs[0].candidate.problem
    assert back.pairs[0].baseline.values == {"real_time": 1.0}
    assert back.seconds == 1.5


def test_the_same_data_are_kept_as_the_same_bytes(tmp_path: Path):
    files = [tmp_path / name for name in ("one.csv.gz", "two.csv.gz")]
    for file in files:
        runs.append(file, a_run("0", 1))
    assert files[0].read_bytes() == files[1].read_bytes()


def test_measuring_goes_on_from_what_was_kept_and_never_loses_what_is_newer(tmp_path: Path):
    file, kept = tmp_path / "p.csv.gz", tmp_path / "kept.csv.gz"
    runs.go_on_from(kept, file)
    assert not file.exists()
    runs.append(kept, a_run("0", 1))
    runs.go_on_from(kept, file)
    assert file.read_bytes() == kept.read_bytes()
    runs.append(file, a_run("0", 2))
    runs.go_on_from(kept, file)
    assert len(runs.read([file])) == 2


def test_the_schedule_mixes_kinds_and_never_repeats_a_seed():
    counts = {"0": 30, "0-busy": 30, "10": 30}
    todo = runs.schedule(counts, seed=1)
    assert len(set(todo)) == len({seed for _, seed in todo}) == 90
    assert len({kind for kind, _ in todo[:10]}) == 3
    assert todo == runs.schedule(counts, seed=1)


def test_finds_and_false_alarms_are_counted(found):
    kinds = found["kinds"]
    ours = {kind: part["runs_with_an_alarm"][summary.OURS] for kind, part in kinds.items()}
    assert {kind: (part["count"], part["of"]) for kind, part in ours.items()} == {
        "none": (0, 10), "0": (0, 5), "0-busy": (0, 5), "20": (5, 5),
    }  # fmt: skip
    assert kinds["20"]["benchmarks_with_an_alarm"][summary.OURS]["count"] == 15
    assert kinds["20"]["by_benchmark"] == dict.fromkeys(NAMES, 5)
    assert kinds["20"]["verdicts"] == {"regressed": 15}
    assert kinds["none"]["first_alarm_s"] is None


def test_the_first_alarm_is_when_the_round_that_proved_it_was_over():
    made = a_run("20", 1)
    first_s = summary.first_alarm_s(made)
    assert 5 < first_s < made.seconds + 1e-9
    until = [pair for pair, at_s in zip(made.pairs, made.elapsed_s, strict=True) if at_s < first_s]
    earlier = runs.Run("20", made.plan, until[: -len(NAMES)], made.elapsed_s[: len(until) - 3])
    assert summary.first_alarm_s(earlier) is None


@pytest.fixture(scope="module")
def replayed():
    return summary.replayed([a_run("0", seed) for seed in range(3)], REPLAYS)


def test_with_signs_drawn_anew_alarms_are_as_rare_as_they_say(replayed):
    """Without any threshold, so that nothing but the level can hold."""
    assert list(replayed) == ["0.01", "0.05", "0.2"]
    for alpha, part in replayed.items():
        assert part["of"] == REPLAYS
        assert part["count"] <= most(REPLAYS, float(alpha))
    assert replayed["0.2"]["count"] > 0


def test_a_share_has_the_exact_binomial_interval():
    share = summary.share(0, 60)
    assert share["low"] == 0
    assert share["high"] == pytest.approx(1 - 0.025 ** (1 / 60), abs=1e-5)


def test_rivals_say_what_their_methods_say():
    def pairs(ratio):
        times = [1.00, 1.01, 0.99, 1.02, 0.98, 1.03]
        return [
            Pair(round_, "x", "baseline", *(Sample({"real_time": t * r}) for r in (1, ratio)))
            for round_, t in enumerate(times, 1)
        ]

    assert summary.rivals_alarms(pairs(1.0)) == {name: set() for name in summary.RIVALS}
    assert set(map(len, summary.rivals_alarms(pairs(1.2)).values())) == {1}
    # Five per cent: a rank test sees it in so calm a world, a fixed ratio of 1.10 does not.
    assert [bool(found) for found in summary.rivals_alarms(pairs(1.06)).values()] == [True, False]
    assert summary.rivals_alarms(pairs(1 / 1.2)) == {name: set() for name in summary.RIVALS}


def test_rivals_get_every_launch_but_the_warm_up():
    times = [Sample({"real_time": time}) for time in (1.0, 9.0)]
    dropped = [Pair(round_, "x", "baseline", *times, dropped="steal") for round_ in range(1, 7)]
    assert all(summary.rivals_alarms(dropped).values())
    warm_up = Pair(0, "x", "baseline", *times)
    assert summary.rivals_alarms([warm_up]) == {name: set() for name in summary.RIVALS}


def test_tables_and_figure_show_every_method_and_kind(found, replayed, tmp_path: Path):
    page = text.page(found, {"x/a": {"0": 0.001, "20": 20.01}}, replayed)
    assert "| no change | 0 of 10 (0-31 %) |" in page
    assert "| beside a program that burns a CPU | 0 of 5 (0-52 %) |" in page
    assert "| +20 % work | 5 of 5 (48-100 %) | 5 of 5 (48-100 %) |" in page
    assert "+20.01 %" in page
    assert page.count("ratio of medians") == 2
    assert page.count(f"of {REPLAYS} (") == 3
    drawing.use_style()
    drawing.save(figure.draw(found), "", tmp_path, "validation")
    assert (tmp_path / "validation.png").stat().st_size > 20_000


@pytest.mark.skipif(not REFERENCE.exists(), reason="no reference results of the validation")
def test_the_docs_have_the_reference_results():
    kept = json.loads((REFERENCE / "summary.json").read_text())
    page = (ROOT / "docs" / "gate.md").read_text()
    assert text.comparison(kept) in page
    for part in json.loads((REFERENCE / "replayed.json").read_text()).values():
        assert text.share(part) in page


@pytest.mark.skipif(not REFERENCE.exists(), reason="no reference results of the validation")
def test_the_reference_follows_from_its_raw_data(tmp_path: Path):
    done = study("report", "--data", str(REFERENCE), "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    for name in ("TABLES.md", "instructions.json", "replayed.json", "summary.json"):
        assert (tmp_path / name).read_text() == (REFERENCE / name).read_text()


@pytest.mark.parametrize("command", [[], ["build"], ["measure"], ["count"], ["replay"], ["report"]])
def test_every_command_explains_itself(command):
    done = study(*command, "--help")
    assert done.returncode == 0, done.stderr
    assert "usage: python -m switchyard.gate.study" in done.stdout
