"""What a check prints on a terminal: its table, its summary, and how far it is."""

import io
import math
from dataclasses import replace

import made_up_check
import pytest
from made_up_check import GATE, Behaviour
from rich.console import Console

from switchyard.gate import table, wording
from switchyard.gate.execution import CheckProgress
from switchyard.gate.model import WARM_UP, Finding, Metric, Report, Verdict
from switchyard.gate.table import print_report
from switchyard.suite import progress as shared_progress
from switchyard.suite.rounds import Turn

REPORT = made_up_check.report(problems=["bin/bench_x: cannot be listed"])
LONG = "channel/process/via:shared_memory/pairs:1/bytes:8/capacity:64/placement:same"


def printed(report: Report, width: int = 80) -> list[str]:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    print_report(report, console)
    return console.file.getvalue().splitlines()


def of_findings(*findings: Finding, **fields) -> Report:
    return replace(made_up_check.report([]), findings=list(findings), **fields)


def test_the_made_up_report_has_every_verdict():
    assert {finding.verdict for finding in REPORT.findings} == set(Verdict)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_every_name_stands_on_one_line_whole(width: int):
    lines = printed(REPORT, width)
    for name in GATE:
        assert any(name in line.split() for line in lines), name


def test_names_stand_above_their_numbers_in_80_columns_and_beside_them_in_200():
    narrow, wide = printed(REPORT), printed(REPORT, 200)
    assert narrow[narrow.index(LONG) + 1].split()[:3] == ["regressed", "+6.3", "%"]
    (row,) = [line for line in wide if line.endswith(f"  {LONG}")]
    assert row.split()[0] == "regressed"


def test_of_thousands_of_problems_the_first_are_told():
    many = replace(REPORT, problems=[f"row {number} is odd" for number in range(3_000)])
    told = [line for line in printed(many) if "is odd" in line or "more, in check.json" in line]
    assert told[0] == "! row 0 is odd"
    assert told[-1] == "! and 2980 more, in check.json"
    assert len(told) == 21


def test_a_check_that_could_not_do_its_work_does_not_end_in_green():
    skipped = [f for f in REPORT.findings if f.verdict == Verdict.SKIPPED]
    styles = [table._style(of_findings(*skipped, exit_code=code)) for code in (0, 2)]
    assert styles == ["bold green", "bold yellow"]


def test_numbers_fit_into_80_columns():
    assert max(len(line) for line in printed(REPORT) if line.startswith("  ")) <= 80


def test_a_row_tells_change_interval_pairs_and_corrected_p():
    (row,) = [line for line in printed(REPORT, 200) if line.endswith(f"  {LONG}")]
    finding = next(f for f in REPORT.findings if f.benchmark.key == LONG)
    seen = finding.evidence
    low, high = (f"{100 * math.expm1(end):+.1f}" for end in (seen.low, seen.high))
    assert row.split()[1:] == [
        "+6.3", "%", low, "to", high, "%", "24", "<0.0001", LONG,
    ]  # fmt: skip


def test_the_worst_stands_last_and_the_summary_below_it():
    lines = printed(REPORT, 200)
    verdicts = [line.split()[0] for line in lines if line.split()[0] in set(Verdict)]
    place = {verdict: number for number, verdict in enumerate(wording.WORST_FIRST)}
    assert [place[verdict] for verdict in verdicts] == sorted(
        map(place.get, verdicts), reverse=True
    )
    assert lines[-1].startswith("2 of 16 benchmarks are slower: echo/fiber/connections:64/bytes:64")
    assert "1 failed, 1 faster, 2 undecided, 1 on one side only, 1 skipped" in lines[-1]


def test_reasons_are_told_where_numbers_do_not_say_all():
    text = "\n".join(printed(REPORT))
    assert "  candidate: exit code 1: wrong body after 1024 bytes\n" in text
    assert "limit reached: threads-max" in text
    assert "only in the baseline: gone" in text


def test_problems_and_dropped_pairs_are_loud():
    lines = printed(REPORT)
    assert "! bin/bench_x: cannot be listed" in lines
    measured = sum(pair.round != WARM_UP for pair in REPORT.pairs)
    dropped = sum(pair.dropped is not None and pair.round != WARM_UP for pair in REPORT.pairs)
    assert dropped > 0
    reason = "the hypervisor took CPU time (steal)"
    assert f"! {dropped} of {measured} pairs dropped: {reason}" in lines


def test_binaries_that_are_the_same_on_both_sides_are_named():
    text = "\n".join(printed(replace(REPORT, facts={"identical": ["bin/bench_a", "bin/bench_b"]})))
    assert "same bytes on both sides" in text
    assert "bin/bench_a, bin/bench_b" in text
    assert "same bytes" not in "\n".join(printed(REPORT))


def test_markup_of_names_is_printed_and_not_obeyed():
    name = "BM_[bold]x[/nothing]<int>/8"
    assert any(name in line for line in printed(made_up_check.report([name], {})))


def test_instructions_have_a_column_only_when_they_were_counted():
    slower = made_up_check.finding(Verdict.REGRESSED, 0.1)
    counted = replace(slower, instructions={"change_percent": 9.71})
    assert "instr." not in printed(of_findings(slower))[0]
    heading, row = printed(of_findings(counted), 120)[:2]
    assert "instr." in heading
    assert "+9.7 %" in row
    failed = replace(slower, instructions={"problem": "valgrind is missing"})
    assert any("not counted: valgrind is missing" in line for line in printed(of_findings(failed)))


