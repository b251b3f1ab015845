"""The order in which pairs are measured: a warm-up, the screening of all, new pairs for suspects.

How many pairs a stage has is decided before its first one, from what earlier stages gave and what
a pair costs; nothing that a stage shows changes its own plan. Every round has the benchmarks in an
order of its own, and a coin says which side of a pair goes first.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from . import sizing, verdicts
from .model import SIDES, Benchmark, Evidence, Pair, Plan, Stage

_FEWEST_SCREEN_PAIRS = 5
# Of the budget; the rest is for suspects.
_SCREEN_SHARE = 0.5
_MOST_CONFIRM_PAIRS = 60

Measure = Callable[[Stage, int, Benchmark, str], Pair]


class Watcher(Protocol):
    """Shows progress."""

    def stage(self, name: str, pairs: int) -> None: ...

    def pair(self, benchmark: Benchmark, done: int, seconds_left: float | None) -> None: ...


@dataclass
class Stages:
    """Runs the stages; `pairs`, `plan` and `spent_s` are good at any moment, also after a signal.

    measure(stage, round, benchmark, first) measures a pair; before_round() and saved() are called
    before and after each round.
    """

    plan: Plan
    benchmarks: Sequence[Benchmark]
    measure: Measure
    watcher: Watcher
    before_round: Callable[[], None] = lambda: None
    saved: Callable[[], None] = lambda: None
    pairs: list[Pair] = field(default_factory=list)
    spent_s: float = 0.0

    def __post_init__(self) -> None:
        self._random = random.Random(self.plan.seed)
        self._cost_s: dict[str, float] = {}
        self._lost: set[str] = set()

    def run(self) -> None:
        everyone = {benchmark.key: 1 for benchmark in self.benchmarks}
        self._run(Stage.WARM_UP, everyone)
        self.plan = replace(self.plan, screen_pairs=self._screen_pairs())
        self._run(Stage.SCREEN, dict.fromkeys(everyone, self.plan.screen_pairs))
        screen = verdicts.screened(self.plan, self.pairs)
        screen = {key: seen for key, seen in screen.items() if key not in self._lost}
        suspects = verdicts.suspects(self.plan, screen)
        self._run(Stage.CONFIRM, allot(self.plan, suspects, screen, self._cost_s, self._left()))

    def run_against_stored(self, launches: int) -> None:
        """One stage, for a baseline that was measured some other time."""
        everyone = {benchmark.key: 1 for benchmark in self.benchmarks}
        self._run(Stage.WARM_UP, everyone)
        self._run(Stage.STORED, dict.fromkeys(everyone, launches))

    def _screen_pairs(self) -> int:
        a_round = sum(cost for key, cost in self._cost_s.items() if key not in self._lost)
        if self.plan.budget_s is None or not a_round:
            return self.plan.screen_pairs
        fit = int(_SCREEN_SHARE * self._left() / a_round)
        return max(min(fit, self.plan.screen_pairs), _FEWEST_SCREEN_PAIRS)

    def _run(self, stage: Stage, wanted: Mapping[str, int]) -> None:
        """Rounds until every benchmark has the pairs it was given, or the budget is used up."""
        self.watcher.stage(stage, sum(wanted.values()))
        done = 0
        for round_ in range(max(wanted.values(), default=0)):
            order = [b for b in self.benchmarks if wanted.get(b.key, 0) > round_]
            self._random.shuffle(order)
            self.before_round()
            for benchmark in order:
                if benchmark.key in self._lost:
                    continue
                if self._left() < self._expected_s(benchmark):
                    continue  # a cheaper one may still fit
                self.watcher.pair(benchmark, done, self._seconds_left(wanted, round_))
                self._measure(stage, round_, benchmark)
                done += 1
            self.saved()

    def _measure(self, stage: Stage, round_: int, benchmark: Benchmark) -> None:
        pair = self.measure(stage, round_, benchmark, self._random.choice(SIDES))
        wall_s = pair.baseline.wall_s + pair.candidate.wall_s
        self.pairs.append(pair)
        self.spent_s += wall_s
        before = self._cost_s.get(benchmark.key, wall_s)
        self._cost_s[benchmark.key] = (before + wall_s) / 2
        if pair.baseline.problem or pair.candidate.problem:
            self._lost.add(benchmark.key)

    def _expected_s(self, benchmark: Benchmark) -> float:
        """Of its next pair; in the warm-up as long as the longest so far."""
        return self._cost_s.get(benchmark.key, max(self._cost_s.values(), default=0.0))

    def _left(self) -> float:
        return float("inf") if self.plan.budget_s is None else self.plan.budget_s - self.spent_s

    def _seconds_left(self, wanted: Mapping[str, int], round_: int) -> float | None:
        """Of this stage."""
        if not self._cost_s:
            return None
        mean = sum(self._cost_s.values()) / len(self._cost_s)
        rest = (
            (count - round_) * self._cost_s.get(key, mean)
            for key, count in wanted.items()
            if count > round_ and key not in self._lost
        )
        return min(sum(rest), self._left())


def allot(
    plan: Plan,
    suspects: Sequence[str],
    screen: Mapping[str, Evidence],
    cost_s: Mapping[str, float],
    left_s: float,
) -> dict[str, int]:
    """How many new pairs each suspect gets. If time is short the most suspicious come first, each
    with as many as can decide at all, and what is left goes to those with the widest spread.
    """
    fewest = sizing.fewest_pairs(plan, len(suspects))
    given: dict[str, int] = {}
    for key in suspects:
        if fewest * cost_s[key] <= left_s:
            given[key] = fewest
            left_s -= fewest * cost_s[key]
    more = {
        key: sizing.pairs_for(plan, screen[key].spread, fewest, _MOST_CONFIRM_PAIRS) - fewest
        for key in given
    }
    wanted_s = sum(more[key] * cost_s[key] for key in given)
    share = min(1.0, left_s / wanted_s) if wanted_s else 0.0
    return {key: count + int(share * more[key]) for key, count in given.items()}
