"""The package where it is installed: beside no checkout, with nothing written next to it, and where
packages may be missing.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from check_command import FIBER, GLOB, side
from installed import files_of, install
from latency_files import write
from tiny_project import BINARIES, BUILD, git, timed

Run = Callable[..., subprocess.CompletedProcess]
QUICK = ("--min-time", "0.01", "--seed", "3")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Where the user is."""
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


def runner(command: Path, cwd: Path) -> Run:
    def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess:
        path = f"{command.parent}:{os.environ['PATH']}"
        return subprocess.run(
            [command.name, *map(str, arguments)], cwd=cwd, capture_output=True, text=True,
            env=os.environ | {"PATH": path} | environment, timeout=120, check=False,
        )  # fmt: skip

    return run


@pytest.fixture
def run(tmp_path: Path, here: Path) -> Run:
    return runner(install(tmp_path / "venv"), here)


def one_line(done: subprocess.CompletedProcess) -> str:
    """The error that it is."""
    assert done.returncode == 2, done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    return line


@pytest.mark.parametrize("command", ["run", "list", "validate"])
def test_what_takes_a_build_of_ours_says_so_in_one_line(run: Run, command: str):
    assert "name a build with --build DIR" in one_line(run(command))


def test_a_build_may_be_named(run: Run, build: Path, here: Path):
    done = run("list", "--build", build)
    assert "echo/fiber/connections:64/bytes:64" in done.stdout, done.stderr
    measured = run("run", "--build", build, "--rounds", "1", "--filter", "^sleep/thread")
    assert measured.returncode == 0, measured.stderr
    assert [path.name for path in here.iterdir()] == ["results"]


def test_the_machine_is_looked_at_without_a_build(run: Run):
    done = run("doctor")
    assert done.returncode == 0, done.stdout
    assert "memory" in done.stdout
    assert "binaries" not in done.stdout


def test_a_check_without_binaries_says_in_one_line_what_it_needs(run: Run):
    assert "--binaries GLOB" in one_line(run("check", "--baseline", "HEAD"))


def test_results_are_below_the_current_folder_and_nothing_beside_the_package(
    run: Run, here: Path, tmp_path: Path
):
    before = files_of(tmp_path / "venv")
    a, b = side(tmp_path / "a"), side(tmp_path / "b", slower={FIBER: 1.5})
    sides = ("--baseline-build", a, "--candidate-build", b, *GLOB, *QUICK)
    done = run("check", *sides)
    assert done.returncode == 1, done.stderr
    (document,) = here.glob(".switchyard/checks/*/check.json")
    assert json.loads(document.read_bytes())["exit_code"] == 1
    assert files_of(tmp_path / "venv") == before
    assert "again: switchyard check --baseline-build" in done.stdout


def test_a_repository_stays_clean(tmp_path: Path):
    project = timed(tmp_path / "project", "1.0", "2.0")
    run = runner(install(tmp_path / "venv"), project / "src")
    done = run("check", "--baseline", "HEAD~1", "--binaries", BINARIES, "--build-command", BUILD)
    assert done.returncode == 1, done.stderr
    assert len(list(project.glob(".switchyard/checks/*/summary.md"))) == 1
    assert git(project, "status", "--porcelain") == ""


def test_a_checkout_that_one_stands_in_is_worked_on(tmp_path: Path, build: Path):
    """As its own switchyard.sh does."""
    checkout = tmp_path / "checkout"
    (checkout / "bench" / "echo").mkdir(parents=True)
    (checkout / "scripts" / "switchyard" / "system").mkdir(parents=True)
    (checkout / "scripts" / "switchyard" / "system" / "paths.py").touch()
    shutil.copytree(build, checkout / "build" / "release")
    run = runner(install(tmp_path / "venv"), checkout / "bench" / "echo")
    done = run("list")
    assert "echo/fiber/connections:64/bytes:64" in done.stdout, done.stderr


PICTURES = ("matplotlib", "jinja2", "markupsafe")


@pytest.mark.parametrize(
    "arguments", [("plot",), ("report",), ("compare", "a", "b"), ("run", "--plot"),
                  ("run", "--report"), ("merge", "a.json", "--plot", "a.png")],
)  # fmt: skip
def test_a_command_that_draws_names_the_extra_that_it_lacks(
    tmp_path: Path, here: Path, build: Path, arguments: tuple[str, ...]
):
    run = runner(install(tmp_path / "venv", missing=PICTURES), here)
    of_build = ("--build", build) if arguments[0] == "run" else ()
    assert "install switchyard[pictures]" in one_line(run(*arguments, *of_build))
    assert not list(here.iterdir())


def test_what_draws_nothing_goes_without_pictures(tmp_path: Path, here: Path, build: Path):
    run = runner(install(tmp_path / "venv", missing=PICTURES), here)
    done = run("run", "--build", build, "--rounds", "1", "--filter", "^sleep/thread")
    assert done.returncode == 0, done.stderr
    a = side(tmp_path / "a", names=[FIBER])
    checked = run("check", "--baseline-build", a, "--candidate-build", a, *GLOB, *QUICK)
    assert checked.returncode == 0, checked.stderr
    assert "Traceback" not in checked.stderr


@pytest.mark.parametrize("file", ["a.hlog", "b.json"])
def test_only_a_histogram_log_needs_what_reads_it(tmp_path: Path, here: Path, file: str):
    run = runner(install(tmp_path / "venv", missing=("hdrh",)), here)
    write(here / "b.json", [1, 2, 3])
    (here / "a.hlog").touch()
    assert "install switchyard[hlog]" in one_line(run("merge", file, "--out", "c.hlog"))
    assert "install switchyard[hlog]" in one_line(run("merge", "a.hlog"))
    done = run("merge", "b.json", "--only", "latency", "--out", "c.hgrm")
    assert done.returncode == 0, done.stderr
    assert run("merge", "c.hgrm").returncode == 0


def test_a_package_that_every_command_needs_is_told_in_one_line(tmp_path: Path, here: Path):
    run = runner(install(tmp_path / "venv", missing=("msgspec",)), here)
    a = side(tmp_path / "a", names=[FIBER])
    done = run("check", "--baseline-build", a, "--candidate-build", a, *GLOB)
    assert one_line(done).endswith("install switchyard")
