"""`check` from the command line: what it finds on builds of known difference, and its exit code."""

import functools
import json
import shutil
from pathlib import Path
from subprocess import CompletedProcess
from xml.etree import ElementTree

import pytest
from check_command import FIBER, NAMES, THREAD, run, run_process
from check_command import compare as compare_in
from fakes import write_machine_code

# In turn: with signs at random one check in a hundred may raise an alarm.
SLOWER_AND_FASTER = {
    "code": "launches = pathlib.Path(__file__ + '.launches'); "
    "launches.touch(); count = len(launches.read_bytes()); "
    "launches.write_bytes(b'x' * (count + 1)); "
    "result['real_time'] *= 10 ** (count % 2 - 0.5)"
}


def test_a_change_of_the_documentation_alone_passes(compare, verdicts):
    done = compare()
    assert (done.returncode, done.stderr.count("error")) == (0, 0)
    assert verdicts() == dict.fromkeys(NAMES, "unchanged")


@pytest.fixture(scope="module")
def slower(tmp_path_factory) -> tuple[CompletedProcess, Path]:
    """A check of fibers that yield twice, and its folder, for all that only reads it."""
    folder = tmp_path_factory.mktemp("slower")
    figures = functools.partial(run, figures=True)
    return compare_in(folder, candidate={"slower": {FIBER: 2}}, run=figures), folder / "out"


def test_fibers_that_yield_twice_fail_it_and_are_named(slower):
    done, out = slower
    assert done.returncode == 1
    findings = json.loads((out / "check.json").read_text())["findings"]
    assert {f["benchmark"]["key"]: f["verdict"] for f in findings} == {
        FIBER: "regressed", THREAD: "unchanged",
    }  # fmt: skip
    assert f"1 of 2 benchmarks is slower: {FIBER} (+" in " ".join(done.stdout.split())


def test_a_regression_is_told_while_others_are_measured_and_ends_it_if_asked(compare, tmp_path):
    sides = {"candidate": {"slower": {FIBER: 2}, "does": {THREAD: SLOWER_AND_FASTER}}}
    done = compare("--fail-fast", "--budget", "60s", **sides)
    assert done.returncode == 1
    (told,) = [line for line in done.stderr.splitlines() if line.startswith("regressed: ")]
    assert told.startswith(f"regressed: {FIBER} (+")
    document = json.loads((tmp_path / "out/check.json").read_text())
    assert document["complete"]
    assert document["spent_s"] < 30
    found = {f["benchmark"]["key"]: f["verdict"] for f in document["findings"]}
    assert found == {FIBER: "regressed", THREAD: "inconclusive"}


def test_the_threshold_can_be_asked_to_be_proven(compare, verdicts, tmp_path):
    slightly = {"candidate": {"slower": {FIBER: 1.04}}}
    assert compare(**slightly).returncode == 1
    out = tmp_path / "proven"
    proven = ("--prove-threshold", "--threshold", "3.9", "--budget", "4s")
    assert compare(*proven, "--out", out, **slightly).returncode == 0
    assert "proven to be so by 3.9 % or more" in (out / "summary.md").read_text()
    large = {"candidate": {"slower": {FIBER: 1.5}}}
    assert compare("--prove-threshold", "--out", tmp_path / "large", **large).returncode == 1


def test_several_metrics_are_compared_each_in_its_direction(compare, tmp_path):
    def does(rate: float) -> dict:
        fields = {"real_time": 100.0, "items_per_second": rate, "errors": 0}
        return {"does": {FIBER: {"fields": fields}}, "names": [FIBER]}

    metrics = ("--metric", "real_time,items_per_second:higher", "--metric", "errors:lower")
    done = compare(*metrics, baseline=does(100.0), candidate=does(50.0))
    assert done.returncode == 1, done.stdout + done.stderr
    document = json.loads((tmp_path / "out/check.json").read_text())
    assert {f["metric"]["name"]: f["verdict"] for f in document["findings"]} == {
        "real_time": "unchanged", "items_per_second": "regressed", "errors": "unchanged",
    }  # fmt: skip
    assert f"1 of 3 benchmarks is worse: {FIBER} [items_per_second] (-" in done.stdout


