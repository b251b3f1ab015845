"""The engine of shuffled rounds: orders, budgets, and what is launched no more."""

import random
from collections import Counter

import pytest

from switchyard.suite.rounds import Rounds
from switchyard.system.interrupts import Interrupted

NAMES = "abcdefgh"


def taken(rounds: Rounds, wanted: dict[str, int], seconds=lambda item: 1.0) -> list[str]:
    order = []
    for turn in rounds.turns(wanted):
        order.append(turn.item)
        rounds.took(turn.item, seconds(turn.item))
    return order


def test_each_round_has_every_item_once_in_an_order_that_follows_the_seed():
    first, again, other = (
        taken(Rounds(None, random.Random(seed)), dict.fromkeys(NAMES, 2)) for seed in (1, 1, 2)
    )
    assert sorted(first[:8]) == sorted(first[8:]) == list(NAMES)
    assert first[:8] != first[8:]
    assert first == again != other


def test_items_have_as_many_turns_as_are_wanted_of_them():
    assert Counter(taken(Rounds(None, random.Random(1)), {"a": 3, "b": 1})) == {"a": 3, "b": 1}


def test_a_whole_round_that_does_not_fit_is_not_begun():
    rounds = Rounds(5.9, random.Random(1))
    assert len(taken(rounds, dict.fromkeys("abc", 9))) == 3
    assert (rounds.done, rounds.spent_s, rounds.out_of_budget) == (1, 3.0, True)


def test_a_cheaper_item_may_still_fit():
    rounds = Rounds(13.5, random.Random(1), is_whole=False)
    order = taken(rounds, {"dear": 9, "cheap": 9}, {"dear": 5.0, "cheap": 1.0}.get)
    assert order[4:] == ["cheap"]
    assert sorted(order[:4]) == ["cheap", "cheap", "dear", "dear"]


def test_a_round_of_which_nothing_fits_is_not_begun():
    begun = []
    rounds = Rounds(
        2.5, random.Random(1), is_whole=False, before_round=lambda: begun.append(rounds.left_s)
    )
    assert len(taken(rounds, dict.fromkeys("ab", 1000))) == 2
    assert (begun, rounds.done) == ([2.5], 1)


def test_what_is_retired_has_no_more_turns():
    rounds = Rounds(None, random.Random(1))
    for turn in rounds.turns({"a": 5, "b": 5}):
        if turn.item == "a" or turn.round == 2:
            rounds.retire(turn.item)
    assert rounds.done == 3


def test_a_signal_leaves_the_round_undone_and_unsaved():
    saved = []
    rounds = Rounds(None, random.Random(1), after_round=lambda: saved.append(rounds.done))
    with pytest.raises(Interrupted):
        for turn in rounds.turns({"a": 5, "b": 5}):
            if turn.done == 5:
                raise Interrupted(2)
    assert saved == [1, 2]
    assert rounds.done == 2


def test_the_seconds_left_are_those_of_the_rounds_that_fit():
    rounds = Rounds(5.0, random.Random(1))
    told = []
    for turn in rounds.turns({"a": 9, "b": 9}):
        told.append(turn.seconds_left())
        rounds.took(turn.item, 1.0)
    assert told == [None, 3.0, 2.0, 1.0]


def test_the_seconds_left_are_reckoned_for_nobody_who_does_not_ask():
    rounds = Rounds(None, random.Random(1))
    wanted = dict.fromkeys(NAMES, 100)
    reckoned = []
    rounds._due = lambda wanted, round_: reckoned.append(round_) or list(wanted)
    taken(rounds, wanted)
    assert reckoned == list(range(100))
