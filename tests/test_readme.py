"""The README keeps its word: its figures are those of results/reference, and the filters, files and
tests that it names exist.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from switchyard.suite.results import ResultsFolder

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
FIGURES = ROOT / "scripts" / "readme_figures.py"


def check(*arguments: str | Path) -> subprocess.CompletedProcess:
    argv = [sys.executable, str(FIGURES), *map(str, arguments)]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


def test_the_figures_are_those_of_the_reference_results():
    done = check("--check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_figure_that_is_not_up_to_date_is_found_and_filled_in(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("a **1 s**<!--= s sleep/serial/tasks:10/ms:100 --> b\n")
    assert check("--check", "--readme", readme).returncode == 1
    assert check("--readme", readme).returncode == 0
    assert re.fullmatch(r"a \*\*1\.0\d s\*\*<!--=.*--> b\n", readme.read_text())
    assert check("--check", "--readme", readme).returncode == 0


@pytest.mark.parametrize(
    ("spec", "culprit"),
    [("s sleep/serial/tasks:11/ms:100", "sleep/serial/tasks:11/ms:100 real_time"),
     ("s sleep/serial/tasks:10/ms:100 nothing", "nothing"),
     ("furlong sleep/serial/tasks:10/ms:100", "furlong")],
)  # fmt: skip
def test_a_figure_that_can_not_be_had_is_named(tmp_path, spec, culprit):
    readme = tmp_path / "README.md"
    readme.write_text(f"**?**<!--= {spec} -->\n")
    done = check("--readme", readme)
    assert done.returncode in (1, 2)
    assert culprit in done.stderr


def test_every_filter_matches_a_benchmark_of_the_quick_run():
    workloads = ResultsFolder.load(ROOT / "results" / "reference").workloads.values()
    names = [record.row.name for results in workloads for record in results.records()]
    filters = re.findall(r"--filter '([^']+)'", README)
    assert len(filters) > 10
    for pattern in filters:
        bare = pattern.replace("\\|", "|")  # a table's own bars are escaped
        assert any(re.search(bare, name) for name in names), pattern


def test_every_file_that_is_linked_is_there():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert len(links) > 8
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []


def test_every_test_that_is_named_is_there():
    source = "".join(path.read_text() for path in (ROOT / "tests").rglob("*_test.cpp"))
    tests = [".".join(found) for found in re.findall(r"TEST(?:_P|_F)?\((\w+), (\w+)\)", source)]
    named = re.findall(r"tests? `([^`]+)`", README)
    assert len(named) > 5
    for name in named:
        assert any(re.search(name, test) for test in tests), name
