"""Pacing: whatever rows cost, those that are kept get all their rounds within the budget."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from fakes import METRICS, row

from switchyard.suite.catalog import Row, Workload
from switchyard.suite.pacing import Pacing
from switchyard.suite.rounds import Rounds

ASKED_S = 0.1


Pairs = dict[str, tuple[Workload, Row]]


def pairs_of(**cases: Sequence[int]) -> Pairs:
    """By workload, the numbers of tasks."""
    pairs: Pairs = {}
    for name, counts in cases.items():
        rows = [row(f"{name}/{r}/tasks:{n}") for n in counts for r in ("fiber", "thread")]
        described = {"workload": name, "what": "", "metric": METRICS[name], "rows": rows}
        of = Workload.parse(described)
        pairs |= {each.name: (of, each) for each in of.rows}
    return pairs


PAIRS = pairs_of(spawn=range(4), cpu=range(4, 6))
# Of spawn 100 tasks are told, of cpu 2.
TOLD = pairs_of(spawn=(1, 100, 1000), cpu=(2, 4))


def is_told(name: str) -> bool:
    return (name.split("/")[0], name.rsplit(":")[-1]) in (("spawn", "100"), ("cpu", "2"))


def run(
    budget_s: float | None, fixed_s: float, measuring_s: float, rounds: int = 6,
    pairs: Pairs = PAIRS, times: Callable[[str], float] = lambda _: 1,
):  # fmt: skip
    """Launches that cost `fixed_s`, and `measuring_s` in proportion to the time to be measured,
    each so many `times`.
    """
    pacing = Pacing(rounds, budget_s, ASKED_S, pairs)
    engine = Rounds(budget_s, random.Random(1), sort=pacing.in_turn)
    taken: dict[str, list[float]] = {}

    def fit() -> None:
        if budget_s is not None:
            left = dict.fromkeys(pairs, rounds - engine.done)
            for name in pacing.fit(pairs.keys() - engine.retired, left, engine.left_s):
                engine.retire(name)
            engine.cost_s |= pacing.expected_s

    engine.after_round = fit
    for turn in engine.turns(dict.fromkeys(pairs, rounds)):
        if turn.round == 0 and not pacing.has_room_for(turn.item, engine.spent_s):
            engine.retire(turn.item)
            continue
        measured_s = times(turn.item) * measuring_s * pacing.min_time_s / ASKED_S
        took_s = times(turn.item) * fixed_s + measured_s
        result = {"iterations": 10, "real_time": 1e8 * measured_s, "time_unit": "ns"}
        engine.took(turn.item, took_s)
        pacing.took(turn.item, took_s, [result])
        taken.setdefault(turn.item, []).append(pacing.min_time_s)
    return engine, taken


@pytest.mark.parametrize("budget_s", [60.0, 16.0, 9.0, 5.0, 2.0])
def test_every_row_that_is_kept_has_all_its_rounds_within_the_budget(budget_s: float):
    engine, taken = run(budget_s, fixed_s=0.05, measuring_s=0.15)
    assert (engine.done, engine.out_of_budget) == (6, False)
    assert engine.spent_s <= budget_s
    whole = {name.replace("thread", "fiber") for name, times in taken.items() if len(times) == 6}
    assert whole
    for name in whole:  # whole cases are kept, so that there is something to compare
        assert len(taken[name.replace("fiber", "thread")]) == 6


def test_rows_are_measured_for_as_long_as_asked_where_there_is_time():
    for budget_s in (None, 60.0):
        _, taken = run(budget_s, 0.05, 0.15)
        assert taken == dict.fromkeys(PAIRS, [ASKED_S] * 6)


def test_shorter_rows_come_before_fewer():
    _, taken = run(10.0, 0.05, 0.15)  # 14.4 s as asked
    assert taken.keys() == PAIRS.keys()
    shortest = {times[-1] for times in taken.values()}
    assert shortest < {ASKED_S / 2, ASKED_S / 4, 1} and all(len(t) == 6 for t in taken.values())


def test_fewer_rows_are_of_each_workload_as_long_as_that_is_possible():
    _, taken = run(4.5, 0.1, 0.0)  # 7.2 s, none of which can be cut
    whole = {name for name, times in taken.items() if len(times) == 6}
    assert {name.split("/")[0] for name in whole} == {"spawn", "cpu"}
    assert 4 <= len(whole) < len(PAIRS)


def test_the_first_round_takes_workloads_in_turn_and_their_cases_whole():
    names = list(PAIRS)
    random.Random(3).shuffle(names)
    ordered = Pacing(6, 1.0, ASKED_S, PAIRS).in_turn(names)
    assert sorted(ordered) == sorted(names)
    blocks = [(name.split("/")[0], name.split("/")[2]) for name in ordered[::2]]
    assert blocks == [(name.split("/")[0], name.split("/")[2]) for name in ordered[1::2]]
    assert {workload for workload, _ in blocks[:2]} == {"spawn", "cpu"}
    assert {workload for workload, _ in blocks[2:4]} == {"spawn", "cpu"}


def test_what_is_told_of_each_workload_is_measured_first():
    names = list(TOLD)
    for seed in range(5):
        random.Random(seed).shuffle(names)
        ordered = Pacing(6, 1.0, ASKED_S, TOLD).in_turn(names)
        assert [is_told(name) for name in ordered] == [True] * 4 + [False] * 6


@pytest.mark.parametrize("dear", [1, 5])
@pytest.mark.parametrize("budget_s", [30.0, 12.0, 8.0, 6.0, 4.0, 3.0, 2.0, 1.0, 0.5])
def test_what_is_told_is_left_out_last_however_dear(budget_s: float, dear: int):
    _, taken = run(
        budget_s, 0.05, 0.15, pairs=TOLD, times=lambda name: dear if is_told(name) else 1
    )
    whole = {name for name, times in taken.items() if len(times) == 6}
    told = set(filter(is_told, TOLD))
    assert whole <= told or told <= whole
    assert told <= whole or budget_s < 4 * dear


def test_what_has_fewer_rounds_needs_less_of_the_budget():
    """With all rounds of the climbs the second case would have no room."""
    once = {name: (of, replace(each, rounds=1)) for name, (of, each) in PAIRS.items()}
    for pairs, rounds in ((PAIRS, 6), (once, 1)):
        pacing = Pacing(6, 20.0, ASKED_S, pairs)
        first, second = "spawn/fiber/tasks:1", "cpu/fiber/tasks:4"
        assert pacing.rounds_of(first) == rounds
        pacing.took(first, 2.0, [])
        assert pacing.has_room_for(second, spent_s=2.0) == (rounds == 1)


def test_what_one_iteration_takes_can_not_be_cut():
    pacing = Pacing(6, 10.0, ASKED_S, PAIRS)
    name = next(iter(PAIRS))
    pacing.took(name, 1.0, [{"iterations": 1, "real_time": 0.9, "time_unit": "s"}])
    pacing.min_time_s = ASKED_S / 4
    assert pacing.expected_s[name] == 1.0
