"""What is said of pairs of figures, and in which order they are measured."""

import random

import pytest

from switchyard.agreement import text
from switchyard.agreement.model import (
    Comparison,
    Finding,
    Pair,
    ProbeError,
    Verdict,
    exit_code,
    judge,
)
from switchyard.agreement.validation import Validation
from switchyard.suite.rounds import Rounds
from switchyard.system.interrupts import Interrupted

TEN_PERCENT = Comparison("a", "a thing", "we", "they", "s", "within 10 %", (0.9, 1.1))
EXACT = Comparison("b", "a count", "we", "they", "", "the same number")


def pairs_of(ratios: list[float], broken: str | None = None) -> list[Pair]:
    return [Pair(i, ratio * 2.0, 2.0, "", broken) for i, ratio in enumerate(ratios)]


@pytest.mark.parametrize(
    ("ratios", "verdict"),
    [
        ([1.0, 1.01, 0.99, 1.02, 0.98, 1.0], Verdict.AGREES),
        ([1.09] * 6, Verdict.AGREES),
        ([1.05, 1.08, 1.09, 1.09, 1.11, 1.13], Verdict.AGREES),
        ([1.05, 1.08, 1.11, 1.12, 1.12, 1.13], Verdict.UNCLEAR),  # reaches into it
        ([1.12, 1.13, 1.14, 1.15, 1.16, 1.17], Verdict.DIFFERS),
        ([2.0, 2.5, 3.0, 3.5, 4.0, 4.5], Verdict.DIFFERS),  # wide, but all of it outside
        ([0.8, 0.9, 1.0, 1.0, 1.1, 1.2], Verdict.UNCLEAR),  # wider than the tolerance
        ([1.0] * 5, Verdict.UNCLEAR),  # too few for an interval
    ],
)
def test_the_interval_decides(ratios: list[float], verdict: Verdict):
    found = judge(TEN_PERCENT, pairs_of(ratios))
    assert found.verdict == verdict
    assert bool(found.why) == (verdict == Verdict.UNCLEAR)


def test_what_is_broken_in_one_round_differs_and_says_in_which():
    pairs = [*pairs_of([1.0] * 8), *pairs_of([1.0], "3 segments were sent again")]
    found = judge(TEN_PERCENT, pairs)
    assert (found.verdict, found.why) == (Verdict.DIFFERS, "round 1: 3 segments were sent again")


def test_a_round_that_was_dropped_counts_for_nothing():
    stolen = [Pair(i, 9.0, 1.0, "", dropped="steal") for i in range(2)]
    found = judge(TEN_PERCENT, pairs_of([1.0] * 6) + stolen)
    assert (found.verdict, found.dropped) == (Verdict.AGREES, "2 of 8 rounds: steal")
    assert (found.ratio.count, found.ratio.high) == (6, 1.0)
    nothing_left = judge(TEN_PERCENT, stolen)
    assert (nothing_left.verdict, nothing_left.ratio) == (Verdict.UNCLEAR, None)
    assert text.reasons([found]) == ["dropped: a: 2 of 8 rounds: steal"]


def test_counts_need_no_interval():
    assert judge(EXACT, pairs_of([1.0])).verdict == Verdict.AGREES
    assert judge(EXACT, pairs_of([0.9], "9 counted, 10 served")).verdict == Verdict.DIFFERS


def test_a_problem_outweighs_the_pairs_before_it():
    pairs = pairs_of([1.0] * 6)
    assert judge(TEN_PERCENT, pairs, ProbeError("it\ncrashed")).why == "it crashed"
    assert judge(TEN_PERCENT, pairs, ProbeError("x")).verdict == Verdict.FAILED
    assert judge(TEN_PERCENT, [], ProbeError("x", left_out=True)).verdict == Verdict.LEFT_OUT


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [("agrees shown", 0), ("agrees left_out", 0), ("agrees unclear", 3), ("unclear", 3),
     ("agrees failed unclear", 2), ("left_out shown", 2), ("left_out", 2),
     ("agrees differs failed unclear", 1)],
)  # fmt: skip
def test_the_exit_code_tells_the_worst(verdicts: str, code: int):
    findings = [Finding(EXACT, Verdict[name.upper()]) for name in verdicts.split()]
    assert exit_code(findings) == code
    assert text.summary(findings).startswith(f"{len(findings)} comparison")


class Made:
    """A probe that gives pairs until `fails_at`, and needs a tool if one is named."""

    def __init__(self, name: str, fails_at: int = 99, needs: str | None = None, error=None):
        self.name, self.fails_at, self.error = name, fails_at, error or ProbeError("it hung")
        self.comparisons = (Comparison(name, "", "", "", "", "", (0, 2), needs=needs),)

    def measure(self, round_: int, chance: random.Random):
        if round_ >= self.fails_at:
            raise self.error
        return {self.name: Pair(round_, 1.0, 1.0, "")}


def validation_of(*probes: Made, seed: int = 1, missing=None, budget_s=None) -> Validation:
    turns = []
    validation = Validation(probes, missing or {}, Rounds(budget_s, random.Random(seed)))
    validation.run(7, turns.append)
    validation.names = [turn.item for turn in turns]
    return validation


def test_the_order_follows_the_seed_and_differs_between_rounds():
    def order(seed: int) -> list[str]:
        return validation_of(*map(Made, "abcdefgh"), seed=seed).names

    first = order(1)
    assert sorted(first[:8]) == sorted(first[8:16]) == list("abcdefgh")
    assert first[:8] != first[8:16]
    assert order(1) == first != order(2)


def test_a_probe_that_failed_is_not_launched_again_and_the_others_go_on():
    validation = validation_of(Made("good"), Made("bad", fails_at=1))
    assert validation.names.count("bad") == 2
    verdicts = {f.comparison.key: f.verdict for f in validation.findings()}
    assert verdicts == {"good": Verdict.AGREES, "bad": Verdict.FAILED}
    assert len(validation.pairs["bad"]) == 1


def test_a_probe_whose_tool_is_missing_is_never_launched():
    validation = validation_of(
        Made("good"), Made("poor", needs="wrk"), missing={"wrk": "wrk: not there"}
    )
    assert "poor" not in validation.names
    (poor,) = (f for f in validation.findings() if f.comparison.key == "poor")
    assert (poor.verdict, poor.why) == (Verdict.LEFT_OUT, "wrk: not there")


def test_a_round_that_does_not_fit_into_the_budget_is_not_begun():
    validation = validation_of(Made("a"), budget_s=1e-9)
    assert validation.rounds.done == 1


def test_a_signal_keeps_what_was_measured():
    validation = validation_of(Made("a", fails_at=3, error=Interrupted(2)))
    assert (validation.rounds.done, validation.is_complete, len(validation.pairs["a"])) == (
        3,
        False,
        3,
    )
