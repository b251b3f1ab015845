"""Output that can't be written, and streams that are not there: never a traceback or a lost run."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT, SWITCHYARD


def shell(command: str, **environment: str) -> subprocess.CompletedProcess:
    """`$S` is switchyard.sh."""
    return subprocess.run(
        ["bash", "-c", command], env={**os.environ, "S": str(SWITCHYARD), **environment},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def is_complete(out: Path) -> bool:
    run = json.loads((out / "environment.json").read_text())["run"]
    return run["complete"] and run["ended_at"] is not None


@pytest.mark.parametrize("command", ["list", "doctor", "list --help"])
def test_full_device_is_one_line(command: str, build: Path):
    done = shell(f"$S {command} --build {build} >/dev/full")
    assert done.returncode == 1
    assert done.stderr == "switchyard: error: cannot write output: No space left on device\n"


def test_full_device_keeps_results_and_figures_of_a_run(build: Path, out: Path):
    done = shell(f"$S run --build {build} --rounds 1 --plot --out {out} >/dev/full")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.endswith("cannot write output: No space left on device\n")
    assert is_complete(out)
    assert (out / "plots" / "echo_latency.png").exists()


def test_reader_that_goes_away_does_not_stop_a_run(build: Path, out: Path):
    run = f"$S run --build {build} --rounds 2 --plot --out {out}"
    done = shell(f"{run} 2>&1 | head -n 1; exit ${{PIPESTATUS[0]}}")
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 1)
    assert done.stderr == ""
    assert is_complete(out)
    assert (out / "plots" / "echo_latency.png").exists()


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_do_no_harm(closed: str, build: Path, out: Path):
    done = shell(f"$S run --build {build} --rounds 1 --filter sleep --plot --out {out} {closed}")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert is_complete(out)
    plotted = shell(f"$S plot {out} {closed}")
    assert (plotted.returncode, plotted.stderr) == (0, "")
    assert (out / "plots" / "sleep_wall_time.png").exists()


def test_letters_that_the_locale_lacks_cost_no_results(build: Path, out: Path):
    """A line that is cut ends with one."""
    # $S takes nothing from the environment, and few machines have such a locale.
    run = f"{ROOT}/.venv/bin/python -P -m switchyard run --build {build} --filter sleep --out {out}"
    done = shell(f"{run} --rounds 1 --plot --report", PYTHONPATH=f"{ROOT}/scripts",
                 PYTHONIOENCODING="latin-1:strict", COLUMNS="30")  # fmt: skip
    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stderr
    assert any(line.endswith("?") for line in done.stdout.splitlines())
    for name in ("plots", "report.html", "results.csv", "results.md"):
        assert (out / name).exists()


def test_interrupt_while_loading_is_one_line(tmp_path: Path):
    """A module that is loaded early sends the signal."""
    (tmp_path / "rich").mkdir()
    interrupt = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n"
    (tmp_path / "rich" / "__init__.py").write_text(interrupt)
    module = f"{ROOT}/.venv/bin/python -P -m switchyard"  # $S takes nothing from PYTHONPATH
    path = f"{tmp_path}:{ROOT}/scripts"
    done = shell(f"exec env --default-signal=INT {module} list", PYTHONPATH=path)
    assert (done.returncode, done.stderr) == (130, "switchyard: interrupted\n")
