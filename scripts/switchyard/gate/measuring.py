"""The order in which pairs are measured: rounds of all that is still open, until nothing is, or the
budget is used up.

A round takes the launches in an order of its own, and a coin says which side of a pair goes first.
One launch measures every open benchmark of its binary, unless the start of the program is cheap
beside measuring one: the warm-up tells. A binary that fails as a whole is launched for each of its
benchmarks from then on, so that one that crashes takes nothing from the others.
"""

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..suite.rounds import Rounds, Turn
from . import verdicts
from .model import SIDES, WARM_UP, Benchmark, Finding, Pair, Plan, Verdict

# In times of what a benchmark takes by itself: a dearer start is shared by all of its binary.
_CHEAP_START = 0.25
_MOST_ROUNDS = 1_000

Measure = Callable[[int, Sequence[Benchmark], str], Sequence[Pair]]


@dataclass
class Measuring:
    """`pairs` and `spent_s` are good at any moment, also after a signal.

    measure(round, benchmarks, first) launches both sides for these benchmarks of one binary;
    start_s: what the start of a binary takes; launches: of each benchmark, where the baseline is
    stored; accepts(finding): why a regression does not count. show(turn, how many are open) is
    called before each launch, told(finding) once for each regression, before_round() and
    after_round() where their names say.
    """

    plan: Plan
    benchmarks: Sequence[Benchmark]
    measure: Measure
    start_s: Mapping[str, float] = field(default_factory=dict)
    launches: int | None = None
    show: Callable[[Turn, int], None] = lambda *_: None
    told: Callable[[Finding], None] = lambda _: None
    before_round: Callable[[Collection[Benchmark]], None] = lambda _: None
    after_round: Callable[[], None] = lambda: None
    accepts: Callable[[Finding], str | None] = lambda _: None
    pairs: list[Pair] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._open = {benchmark.key: benchmark for benchmark in self.benchmarks}
        self._regressed: set[tuple[str, str]] = set()
        self._is_over = False
        # By item of the rounds: all of a binary, or the key of one that is launched by itself.
        self._units = {benchmark.key: [benchmark] for benchmark in self.benchmarks}
        self._wanted: dict[str, int] = {}
        self._rounds = Rounds(
            self.plan.budget_s, random.Random(self.plan.seed), is_whole=False,
            before_round=lambda: self.before_round(self._open.values()), after_round=self._judge,
        )  # fmt: skip

    @property
    def spent_s(self) -> float:
        return self._rounds.spent_s

    def run(self) -> None:
        """Raises Interrupted."""
        by_binary: dict[str, list[Benchmark]] = {}
        for benchmark in self.benchmarks:
            by_binary.setdefault(benchmark.binary, []).append(benchmark)
        self._turns(WARM_UP, {benchmarks[0].key: 1 for benchmarks in by_binary.values()})
        walls = {pair.benchmark: pair.candidate.wall_s for pair in self.pairs}
        for binary, benchmarks in by_binary.items():
            start_s, wall_s = self.start_s.get(binary, 0.0), walls.get(benchmarks[0].key, 0.0)
            if len(benchmarks) > 1 and start_s >= _CHEAP_START * (wall_s - start_s):
                for benchmark in benchmarks:
                    del self._units[benchmark.key]
                self._units[f"all of {binary}"] = benchmarks
        for _ in range(2):  # once more for what is launched by itself since then
            warm = {pair.benchmark for pair in self.pairs}
            cold = [unit for unit, those in self._units.items() if those[-1].key not in warm]
            self._turns(WARM_UP, dict.fromkeys(cold, 1))
        self._turns(None, dict.fromkeys(self._units, self.launches or _MOST_ROUNDS))

    def _split(self, unit: str) -> None:
        """Launch its benchmarks one by one."""
        benchmarks = self._units.pop(unit)
        self._rounds.retire(unit)
        self._units |= {benchmark.key: [benchmark] for benchmark in benchmarks}
        self._wanted |= dict.fromkeys((b.key for b in benchmarks), self._wanted.pop(unit))

    def _turns(self, round_: int | None, wanted: dict[str, int]) -> None:
        """Rounds until every unit has as many as are wanted, is closed, or does not fit."""
        self._wanted = wanted
        for turn in self._rounds.turns(wanted):
            if self._is_over:
                return
            due = [b for b in self._units.get(turn.item, ()) if b.key in self._open]
            if due:
                self.show(turn, len(self._open))
                self._take(turn.item, turn.round + 1 if round_ is None else round_, due)

    def _take(self, item: str, round_: int, benchmarks: Sequence[Benchmark]) -> None:
        pairs = self.measure(round_, benchmarks, self._rounds.chance.choice(SIDES))
        walls = [sample.wall_s for pair in pairs for sample in (pair.baseline, pair.candidate)]
        self._rounds.took(item, sum(walls))
        if len(benchmarks) > 1 and all(pair.problem for pair in pairs):
            self._split(item)
            return
        self.pairs += pairs
        for pair in pairs:
            if pair.problem:
                self._close(pair.benchmark)

    def _close(self, key: str) -> None:
        del self._open[key]
        for item, benchmarks in self._units.items():
            if not any(benchmark.key in self._open for benchmark in benchmarks):
                self._rounds.retire(item)

    def _judge(self) -> None:
        """After a round. Stored values are looked at when all is measured, and not before."""
        if self.launches is None:
            findings = verdicts.judge(self.plan, self.benchmarks, self.pairs, is_final=False)
            undecided = {f.benchmark.key for f in findings if f.verdict == Verdict.INCONCLUSIVE}
            for key in [key for key in self._open if key not in undecided]:
                self._close(key)
            regressed = {_case(f) for f in findings if f.verdict == Verdict.REGRESSED}
            if regressed - self._regressed:
                self._tell(regressed - self._regressed)
                self._regressed |= regressed
        self.after_round()

    def _tell(self, cases: Collection[tuple[str, str]]) -> None:
        """With intervals, which are not asked for after each round, as they take longer."""
        for finding in verdicts.judge(self.plan, self.benchmarks, self.pairs):
            if _case(finding) in cases:
                regression = replace(finding, accepted=self.accepts(finding))
                self.told(regression)
                self._is_over |= self.plan.fail_fast and regression.fails


def _case(finding: Finding) -> tuple[str, str]:
    return finding.benchmark.key, finding.metric.name
