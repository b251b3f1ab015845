"""`switchyard.sh report`: a whole page of whatever results, and one clear line of what is none."""

import base64
import hashlib
import json
import re
from itertools import pairwise
from pathlib import Path

import made_up
import pages
import pytest
from conftest import Cli
from fakes import row, write_bench

from switchyard.compare import figures
from switchyard.compare.report.page import page
from switchyard.suite.results import ResultsFolder

SPITEFUL = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "' onmouseover='alert(1)",
    "</style></title><b>", "{{ 7 * 7 }}{% raw %}", "&lt;&amp;", "\ud800", "\x00\x1b[31m", "--help",
    "\u202eabc",
)  # fmt: skip


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> pages.Element:
    path = tmp_path_factory.mktemp("results") / "20260101T000000Z-vm-0123456"
    return pages.read(page(made_up.folder(path)))


def test_every_workload_has_its_sentences_tables_and_commands(everything: pages.Element):
    summary = everything.one("section", id="summary").text
    for workload in made_up.WORKLOADS:
        section = everything.one("section", id=f"workload-{workload}")
        assert len(list(section.all("table"))) >= 3
        assert f"Every row of {workload}" in section.text
        assert f"\n{workload}\n" in summary
        names = [entry["name"] for entry, _ in made_up.rows(workload)]
        told = {code.text for code in everything.one("section", id="reproduce").all("code")}
        assert told >= set(names)
    assert "20260101T000000Z-vm-0123456" in everything.one("head").one("title").text
    assert "commit 0123456" in everything.one("header").text


def test_the_method_is_told_in_the_words_of_the_docs(everything: pages.Element):
    told = everything.one("section", id="method").text
    told = re.sub(r"\s", " ", told.replace("\u2019", "'"))
    docs = (Path(__file__).parents[3] / "docs" / "method.md").read_text()
    for words in (
        "It exists from six rounds on; with fewer, smallest and largest stand in its place.",
        "Shown is the median of these; its interval is Student's of their logarithms, from three",
        "So Holm's procedure decides over all pairs of contenders together",
        "Since all pairs are counted, it does not matter that the best was chosen",
    ):
        assert words in docs
        assert words in told


@pytest.mark.parametrize("name", ["a [red] b", "a [/x] :smile: $y_{$ <b>&amp;"])
def test_a_folder_may_be_called_anything(name: str, cli: Cli, tmp_path: Path):
    out = tmp_path / name
    done = cli("run", "--rounds", "1", "--report", "--out", out)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"results: {out}\n" in done.stderr
    assert done.stdout.endswith(f"results: {out}\n")
    assert out.name in pages.read((out / "report.html").read_text()).one("head").one("title").text


def test_links_lead_to_what_is_there_and_ids_are_given_once(everything: pages.Element):
    ids = [element.attributes["id"] for element in walk(everything) if "id" in element.attributes]
    assert len(ids) == len(set(ids))
    links = [link.attributes["href"] for link in everything.all("a")]
    assert len(links) > 10
    assert {link.removeprefix("#") for link in links} <= set(ids)
    labels = [element.attributes.get("aria-labelledby") for element in walk(everything)]
    assert {label for label in labels if label} <= set(ids)


def test_a_sentence_stands_beside_a_figure_of_its_own_workload(tmp_path: Path):
    def keep(row: dict) -> bool:  # of echo what a picture of memory alone shows
        return not row["name"].startswith("echo/") or "active" in row["params"]

    shown = pages.read(page(made_up.folder(tmp_path, 2, keep))).one("section", id="summary")
    beside, workload = {}, ""
    for element in walk(shown):
        if element.tag == "h3":
            workload = element.text
        if element.tag == "figure":
            beside[workload] = element.attributes["id"].removeprefix("figure-")
    assert beside["memory"] == "memory_by_stack_depth"
    assert beside["echo_open"].startswith("echo_open_")
    assert "echo" not in beside
    named = {name: figures.workload_of(picture) for name, picture in beside.items()}
    assert all(name == workload for name, workload in named.items())
    assert figures.workload_of("memory_per_task") == ""
    assert figures.workload_of("page_fault_overview") == "page_fault"


