"""What a check writes for other programs: JUnit XML and Google Benchmark's JSON."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import made_up_check
import pytest
from made_up_check import GATE, Behaviour

from switchyard.gate import google_benchmark
from switchyard.gate.junit import junit_xml
from switchyard.gate.model import WARM_UP, Benchmark, Metric, Report, Sample, Verdict

COMPARE = Path("/usr/share/benchmark/compare.py")  # of Debian's libbenchmark-tools
REPORT = made_up_check.report()
RESULT = {
    Verdict.REGRESSED: "failure", Verdict.FAILED: "error", Verdict.INCONCLUSIVE: "skipped",
    Verdict.SKIPPED: "skipped", Verdict.MISSING: "skipped",
}  # fmt: skip


def suite(report: Report) -> ElementTree.Element:
    (found,) = ElementTree.fromstring(junit_xml(report))
    return found


def cases(report: Report) -> dict[str, ElementTree.Element]:
    return {case.get("name"): case for case in suite(report).iter("testcase")}


def test_each_benchmark_is_a_test_case_with_the_result_of_its_verdict():
    found = cases(REPORT)
    assert set(found) == set(GATE)
    for finding in REPORT.findings:
        case = found[finding.benchmark.name]
        children = {child.tag for child in case} - {"system-out"}
        wanted = RESULT.get(finding.verdict)
        assert children == ({wanted} if wanted else set()), finding
        assert case.get("classname") == "bin/bench_all"


def test_counts_are_those_of_the_cases():
    found = suite(REPORT)
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert int(found.get(attribute)) == len(list(found.iter(tag))) > 0
    assert int(found.get("tests")) == len(GATE)


def test_a_case_takes_the_time_of_all_its_launches():
    case = cases(REPORT)[GATE[0]]  # a warm-up and 24 more
    assert float(case.get("time")) == pytest.approx((1 + 24) * 2 * 0.06)


def test_messages_say_what_is_wrong():
    found = cases(REPORT)
    assert found[GATE[0]].find("failure").get("message") == "regressed: +12.8 %"
    assert "pairs 24, p <0.0001" in found[GATE[0]].find("failure").text
    assert "wrong body after 1024 bytes" in found[GATE[11]].find("error").get("message")
    assert found[GATE[15]].find("skipped").get("message") == "only in the baseline: gone"


def test_what_xml_does_not_allow_is_removed_and_the_rest_kept():
    message = "\x00\x1b[31mwrong\x1b[0m \ufffe\ud800<&\"'>]]> \U0001f600 end"
    name = 'BM_Map<std::map<int, "x">>/8\x07'
    report = made_up_check.report([name], {name: Behaviour(fails=message)})
    ((kept, case),) = cases(replace(report, problems=["\x01 a\x0bb"])).items()
    assert kept == 'BM_Map<std::map<int, "x">>/8'
    assert case.find("error").get("message").endswith("[31mwrong[0m <&\"'>]]> \U0001f600 end")
    assert suite(replace(report, problems=["\x01 a\x0bb"])).find("system-err").text == " ab"


def test_advisory_verdicts_fail_only_if_they_fail_the_check():
    slower = made_up_check.report(GATE[:1], {GATE[0]: Behaviour(change=12)}, advisory=True)
    assert suite(replace(slower, exit_code=1)).get("failures") == "1"
    harmless = suite(replace(slower, exit_code=0))
    assert (harmless.get("failures"), harmless.get("skipped")) == ("0", "1")
    interrupted = suite(replace(slower, exit_code=130, advisory=False))
    assert interrupted.get("failures") == "1"


def test_accepted_regressions_fail_nothing():
    slower = made_up_check.finding(Verdict.REGRESSED, 0.1, name="BM", accepted="so be it")
    case = cases(replace(REPORT, findings=[slower], exit_code=0))["BM"]
    assert "accepted: so be it" in case.find("skipped").get("message")


def test_each_metric_is_a_case_of_its_own():
    findings = [made_up_check.finding(Verdict.REGRESSED, 0.1, name="BM", metric=metric)
                for metric in (Metric(), Metric("p99_us"))]  # fmt: skip
    assert set(cases(replace(REPORT, findings=findings))) == {"BM", "BM [p99_us]"}


def test_a_check_of_nothing_is_a_suite_of_nothing():
    assert suite(made_up_check.report([])).get("tests") == "0"


def rows(report: Report, side: str) -> list[dict]:
    return google_benchmark.documents(report)[side]["benchmarks"]


def test_each_pair_is_one_repetition_on_both_sides():
    sides = [rows(REPORT, side) for side in ("baseline", "candidate")]
    assert [row["name"] for row in sides[0]] == [row["name"] for row in sides[1]]
    of_first = [row for row in sides[1] if row["name"].startswith(GATE[0])]
    assert [row["repetition_index"] for row in of_first] == list(range(24))
    assert {row["repetitions"] for row in of_first} == {24}
    pairs = [p for p in REPORT.pairs if p.benchmark == GATE[0] and p.round != WARM_UP]
    times = [pair.candidate.values["real_time"] for pair in pairs]
    assert [row["real_time"] * 1e-6 for row in of_first] == pytest.approx(times)


def test_dropped_and_failed_pairs_and_warm_ups_are_left_out_on_both_sides():
    dropped = [p for p in REPORT.pairs if p.benchmark == GATE[7] and p.dropped]
    kept = [p for p in REPORT.pairs if p.benchmark == GATE[7] and not p.dropped]
    kept = [pair for pair in kept if pair.round != WARM_UP]
    assert dropped
    for side in ("baseline", "candidate"):
        names = [row["run_name"] for row in rows(REPORT, side)]
        assert names.count(f"{GATE[7]}/manual_time") == len(kept)
        assert not [name for name in names if name.startswith(GATE[11])]


def test_rows_and_context_of_google_benchmark_stay_as_they_were():
    document = google_benchmark.documents(REPORT)["baseline"]
    assert document["context"] == {"date": "2026-01-01", "num_cpus": 2, "caches": []}
    assert document["benchmarks"][0]["ops_per_s"] > 0
    without = google_benchmark.documents(replace(REPORT, facts={}))["baseline"]
    assert without["context"] == {}


def test_same_names_in_two_binaries_stay_apart():
    report = made_up_check.report(["BM_x"], {})
    key = Benchmark("one:BM_x", "bin/one", "BM_x")
    report.findings = [replace(report.findings[0], benchmark=key)]
    report.pairs = [replace(pair, benchmark=key.key) for pair in report.pairs]
    assert {row["name"] for row in rows(report, "baseline")} == {"one:BM_x/manual_time"}


def test_a_launch_without_a_row_of_its_own_is_one_made_of_its_time():
    report = made_up_check.report(["BM_x"], {})
    without = Sample({"real_time": 2e-6})
    report.pairs = [replace(pair, baseline=without) for pair in report.pairs]
    row = rows(report, "baseline")[0]
    assert (row["name"], row["time_unit"]) == ("BM_x/manual_time", "ns")
    assert row["real_time"] == pytest.approx(2000)
    assert "iterations" in row


def test_counters_are_there_as_they_are_and_names_come_with_each_side_once():
    report = made_up_check.report(["BM_x"], {})
    values = {"real_time": 2e-6, "p99_us": 7.0}
    report.pairs = [replace(pair, baseline=Sample(values)) for pair in report.pairs]
    metrics = (Metric(), Metric("p99_us"))
    report = replace(report, plan=replace(report.plan, metrics=metrics))
    report.findings += [replace(report.findings[0], metric=metrics[1])]
    row = rows(report, "baseline")[0]
    assert (row["p99_us"], row["time_unit"]) == (7.0, "ns")
    assert row["real_time"] == pytest.approx(2000)
    assert len(rows(report, "baseline")) == len(rows(report, "candidate")) == 24


def test_stored_times_are_no_pairs_and_count_on_their_own_side():
    report = made_up_check.report(["BM_x"], {})
    pairs = report.pairs[:5]  # the first is the warm-up
    pairs[3:] = [replace(pair, baseline=Sample()) for pair in pairs[3:]]
    report = replace(report, pairs=pairs, advisory=True)
    assert [row["repetitions"] for row in rows(report, "baseline")] == [2, 2]
    assert [row["repetitions"] for row in rows(report, "candidate")] == [4, 4, 4, 4]


def test_the_time_is_the_median_when_a_launch_had_repetitions_of_its_own():
    report = made_up_check.report(["BM_x"], {})
    pair = report.pairs[-1]
    median = replace(pair.baseline, values={"real_time": 5e-6})
    report.pairs = [replace(pair, baseline=median)]
    assert rows(report, "baseline")[0]["real_time"] == pytest.approx(5)


@pytest.mark.skipif(not COMPARE.exists(), reason=f"no {COMPARE}: libbenchmark-tools has it")
def test_compare_py_reads_both_sides_and_prints_its_u_test(tmp_path: Path):
    files = []
    for side, made in google_benchmark.documents(REPORT).items():
        files.append(tmp_path / f"{side}.json")
        files[-1].write_text(json.dumps(made))
    argv = [sys.executable, str(COMPARE), "--no-color", "benchmarks", *map(str, files)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert f"{GATE[0]}/manual_time_pvalue" in done.stdout
    assert "U Test, Repetitions: 24 vs 24" in done.stdout