def test_a_crash_takes_nothing_from_those_that_were_launched_with_it(compare, verdicts):
    crash = {"code": "if row['name'] in flags['filter']: os.abort()"}
    names = [*NAMES, "switch/process/via:pipe/tasks:2/placement:same"]
    sides = {"names": names, "does": {names[2]: crash}}
    done = compare(baseline={"names": names}, candidate=sides)
    assert done.returncode == 2
    assert verdicts() == {FIBER: "unchanged", THREAD: "unchanged", names[2]: "failed"}
    assert "candidate: ended by SIGABRT" in done.stdout


def test_a_gain_passes_and_is_named(compare, verdicts):
    done = compare(baseline={"slower": {FIBER: 1.25}})
    assert done.returncode == 0
    assert verdicts()[FIBER] == "improved"


def test_every_form_of_the_result_is_there_and_agrees(slower):
    _, out = slower
    suite = ElementTree.parse(out / "junit.xml").getroot()
    failed = [case for case in suite.iter("testcase") if case.find("failure") is not None]
    assert [case.get("name") for case in failed] == [FIBER]
    assert f"`{FIBER}` | **regressed**" in (out / "summary.md").read_text()
    times = {
        name: [r["real_time"] for r in json.loads((out / name).read_text())["benchmarks"]]
        for name in ("baseline.json", "candidate.json")
    }
    assert len(times["baseline.json"]) == len(times["candidate.json"]) >= 2 * 5
    assert (out / "check.png").stat().st_size > 10_000
    assert not list(out.glob(".*"))


def test_a_backend_and_settings_for_other_figures_spoil_nothing(compare, tmp_path, monkeypatch):
    """A notebook exports its backend to all that it starts, and there may be no LaTeX."""
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    settings = b"text.usetex: True\nfont.size: 90\nnonsense\n\xff\n"  # the last can't be read
    (tmp_path / "matplotlibrc").write_bytes(settings)
    monkeypatch.chdir(tmp_path)
    done = compare(candidate={"slower": {FIBER: 1.5}}, run=run_process)
    assert (done.returncode, done.stderr.count("figure")) == (1, 0), done.stderr
    assert (tmp_path / "out/check.png").stat().st_size > 10_000


def test_a_replay_comes_to_the_same_end(slower):
    first, out = slower
    again = run("--replay", out)
    assert (again.returncode, first.returncode) == (1, 1)
    assert again.stdout in first.stdout


def test_a_replay_of_a_file_that_was_changed_is_refused(slower, tmp_path):
    _, out = slower
    file = tmp_path / "out/check.json"
    shutil.copytree(out, file.parent)
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
    assert "baseline: lost a baton" in " ".join(done.stdout.split())


def test_what_fails_on_both_sides_is_told_and_excused(compare, verdicts):
    lost = {"does": {FIBER: {"error": "lost a baton"}}}
    done = compare(baseline=lost, candidate=lost)
    assert done.returncode == 0
    assert verdicts() == {FIBER: "skipped", THREAD: "unchanged"}
    assert "lost a baton (on both sides)" in " ".join(done.stdout.split())


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
    noisy = {
        "candidate": {"does": {FIBER: SLOWER_AND_FASTER}, "names": [FIBER]},
        "baseline": {"names": [FIBER]},
    }
    assert compare("--budget", "3s", **noisy).returncode == 0
    assert verdicts() == {FIBER: "inconclusive"}
    strict = ("--strict", "--out", tmp_path / "strict")
    assert compare("--budget", "3s", *strict, **noisy).returncode == 3


def test_the_same_binary_needs_no_measuring_if_told_so(tmp_path, verdicts):
    binary = write_machine_code(tmp_path / "bench", "BM_x")
    done = run(
        "--baseline-build", tmp_path, "--candidate-build", tmp_path, "--binaries", binary.name,
        "--skip-identical", "--out", tmp_path / "out",
    )  # fmt: skip
    assert done.returncode == 0
    assert verdicts() == {"BM_x": "unchanged"}
    assert "the same, byte for byte" in " ".join(done.stdout.split())
