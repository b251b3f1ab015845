"""`check` from the command line, on made-up binaries: what it says, leaves behind, and exits with.

The binaries' times vary by 1 %, so that a check takes seconds and its verdicts don't depend on the
machine that the tests run on.
"""

import json
import shutil
import signal
import subprocess
import textwrap
from pathlib import Path
from xml.etree import ElementTree

import pytest
from conftest import BIN, SWITCHYARD
from fakes import STUBBORN_CHILD, row, write_bench, write_foreign
from test_interrupts import processes_of, wait_until

from switchyard import check
from switchyard.cli import build_parser

FIBER = "switch/fiber/via:yield/tasks:2/placement:same"
THREAD = "switch/thread/via:futex/tasks:2/placement:same"
NAMES = [FIBER, THREAD]
GLOB = ("--binaries", "bin/bench_*")


def side(folder: Path, does: dict | None = None, names=NAMES, slower: dict | None = None) -> Path:
    """A build: `slower` rows take so many times as long; `does`: what else a row does."""
    noisy = "result['real_time'] *= random.uniform(0.99, 1.01)\n"
    rows = {
        name: {"fields": {"real_time": 100 * (slower or {}).get(name, 1)}, "code": noisy}
        for name in names
    }
    for name, more in (does or {}).items():
        rows[name] = rows[name] | more
    write_bench(folder, [row(name) for name in names], rows)
    return folder


def run(*arguments, cwd=None, shell_prefix: str = "") -> subprocess.CompletedProcess:
    argv = [str(SWITCHYARD), "check", *map(str, arguments)]
    if shell_prefix:
        argv = ["bash", "-c", f'{shell_prefix} exec "$@"', "bash", *argv]
    return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False, cwd=cwd)


@pytest.fixture
def compare(tmp_path: Path):
    """Checks a baseline against a candidate made as told; more arguments are passed on."""

    def checked(*arguments, baseline=None, candidate=None):
        a, b = side(tmp_path / "a", **baseline or {}), side(tmp_path / "b", **candidate or {})
        sides = ("--baseline-build", a, "--candidate-build", b)
        out = ("--out", tmp_path / "out") if "--out" not in arguments else ()
        return run(*sides, *GLOB, "--min-time", "0.01", "--seed", "3", *out, *arguments)

    return checked


@pytest.fixture
def verdicts(tmp_path: Path):
    """Of the check in tmp_path/out, by benchmark."""

    def read():
        document = json.loads((tmp_path / "out/check.json").read_text())
        return {f["benchmark"]["key"]: f["verdict"] for f in document["findings"]}

    return read


def test_a_change_of_the_documentation_alone_passes(compare, verdicts):
    done = compare()
    assert (done.returncode, done.stderr.count("error")) == (0, 0)
    assert verdicts() == dict.fromkeys(NAMES, "unchanged")


def test_fibers_that_yield_twice_fail_it_and_are_named(compare, verdicts):
    done = compare(candidate={"slower": {FIBER: 2}})
    assert done.returncode == 1
    assert verdicts() == {FIBER: "regressed", THREAD: "unchanged"}
    assert f"1 of 2 benchmarks is slower: {FIBER} (+" in " ".join(done.stdout.split())


def test_a_gain_passes_and_is_named(compare, verdicts):
    done = compare(baseline={"slower": {FIBER: 1.25}})
    assert done.returncode == 0
    assert verdicts()[FIBER] == "improved"


def test_every_form_of_the_result_is_there_and_agrees(compare, tmp_path):
    compare(candidate={"slower": {FIBER: 1.5}})
    out = tmp_path / "out"
    suite = ElementTree.parse(out / "junit.xml").getroot()
    failed = [case for case in suite.iter("testcase") if case.find("failure") is not None]
    assert [case.get("name") for case in failed] == [FIBER]
    assert f"`{FIBER}` | **regressed**" in (out / "summary.md").read_text()
    times = {
        name: [r["real_time"] for r in json.loads((out / name).read_text())["benchmarks"]]
        for name in ("baseline.json", "candidate.json")
    }
    assert len(times["baseline.json"]) == len(times["candidate.json"]) >= 2 * 10
    assert (out / "check.png").stat().st_size > 10_000
    assert not list(out.glob(".*"))


