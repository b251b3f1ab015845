"""A validation: rounds of all probes, and what they found.

A probe that raised is not launched again: what hung once would only eat the time of the others.
"""

import random
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from ..suite import rounds
from ..suite.rounds import Turn
from ..system.interrupts import Interrupted
from .model import Comparison, Finding, Measured, Pair, ProbeError, judge
from .plan import Plan


class Probe(Protocol):
    """Measures a round of its comparisons. Raises ProbeError, and Interrupted."""

    name: str
    comparisons: tuple[Comparison, ...]

    def measure(self, round_: int, chance: random.Random) -> Measured: ...


class Watcher(Protocol):
    """Is told before each probe; shows progress."""

    def measuring(self, turn: Turn) -> None: ...


class Rounds:
    """`pairs` and `problems`, by the keys of comparisons, are good at any moment."""

    def __init__(
        self, probes: Sequence[Probe], plan: Plan, missing: dict[str, str], watcher: Watcher
    ) -> None:
        """`missing`: by tool, a line that says so."""
        self.probes = {probe.name: probe for probe in probes}
        self.plan = plan
        self.watcher = watcher
        self.pairs: dict[str, list[Pair]] = {}
        self.problems: dict[str, ProbeError] = {}
        self.is_interrupted = False
        self.saved: Callable[[], None] = lambda: None
        self._engine = rounds.Rounds(
            plan.budget_s, random.Random(plan.seed), after_round=lambda: self.saved()
        )
        for probe in probes:
            for comparison in probe.comparisons:
                self.pairs[comparison.key] = []
                if comparison.needs in missing:
                    line = missing[comparison.needs]
                    self.problems[comparison.key] = ProbeError(line, left_out=True)
            self._retire_if_done(probe)

    @property
    def done(self) -> int:
        return self._engine.done

    @property
    def spent_s(self) -> float:
        return self._engine.spent_s

    def run(self) -> None:
        try:
            for turn in self._engine.turns(dict.fromkeys(self.probes, self.plan.rounds)):
                self.watcher.measuring(turn)
                begun = time.monotonic()
                self._measure(self.probes[turn.item], turn.round)
                self._engine.took(turn.item, time.monotonic() - begun)
        except Interrupted:
            self.is_interrupted = True

    def findings(self) -> list[Finding]:
        return [
            judge(comparison, self.pairs[comparison.key], self.problems.get(comparison.key))
            for probe in self.probes.values()
            for comparison in probe.comparisons
        ]

    def _retire_if_done(self, probe: Probe) -> None:
        """Once it has no comparison that can still be made."""
        if all(comparison.key in self.problems for comparison in probe.comparisons):
            self._engine.retire(probe.name)

    def _measure(self, probe: Probe, round_: int) -> None:
        try:
            measured = probe.measure(round_, self._engine.chance)
        except ProbeError as problem:
            measured = {comparison.key: problem for comparison in probe.comparisons}
        for key, result in measured.items():
            if isinstance(result, Pair):
                self.pairs[key].append(result)
            else:
                self.problems.setdefault(key, result)
        self._retire_if_done(probe)
