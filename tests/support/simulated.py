"""Checks of made-up benchmarks whose truth is known: how much slower the candidate is, how much the
times scatter and with what tails, how the machine drifts, and what the kernel interferes with.

A world measures pairs in place of the sampler, and what runs on it is the real thing, so that whole
checks can be repeated by the hundred without a machine.
"""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from switchyard.gate import verdicts, wording
from switchyard.gate.measuring import Measuring
from switchyard.gate.model import SIDES, Benchmark, Finding, Metric, Pair, Plan, Sample

TIME = Metric().name
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
    counters: true ratios of other metrics; dropped: how likely the kernel interferes; fails, skips:
    the side that never gives a time, or "both"; crashes: it takes all with it that share its
    launch.
    """

    name: str
    ratio: float = 1.0
    spread: float = 0.02
    tail: str = "normal"
    dropped: float = 0.0
    fails: str | None = None
    skips: str | None = None
    crashes: bool = False
    counters: tuple[tuple[str, float], ...] = ()
    binary: str = "bin/bench_made_up"

    @property
    def benchmark(self) -> Benchmark:
        return Benchmark(self.name, self.binary, self.name)


@dataclass
class World:
    """Measures pairs of its rows. drift: how much slower the machine gets from launch to launch;
    start_s: what starting a program takes; `log` has (round, names, first) of each pair of
    launches.
    """

    rows: Sequence[Row]
    seed: int
    drift: float = 0.0
    launch_s: float = 0.1
    start_s: float = 0.0
    log: list[tuple[int, tuple[str, ...], str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._rows = {row.name: row for row in self.rows}
        self._rng = {
            row.name: np.random.default_rng([self.seed, i]) for i, row in enumerate(self.rows)
        }
        self._launches = 0

    @property
    def benchmarks(self) -> list[Benchmark]:
        return [row.benchmark for row in self.rows]

    def measure(self, round_: int, benchmarks: Sequence[Benchmark], first: str) -> list[Pair]:
        rows = [self._rows[benchmark.key] for benchmark in benchmarks]
        self.log.append((round_, tuple(row.name for row in rows), first))
        wall_s = self.launch_s + self.start_s / len(rows)
        crash = any(row.crashes for row in rows)
        return [self._pair(round_, row, first, wall_s, crash) for row in rows]

    def _pair(self, round_: int, row: Row, first: str, wall_s: float, crash: bool) -> Pair:
        order = sorted(SIDES, key=first.__ne__)
        samples = {side: self._launch(row, side, wall_s) for side in order}
        if crash:
            samples["candidate"] = Sample(problem="ended by SIGSEGV", wall_s=wall_s)
        dropped = STEAL if self._rng[row.name].random() < row.dropped else None
        return Pair(round_, row.name, first, **samples, dropped=dropped)

    def _launch(self, row: Row, side: str, wall_s: float) -> Sample:
        self._launches += 1
        if row.fails in (side, "both") or row.skips in (side, "both"):
            return Sample(problem="wrong answer", skipped=bool(row.skips), wall_s=wall_s)
        values = {}
        for name, ratio in ((TIME, row.ratio), *row.counters):
            off = row.spread / math.sqrt(2) * TAILS[row.tail](self._rng[row.name], 1)[0]
            off += self.drift * self._launches + math.log(ratio) * (side == "candidate")
            values[name] = 1e-3 * math.exp(off)
        return Sample(values, wall_s=wall_s)


@dataclass(frozen=True)
class Check:
    """A check that was run; judge() says what comes of it. told: regressions, when they were."""

    plan: Plan
    benchmarks: list[Benchmark]
    pairs: list[Pair] = field(repr=False)
    spent_s: float = 0.0
    told: tuple[Finding, ...] = ()
    is_stored: bool = False

    def judge(self) -> dict[str, Finding]:
        """By the name that is shown."""
        findings = verdicts.judge(self.plan, self.benchmarks, self.pairs, self.is_stored)
        return {wording.name(finding): finding for finding in findings}

    @property
    def counts(self) -> dict[str, int]:
        """Pairs by benchmark, with the warm-up."""
        keys = [pair.benchmark for pair in self.pairs]
        return {benchmark.key: keys.count(benchmark.key) for benchmark in self.benchmarks}


def a_plan(seed: int = 1, **changes: object) -> Plan:
    return Plan(seed, **changes)


def run(plan: Plan, world: World, launches: int | None = None, **hooks: Callable) -> Check:
    """A whole check: the warm-up, and rounds until all is decided; `launches`, and not looked at
    before the end, where the baseline is stored.
    """
    told: list[Finding] = []
    start_s = {row.binary: world.start_s for row in world.rows}
    hooks = {"told": told.append} | hooks
    measuring = Measuring(plan, world.benchmarks, world.measure, start_s, launches, **hooks)
    measuring.run()
    return Check(
        plan, world.benchmarks, measuring.pairs, measuring.spent_s, tuple(told),
        launches is not None,
    )  # fmt: skip


def pairs(world: World, count: int, seed: int = 1) -> list[Pair]:
    """So many of each row, rounds one after another, the first side by a coin."""
    coin = random.Random(seed)
    return [
        pair
        for round_ in range(1, count + 1)
        for benchmark in world.benchmarks
        for pair in world.measure(round_, [benchmark], coin.choice(SIDES))
    ]


def changes(row: Row, count: int, seed: int, drift: float = 0.0) -> list[float]:
    """Of pairs of one benchmark, all at once. drift: from one launch to the next."""
    rng = np.random.default_rng(seed)
    before, after = (row.spread / math.sqrt(2) * TAILS[row.tail](rng, count) for _ in SIDES)
    coin = rng.choice((-1, 1), count)
    return (math.log(row.ratio) + after - before + coin * drift).tolist()


def mirrored(pair: Pair) -> Pair:
    """The same launches, with the sides' names swapped."""
    first = next(side for side in SIDES if side != pair.first)
    return replace(pair, first=first, baseline=pair.candidate, candidate=pair.baseline)
