"""Rows that need what a machine may lack: run where it is there, else left out with one line."""

import json
import shutil
import sys
from pathlib import Path

import pytest
from conftest import Cli
from fakes import row, write_bench

from switchyard.suite import needs
from switchyard.suite.catalog import Row, Workload

GEVENT = "sleep/gevent/tasks:1000/ms:100"
WRK = "http_fetch/wrk/urls:100/latency_ms:0/bytes:1024/connection:keep"
FIBER = "http_fetch/fiber/urls:100/latency_ms:0/bytes:1024/connection:keep"


@pytest.fixture(autouse=True)
def needy(build: Path) -> Path:
    """Adds to the build's rows two that need gevent and one that needs wrk."""
    sleep = [row("sleep/fiber/tasks:1000/ms:100"), row(GEVENT, needs="gevent"),
             row("sleep/gevent/tasks:1/ms:100", needs="gevent")]  # fmt: skip
    write_bench(build, sleep, {entry["name"]: {"fields": {"real_time": 1e5}} for entry in sleep})
    fetch = [row(FIBER, control="wrk"), row(WRK, needs="wrk")]
    write_bench(build, fetch, {entry["name"]: {"fields": {"ops_per_s": 1e5}} for entry in fetch})
    return build


@pytest.fixture
def lacking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A machine without gevent and wrk, whatever this one has."""
    monkeypatch.setattr(needs, "ROOT", tmp_path)
    monkeypatch.setitem(sys.modules, "gevent", None)
    (tmp_path / "bin").mkdir()
    for name in ("bash", "dirname", "readlink", "git"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name) or name)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


@pytest.fixture
def having(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A machine with a gevent that must not be loaded, and with a wrk."""
    monkeypatch.setattr(needs, "ROOT", tmp_path)
    (tmp_path / "python" / "gevent").mkdir(parents=True)
    (tmp_path / "python" / "gevent" / "__init__.py").write_text("raise SystemExit('loaded')\n")
    for name, version in (("gevent", "26.9.0"), ("greenlet", "3.5.6")):
        about = tmp_path / "python" / f"{name}-{version}.dist-info"
        about.mkdir()
        text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        (about / "METADATA").write_text(text)
    (tmp_path / "bin").mkdir()
    wrk = tmp_path / "bin" / "wrk"
    wrk.write_text("#!/bin/sh\necho 'wrk debian/4.1.0-3+b2 [epoll] Copyright (C) 2012'; exit 1\n")
    wrk.chmod(0o755)
    monkeypatch.syspath_prepend(tmp_path / "python")
    monkeypatch.setenv("PATH", f"{wrk.parent}:/usr/bin:/bin")


def test_missing_is_one_line_each_and_no_error(lacking, cli: Cli, out: Path):
    done = cli("run", "--rounds", "1", "--out", out, "--tables")
    assert done.returncode == 0, done.stderr
    told = [
        "gevent: not installed, its 2 rows are left out; scripts/setup.sh --gevent adds it",
        "wrk: not installed, its only row is left out; "
        "scripts/setup.sh or `apt-get install wrk` adds it",
    ]
    while_measuring, tables = (
        [line for line in text.splitlines() if "not installed" in line and not line.endswith("…")]
        for text in (done.stderr, done.stdout)
    )
    assert (while_measuring, tables) == (told, told)
    measured = json.loads((out / "sleep.json").read_text())["benchmarks"]
    assert {entry["switchyard_name"] for entry in measured} == {"sleep/fiber/tasks:1000/ms:100"}
    facts = json.loads((out / "environment.json").read_text())
    assert facts["run"]["left_out"] == {
        "gevent": [GEVENT, "sleep/gevent/tasks:1/ms:100"], "wrk": [WRK],
    }  # fmt: skip
    assert facts["run"]["complete"] is True
    assert "gevent" not in facts["python"]
    assert facts["programs"] == {}


def test_what_is_there_is_run_and_its_version_kept(having, cli: Cli, out: Path):
    done = cli("run", "--rounds", "1", "--out", out)
    assert done.returncode == 0, done.stderr
    assert "not installed" not in done.stdout + done.stderr
    measured = json.loads((out / "sleep.json").read_text())["benchmarks"]
    assert GEVENT in {entry["switchyard_name"] for entry in measured}
    facts = json.loads((out / "environment.json").read_text())
    assert facts["run"]["left_out"] == {}
    assert (facts["python"]["gevent"], facts["python"]["greenlet"]) == ("26.9.0", "3.5.6")
    assert facts["programs"] == {"wrk": "debian/4.1.0-3+b2"}


