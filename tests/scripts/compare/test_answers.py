"""The sentences at the end of a run: who took what, and who is ahead, as far as it is shown."""

from pathlib import Path

import made_up
import pytest
from fakes import row
from test_comparison import failing, results

from switchyard.compare.answers import answers
from switchyard.suite.results import ResultsFolder

FAST = [10.0, 11.0, 9.0, 10.0, 10.5, 9.5]


def said(*rows) -> str:
    kept = results(*rows)
    folder = ResultsFolder(Path("none"), {kept.workload.name: kept}, {})
    (answer,) = answers(folder)
    return answer.text


def spawn(**of_runtimes: list[float]) -> str:
    return said(*((row(f"spawn/{name}/tasks:100"), v) for name, v in of_runtimes.items()))


def test_every_workload_has_a_sentence_that_names_who_was_measured():
    told = {answer.workload: answer for answer in answers(made_up.folder(Path("none")))}
    assert told.keys() == made_up.WORKLOADS.keys()
    switch = told["switch"].text
    assert switch.startswith("a switch between two tasks on one CPU: fiber (yield) 2")
    assert switch.endswith("Fiber is ahead.")
    assert "greenlet" not in switch
    assert "context (resume)" in told["switch"].beside
    assert "epoll" in told["echo"].beside


def test_the_first_is_ahead_of_all_and_the_others_are_behind_by_a_factor_with_its_interval():
    text = spawn(fiber=FAST, thread=[118 * v for v in FAST], process=[200 * v for v in FAST])
    assert text == (
        "a task created and joined: fiber 10.0 ns, thread 1.18 us (118x: 118-118), "
        "process 2.00 us (200x: 200-200). Fiber is ahead."
    )


def test_what_is_not_shown_is_not_claimed():
    noisy = [12.0, 9.0, 14.0, 8.0, 13.0, 11.0]
    text = spawn(fiber=FAST, thread=noisy, process=[50 * value for value in noisy])
    assert text.endswith("Fiber is ahead of process; not shown to differ from fiber: thread.")


@pytest.mark.parametrize(("rounds", "end"), [
    (2, "No interval for thread (fewer than 3 rounds)."), (3, "Fiber is ahead."),
])  # fmt: skip
def test_three_rounds_are_enough_for_a_clear_difference(rounds: int, end: str):
    thread = [400.0 * value for value in (10.0, 10.4, 9.8)]
    assert spawn(fiber=FAST[:rounds], thread=thread[:rounds]).endswith(end)


def test_a_value_of_zero_is_no_lack_of_rounds():
    assert spawn(fiber=FAST, thread=[0.0, *(2 * v for v in FAST[1:])]).endswith(
        "No interval for thread (a value of zero)."
    )


def test_each_runtime_stands_with_its_best_mechanism():
    text = said(
        (row("channel/process/via:pipe/pairs:1/placement:same"), FAST),
        (row("channel/process/via:shared_memory/pairs:1/placement:same"), [2 * v for v in FAST]),
        (row("channel/thread/via:mutex/pairs:1/placement:same"), [3 * v for v in FAST]),
    )
    assert "pipe" not in text
    assert "process (shared_memory)" in text


def http(case: str) -> str:
    return said(*((row(f"http_fetch/{name}/{case}"), FAST) for name in ("fiber", "thread")))


def test_a_case_is_not_told_in_the_words_of_another():
    text = http("urls:100/latency_ms:0/bytes:1024/connection:keep")
    assert "50 ms" not in text
    several = said(
        *((row(f"spawn/{name}/tasks:{n}"), FAST) for name in ("fiber", "thread") for n in (1, 1000))
    )
    assert "100 " not in several
    assert "(tasks:1)" in several


def test_what_the_words_do_not_tell_stands_beside_them():
    rows = [
        (row(f"http_fetch/{name}/urls:100/latency_ms:50/bytes:{size}/connection:new"), FAST)
        for name in ("fiber", "thread") for size in (1024, 4096)
    ]  # fmt: skip
    assert said(*rows).startswith("fetches of 50 ms, 100 at once (bytes:1024): fiber")


def test_what_failed_in_some_rounds_is_not_told_as_the_winner():
    rows = [(row("spawn/fiber/tasks:100"), FAST), (row("spawn/thread/tasks:100"), FAST)]
    kept = failing(results(*rows), "fiber", [0, 2, 4])
    (answer,) = answers(ResultsFolder(Path("none"), {"spawn": kept}, {}))
    assert answer.text == "a task created and joined: thread 10.0 ns."
    assert answer.beside == ""


def test_nothing_measured_has_no_answer():
    kept = results((row("spawn/fiber/tasks:100"), [float("nan")]))
    assert answers(ResultsFolder(Path("none"), {"spawn": kept}, {})) == []
