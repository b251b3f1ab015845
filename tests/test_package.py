"""The package: a user's three commands in an empty environment, and one home for each version."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from conftest import ROOT
from tiny_project import BINARIES, BUILD, git, timed

from switchyard.system.packages import EXTRAS, MODULES

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NAMED = set(PROJECT["dependencies"]).union(*PROJECT["optional-dependencies"].values())


def command(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        list(map(str, words)), cwd=cwd, capture_output=True, text=True, timeout=600, check=False
    )


def what_lies_around() -> set[str]:
    """In our own tree, but for the byte code that other tests leave there meanwhile."""
    lines = git(ROOT, "status", "--porcelain", "--ignored").splitlines()
    return {line for line in lines if not line.endswith("__pycache__/")}


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """An empty virtual environment, where an index answers."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    pip = (tmp_path / "venv/bin/python", "-m", "pip", "--timeout", "20", "--retries", "1")
    asked = command(*pip, "download", "--quiet", "--no-deps", "rich", cwd=tmp_path)
    if asked.returncode != 0:
        pytest.skip("no index of Python packages answers")
    return tmp_path / "venv"


def test_install_check_two_commits_read_the_result(environment: Path, tmp_path: Path):
    project, bin_folder = timed(tmp_path / "project", "1.0", "2.0"), environment / "bin"
    before = what_lies_around()
    installed = command(bin_folder / "pip", "install", "--quiet", ROOT, cwd=project)
    assert installed.returncode == 0, installed.stderr
    checked = command(
        bin_folder / "switchyard", "check", "--baseline", "HEAD~1", "--binaries", BINARIES,
        "--build-command", BUILD, cwd=project,
    )  # fmt: skip
    assert checked.returncode == 1, checked.stderr
    text = command("sh", "-c", "cat .switchyard/checks/*/summary.md", cwd=project).stdout
    assert "1 of 1 benchmark is slower" in text
    assert "`BM_work`" in text

    assert what_lies_around() == before
    assert git(project, "status", "--porcelain") == ""
    (package,) = environment.glob("lib/python3*/site-packages/switchyard")
    ours = git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "scripts/switchyard")
    there = {path for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    assert {f"scripts/switchyard/{path.relative_to(package)}" for path in there} == set(
        ours.splitlines()
    )
    drawn = command(bin_folder / "switchyard", "plot", cwd=tmp_path)
    assert (drawn.returncode, len(drawn.stderr.splitlines())) == (2, 1)
    assert "install switchyard[pictures]" in drawn.stderr


def test_every_package_has_its_version_in_one_place():
    requirements = (ROOT / "scripts" / "requirements.txt").read_text().lower()
    pinned = re.findall(r"^([\w.-]+)==[\w.]+$", requirements, re.MULTILINE)
    assert len(set(pinned)) == len(pinned)
    assert set(pinned) >= NAMED  # with no version of their own


def test_what_is_imported_is_named_and_nothing_else():
    imported = set()
    for file in (ROOT / "scripts" / "switchyard").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add(node.module.partition(".")[0])
    assert imported - sys.stdlib_module_names == {MODULES.get(name, name) for name in NAMED}


def test_an_extra_is_what_a_command_names_as_missing():
    told = {extra: set(names) for extra, names in PROJECT["optional-dependencies"].items()}
    assert told == {extra: set(names) for extra, names in EXTRAS.items()}
