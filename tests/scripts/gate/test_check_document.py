"""check.json: nothing is lost on the way to the disk and back, and what doesn't fit is refused."""

import json
import random
from dataclasses import replace

import check_schema
import pytest

from switchyard.gate import discovery, document, verdicts
from switchyard.gate.model import Benchmark, Finding, Metric, Pair, Plan, Report, Sample, Verdict
from switchyard.system import files
from switchyard.system.errors import BadInputError, SwitchyardError
from switchyard.system.paths import ROOT

BENCHMARKS = [Benchmark(name, "bin/bench_x", name) for name in ("x/a", "x/b", "x/c")]


def made_report() -> Report:
    """Two benchmarks with pairs of two metrics, one that fails, one that only the candidate has."""
    noise = random.Random(3)
    plan = Plan(
        seed=11, budget_s=60.0, cpu=1, metrics=(Metric(), Metric("rate", higher_is_better=True)),
        thresholds=(("^x/c", 0.5),), arguments=("--size", "8"),
    )  # fmt: skip
    pairs = []
    for name, slower in (("x/a", 1.0), ("x/b", 1.2)):
        for round_ in range(21):
            times = [1e-6 * ratio * noise.uniform(0.99, 1.01) for ratio in (1, slower)]
            sides = [Sample({"real_time": t, "rate": 1 / t}, wall_s=0.1) for t in times]
            pairs.append(Pair(round_, name, "candidate", *sides, gap_s=0.002))
    pairs.append(Pair(0, "x/c", "baseline", Sample({"real_time": 1.0}), Sample(problem="crashed")))
    pairs[2] = replace(pairs[2], dropped="steal")
    new = Finding(
        Benchmark("x/new", "bin/bench_x", "x/new"), Verdict.MISSING, "only in the candidate"
    )
    findings = verdicts.judge(plan, BENCHMARKS, pairs)
    facts = {"command": "check", "sides": {"baseline": {"what": "commit 1"}}}
    return Report(
        plan, [*findings, new], pairs, facts, ["x/new"], ["x/new: new"], exit_code=1, spent_s=5.6
    )


def test_a_report_comes_back_as_it_was(tmp_path):
    report = made_report()
    files.write(tmp_path / "check.json", document.to_document(report))
    assert document.load(tmp_path) == report
    assert document.load(tmp_path / "check.json") == report


def test_what_comes_back_is_judged_the_same(tmp_path):
    files.write(tmp_path / "check.json", document.to_document(made_report()))
    back = document.load(tmp_path)
    assert verdicts.judge(back.plan, BENCHMARKS, back.pairs) == back.findings[:6]
    assert [f.verdict for f in back.findings] == [
        *["unchanged"] * 2, *["regressed"] * 2, *["failed"] * 2, "missing"
    ]  # fmt: skip


def test_names_with_bytes_that_are_no_utf8_do_not_cost_the_files(tmp_path):
    report = made_report()
    report.facts["command"] = "switchyard check --out caf\udce9"
    document.write_all(report, tmp_path)
    assert r"--out caf\udce9" in (tmp_path / "summary.md").read_text()
    assert document.load(tmp_path) == report


def test_its_schema_is_published():
    """Made anew by tests/support/check_schema.py."""
    assert json.loads(check_schema.FILE.read_text()) == check_schema.schema()


@pytest.mark.parametrize(
    ("spoil", "culprit"),
    [
        (lambda d: d.pop("pairs"), "pairs"),
        (lambda d: d.pop("settled"), "settled"),
        (lambda d: d["plan"].update(alpha=2), r"plan\.alpha"),
        (lambda d: d["plan"].update(alpha=0), r"plan\.alpha"),
        (lambda d: d["plan"].update(threshold=0), r"plan\.threshold"),
        (lambda d: d["pairs"][0]["baseline"]["values"].update(rate="fast"), "baseline.values"),
        (lambda d: d["pairs"][0].update(round="lunch"), r"pairs\[0\]\.round"),
        (lambda d: d["pairs"][0].update(benchmark="x/z"), "a pair of 'x/z'"),
        (lambda d: d["findings"][0].update(verdict="fine"), "verdict"),
        (lambda d: d["findings"][0].update(benchmark="x"), "is no check.json"),
        (lambda d: d.update(format="switchyard-check/1"), "format is 'switchyard-check/1'"),
        (lambda d: d.update(extra=1), "extra"),
    ],
)
def test_a_document_that_does_not_fit_is_refused_with_the_place(tmp_path, spoil, culprit):
    made = document.to_document(made_report())
    spoil(made)
    (tmp_path / "check.json").write_text(json.dumps(made))
    with pytest.raises(BadInputError, match=culprit):
        document.load(tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1, 2]", b"null", b"\xff\xfe\x00", b'{"benchmarks": []}']
)
def test_foreign_truncated_and_empty_files_are_refused_by_name(tmp_path, content):
    (tmp_path / "check.json").write_bytes(content)
    with pytest.raises(BadInputError, match=r"check\.json"):
        document.load(tmp_path)


def test_a_folder_without_a_check_is_refused(tmp_path):
    with pytest.raises(BadInputError, match="No such file"):
        document.load(tmp_path)


def test_every_cut_of_a_file_is_refused(tmp_path):
    whole = json.dumps(document.to_document(made_report()))
    for cut in range(0, len(whole) - 1, 997):
        (tmp_path / "check.json").write_text(whole[:cut])
        with pytest.raises(BadInputError):
            document.load(tmp_path)


def test_a_full_disk_leaves_the_old_file_and_no_part(tmp_path, monkeypatch):
    file = tmp_path / "check.json"
    files.write(file, {"old": 1})

    def full(self, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(SwitchyardError, match="No space left"):
        files.write(file, {"new": 1})
    assert [path.name for path in tmp_path.iterdir()] == ["check.json"]
    assert json.loads(file.read_text()) == {"old": 1}


def test_the_gate_set_names_benchmarks_that_exist():
    matrix = (ROOT / "tests/matrix.txt").read_text().split()
    wanted = discovery.gate_set()
    assert set(wanted) <= set(matrix)
    assert all(entry.reason and entry.spread > 0 for entry in wanted.values())
    told = f"the {len(wanted)} benchmarks that decide"
    assert told in (ROOT / "docs/gate.md").read_text()


def test_numbers_that_are_none_are_refused(tmp_path):
    made = json.dumps(document.to_document(made_report())).replace(
        '"spent_s": 5.6', '"spent_s": NaN'
    )
    (tmp_path / "check.json").write_text(made)
    with pytest.raises(BadInputError, match="NaN is no number"):
        document.load(tmp_path)
