"""The pages keep their word: the figures of README.md and docs/ are those of results/reference,
their links, commands, options, paths, rows and tests exist, and they stay short enough to be read.
"""

import argparse
import json
import re
import runpy
import shlex
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from switchyard import cli
from switchyard.suite.results import ResultsFolder

ROOT = next(p for p in Path(__file__).resolve().parents if (p / "CMakePresets.json").exists())
BIN = ROOT / "build" / "release" / "bin"
DOCS = sorted((ROOT / "docs").glob("*.md"))
README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", *DOCS, ROOT / "results" / "reference" / "README.md"]
WORKLOADS = (ROOT / "docs" / "workloads.md").read_text()


def parser_of(command: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    import_module(f"switchyard.commands.{command}").add_arguments(parser)
    return parser


COMMANDS = {command: parser_of(command) for command in cli.COMMANDS}
TEST_SH = frozenset({"--deep", "--fuzz", "-R"})
PROGRAMS = ("echo_server", "echo_load", "echo_client", "keep_server", "http_origin", "http_fetch")
HAS_MPI = (BIN / "echo_load_mpi").exists()
OF_RANKS = frozenset({"--probe", "--probe-connections"})  # that no other program has
MATRIX = (ROOT / "tests" / "matrix.txt").read_text().split()
BENCHES = {f"bench_{name.split('/')[0]}" for name in MATRIX}

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# A folder at the top; what is built or measured is not there before it is.
_OURS = re.compile(r"(bench|docs|outside|runtimes|scripts|tests|results/reference|\.github)/[^=:]*")
_PLACEHOLDER = re.compile(r"[<*\[{]|NAME|DIR|FILE")


def of_all(pages: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("page", pages, ids=lambda page: str(page.relative_to(ROOT)))


each_page = of_all(PAGES)


def prose(page: Path) -> str:
    """Without blocks of code and comments."""
    return re.sub(r"<!--.*?-->", "", _BLOCK.sub("", page.read_text()), flags=re.DOTALL)


def spans(page: Path) -> list[str]:
    """What stands between backticks; a table's own bars are escaped."""
    return [span.replace("\\|", "|") for span in re.findall(r"`([^`\n]+)`", prose(page))]


def shell_lines(page: Path) -> Iterator[list[str]]:
    """The words of each command in the blocks of shell code."""
    for language, block in _BLOCK.findall(page.read_text()):
        if language == "sh":
            for line in block.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                if words:
                    yield [word for word in words if word not in ("&", "|")]


def words_of(span: str) -> list[str]:
    """Also of what is no command, and may have a quote too many."""
    try:
        return shlex.split(span)
    except ValueError:
        return span.split()


@cache
def options_of(program: str) -> frozenset[str]:
    """As a program's --help names them."""
    done = subprocess.run([program, "--help"], capture_output=True, text=True, check=True)
    return frozenset(re.findall(r"--[\w-]*\w", done.stdout))


def known_options(words: list[str]) -> frozenset[str] | None:
    """Of the command that these words begin with; None if they are no command of ours."""
    program = Path(words[0]).name
    if program in ("switchyard", "switchyard.sh", "run.sh"):
        name = words[1] if program != "run.sh" and len(words) > 1 else "run"
        assert name in COMMANDS, f"no subcommand {name}"
        return frozenset(COMMANDS[name]._option_string_actions)
    if words[0] in COMMANDS and len(words) > 1:
        return frozenset(COMMANDS[words[0]]._option_string_actions)
    if program == "setup.sh":
        return options_of(str(ROOT / "scripts" / "setup.sh"))
    if program == "test.sh":
        return TEST_SH
    if program in (*PROGRAMS, *BENCHES) or (program == "echo_load_mpi" and HAS_MPI):
        return options_of(str(BIN / program))
    return None


def all_options() -> frozenset[str]:
    parsers = [frozenset(parser._option_string_actions) for parser in COMMANDS.values()]
    programs = [options_of(str(BIN / name)) for name in (*PROGRAMS, "bench_echo_capacity")]
    of_setup = options_of(str(ROOT / "scripts" / "setup.sh"))
    return TEST_SH.union(*parsers, *programs, OF_RANKS, of_setup)


def anchors(page: Path) -> set[str]:
    """Of its headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", _BLOCK.sub("", page.read_text()), re.MULTILINE)
    bare = (re.sub(r"\[([^]]*)\]\([^)]*\)|[`*]", r"\1", heading) for heading in headings)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in bare}


@pytest.fixture
def fill_in(monkeypatch) -> Callable[..., int]:
    """docs/figures.py with these arguments; its exit code."""
    monkeypatch.setenv("COLUMNS", "80")  # it does so itself, and would leave it
    main = runpy.run_path(str(ROOT / "docs" / "figures.py"))["main"]
    return lambda *arguments: main([*map(str, arguments)])


def test_the_figures_are_those_of_the_reference_results(fill_in, capsys):
    assert fill_in("--check") == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    ("stale", "current"),
    [("a **1 s**<!--= s sleep/serial/tasks:10/ms:100 --> b\n", r"a \*\*1\.0\d s\*\*<!--=.*--> b\n"),
     ("<!--= screen ^spawn/fiber/tasks:100$ -->\n```\nold\n```\n",
      r"<!--= screen .*-->\n```\n6 rounds; .*spawn a task created and joined: fi.*\n```\n")],
)  # fmt: skip
def test_a_figure_that_is_not_up_to_date_is_found_and_filled_in(fill_in, tmp_path, stale, current):
    page = tmp_path / "page.md"
    page.write_text(stale)
    assert fill_in("--check", page) == 1
    assert fill_in(page) == 0
    assert re.fullmatch(current, page.read_text(), re.DOTALL)
    assert fill_in("--check", page) == 0


@pytest.mark.parametrize(
    ("text", "culprit"),
    [("**?**<!--= s sleep/serial/tasks:11/ms:100 -->", "sleep/serial/tasks:11/ms:100 real_time"),
     ("**?**<!--= s sleep/serial/tasks:10/ms:100 nothing -->", "nothing"),
     ("**?**<!--= furlong sleep/serial/tasks:10/ms:100 -->", "furlong"),
     ("<!--= screen ^nothing/ -->\n```\n```", "nothing")],
)  # fmt: skip
def test_a_figure_that_can_not_be_had_is_named(fill_in, tmp_path, capsys, text, culprit):
    page = tmp_path / "page.md"
    page.write_text(f"{text}\n")
    assert fill_in(page) in (1, 2)
    assert culprit in capsys.readouterr().err


def test_the_readme_explains_numbers_that_its_screen_shows():
    _, screen, explained = README.read_text().split("## What a run prints")[1].split("```")[:3]
    examples = re.findall(r"`([\d.][^`]*)`", explained.split("\n## ")[0])
    assert len(examples) >= 4
    assert [example for example in examples if example not in screen] == []


@of_all([README, *DOCS])
def test_pages_are_short(page):
    most = 130 if page == README else 249
    assert len(page.read_text().splitlines()) <= most


@each_page
def test_every_link_leads_somewhere(page):
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        is_there = target.exists() and (not anchor or anchor in anchors(target))
        if "://" not in link and not is_there:
            broken.append(link)
    assert broken == [], broken


def test_every_page_of_the_docs_is_linked_in_the_readme():
    assert [page.name for page in DOCS if f"(docs/{page.name}" not in README.read_text()] == []


@each_page
def test_every_command_knows_its_options(page):
    shown = [*shell_lines(page), *(words_of(span) for span in spans(page))]
    for words in filter(None, shown):
        known = known_options(words)
        if known is not None:
            used = {word.split("=")[0] for word in words[1:] if re.match("--?[a-zA-Z]", word)}
            assert used <= known, " ".join(words)


@each_page
def test_every_command_of_a_block_parses(page):
    for words in shell_lines(page):
        if Path(words[0]).name in ("switchyard", "switchyard.sh"):
            cli.build_parser().parse_args(words[1:])
        elif words[0] == "scripts/run.sh":
            cli.build_parser().parse_args(["run", *words[1:]])


@each_page
def test_every_option_that_is_named_alone_is_one_of_some_command(page):
    named = {span.split()[0].split("=")[0] for span in spans(page) if span.startswith("--")}
    assert named <= all_options()


def test_every_option_of_every_command_is_on_some_page():
    text = "".join(page.read_text() for page in [README, *DOCS])
    for name, parser in COMMANDS.items():
        options = set(parser._option_string_actions) - {"-h", "--help"}
        # A switch is told by one of its two forms.
        options -= {f"--no-{option.removeprefix('--')}" for option in options}
        assert {option for option in options if option not in text} == set(), name


@each_page
def test_every_path_that_is_named_is_there(page):
    words = [word for span in spans(page) for word in words_of(span)]
    words += [word for line in shell_lines(page) for word in line]
    paths = {word for word in words if _OURS.fullmatch(word) and not _PLACEHOLDER.search(word)}
    modules = re.findall(r"python -m (switchyard[\w.]*)", page.read_text())
    missing = sorted(path for path in paths if not (ROOT / path).exists())
    missing += [module for module in modules if not find_spec(module)]
    assert missing == [], missing


@each_page
def test_every_preset_that_is_named_is_there(page):
    presets = json.loads((ROOT / "CMakePresets.json").read_text())
    there = {
        kind: {preset["name"] for preset in presets[f"{kind}Presets"]}
        for kind in ("configure", "build", "test")
    }
    named = re.findall(r"(cmake --build|ctest|cmake) --preset (\w+)", page.read_text())
    kinds = {"cmake --build": "build", "ctest": "test", "cmake": "configure"}
    assert [name for program, name in named if name not in there[kinds[program]]] == []


@each_page
def test_every_row_that_is_named_is_there(page):
    workloads = {name.split("/")[0] for name in MATRIX}
    for span in spans(page):
        if span.split("/")[0] in workloads and re.fullmatch(r"\w+(/[\w:]+)+", span):
            assert any(f"{name}/".startswith(f"{span}/") for name in MATRIX), span


def test_every_filter_matches_a_benchmark():
    text = "".join(page.read_text() for page in PAGES)
    filters = re.findall(r"--filter '([^']+)'", text)
    assert len(filters) > 10
    for pattern in filters:
        bare = pattern.replace("\\|", "|")
        assert any(re.search(bare, name) for name in MATRIX), pattern


def test_every_test_that_is_named_is_there():
    source = "".join(path.read_text() for path in (ROOT / "tests").rglob("*_test.cpp"))
    tests = [".".join(found) for found in re.findall(r"TEST(?:_P|_F)?\((\w+), (\w+)\)", source)]
    named = [name for page in PAGES for name in re.findall(r"tests? `([^`]+)`", prose(page))]
    assert len(named) > 5
    for name in named:
        assert any(re.search(name, test) for test in tests), name


def test_every_kind_of_row_is_explained():
    runtimes = {name.split("/")[1] for name in MATRIX}
    parts = [part.split(":") for name in MATRIX for part in name.split("/")[2:]]
    mechanisms = {value for key, value in parts if key in ("via", "placement")}
    named = set(re.findall(r"\w+", " ".join(spans(ROOT / "docs" / "workloads.md"))))
    workloads = {name.split("/")[0] for name in MATRIX}
    unexplained = (workloads | runtimes | mechanisms) - named
    assert unexplained == set(), "docs/workloads.md has to say what these are"


def test_every_counter_is_explained():
    found = set()
    for results in ResultsFolder.load(ROOT / "results" / "reference").workloads.values():
        for record in results.records():
            found |= {key for key, value in record.fields.items() if isinstance(value, int | float)}
    google_benchmarks = {
        "family_index", "per_family_instance_index", "repetitions", "repetition_index", "threads",
        "iterations", "real_time", "cpu_time", "error_occurred",
    }  # fmt: skip
    of_a_launch = {"round", "launch_s", "loadavg", "min_time_s"}
    text = (ROOT / "docs" / "results.md").read_text()
    assert {key for key in of_a_launch if f"`{key}`" not in text} == set()
    unexplained = found - google_benchmarks - of_a_launch
    assert {key for key in unexplained if f"`{key}`" not in WORKLOADS} == set()
