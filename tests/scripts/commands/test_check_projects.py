"""`check` on what is not ours, or not of today: other projects' binaries, and stored results."""

import json
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from check_command import FIBER, GLOB, THREAD, run, run_process, side
from conftest import BIN
from fakes import write_foreign
from tiny_project import BINARIES, timed


def test_foreign_google_benchmarks_are_compared_like_ours(tmp_path):
    names = [
        "BM_Sort<std::vector<int>>/8",
        "BM_Sort<std::vector<int>>/64",
        "BM_x/threads:2/real_time",
    ]
    for name in ("a", "b"):
        write_foreign(tmp_path / name / "build/bench/sort", names)
        (tmp_path / name / "build/bench/notes.txt").write_text("no binary")
    done = run(
        "--baseline-build", tmp_path / "a", "--candidate-build", tmp_path / "b",
        "--binaries", "build/bench/*", "--out", tmp_path / "out",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads((tmp_path / "out/check.json").read_text())
    assert [f["verdict"] for f in document["findings"]] == ["unchanged"] * 3
    assert document["findings"][0]["benchmark"]["name"] == names[0]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Its time is 1, and later 2."""
    return timed(tmp_path / "project", "1.0", "2.0")


def test_a_revision_of_another_project_is_built_and_compared(project: Path, tmp_path: Path):
    options = ("--binaries", "build/bench/*", "--build-command", "sh build.sh")
    for ref, code, verdict in (("HEAD", 0, "unchanged"), ("HEAD~1", 1, "regressed")):
        out = tmp_path / f"out{code}"
        done = run("--baseline", ref, *options, "--out", out, cwd=project / "src")
        assert done.returncode == code, done.stdout + done.stderr
        document = json.loads((out / "check.json").read_text())
        assert [f["verdict"] for f in document["findings"]] == [verdict]
        assert not document["facts"]["sides"]["candidate"]["dirty"]
    again = run("--baseline", "HEAD~1", *options, "--out", tmp_path / "again", cwd=project)
    assert "building the baseline" not in again.stderr  # it was kept


@pytest.mark.skipif(not (BIN / "bench_switch").exists(), reason="no release build")
def test_what_can_not_be_is_refused_before_anything_is_built(project: Path, tmp_path: Path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "junit.xml").touch()
    for wrong, said in (
        (("--out", tmp_path / "out"), "holds junit.xml already"),
        (("--filter", "("), "is no regular expression"),
        (("--out", tmp_path / ("x" * 300)), "File name too long"),
    ):
        asked = ("--baseline", "HEAD~1", "--binaries", BINARIES, "--build-command", "touch built")
        done = run(*asked, *wrong, cwd=project)
        assert done.returncode == 2
        assert said in done.stderr
        assert done.stderr.count("\n") == 1
        assert not (project / "built").exists()


def test_a_project_may_have_a_file_named_build(project: Path, tmp_path: Path):
    (project / ".gitignore").write_text("made/\n")
    script = (project / "build.sh").read_text().replace("build/bench", "made/bench")
    (project / "build").write_text(script)
    git = ["git", "-C", str(project), "-c", "user.name=n", "-c", "user.email=e@x"]
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-qm", "a file named build"], check=True)
    options = ("--binaries", "made/bench/*", "--build-command", "sh ./build")
    done = run("--baseline", "HEAD", *options, "--out", tmp_path / "out", cwd=project)
    assert done.returncode == 0, done.stdout + done.stderr
    state = subprocess.run([*git, "status", "--porcelain"], capture_output=True, check=True)
    assert state.stdout == b""


def test_a_real_google_benchmark_is_listed_launched_and_counted(tmp_path: Path):
    """What it says of times is not tested: that depends on the machine."""
    name = "switch/context/via:resume/tasks:2/placement:same"
    done = run(
        "--baseline-build", BIN.parent, "--candidate-build", BIN.parent, "--binaries",
        "bin/bench_switch", "--filter", f"^{name}$", "--budget", "3s", "--instructions",
        "--out", tmp_path / "out",
    )  # fmt: skip
    document = json.loads((tmp_path / "out/check.json").read_text())
    (found,) = document["findings"]
    assert found["benchmark"]["key"] == name
    assert found["benchmark"]["name"].startswith(f"{name}/")
    assert found["verdict"] in ("unchanged", "inconclusive", "regressed", "improved"), done.stderr
    times = [pair["baseline"]["values"]["real_time"] for pair in document["pairs"]]
    assert all(1e-10 < time < 1e-4 for time in times)
    assert "identical" in document["facts"]
    if shutil.which("valgrind"):
        assert abs(found["instructions"]["change_percent"]) < 1


def test_names_in_brackets_and_counters_that_are_no_number_do_no_harm(tmp_path):
    names = ["BM_Sort[int]/8", "BM_[/red]"]
    for name in ("a", "b"):
        write_foreign(tmp_path / name / "bench", names, """more=', "x": NaN'""")
    done = run(
        "--baseline-build", tmp_path / "a", "--candidate-build", tmp_path / "b",
        "--binaries", "bench", "--out", tmp_path / "out[/bold]",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(name in done.stdout for name in names)
    rows = json.loads((tmp_path / "out[/bold]/baseline.json").read_text())["benchmarks"]
    assert rows
    assert "x" not in rows[0]


def test_stored_results_give_advice_and_fail_only_when_strict(compare, tmp_path):
    compare()  # its candidate.json is what is compared with
    slow = side(tmp_path / "slow", slower={FIBER: 1.5})
    stored = ("--baseline-results", tmp_path / "out", "--candidate-build", slow, *GLOB)
    done = run(*stored, "--out", tmp_path / "advice")
    assert (done.returncode, "advisory" in done.stdout) == (0, True), done.stderr
    document = json.loads((tmp_path / "advice/check.json").read_text())
    found = {f["benchmark"]["key"]: f["verdict"] for f in document["findings"]}
    assert found == {FIBER: "regressed", THREAD: "unchanged"}
    assert run(*stored, "--strict", "--out", tmp_path / "strict").returncode == 1
    assert run("--replay", tmp_path / "strict").returncode == 1


def test_another_machines_results_are_refused_unless_allowed(compare, tmp_path):
    compare()
    file = tmp_path / "out/check.json"
    document = json.loads(file.read_text())
    document["facts"]["machine"]["cpu_model"] = "Another CPU"
    file.write_text(json.dumps(document))
    stored = ("--baseline-results", tmp_path / "out", "--candidate-build", tmp_path / "b", *GLOB)
    refused = run(*stored, "--out", tmp_path / "refused")
    assert refused.returncode == 2
    assert "Another CPU" in refused.stderr
    assert run(*stored, "--allow-other-machine", "--out", tmp_path / "x").returncode == 0


def test_stored_names_of_two_binaries_are_told_apart(tmp_path):
    for name in ("one", "two"):
        write_foreign(tmp_path / "b" / name, ["BM_x", f"BM_{name}"])
    glob = ("--binaries", "*")
    sides = ("--baseline-build", tmp_path / "b", "--candidate-build", tmp_path / "b")
    assert run(*sides, *glob, "--out", tmp_path / "first").returncode == 0
    (tmp_path / "b/two").unlink()
    stored = ("--baseline-results", tmp_path / "first", "--candidate-build", tmp_path / "b", *glob)
    done = run(*stored, "--out", tmp_path / "out")
    document = json.loads((tmp_path / "out/check.json").read_text())
    found = {f["benchmark"]["key"]: f["verdict"] for f in document["findings"]}
    assert done.returncode == 0, done.stderr
    assert found == {
        "one:BM_x": "unchanged", "BM_one": "unchanged", "two:BM_x": "missing", "BM_two": "missing",
    }  # fmt: skip


def test_flags_of_google_benchmark_in_the_environment_change_nothing(tmp_path, monkeypatch):
    """The library takes the defaults of its flags from there, and empties what it is to write."""
    code = """
filter=${BENCHMARK_FILTER:-$filter}
[[ $BENCHMARK_OUT ]] && : >"$BENCHMARK_OUT"
[[ $BENCHMARK_FORMAT == json ]] && echo "{"
"""
    for name in ("a", "b"):
        write_foreign(tmp_path / name / "bench", ["BM_x/8", "BM_x/64"], code)
    kept = tmp_path / "kept.json"
    kept.write_text("kept")
    for name, value in (("FILTER", "/64"), ("OUT", str(kept)), ("FORMAT", "json")):
        monkeypatch.setenv(f"BENCHMARK_{name}", value)
    done = run(
        "--baseline-build", tmp_path / "a", "--candidate-build", tmp_path / "b",
        "--binaries", "bench", "--strict", "--out", tmp_path / "out",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads((tmp_path / "out/check.json").read_text())
    assert [f["benchmark"]["name"] for f in document["findings"]] == ["BM_x/8", "BM_x/64"]
    assert kept.read_text() == "kept"


def test_modules_of_the_callers_are_for_the_programs_and_not_for_the_check(tmp_path, monkeypatch):
    """Nothing in PYTHONPATH can be loaded here, and the programs get it as it is."""
    modules = tmp_path / "modules"
    modules.mkdir()
    for name in ("numpy", "json", "rich"):
        (modules / f"{name}.py").write_text("raise RuntimeError('not the one you look for')")
    code = f"[[ $PYTHONPATH == {shlex.quote(str(modules))} ]] || exit 1"
    for name in ("a", "b"):
        write_foreign(tmp_path / name / "bench", ["BM_x"], code)
    monkeypatch.setenv("PYTHONPATH", str(modules))
    done = run_process(
        "--baseline-build", tmp_path / "a", "--candidate-build", tmp_path / "b",
        "--binaries", "bench", "--strict", "--out", tmp_path / "out",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_script_is_never_taken_for_the_same(tmp_path):
    """Launchers of the same bytes on both sides; what they start is not."""
    launcher = '#!/bin/sh\nexec "$(dirname "$0")/../real/program" "$@"\n'
    for name, time in (("a", "10.0"), ("b", "13.0")):
        write_foreign(tmp_path / name / "real/program", ["BM_x"], f"time={time}")
        (tmp_path / name / "bench").mkdir()
        (tmp_path / name / "bench/launcher").write_text(launcher)
        (tmp_path / name / "bench/launcher").chmod(0o755)
    done = run(
        "--baseline-build", tmp_path / "a", "--candidate-build", tmp_path / "b",
        "--binaries", "bench/*", "--skip-identical", "--out", tmp_path / "out",
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert "same bytes" not in done.stdout