def test_metrics_other_than_the_usual_one_are_named():
    made = [made_up_check.finding(Verdict.REGRESSED, 0.1, name="BM_x", metric=metric)
            for metric in (Metric(), Metric("p99_us"))]  # fmt: skip
    text = "\n".join(printed(of_findings(*made), 120))
    assert "  BM_x\n" in text
    assert "  BM_x [p99_us]\n" in text
    assert "2 of 2 benchmarks are slower: BM_x (+10.5 %), BM_x [p99_us] (+10.5 %)." in text


def test_of_counters_it_says_worse_and_not_slower():
    rate = Metric("items_per_second", higher_is_better=True)
    report = of_findings(made_up_check.finding(Verdict.REGRESSED, -0.1, metric=rate))
    report = replace(report, plan=replace(report.plan, metrics=(rate,)))
    assert printed(report)[-1].startswith("1 of 1 benchmark is worse: ")


def test_an_accepted_regression_is_told_with_its_reason_and_fails_nothing():
    slower = made_up_check.finding(Verdict.REGRESSED, 0.1, accepted="the price of safety")
    lines = printed(of_findings(slower), 120)
    assert any("accepted: the price of safety" in line for line in lines)
    assert lines[-1] == "None of 1 benchmark was found slower. 1 slower, but accepted."


def test_an_undecided_one_tells_how_many_pairs_would_decide():
    finding = made_up_check.finding(Verdict.INCONCLUSIVE, 0.01, pairs_needed=70)
    assert any("because; about 70 pairs" in line for line in printed(of_findings(finding)))


@pytest.mark.parametrize(
    ("findings", "fields", "expected"),
    [
        ((), {}, "Nothing was compared"),
        (((Verdict.FAILED, 0),), {}, "None of 1 benchmark could be compared, 1 failed"),
        (((Verdict.UNCHANGED, 0),), {}, "None of 1 benchmark was found slower"),
        (((Verdict.REGRESSED, 0.1),), {"advisory": True}, "1 of 1 benchmark is slower (advisory)"),
        (
            ((Verdict.INCONCLUSIVE, 0), (Verdict.IMPROVED, -0.1)), {"complete": False},
            "None of 2 benchmarks was found slower, 1 faster, 1 undecided (interrupted)",
        ),
    ],
)  # fmt: skip
def test_the_headline_says_how_it_came_out(findings: tuple, fields: dict, expected: str):
    made = [made_up_check.finding(Verdict(verdict), change) for verdict, change in findings]
    if not any(verdict in (Verdict.UNCHANGED, Verdict.INCONCLUSIVE) for verdict, _ in findings):
        made = [
            replace(f, evidence=f.evidence if f.verdict == Verdict.REGRESSED else None)
            for f in made
        ]
    report = of_findings(*made, **fields)
    assert wording.headline(report) == expected
    assert printed(report)[-1]


def test_of_many_slower_ones_the_worst_three_are_named():
    made = [
        made_up_check.finding(Verdict.REGRESSED, n / 100, name=f"BM_{n}") for n in range(10, 15)
    ]
    named = "BM_14 (+15.0 %), BM_13 (+13.9 %), BM_12 (+12.7 %) and 2 more."
    summary = wording.summary(of_findings(*made))
    assert summary == f"5 of 5 benchmarks are slower: {named}"


def test_a_report_without_facts_is_printed_all_the_same():
    report = made_up_check.report(GATE[:2], {GATE[0]: Behaviour(change=12)}, facts={})
    assert "baseline: unknown" in printed(report)


def progress_of(console: Console) -> str:
    with CheckProgress(console, 16) as progress:
        progress.launching(Turn("BM_[x]/8", 6, 7, 95), 9)
    return console.file.getvalue()


def test_progress_on_a_terminal_is_a_bar_with_round_decided_ones_and_benchmark():
    text = progress_of(Console(file=io.StringIO(), force_terminal=True, width=100))
    for part in ("round 7", "7/16", "BM_[x]/8"):
        assert part in text


def test_a_regression_is_told_on_a_line_of_its_own_while_others_are_measured():
    console = Console(file=io.StringIO(), width=20)
    with CheckProgress(console, 16) as progress:
        progress.regressed(made_up_check.finding(Verdict.REGRESSED, 0.1, name="BM_[x]/a b c d e"))
    told = "regressed: BM_[x]/a b c d e (+10.5 %, 95 %: +9.4 to +11.6 %)\n"
    assert console.file.getvalue() == told


def test_progress_elsewhere_is_a_plain_line_now_and_then(monkeypatch: pytest.MonkeyPatch):
    assert progress_of(Console(file=io.StringIO())) == ""
    monkeypatch.setattr(shared_progress, "_PLAIN_EVERY_S", 0)
    text = progress_of(Console(file=io.StringIO()))
    assert text == "round 7: 7 of 16 decided\n"
    # A terminal that can't take a line back.
    dumb = Console(file=io.StringIO(), force_terminal=True, width=100, _environ={"TERM": "dumb"})
    assert progress_of(dumb) == text
