"""A report's sentences: who is ahead as far as intervals show it, what failed, what is doubtful."""

import random
import re

import made_up
import pytest
from fakes import row
from test_comparison import results
from test_ranking import FAST, times

from switchyard.compare.comparison import compare
from switchyard.compare.statistics import level
from switchyard.compare.summary import overview, summarize_workload
from switchyard.suite.results import ResultsFolder

_LEAD = re.compile(r"(?P<name>[a-z_]+)(?: \((?P<by>\w+)\))? [^,(]*\((?P<ratio>[\d.]+)x: "
                   r"(?P<low>[\d.]+)-(?P<high>[\d.]+)\)")  # fmt: skip


def summary(*rows_and_values, **fields):
    """`fields`: counters of every row."""
    kept = results(*rows_and_values)
    for entry in kept.benchmarks:
        entry |= fields
    return summarized(kept)


def summarized(kept):
    """With what is compared in it as all that is compared."""
    comparison = compare(kept)
    leads = (lead for case in comparison.cases for lead in comparison.leads(case))
    return summarize_workload(kept, comparison, level(leads))


def spawn(**of_runtimes: list[float]):
    return summary(*((row(f"spawn/{name}/tasks:1"), v) for name, v in of_runtimes.items()))


def test_a_lead_that_is_shown_is_told_with_its_interval():
    said = spawn(fiber=FAST, thread=times(FAST, 2.0, 2.2), process=times(FAST, 5.0))
    assert said.headline == "In the only case with several contenders, fiber is fastest."
    (sentence,) = said.sentences
    assert sentence.case == "tasks:1"
    assert sentence.text == (
        "fiber 10.0 ns, thread 20.9 ns (2.10x: 1.99-2.22), process 50.0 ns (5.00x: 5.00-5.00). "
        "Fiber is ahead."
    )


def test_where_intervals_include_1_no_difference_is_shown():
    said = spawn(fiber=FAST, thread=times(FAST, 0.9, 1.2), process=times(FAST, 5.0))
    assert "none is shown to be ahead" in said.headline
    assert said.sentences[0].text == (
        "fiber 10.0 ns, thread 10.4 ns (1.05x: 0.88-1.23), process 50.0 ns (5.00x: 5.00-5.00). "
        "Fiber is ahead of process; not shown to differ from fiber: thread."
    )


def test_few_rounds_claim_nothing():
    said = spawn(fiber=FAST[:2], thread=times(FAST[:2], 9.0))
    assert "none is shown" in said.headline
    assert "No interval for thread (fewer than 3 rounds)." in said.sentences[0].text
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
    assert "thread direct is best" in summarized(kept).headline


def echo(fiber: list[float], epoll: list[float], **fields):
    return summary(
        (row("echo/epoll/connections:1/bytes:64"), epoll),
        (row("echo/fiber/connections:1/bytes:64", control="epoll"), fiber),
        **fields,
    ).sentences[0].text  # fmt: skip


def test_the_best_is_held_against_the_control():
    assert echo(FAST, times(FAST, 2.0)) == (
        "fiber 10.0 /s. Limit: epoll 20.0 /s; fiber in times of it (0.50x: 0.50-0.50)."
    )


@pytest.mark.parametrize(
    "fields", [{"load_cpu_percent": 99.0}, {"late_p99_us": 50.0, "p99_us": 100.0}]
)
def test_saturated_rows_are_said_to_tell_too_little(fields: dict[str, float]):
    said = echo(FAST, FAST, **fields)
    assert "saturated or late with fiber, epoll: these may be faster than shown" in said


def test_limits_and_failures_are_told_in_how_many_rounds_they_were():
    kept = results((row("spawn/process/tasks:9"), FAST), (row("spawn/thread/tasks:9"), FAST))
    for entry in kept.benchmarks:
        if "process" in entry["name"]:
            entry |= {"error_occurred": True, "error_message": "limit reached: pids.max"}
    kept.benchmarks[-1] |= {"error_occurred": True, "error_message": "wrong answer"}
    said = summarized(kept)
    assert [sentence.text for sentence in said.problems] == [
        "process: limit reached: pids.max", "thread: FAILED: wrong answer (in 1 of 6 rounds)",
    ]  # fmt: skip
    assert not said.sentences  # of what failed once there is no figure
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
    said = summarized(kept)
    assert said.sentences
    for text in (sentence.text for sentence in said.sentences):
        values, _, verdict = text.partition(". ")
        leads = {}
        for m in _LEAD.finditer(values):
            column = f"{m['name']} {m['by']}"  # named in full where a runtime has several
            name = column if column in verdict else m["name"]
            leads[name] = float(m["low"]), float(m["high"])
        for clause in re.split(r"; |\. ", verdict.partition(" Limit: ")[0]):
            named = [intervals for name, intervals in leads.items() if name in clause]
            if "not shown to differ" in clause.lower():
                assert named, text
            elif clause.endswith("is ahead") or "is ahead." in clause:
                assert leads
                assert all(low > 1 for low, _ in leads.values()), text
            elif "ahead of" in clause:
                assert named
                assert any(low > 1 for low, _ in named), text
