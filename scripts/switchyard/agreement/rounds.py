"""The order of a validation: rounds of all probes, shuffled anew each time by a seeded coin.

A probe that raised is not launched again: what hung once would only eat the time of the others.
"""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from .launches import Interrupted
from .model import Comparison, Finding, Measured, Pair, ProbeError, judge
from .plan import Plan


class Probe(Protocol):
    """Measures a round of its comparisons. Raises ProbeError, and Interrupted."""

    name: str
    comparisons: tuple[Comparison, ...]

    def measure(self, round_: int, chance: random.Random) -> Measured: ...


class Watcher(Protocol):
    """Is told before each probe; shows progress."""

    def measuring(self, name: str, round_: int, seconds_left: float | None) -> None: ...


@dataclass
class Rounds:
    """`pairs` and `problems`, by the keys of comparisons, are good at any moment."""

    probes: Sequence[Probe]
    plan: Plan
    missing: dict[str, str]  # by tool, a line that says so
    watcher: Watcher
    saved: Callable[[], None] = lambda: None
    pairs: dict[str, list[Pair]] = field(default_factory=dict)
    problems: dict[str, ProbeError] = field(default_factory=dict)
    done: int = 0
    spent_s: float = 0.0
    is_interrupted: bool = False

    def __post_init__(self) -> None:
        self._random = random.Random(self.plan.seed)
        for probe in self.probes:
            for comparison in probe.comparisons:
                self.pairs[comparison.key] = []
                if comparison.needs in self.missing:
                    line = self.missing[comparison.needs]
                    self.problems[comparison.key] = ProbeError(line, left_out=True)

    def run(self) -> None:
        started = time.monotonic()
        longest_s = 0.0
        for round_ in range(self.plan.rounds):
            live = self._live()
            if not live or (round_ > 0 and longest_s > self._left()):
                break
            self._random.shuffle(live)
            try:
                for probe in live:
                    seconds_left = (self.plan.rounds - round_) * longest_s or None
                    self.watcher.measuring(probe.name, round_, seconds_left)
                    self._measure(probe, round_)
            except Interrupted:
                self.is_interrupted = True
                break
            self.done += 1
            longest_s = max(longest_s, time.monotonic() - started - self.spent_s)
            self.spent_s = time.monotonic() - started
            self.saved()

    def findings(self) -> list[Finding]:
        return [
            judge(comparison, self.pairs[comparison.key], self.problems.get(comparison.key))
            for probe in self.probes
            for comparison in probe.comparisons
        ]

    def _left(self) -> float:
        return float("inf") if self.plan.budget_s is None else self.plan.budget_s - self.spent_s

    def _live(self) -> list[Probe]:
        """Those with a comparison that can still be made."""
        return [
            probe for probe in self.probes
            if any(comparison.key not in self.problems for comparison in probe.comparisons)
        ]  # fmt: skip

    def _measure(self, probe: Probe, round_: int) -> None:
        try:
            measured = probe.measure(round_, self._random)
        except ProbeError as problem:
            measured = {comparison.key: problem for comparison in probe.comparisons}
        for key, result in measured.items():
            if isinstance(result, Pair):
                self.pairs[key].append(result)
            else:
                self.problems.setdefault(key, result)