def test_a_replay_comes_to_the_same_end(compare, tmp_path):
    first = compare(candidate={"slower": {FIBER: 1.5}})
    again = run("--replay", tmp_path / "out")
    assert (again.returncode, first.returncode) == (1, 1)
    assert again.stdout in first.stdout


def test_a_replay_of_a_file_that_was_changed_is_refused(compare, tmp_path):
    compare(candidate={"slower": {FIBER: 1.5}})
    file = tmp_path / "out/check.json"
    file.write_text(file.read_text().replace('"verdict": "regressed"', '"verdict": "unchanged"'))
    again = run("--replay", tmp_path / "out")
    assert again.returncode == 2
    assert "its raw data say regressed" in again.stderr


def test_a_candidate_that_gives_a_wrong_answer_can_not_pass(compare, verdicts):
    done = compare(candidate={"does": {FIBER: {"error": "lost a baton"}}})
    assert done.returncode == 2
    assert verdicts()[FIBER] == "failed"
    assert "lost a baton" in done.stdout


def test_a_regression_counts_for_more_than_a_failure(compare):
    done = compare(candidate={"does": {FIBER: {"error": "no"}}, "slower": {THREAD: 1.5}})
    assert done.returncode == 1


def test_a_baseline_that_fails_is_told_and_excused(compare, verdicts):
    done = compare(baseline={"does": {FIBER: {"error": "lost a baton"}}})
    assert done.returncode == 0
    assert verdicts()[FIBER] == "skipped"
    assert "baseline failed: lost a baton" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    "code", ["os.kill(os.getpid(), signal.SIGSEGV)", "time.sleep(1000)", "os._exit(0)"]
)
def test_a_candidate_that_crashes_hangs_or_prints_nothing_fails_it(compare, verdicts, code):
    done = compare("--launch-timeout", "2", candidate={"does": {FIBER: {"code": code}}})
    assert done.returncode == 2
    assert verdicts()[FIBER] == "failed"
    assert verdicts()[THREAD] == "unchanged"


def test_benchmarks_of_one_side_only_are_told_and_fail_when_strict(compare, verdicts, tmp_path):
    gone = "switch/process/via:pipe/tasks:2/placement:same"
    done = compare(candidate={"names": NAMES}, baseline={"names": [THREAD, gone]})
    assert done.returncode == 0
    assert verdicts() == {FIBER: "missing", THREAD: "unchanged", gone: "missing"}
    assert "only in the candidate: new" in done.stderr
    assert "only in the baseline: gone" in done.stderr
    strict = ("--strict", "--out", tmp_path / "strict")
    assert compare(*strict, candidate={"names": NAMES[:1]}).returncode == 3


def test_nothing_in_common_is_a_failure_and_no_pass(compare, verdicts):
    done = compare(candidate={"names": NAMES[:1]}, baseline={"names": NAMES[1:]})
    assert done.returncode == 2
    assert verdicts() == dict.fromkeys(NAMES, "missing")


def test_a_filter_that_matches_nothing_is_an_error(compare):
    done = compare("--filter", "fibre")
    assert done.returncode == 2
    assert "'fibre' matches none" in done.stderr


def test_a_budget_for_nothing_is_a_failure_and_no_pass(compare, verdicts):
    done = compare("--budget", "0.01s")
    assert done.returncode == 2
    assert set(verdicts().values()) == {"inconclusive"}
    assert "could be compared" in done.stdout


def test_what_noise_leaves_undecided_passes_unless_strict(compare, verdicts, tmp_path):
    wild = {"code": "result['real_time'] *= 10 ** random.uniform(-0.5, 0.5)"}
    noisy = {"candidate": {"does": {FIBER: wild}, "names": [FIBER]}, "baseline": {"names": [FIBER]}}
    assert compare("--budget", "3s", **noisy).returncode == 0
    assert verdicts() == {FIBER: "inconclusive"}
    strict = ("--strict", "--out", tmp_path / "strict")
    assert compare("--budget", "3s", *strict, **noisy).returncode == 3


