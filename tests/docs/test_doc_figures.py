"""What docs/figures.py refuses to fill in: figures that the results do not hold."""

import runpy
from pathlib import Path

import made_up
import pytest

from switchyard.system import files

ROOT = next(p for p in Path(__file__).resolve().parents if (p / "CMakePresets.json").exists())


@pytest.mark.parametrize(
    ("thread", "spec", "culprit"),
    [("no round", "x spawn/thread/tasks:1 spawn/fiber/tasks:1", "no round in common"),
     ("failed", "s spawn/thread/tasks:1", "spawn/thread/tasks:1, which failed"),
     ("failed", "x spawn/fiber/tasks:1 spawn/thread/tasks:1", "which failed")],
)  # fmt: skip
def test_what_was_not_measured_is_no_figure(thread, spec, culprit, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    main = runpy.run_path(str(ROOT / "docs" / "figures.py"))["main"]
    results, page = tmp_path / "results", tmp_path / "page.md"
    made_up.written(results, "spawn")
    kept = made_up.results("spawn")
    of_thread = [entry for entry in kept.benchmarks if entry["name"] == "spawn/thread/tasks:1"]
    if thread == "failed":
        of_thread[3] |= {"error_occurred": True, "error_message": "wrong answer"}
    else:
        for entry in of_thread:
            entry["round"] += 100
    files.write(results / "spawn.json", kept.document())
    page.write_text(f"**?**<!--= {spec} -->\n")
    assert main([str(page), "--results", str(results)]) == 1
    assert culprit in capsys.readouterr().err
    page.write_text("**?**<!--= s spawn/fiber/tasks:1 -->\n")
    assert main([str(page), "--results", str(results)]) == 0
