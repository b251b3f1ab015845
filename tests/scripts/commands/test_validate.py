"""`switchyard.sh validate` as a user meets it, with made-up instruments and with the real ones."""

import json
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from conftest import BIN, SWITCHYARD, Cli
from instruments import TOOLS, write_build, write_tools
from living import DEADLINE_S, processes_of, wait_until

# What the runner and its scripts need of a machine.
BASICS = ("bash", "dirname", "readlink", "git", "env")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Its PATH has nothing but BASICS and what a test puts there."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in BASICS:
        (folder / name).symlink_to(shutil.which(name) or name)
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def validate(tmp_path: Path):
    """Runs it; the process, and what is in validate.json by comparison."""

    def run(build: Path, *arguments: str) -> tuple[subprocess.CompletedProcess, dict]:
        argv = [SWITCHYARD, "validate", "--build", build, "--out", tmp_path / "out", "--seed", "1"]
        done = subprocess.run(
            [*map(str, argv), *arguments],
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr
        file = tmp_path / "out" / "validate.json"
        written = file.read_text() if file.exists() else ""
        document = json.loads(written) if written.startswith("{") else {"comparisons": []}
        return done, {entry["key"]: entry for entry in document["comparisons"]}

    return run


def test_missing_tools_are_a_line_each_and_the_rest_goes_on(machine, validate, tmp_path: Path):
    done, found = validate(write_build(tmp_path / "build"), "--rounds", "1")
    for name in ("perf", "wrk", "time"):
        lines = [line for line in done.stderr.splitlines() if line.startswith(f"{name}: ")]
        assert len(lines) == 1
        assert f"{name}: not installed; " in lines[0]
        assert "adds it" in lines[0]
    assert found["http/fiber"]["verdict"] == "agrees"
    assert len(found["echo/fiber/tcp"]["pairs"]) == 1
    others = {key for key in found if not key.endswith("/tcp")} - {"http/fiber"}
    assert {found[key]["verdict"] for key in others} == {"left out"}
    assert done.returncode in (1, 3), "segments depend on what else the machine sends"


def test_doctor_tells_which_instruments_are_there(machine, cli: Cli):
    write_tools(machine, perf=TOOLS["perf"].replace("perf version", "WARNING: no perf for kernel"))
    lines = cli("doctor").stdout.splitlines()
    assert "ok    instruments: wrk 4.1.0, time 1.9" in lines
    (missing,) = (i for i, line in enumerate(lines) if line.startswith("warn  instruments: perf: "))
    assert "WARNING: no perf for kernel" in " ".join(lines[missing : missing + 4])


def test_all_instruments_are_held_against_ours(machine, validate, tmp_path: Path):
    write_tools(machine)
    done, found = validate(write_build(tmp_path / "build"), "--rounds", "2")
    told = {key: (entry["ours"], entry["theirs"]) for key, entry in found.items()}
    assert told["http/wrk"] == told["http/fiber"] == (20_000, 20_000)
    assert told["echo/process/cpu/time"] == (1.25, 1.24)
    assert told["echo/process/cpu/perf stat"] == (1.25, 1.2345)
    assert told["echo/thread/tcp"][0] == 1000
    # The made-up perf does not switch at all.
    assert found["switch/thread"]["verdict"] == "left out"
    assert "0.00 switches for an operation" in done.stdout
    assert max(map(len, done.stdout.splitlines()[:50])) <= 80
    table = (tmp_path / "out" / "TABLE.md").read_text()
    assert "| HTTP requests of wrk | 20,000<br>http_origin | 20,000<br>wrk | 1.0000 |" in table
    facts = json.loads((tmp_path / "out" / "environment.json").read_text())["validate"]
    assert facts["tools"] == {"perf": "6.1.0", "wrk": "4.1.0", "time": "1.9"}
    assert (facts["seed"], facts["rounds_done"]) == (1, 2)


def test_counts_that_differ_fail_the_command(machine, validate, tmp_path: Path):
    write_tools(machine, wrk=TOOLS["wrk"].replace("20000 requests", "21000 requests"))
    done, found = validate(write_build(tmp_path / "build"), "--rounds", "1")
    assert done.returncode == 1
    assert found["http/wrk"]["verdict"] == "differs"
    assert "differs: http/wrk: round 1: 20000 served, 21000 counted by wrk" in done.stdout


def test_a_tool_that_crashes_is_one_line_and_the_others_go_on(machine, validate, tmp_path: Path):
    crash = 'if "-v" in sys.argv: sys.exit(print("wrk 4.1.0"))\nos.kill(os.getpid(), 11)'
    write_tools(machine, wrk=crash, time='sys.exit("time: no GNU")')
    done, found = validate(write_build(tmp_path / "build"), "--rounds", "1")
    assert done.returncode in (1, 2)
    assert "failed: http/wrk: wrk: ended by SIGSEGV" in done.stdout
    assert "does not tell its version (time: no GNU)" in done.stderr
    assert found["http/fiber"]["verdict"] == "agrees"
    assert found["echo/fiber/cpu/time"]["verdict"] == "left out"
    assert len(found["echo/fiber/cpu/perf stat"]["pairs"]) == 1


def test_a_perf_that_may_not_count_is_left_out_of_the_cpu_times(machine, validate, tmp_path: Path):
    refuse = TOOLS["perf"].replace("code = subprocess.call(command)", "sys.exit('No permission')")
    write_tools(machine, perf=refuse)
    done, found = validate(write_build(tmp_path / "build"), "--rounds", "1")
    assert "perf stat: it can't count task-clock here" in done.stderr
    assert found["echo/fiber/cpu/perf stat"]["verdict"] == "left out"
    assert len(found["echo/fiber/cpu/time"]["pairs"]) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--rounds", "0"], "--rounds must be above 0"), (["--seed", "-1"], "--seed must be 0"),
     (["--budget", "nan"], "--budget must be above 0"), (["--cpu", "4000"], "--cpu 4000: want one"),
     (["--build", "/nowhere"], "no programs in /nowhere/bin"), (["--rounds", "x"], "--rounds")],
)  # fmt: skip
def test_bad_arguments_are_one_clear_line(validate, tmp_path: Path, arguments, message: str):
    done, _ = validate(write_build(tmp_path / "build"), *arguments)
    assert done.returncode == 2
    assert message in done.stderr.splitlines()[-1]
    assert not (tmp_path / "out").exists()


