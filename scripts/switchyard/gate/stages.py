"""The order in which pairs are measured: a warm-up, the screening of all, new pairs for suspects.

How many pairs a stage has is decided before its first one, from what earlier stages gave and what
a pair costs; nothing that a stage shows changes its own plan. Every round has the benchmarks in an
order of its own, and a coin says which side of a pair goes first.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..suite.rounds import Rounds, Turn
from . import evidence, verdicts
from .model import SIDES, Benchmark, Evidence, Pair, Plan, Stage

_FEWEST_SCREEN_PAIRS = 5
# Of the budget; the rest is for suspects.
_SCREEN_SHARE = 0.5
_MOST_CONFIRM_PAIRS = 60

Measure = Callable[[Stage, int, Benchmark, str], Pair]


@dataclass
class Stages:
    """Runs the stages; `pairs`, `plan` and `spent_s` are good at any moment, also after a signal.

    measure(stage, round, benchmark, first) measures a pair, of which show(stage, turn, pairs of the
    stage) is told first; before_round() and saved() are called before and after each round.
    """

    plan: Plan
    benchmarks: Sequence[Benchmark]
    measure: Measure
    show: Callable[[Stage, Turn, int], None] = lambda *_: None
    before_round: Callable[[], None] = lambda: None
    saved: Callable[[], None] = lambda: None
    pairs: list[Pair] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._by_key = {benchmark.key: benchmark for benchmark in self.benchmarks}
        self._rounds = Rounds(
            self.plan.budget_s, random.Random(self.plan.seed), is_whole=False,
            before_round=self.before_round, after_round=self.saved,
        )  # fmt: skip

    @property
    def spent_s(self) -> float:
        return self._rounds.spent_s

    def run(self, launches: int | None = None) -> None:
        """`launches`: of one stage alone, for a baseline that was measured some other time."""
        everyone = dict.fromkeys(self._by_key, 1)
        self._run(Stage.WARM_UP, everyone)
        if launches:
            self._run(Stage.STORED, dict.fromkeys(everyone, launches))
            return
        self.plan = replace(self.plan, screen_pairs=self._screen_pairs())
        self._run(Stage.SCREEN, dict.fromkeys(everyone, self.plan.screen_pairs))
        screen = verdicts.screened(self.plan, self.pairs)
        screen = {key: seen for key, seen in screen.items() if key not in self._rounds.retired}
        suspects = verdicts.suspects(self.plan, screen)
        cost_s, left_s = self._rounds.cost_s, self._rounds.left_s
        self._run(Stage.CONFIRM, allot(self.plan, suspects, screen, cost_s, left_s))

    def _screen_pairs(self) -> int:
        costs, lost = self._rounds.cost_s, self._rounds.retired
        a_round = sum(cost for key, cost in costs.items() if key not in lost)
        if self.plan.budget_s is None or not a_round:
            return self.plan.screen_pairs
        fit = int(_SCREEN_SHARE * self._rounds.left_s / a_round)
        return max(min(fit, self.plan.screen_pairs), _FEWEST_SCREEN_PAIRS)

    def _run(self, stage: Stage, wanted: Mapping[str, int]) -> None:
        """Rounds until every benchmark has the pairs it was given, or the budget is used up. One
        that fails is not launched again.
        """
        pairs = sum(wanted.values())
        for turn in self._rounds.turns(wanted):
            benchmark = self._by_key[turn.item]
            self.show(stage, turn, pairs)
            first = self._rounds.chance.choice(SIDES)
            pair = self.measure(stage, turn.round, benchmark, first)
            self.pairs.append(pair)
            self._rounds.took(turn.item, pair.baseline.wall_s + pair.candidate.wall_s)
            if pair.baseline.problem or pair.candidate.problem:
                self._rounds.retire(turn.item)


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
    fewest = evidence.fewest_pairs(plan, len(suspects))
    given: dict[str, int] = {}
    for key in suspects:
        if fewest * cost_s[key] <= left_s:
            given[key] = fewest
            left_s -= fewest * cost_s[key]
    more = {
        key: evidence.pairs_for(plan, screen[key].spread, fewest, _MOST_CONFIRM_PAIRS) - fewest
        for key in given
    }
    wanted_s = sum(more[key] * cost_s[key] for key in given)
    share = min(1.0, left_s / wanted_s) if wanted_s else 0.0
    return {key: count + int(share * more[key]) for key, count in given.items()}
