"""A build that is slowed down on purpose can't be mistaken for a real one."""

import json
from pathlib import Path

import pytest
from conftest import Cli


@pytest.fixture
def slowed(build: Path) -> None:
    info = build / "build_info.json"
    info.write_text(json.dumps(json.loads(info.read_text()) | {"injected_slowdown_percent": 10}))


def test_doctor_warns_of_it(slowed, cli: Cli):
    (warning,) = (line for line in cli("doctor").stdout.splitlines() if "on purpose" in line)
    assert warning == "warn  slowdown: this build is slower on purpose, by 10 %"


def test_a_run_warns_of_it_and_its_results_tell(slowed, cli: Cli, tmp_path: Path):
    out = tmp_path / "out"
    done = cli("run", "--out", out, "--rounds", "1")
    assert "slowed down on purpose, by 10 %" in " ".join((done.stdout + done.stderr).split())
    environment = json.loads((out / "environment.json").read_text())
    assert environment["build"]["injected_slowdown_percent"] == 10


@pytest.mark.parametrize("command", [("doctor",), ("run", "--rounds", "1")])
def test_of_a_real_build_nothing_is_said(build: Path, cli: Cli, tmp_path: Path, command):
    info = json.loads((build / "build_info.json").read_text())
    (build / "build_info.json").write_text(json.dumps(info | {"injected_slowdown_percent": 0}))
    out = ("--out", tmp_path / "out") if command[0] == "run" else ()
    done = cli(*command, *out)
    assert done.returncode == 0, done.stderr
    assert "on purpose" not in done.stdout + done.stderr
