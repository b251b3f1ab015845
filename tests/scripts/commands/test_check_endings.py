"""However a check ends early, 1 means only that something regressed, and nothing is left behind."""

import functools
import json
import signal
import subprocess
import sys
import textwrap

import pytest
from check_command import FIBER, GLOB, NAMES, run, run_process, side
from conftest import SWITCHYARD
from fakes import STUBBORN_CHILD
from living import processes_of, wait_until

from switchyard import __main__, cli
from switchyard.commands import check
from switchyard.gate import document
from switchyard.system import streams
from switchyard.system.errors import BadInputError


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_it_and_keeps_what_was_measured(tmp_path, name):
    """It comes while the candidate's third launch hangs, with a child that ignores signals."""
    launches, ready, out = tmp_path / "launches", tmp_path / "ready", tmp_path / "out"
    code = f"""
with open({str(launches)!r}, "a+") as log:
    log.write("x")
    third = log.tell() >= 3
if third:
{textwrap.indent(STUBBORN_CHILD, "    ")}
    open({str(ready)!r}, "w").close()
    time.sleep(1000)
"""
    a, b = side(tmp_path / "a"), side(tmp_path / "b", {FIBER: {"code": code}})
    argv = [SWITCHYARD, "check", "--baseline-build", a, "--candidate-build", b, *GLOB, "--out", out]
    process = subprocess.Popen(
        ["env", "--default-signal=INT,TERM,HUP", *map(str, argv)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    wait_until(ready.exists, "the hanging launch")
    assert processes_of(str(tmp_path))
    process.send_signal(getattr(signal, name))
    output = process.communicate(timeout=120)[0]
    assert process.returncode == 128 + getattr(signal, name)
    assert f"interrupted by {name}" in output
    document = json.loads((out / "check.json").read_text())
    assert not document["complete"]
    assert len(document["pairs"]) >= 3
    assert processes_of(str(tmp_path)) == []
    assert list(out.glob(".*")) == []
    assert run("--replay", out).returncode == process.returncode


def test_what_is_left_of_a_killed_check_is_no_result(tmp_path):
    a, b = side(tmp_path / "a"), side(tmp_path / "b", {FIBER: {"code": "time.sleep(0.2)"}})
    out = tmp_path / "out"
    argv = [SWITCHYARD, "check", "--baseline-build", a, "--candidate-build", b, *GLOB, "--out", out]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_until(lambda: (out / "check.json").exists(), "the first file")
        wait_until(lambda: '"round"' in (out / "check.json").read_text(), "the warm-up")
        process.kill()
    assert run("--replay", out).returncode == 2


def test_binaries_that_are_built_anew_meanwhile_are_refused(tmp_path):
    binary = tmp_path / "b/bin/bench_switch"
    again = f"path = pathlib.Path({str(binary)!r}); path.write_text(path.read_text())"
    a, b = side(tmp_path / "a"), side(tmp_path / "b", {FIBER: {"code": again}})
    sides = ("--baseline-build", a, "--candidate-build", b, *GLOB, "--budget", "2s")
    done = run(*sides, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "bench_switch was written anew" in done.stderr


def test_a_file_that_can_not_grow_is_told_and_leaves_no_half_one(tmp_path):
    a, b = side(tmp_path / "a"), side(tmp_path / "b")
    done = run_process(
        "--baseline-build", a, "--candidate-build", b, *GLOB, "--out", tmp_path / "out",
        shell_prefix="ulimit -f 4;",
    )  # fmt: skip
    assert done.returncode == 2
    assert "cannot write" in done.stderr
    assert "Traceback" not in done.stderr
    left = list((tmp_path / "out").iterdir())  # at most a whole file of an earlier moment
    assert [path.name for path in left] in ([], ["check.json"])
    assert not any(json.loads(path.read_text())["complete"] for path in left)


def test_output_that_can_not_be_written_is_no_pass(tmp_path):
    a, b = side(tmp_path / "a", names=NAMES[:1]), side(tmp_path / "b", names=NAMES[:1])
    done = run_process(
        "--baseline-build", a, "--candidate-build", b, *GLOB, "--out", tmp_path / "out",
        shell_prefix="exec >/dev/full;",
    )  # fmt: skip
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert json.loads((tmp_path / "out/check.json").read_text())["exit_code"] == 0


@pytest.mark.parametrize("broken", ["table.print_report", "document.draw", "figure.save"])
def test_what_can_not_be_printed_or_drawn_costs_a_line_and_nothing_else(
    compare, tmp_path, monkeypatch, broken
):
    def fails(*_) -> None:
        raise UnicodeEncodeError("ascii", "\u2212", 0, 1, "two\nlines")

    monkeypatch.setattr(f"switchyard.gate.{broken}", fails)
    slower = {"candidate": {"slower": {FIBER: 1.5}}}
    done = compare(**slower, run=functools.partial(run, figures=True))
    assert done.returncode == 1
    what = "table" if broken == "table.print_report" else "figure"
    assert f"check: no {what}: UnicodeEncodeError: 'ascii'" in done.stderr
    assert "Traceback" not in done.stderr
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"check.json", "summary.md", "junit.xml", "baseline.json", "candidate.json"} <= written
    document = json.loads((tmp_path / "out/check.json").read_text())
    assert (document["complete"], document["exit_code"]) == (True, 1)


def test_all_is_written_before_anything_is_printed(compare, tmp_path, monkeypatch):
    there = []

    def note(*_) -> None:
        there.append({path.name for path in (tmp_path / "out").iterdir()})

    monkeypatch.setattr("switchyard.gate.table.print_report", note)
    compare()
    assert {"check.json", "summary.md", "junit.xml", "baseline.json", "candidate.json"} <= there[0]


def test_a_folder_that_holds_a_check_is_not_overwritten(compare):
    compare()
    again = compare()
    assert again.returncode == 2
    assert "holds check.json already" in again.stderr


@pytest.mark.parametrize("name", ["summary.md", "candidate.json", "check.svg"])
def test_a_folder_with_files_that_would_be_written_over_is_refused(tmp_path, name):
    (tmp_path / name).write_text("mine")
    for _ in range(2):
        with pytest.raises(BadInputError, match=f"holds {name} already"):
            document.create(tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {name: "mine"}


@pytest.mark.parametrize(
    ("arguments", "culprit"),
    [
        (["--baseline-build", "/nowhere"], "/nowhere"),
        (["--baseline", "no-such-branch"], "no-such-branch"),
        (["--baseline", "HEAD", "--baseline-build", "x"], "not allowed with"),
        ([], "one of the arguments"),
        (["--baseline", "HEAD", "--budget", "soon"], "soon"),
        (["--baseline", "HEAD", "--budget", "0"], "--budget"),
        (["--baseline", "HEAD", "--threshold", "-1"], "--threshold"),
        (["--baseline", "HEAD", "--threshold", "nan"], "--threshold"),
        (["--baseline", "HEAD", "--alpha", "1"], "--alpha"),
        (["--baseline", "HEAD", "--seed", "-4"], "--seed"),
        (["--baseline", "HEAD", "--cpu", "999"], "--cpu"),
        (["--baseline", "HEAD", "--min-time", "0"], "--min-time"),
        (["--baseline", "HEAD", "--metric", "p99_us"], "--metric 'p99_us': what is better"),
        (["--baseline", "HEAD", "--metric", ":lower"], "--metric ':lower'"),
        (["--baseline", "HEAD", "--metric", "a:lower,a:higher"], "names one twice"),
        (["--baseline", "HEAD", "--binaries", "b/*"], "--build-command"),
        (["--baseline-build", ".", "--binaries", "../b/*"], "'../b/*' leads out"),
        (["--baseline-build", ".", "--binaries", "b/../../c"], "'b/../../c' leads out"),
        (["--baseline-build", ".", "--binaries", "/bin/*"], "'/bin/*' leads out"),
        (["--baseline", "HEAD", "--build-command", "make"], "--binaries"),
        (["--baseline-build", ".", "--allow-other-machine"], "--allow-other-machine"),
        (["--baseline-build", ".", "--binaries", "*", "--set", "all"], "--set"),
        (["--replay", "/nowhere"], "/nowhere"),
        (["--replay", ".", "--strict"], "--strict"),
        (["--replay", ".", "--out", "x"], "--out"),
        (
            [
                "--baseline-build",
                ".",
                "--candidate-build",
                ".",
                "--binaries",
                "*",
                "--build-command",
                "make",
            ],
            "--candidate-build",
        ),
        (["--baseline-results", "/nowhere", "--binaries", "*"], "/nowhere"),
        (["--baseline-results", "x", "--instructions"], "--instructions"),
    ],
)
def test_bad_input_is_named_and_never_exits_1(arguments, culprit, tmp_path):
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert culprit in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def run_entry(monkeypatch, *arguments) -> int:
    """The entry point, in this process and with its streams."""
    monkeypatch.setattr(streams, "make_safe", lambda: streams.LenientFile(1, "w", closefd=False))
    monkeypatch.setattr(sys, "argv", ["switchyard", *arguments])
    return __main__.main()


def test_a_bug_in_the_check_is_no_regression(monkeypatch, capsys):
    def broken(args):
        raise ZeroDivisionError

    monkeypatch.setattr(check, "main", broken)
    assert run_entry(monkeypatch, "check", "--baseline", "HEAD") == 2
    assert "ZeroDivisionError" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["check", "validate"])
def test_what_can_not_be_loaded_is_no_verdict(monkeypatch, capsys, command):
    def broken():
        raise RuntimeError("a broken module")

    monkeypatch.setattr(cli, "main", broken)
    assert run_entry(monkeypatch, command) == 2
    assert "a broken module" in capsys.readouterr().err