def test_the_same_binary_needs_no_measuring_if_told_so(compare, verdicts):
    done = compare("--skip-identical")
    assert done.returncode == 0
    assert verdicts() == dict.fromkeys(NAMES, "unchanged")
    assert "the same, byte for byte" in " ".join(done.stdout.split())


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
    """A repository of somebody else's with a benchmark in Python: 1, and later 2, is its time."""
    folder = tmp_path / "project"
    (folder / "src").mkdir(parents=True)
    write_foreign(folder / "template", ["BM_work"])
    build = "mkdir -p build/bench && sed s/10.0,/$(cat src/time),/ template > build/bench/work\n"
    (folder / ".gitignore").write_text("build/\n")
    (folder / "build.sh").write_text(f"{build}chmod +x build/bench/work\n")
    git = ["git", "-C", str(folder), "-c", "user.name=n", "-c", "user.email=e@x"]
    subprocess.run([*git, "init", "-q", "-b", "main"], check=True)
    for time in ("1.0", "2.0"):
        (folder / "src/time").write_text(time)
        subprocess.run([*git, "add", "-A"], check=True)
        subprocess.run([*git, "commit", "-qm", f"takes {time}"], check=True)
    return folder


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
    assert found["benchmark"]["name"] == name
    assert found["verdict"] in ("unchanged", "inconclusive", "regressed", "improved"), done.stderr
    assert all(1e-10 < pair["baseline"]["value"] < 1e-4 for pair in document["pairs"])
    assert "identical" in document["facts"]
    if shutil.which("valgrind"):
        assert abs(found["instructions"]["change_percent"]) < 1


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
    output = process.communicate(timeout=30)[0]
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
        wait_until(lambda: '"stage"' in (out / "check.json").read_text(), "the warm-up")
        process.kill()
    assert run("--replay", out).returncode == 2


def test_binaries_that_are_built_anew_meanwhile_are_refused(tmp_path):
    binary = tmp_path / "b/bin/bench_switch"
    again = f"pathlib.Path({str(binary)!r}).write_text(pathlib.Path(__file__).read_text())"
    a, b = side(tmp_path / "a"), side(tmp_path / "b", {FIBER: {"code": again}})
    sides = ("--baseline-build", a, "--candidate-build", b, *GLOB, "--budget", "2s")
    done = run(*sides, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "bench_switch was written anew" in done.stderr


def test_names_in_brackets_and_counters_that_are_no_number_do_no_harm(tmp_path):
    names = ["BM_Sort[int]/8", "BM_[/red]"]
    for name in ("a", "b"):
        binary = write_foreign(tmp_path / name / "bench", names)
        text = binary.read_text().replace(
            '"iterations": 10,', '"iterations": 10, "x": float("nan"),'
        )
        binary.write_text(text)
    done = run(
        "--baseline-build", tmp_path / "a", "--candidate-build", tmp_path / "b",
        "--binaries", "bench", "--out", tmp_path / "out[/bold]",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(name in done.stdout for name in names)
    rows = json.loads((tmp_path / "out[/bold]/baseline.json").read_text())["benchmarks"]
    assert rows
    assert "x" not in rows[0]


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
        "BM_x": "unchanged", "BM_one": "unchanged", "two:BM_x": "missing", "BM_two": "missing",
    }  # fmt: skip


def test_a_file_that_can_not_grow_is_told_and_leaves_no_half_one(tmp_path):
    a, b = side(tmp_path / "a"), side(tmp_path / "b")
    done = run(
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
    done = run(
        "--baseline-build", a, "--candidate-build", b, *GLOB, "--out", tmp_path / "out",
        shell_prefix="exec >/dev/full;",
    )  # fmt: skip
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert json.loads((tmp_path / "out/check.json").read_text())["exit_code"] == 0


def test_a_folder_that_holds_a_check_is_not_overwritten(compare):
    compare()
    again = compare()
    assert again.returncode == 2
    assert "holds a check already" in again.stderr


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
        (["--baseline", "HEAD", "--binaries", "b/*"], "--build-command"),
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


def test_a_bug_in_the_check_is_no_regression(monkeypatch, capsys):
    def broken(args):
        raise ZeroDivisionError

    monkeypatch.setattr(check, "_check", broken)
    args = build_parser().parse_args(["check", "--baseline", "HEAD"])
    assert check.main(args) == 2
    assert "ZeroDivisionError" in capsys.readouterr().err
