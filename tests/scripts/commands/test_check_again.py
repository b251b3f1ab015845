"""The line that repeats a check can be pasted where it was printed, in any project."""

import os
import subprocess
from pathlib import Path

import pytest
from check_command import FIBER, SWITCHYARD, side
from installed import install

from switchyard.gate.prepare import command

SIDES = ("--baseline-build", "A", "--candidate-build", "B", "--binaries", "bin/bench_*")
LIMITS = ("--budget", "5s", "--min-time", "0.01", "--out", "the first")


def in_shell(line: str, cwd: Path, path: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["bash", "-c", line], cwd=cwd, env=os.environ | {"PATH": f"{path}:{os.environ['PATH']}"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("typed", ["relative", "in PATH", "installed"])
def test_it_can_be_pasted_where_it_was_printed(tmp_path: Path, typed: str):
    here, path = tmp_path / "a project's", tmp_path / "venv" / "bin"
    here.mkdir()
    path.mkdir(parents=True)
    for name, slower in (("A", 1), ("B", 2)):
        side(here / name, names=[FIBER], slower={FIBER: slower})
    if typed == "relative":
        started = os.path.relpath(SWITCHYARD, here)
    elif typed == "installed":
        started = install(tmp_path / "venv").name
    else:
        (path / "sy").symlink_to(SWITCHYARD)
        started = "sy"
    words = " ".join(f"'{word}'" for word in (*SIDES, *LIMITS))
    first = in_shell(f"{started} check {words}", here, path)
    assert first.returncode == 1, first.stderr
    (line,) = (line for line in first.stdout.splitlines() if line.startswith("again: "))
    line = line.removeprefix("again: ")
    assert line.startswith(f"{started} check --baseline-build A ")
    assert line in (here / "the first" / "summary.md").read_text()
    second = in_shell(line, here, path)
    assert second.returncode == 1, second.stderr
    assert len(list(here.glob(".switchyard/checks/*/check.json"))) == 1


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        (["--baseline", "main", "--out", "o"], "--baseline main --seed 7"),
        (["--out=o", "--baseline=main"], "--baseline=main --seed 7"),
        (["--ou", "o", "--baseline", "main"], "--baseline main --seed 7"),
        (["--baseline", "main", "--seed", "7"], "--baseline main --seed 7"),
        (["--filter", "a b", "--", "--out", "x"], "--filter 'a b' --seed 7 -- --out x"),
        (["--build-command", "make && echo '$x'"],
         """--build-command 'make && echo '"'"'$x'"'"'' --seed 7"""),
    ],
)  # fmt: skip
def test_it_keeps_all_but_the_folder_and_has_the_seed(words: list[str], kept: str):
    assert command(["./tool", "check", *words], 7) == f"./tool check {kept}"