def test_the_outline_skips_no_level(everything: pages.Element):
    levels = [int(e.tag[1]) for e in walk(everything) if re.fullmatch("h[1-6]", e.tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_every_table_has_a_name_and_headers_that_are_buttons(everything: pages.Element):
    tables = list(everything.all("table"))
    assert len(tables) > 20
    for table in tables:
        assert ": " in table.attributes["aria-label"]
        headers = list(table.one("thead").all("th", scope="col"))
        assert all(header.one("button").text for header in headers)
        for cells in table.one("tbody").all("tr"):
            values = [c for c in cells.children if isinstance(c, pages.Element)]
            assert len(values) == len(headers)
            for cell, header in zip(values, headers, strict=True):
                value = cell.attributes["data-value"]
                assert value or not cell.text.strip() or "FAILED" in cell.text
                assert "text" in header.attributes["class"] or not value or float(value) is not None


def test_every_figure_is_in_the_page_said_in_words_and_with_its_values(everything: pages.Element):
    images = list(everything.all("svg", role="img"))
    assert len(images) >= 12
    drawn = {figure.attributes["id"].removeprefix("figure-") for figure in everything.all("figure")}
    assert drawn <= {draw.__name__ for draw in figures.ALL}
    for image in images:
        assert len(image.attributes["aria-label"]) > 60
        assert list(image.all("title")), image.attributes["aria-label"]
    said = {image.attributes["aria-label"] for image in images}
    assert len(said) == len(drawn) == len(images)
    (cost,) = everything.all("figure", id="figure-spawn_cost")
    values = [title.text for title in cost.all("title")]
    assert len(values) == 9  # three runtimes, three sizes
    assert re.fullmatch(r"process: [\d.]+ us \([\d.]+-[\d.]+\)", values[0])


def test_nothing_is_asked_for_and_only_our_style_and_script_may_act(everything: pages.Element):
    for element in walk(everything):
        for name, value in element.attributes.items():
            assert not name.startswith("on")
            assert name != "style"
            if name in ("src", "href", "srcset", "action", "data"):
                assert value.startswith(("#", "data:")), value
    (policy,) = (meta for meta in everything.all("meta") if "http-equiv" in meta.attributes)
    assert policy.attributes["http-equiv"] == "Content-Security-Policy"
    directives = dict(part.split(" ", 1) for part in policy.attributes["content"].split("; "))
    assert (directives["default-src"], directives["img-src"]) == ("'none'", "data:")
    for tag in ("style", "script"):
        digest = hashlib.sha256(everything.one(tag).text.encode()).digest()
        assert directives[f"{tag}-src"] == f"'sha256-{base64.b64encode(digest).decode()}'"


def walk(element: pages.Element):
    for child in element.children:
        if isinstance(child, pages.Element):
            yield child
            yield from walk(child)


@pytest.mark.parametrize("spite", SPITEFUL)
def test_whatever_the_data_say_is_shown_and_not_obeyed(spite: str, tmp_path: Path):
    kept = made_up.results("echo", 6)
    document = kept.workload.document() | {"workload": spite, "what": spite}
    document["metric"] |= {"label": spite, "unit": spite}
    for entry in document["rows"]:
        entry |= {"runtime": spite, "what": spite, "params": {spite: spite}, "name": spite}
    kept.workload = kept.workload.parse(document)
    for fields in kept.benchmarks:
        fields |= {"switchyard_name": spite, spite: 1.0}
    kept.benchmarks[0] |= {"error_occurred": True, "error_message": spite}
    facts = {section: {spite: spite} for section in ("build", "machine", "limits", spite)}
    run = {"started_at": spite, "seed": spite, "options": {"filter": spite, "build": spite},
           "left_out": {spite: [spite]}, "never_launched": [spite], "complete": False}  # fmt: skip
    facts |= {"run": run, "git": {"sha": spite, "dirty": spite}}
    folder = ResultsFolder(tmp_path / "x", {spite: kept}, facts)
    html = page(folder)
    found = pages.read(html)
    assert len(list(found.all("script"))) == len(list(found.all("style"))) == 1
    assert not list(found.all("img"))
    assert not [name for e in walk(found) for name in e.attributes if name.startswith("on")]
    assert "49" not in found.one("head").one("title").text
    for at in ("summary", "warnings", "tables", "environment", "reproduce"):
        shown = found.one("section", id=at).text
        assert spite.replace("\x00", "") in shown.replace("\x00", ""), at


def test_results_of_nothing_but_failures_are_told(tmp_path: Path):
    kept = made_up.results("spawn", 2)
    for fields in kept.benchmarks:
        fields |= {"error_occurred": True, "error_message": "wrong answer"}
    folder = ResultsFolder(tmp_path, {"spawn": kept}, {})
    found = pages.read(page(folder))
    assert "no case has two contenders" in found.one("section", id="summary").text
    assert "FAILED: wrong answer" in found.one("section", id="summary").text
    assert "came without their environment.json" in found.one("section", id="environment").text
    assert not list(found.all("svg"))


def test_a_run_without_warnings_has_none(tmp_path: Path):
    found = pages.read(page(pages.few(tmp_path, "cpu")))
    assert found.one("section", id="warnings").text.split() == ["Warnings", "None."]


def test_the_same_results_give_the_same_page(tmp_path: Path):
    assert page(pages.few(tmp_path, "cpu")) == page(pages.few(tmp_path, "cpu"))


def test_a_folder_gets_its_report_and_another_file_takes_it_too(cli: Cli, out: Path, tmp_path):
    cli("run", "--rounds", "1", "--out", out)
    done = cli("report", out)
    assert (done.returncode, done.stdout) == (0, f"report: {out}/report.html\n"), done.stderr
    assert cli("report", out, "--out", tmp_path / "r.html").returncode == 0
    assert (tmp_path / "r.html").read_bytes() == (out / "report.html").read_bytes()
    assert "switchyard.sh run --rounds 1" in (out / "report.html").read_text()
    assert [path.name for path in out.iterdir() if path.name.startswith(".")] == []


def test_a_run_writes_its_report_when_asked(cli: Cli, build: Path, out: Path):
    entry = row("spawn/thread/tasks:1")
    write_bench(build, [entry], {entry["name"]: {"fields": {"real_time": 10.0}}})
    arguments = ("--rounds", "1", "--filter", "spawn", "--out", out)
    assert cli("run", *arguments, "--report").returncode == 0
    found = pages.read((out / "report.html").read_text())
    assert len(list(found.all("svg"))) == 1
    assert not (out / "plots").exists(), "figures are drawn into the page"


def test_what_can_not_be_reported_is_one_clear_line(cli: Cli, tmp_path: Path, out: Path):
    made_up.written(out, "sleep", rounds=1)
    for name, content in (("empty", None), ("broken", '{"context": {'), ("list", "[]"),
                          ("other", "{}"), ("deep", "[" * 100_000)):  # fmt: skip
        (tmp_path / name).mkdir()
        if content:
            (tmp_path / name / "echo.json").write_text(content)
    spoilt = tmp_path / "spoilt"
    spoilt.mkdir()
    (spoilt / "sleep.json").write_text((out / "sleep.json").read_text())
    (spoilt / "environment.json").write_text(json.dumps({"run": {"rounds_wanted": "six"}}))
    for arguments, message in (
        ((tmp_path / "nowhere",), "no such results folder"),
        ((tmp_path / "empty",), "nothing was measured"),
        ((tmp_path / "broken",), "is no JSON"),
        ((tmp_path / "list",), "holds no results"),
        ((tmp_path / "other",), "holds no results"),
        ((tmp_path / "deep",), "is no JSON"),
        ((spoilt,), "got `str` - at `$.run.rounds_wanted`"),
        ((out, "--out", "/proc/report.html"), "cannot write /proc/report.html"),
        ((out, "--out", tmp_path / "no" / "r.html"), "No such file or directory"),
        ((out, "--out", out), "it is a folder"),
    ):
        done = cli("report", *arguments)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
        assert done.stderr.startswith("switchyard: error: ")
        assert message in done.stderr
        assert done.stdout == ""
