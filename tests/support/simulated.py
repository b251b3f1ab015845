"""Checks of made-up benchmarks whose truth is known: how much slower the candidate is, how much the
times scatter and with what tails, how the machine drifts, and what the kernel interferes with.

A world measures pairs in place of the sampler, and the stages that run on it are the real ones, so
that whole checks can be repeated by the hundred without a machine.
"""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from switchyard.gate import verdicts
from switchyard.gate.model import (
    SCREEN_PAIRS,
    SIDES,
    Benchmark,
    Finding,
    Pair,
    Plan,
    Sample,
    Stage,
)
from switchyard.gate.stages import Stages

STEAL = "the hypervisor took more than 5% of the CPU's time (steal)"

# What a launch's time is off by, as a logarithm, for a standard deviation (or scale) of one. Those
# of launches are lopsided, as real ones are: it is the difference of two that is not.
TAILS: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "student with 2 degrees": lambda rng, n: rng.standard_t(2, n),
    "lognormal contamination": lambda rng, n: (
        rng.normal(size=n) + (rng.random(n) < 0.1) * rng.lognormal(2, size=n)
    ),
    "one launch in ten takes many times as long": lambda rng, n: (
        rng.normal(size=n) + 80 * (rng.random(n) < 0.1)
    ),
    "rounded, so that many are alike": lambda rng, n: np.round(rng.normal(size=n)),
}


@dataclass(frozen=True)
class Row:
    """ratio: the true time of the candidate over the baseline's; spread: of one pair's change;
    dropped: how likely the kernel interferes; fails, skips: the side that never gives a time.
    """

    name: str
    ratio: float = 1.0
    spread: float = 0.02
    tail: str = "normal"
    dropped: float = 0.0
    fails: str | None = None
    skips: str | None = None

    @property
    def benchmark(self) -> Benchmark:
        return Benchmark(self.name, "bin/bench_made_up", self.name)


@dataclass
class World:
    """Measures pairs of its rows. drift: how much slower the machine gets from launch to launch."""

    rows: Sequence[Row]
    seed: int
    drift: float = 0.0
    launch_s: float = 0.1

    def __post_init__(self) -> None:
        self._rows = {row.name: row for row in self.rows}
        self._rng = {
            row.name: np.random.default_rng([self.seed, i]) for i, row in enumerate(self.rows)
        }
        self._launches = 0

    @property
    def benchmarks(self) -> list[Benchmark]:
        return [row.benchmark for row in self.rows]

    def measure(self, stage: Stage, round_: int, benchmark: Benchmark, first: str) -> Pair:
        row = self._rows[benchmark.key]
        samples = {side: self._launch(row, side) for side in sorted(SIDES, key=first.__ne__)}
        dropped = STEAL if self._rng[row.name].random() < row.dropped else None
        return Pair(stage, round_, benchmark.key, first, **samples, dropped=dropped)

    def _launch(self, row: Row, side: str) -> Sample:
        self._launches += 1
        if side in (row.fails, row.skips):
            return Sample(None, "wrong answer", skipped=side == row.skips, wall_s=self.launch_s)
        off = row.spread / math.sqrt(2) * TAILS[row.tail](self._rng[row.name], 1)[0]
        off += self.drift * self._launches
        if side == "candidate":
            off += math.log(row.ratio)
        return Sample(1e-3 * math.exp(off), wall_s=self.launch_s)


@dataclass(frozen=True)
class Check:
    """A check that was run; judge() says what comes of it."""

    plan: Plan
    benchmarks: list[Benchmark]
    pairs: list[Pair] = field(repr=False)

    def judge(self) -> dict[str, Finding]:
        findings = verdicts.judge(self.plan, self.benchmarks, self.pairs)
        return {finding.benchmark.key: finding for finding in findings}


def a_plan(seed: int = 1, **changes: object) -> Plan:
    return Plan(seed, **{"screen_pairs": SCREEN_PAIRS} | changes)


def run(plan: Plan, world: World) -> Check:
    """A whole check: the warm-up, the screening, new pairs for the suspects."""
    stages = Stages(plan, world.benchmarks, world.measure)
    stages.run()
    return Check(stages.plan, world.benchmarks, stages.pairs)


def pairs(world: World, stage: Stage, count: int, seed: int = 1) -> list[Pair]:
    """So many of each row, rounds one after another, the first side by a coin."""
    coin = random.Random(seed)
    return [
        world.measure(stage, round_, benchmark, coin.choice(SIDES))
        for round_ in range(count)
        for benchmark in world.benchmarks
    ]


def changes(row: Row, count: int, seed: int, drift: float = 0.0) -> list[float]:
    """Of pairs of one benchmark, all at once. drift: from one launch to the next."""
    rng = np.random.default_rng(seed)
    before, after = (row.spread / math.sqrt(2) * TAILS[row.tail](rng, count) for _ in SIDES)
    coin = rng.choice((-1, 1), count)
    return list(math.log(row.ratio) + after - before + coin * drift)


def mirrored(pair: Pair) -> Pair:
    """The same launches, with the sides' names swapped."""
    first = next(side for side in SIDES if side != pair.first)
    return replace(pair, first=first, baseline=pair.candidate, candidate=pair.baseline)