@pytest.mark.parametrize(
    ("arguments", "what"),
    [(["--runtimes", "gevent"], "gevent: not installed"), (["--filter", "/wrk/"], "wrk: not")],
)
def test_asking_for_nothing_else_is_one_clear_line(
    lacking, cli: Cli, out: Path, arguments: list[str], what: str
):
    done = cli("run", "--rounds", "1", "--out", out, *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("switchyard: error: nothing is left to run: ")
    assert what in done.stderr
    assert "adds it" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not out.exists()


def test_list_and_doctor_tell_what_is_missing(lacking, cli: Cli):
    listed = cli("list").stdout
    assert f"{GEVENT}  [quick] [needs gevent: not installed]" in listed
    assert "tasks:1000/ms:100  [quick]\n" in listed
    done = cli("doctor")
    assert done.returncode == 0
    assert "warn  gevent: not installed" in done.stdout
    assert "scripts/setup.sh --gevent adds it" in done.stdout
    assert "warn  wrk: not installed" in done.stdout


def test_list_and_doctor_tell_what_is_there(having, cli: Cli):
    assert f"{GEVENT}  [quick] [needs gevent]" in cli("list").stdout
    done = cli("doctor").stdout
    assert "ok    gevent: gevent 26.9.0, greenlet 3.5.6" in done
    assert "ok    wrk: wrk debian/4.1.0-3+b2" in done


REASON = "kernel.io_uring_disabled is 2"


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_what_a_build_says_that_it_lacks_is_one_line_with_the_reason(
    build: Path, cli: Cli, out: Path, rows: int
):
    sizes = [row(f"echo/fiber_uring/connections:64/bytes:{2**i}", needs="io_uring")
             for i in range(rows)]  # fmt: skip
    entries = [row("echo/fiber/connections:64/bytes:64"), *sizes]
    does = {entry["name"]: {"fields": {"ops_per_s": 1e5}} for entry in entries}
    write_bench(build, entries, does, lacks={"io_uring": REASON})
    done = cli("run", "--rounds", "1", "--out", out, "--filter", "^echo/")
    assert done.returncode == 0, done.stderr
    their = ["rows are", "only row is", "2 rows are"][rows]
    told = f"io_uring: {REASON}, its {their} left out; docs/programs.md says what it takes"
    assert told in done.stderr.splitlines()
    measured = json.loads((out / "echo.json").read_text())["benchmarks"]
    assert {entry["switchyard_name"] for entry in measured} == {entries[0]["name"]}
    facts = json.loads((out / "environment.json").read_text())
    assert facts["run"]["left_out"] == {f"io_uring: {REASON}": [entry["name"] for entry in sizes]}
    if rows:
        assert f"[needs io_uring: {REASON}]" in cli("list").stdout
    assert f"warn  io_uring: {REASON}" in cli("doctor").stdout


def test_what_is_missing_for_rows_that_nobody_asked_for_is_not_told(
    build: Path, cli: Cli, out: Path
):
    entries = [row("spawn/thread/tasks:1"), row("spawn/fiber_uring/tasks:1", needs="io_uring")]
    does = {entry["name"]: {"fields": {"real_time": 1.0}} for entry in entries}
    write_bench(build, entries, does, lacks={"io_uring": REASON})
    done = cli("run", "--rounds", "1", "--out", out, "--filter", "^spawn/thread")
    assert done.returncode == 0, done.stderr
    assert "io_uring" not in done.stdout + done.stderr
    assert json.loads((out / "environment.json").read_text())["run"]["left_out"] == {}


def test_a_build_that_lacks_nothing_runs_the_rows(build: Path, cli: Cli, out: Path):
    entry = row("echo/fiber_uring/connections:64/bytes:64", needs="io_uring")
    write_bench(build, [entry], {entry["name"]: {"fields": {"ops_per_s": 1e5}}})
    done = cli("run", "--rounds", "1", "--out", out, "--filter", "^echo/")
    assert done.returncode == 0, done.stderr
    assert "io_uring: " not in done.stderr
    assert json.loads((out / "environment.json").read_text())["run"]["left_out"] == {}
    assert "ok    io_uring: " in cli("doctor").stdout


def test_a_need_nobody_knows_is_taken_for_a_program():
    entry = row("echo/other/connections:1/bytes:1", needs="no-such-program")
    workload = Workload.parse(
        {"workload": "echo", "what": "", "rows": [entry, row("echo/fiber/connections:1/bytes:1")],
         "metric": {"key": "ops_per_s", "label": "", "unit": "1/s", "better": "higher"}}
    )  # fmt: skip
    (kept,), left_out = needs.without_missing([workload])
    assert [kept.runtime for kept in kept.rows] == ["fiber"]
    assert needs.lines(left_out) == [
        "no-such-program: not installed, its only row is left out; install it first"
    ]
    assert needs.is_there("sh")


def test_the_server_in_go_is_there_when_it_is_built_and_tells_its_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(needs, "ROOT", tmp_path)
    assert not needs.is_there("go")
    assert needs.versions("go") == {}
    server = tmp_path / "build/outside/go/echo_server"
    server.parent.mkdir(parents=True)
    server.write_text("#!/bin/sh\n[ $1 = --version ] && echo 'echo_server: go1.19.8'\n")
    server.chmod(0o755)
    assert needs.is_there("go")
    assert needs.versions("go") == {"go": "1.19.8"}
    assert needs.advice("go") == "scripts/setup.sh --go adds it"


def test_rows_of_older_results_need_nothing():
    old = row("spawn/fiber/tasks:1")
    del old["needs"]
    assert Row(**old).needs is None


def test_parts_of_a_machine_are_read_from_sysfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(needs, "_SYSFS", tmp_path)
    siblings = [tmp_path / f"cpu/cpu{i}/topology/thread_siblings_list" for i in range(2)]
    nodes = [tmp_path / f"node/node{i}/cpulist" for i in range(2)]
    for i, file in enumerate([*siblings, *nodes]):
        file.parent.mkdir(parents=True)
        file.write_text(f"{i % 2}\n")
    nodes[1].write_text("\n")  # a node with memory alone
    assert not needs.is_there("smt")
    assert not needs.is_there("numa")
    siblings[0].write_text("0,4\n")
    nodes[1].write_text("1\n")
    assert needs.is_there("smt")
    assert needs.is_there("numa")
    row_names = {"smt": ["switch/thread/via:futex/tasks:2/placement:smt"]}
    assert needs.lines(row_names) == [
        "smt: not on this machine, its only row is left out; "
        "they need a CPU with several hardware threads to a core"
    ]