def test_results_are_never_mixed_with_those_of_another(validate, tmp_path: Path):
    (tmp_path / "out").mkdir()
    for name, what in (("validate.json", "results"), ("TABLE.md", "TABLE.md")):
        (tmp_path / "out" / name).write_text("mine")
        done, _ = validate(write_build(tmp_path / "build"))
        assert done.returncode == 2
        assert f"holds {what} already" in done.stderr
        assert (tmp_path / "out" / name).read_text() == "mine"
        (tmp_path / "out" / name).unlink()


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_all_processes_in_one_line(machine, tmp_path: Path, name: str):
    build = write_build(tmp_path / "build", echo_load="time.sleep(1000)", bench_http_fetch="")
    argv = [SWITCHYARD, "validate", "--build", build, "--out", tmp_path / "out"]
    process = subprocess.Popen(
        ["env", "--default-signal=INT,TERM", *map(str, argv)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait_until(lambda: processes_of(str(build / "bin" / "echo_load")), "a client")
    process.send_signal(signal.Signals[name])
    _, said = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 128 + signal.Signals[name]
    assert f"interrupted by {name}: all processes are ended, 0 whole rounds" in said
    assert processes_of(str(build / "bin")) == []
    assert json.loads((tmp_path / "out" / "validate.json").read_text())["complete"] is False


@pytest.mark.skipif(not BIN.exists(), reason="the release preset is not built")
def test_the_real_programs_and_instruments(validate):
    """That all of it works here and what was compared; how fast the machine is decides nothing."""
    done, found = validate(BIN.parent, "--rounds", "2")
    assert "failed" not in {entry["verdict"] for entry in found.values()}, done.stdout
    for entry in found.values():
        assert len(entry["pairs"]) == (0 if entry["verdict"] == "left out" else 2), entry["why"]
    assert found["http/fiber"]["verdict"] == "agrees"
    assert {entry["key"] for entry in found.values() if entry["verdict"] == "left out"} <= {
        key for key, entry in found.items() if entry["needs"]
    }
    assert done.returncode in (0, 1, 3)
    assert "results: " in done.stdout
