"""A report's sentences: who is ahead as far as intervals show it, what failed, what is doubtful."""

import random
import re

import made_up
import pytest
from fakes import row
from test_comparison import results
from test_ranking import FAST, times

from switchyard.compare.comparison import compare
from switchyard.compare.report.summary import overview, summarize_workload
from switchyard.suite.results import ResultsFolder

_LEAD = re.compile(r"(?:by|\() ?(?P<ratio>[\d.]+)x,? \(?(?:95 % interval )?(?P<low>[\d.]+) to "
                   r"(?P<high>[\d.]+)\)")  # fmt: skip


def summary(*rows_and_values, **fields):
    """`fields`: counters of every row."""
    kept = results(*rows_and_values)
    for entry in kept.benchmarks:
        entry |= fields
    return summarize_workload(kept, compare(kept))


def spawn(**of_runtimes: list[float]):
    return summary(*((row(f"spawn/{name}/tasks:1"), v) for name, v in of_runtimes.items()))


def test_a_lead_that_is_shown_is_told_with_its_interval():
    said = spawn(fiber=FAST, thread=times(FAST, 2.0, 2.2), process=times(FAST, 5.0))
    assert said.headline == "In the only case with several contenders, fiber is fastest."
    (sentence,) = said.sentences
    assert sentence.case == "tasks:1"
    assert sentence.text == (
        "fiber (10.0 ns) is fastest, ahead of thread by 2.10x (95 % interval 2.00 to 2.20) "
        "and process by 5.00x (5.00 to 5.00)."
    )


def test_where_intervals_include_1_no_difference_is_shown():
    said = spawn(fiber=FAST, thread=times(FAST, 0.9, 1.2), process=times(FAST, 5.0))
    assert "none is shown to be ahead" in said.headline
    assert said.sentences[0].text == (
        "No difference shown between fiber (10.0 ns) and thread (1.05x, 95 % interval "
        "0.90 to 1.20); fiber is ahead of process by 5.00x (95 % interval 5.00 to 5.00)."
    )


def test_few_rounds_claim_nothing():
    said = spawn(fiber=FAST[:5], thread=times(FAST[:5], 9.0))
    assert "none is shown" in said.headline
    assert "fewer than 6 rounds have no interval" in said.sentences[0].text
    assert "ahead" not in said.sentences[0].text


def test_cases_are_counted_where_there_are_several():
    rows = [(row(f"spawn/fiber/tasks:{n}"), FAST) for n in (1, 2, 3)]
    rows += [(row("spawn/thread/tasks:1"), times(FAST, 2.0))]
    rows += [(row("spawn/thread/tasks:2"), times(FAST, 0.5))]
    rows += [(row("spawn/thread/tasks:3"), times(FAST, 0.5, 2.0))]
    assert summary(*rows).headline == (
        "Of 3 cases with several contenders: fiber is fastest in 1; thread is fastest in 1; "
        "none is shown to be ahead of all others in 1."
    )


def test_what_is_better_by_something_else_than_time_is_best_and_not_fastest():
    columns = ("process/via:direct", "thread/via:direct")
    late = {"process/via:direct": 900.0, "thread/via:direct": 300.0}
    kept = results(*((row(f"blocking/{c}/block_ms:0"), [late[c]] * 6) for c in columns))
    for entry in kept.benchmarks:
        entry["max_us"] = entry["real_time"]
    assert "thread direct is best" in summarize_workload(kept, compare(kept)).headline


def echo(fiber: list[float], epoll: list[float], **fields):
    return summary(
        (row("echo/epoll/connections:1/bytes:64"), epoll),
        (row("echo/fiber/connections:1/bytes:64", control="epoll"), fiber),
        **fields,
    ).sentences[0].text  # fmt: skip


def test_the_best_is_held_against_the_control():
    assert echo(FAST, times(FAST, 2.0)) == (
        "Only fiber (10.0 /s) competes here. "
        "It has 0.50x (95 % interval 0.50 to 0.50) the messages per second of the control epoll."
    )
    assert "No difference shown between it and the control epoll (1.02x" in echo(
        times(FAST, 0.9, 1.14), FAST
    )


@pytest.mark.parametrize(
    "fields", [{"load_cpu_percent": 99.0}, {"late_p99_us": 50.0, "p99_us": 100.0}]
)
def test_saturated_rows_are_said_to_tell_too_little(fields: dict[str, float]):
    said = echo(FAST, FAST, **fields)
    assert "saturated or late with fiber and epoll: these may be faster than shown" in said


def test_limits_and_failures_are_told_in_how_many_rounds_they_were():
    kept = results((row("spawn/process/tasks:9"), FAST), (row("spawn/thread/tasks:9"), FAST))
    for entry in kept.benchmarks:
        if "process" in entry["name"]:
            entry |= {"error_occurred": True, "error_message": "limit reached: pids.max"}
    kept.benchmarks[-1] |= {"error_occurred": True, "error_message": "wrong answer"}
    said = summarize_workload(kept, compare(kept))
    assert [sentence.text for sentence in said.problems] == [
        "process: limit reached: pids.max", "thread: FAILED: wrong answer (in 1 of 6 rounds)",
    ]  # fmt: skip
    assert said.sentences[0].text.startswith("Only thread")
    counted = overview(ResultsFolder(None, {"spawn": kept}))
    assert counted == (
        "2 rows of 1 workload in 6 rounds, 12 launches: 1 failed, 1 met a limit of the machine."
    )


@pytest.mark.parametrize("workload", made_up.WORKLOADS)
@pytest.mark.parametrize("noise", [0.02, 0.5])
def test_no_sentence_claims_more_than_its_interval_supports(workload: str, noise: float):
    kept = made_up.results(workload, 8)
    dice = random.Random(f"{workload} {noise}")
    for entry in kept.benchmarks:
        for key, value in entry.items():
            if isinstance(value, float):
                entry[key] = value * dice.lognormvariate(0, noise)
    said = summarize_workload(kept, compare(kept))
    assert said.sentences
    for clause in re.split(r"\. |; ", ". ".join(s.text for s in said.sentences)):
        leads = [{k: float(v) for k, v in m.groupdict().items()} for m in _LEAD.finditer(clause)]
        if "ahead of" in clause:
            assert leads
            assert all(1 < lead["low"] <= lead["ratio"] <= lead["high"] for lead in leads), clause
        elif "o difference shown" in clause:
            assert leads
            assert all(lead["low"] <= 1 <= lead["high"] for lead in leads), clause
        else:
            assert "is fastest" not in clause
