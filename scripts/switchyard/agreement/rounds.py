"""A validation: rounds of all probes, and what they found.

A probe that raised is not launched again: what hung once would only eat the time of the others.
"""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from ..suite import rounds
from ..suite.rounds import Turn
from ..system.interrupts import Interrupted
from .model import Finding, Pair, Probe, ProbeError, judge
from .plan import Plan

FORMAT = "switchyard-validate/1"


class Rounds:
    """`pairs` and `problems`, by the keys of comparisons, are good at any moment."""

    def __init__(
        self,
        probes: Sequence[Probe],
        plan: Plan,
        missing: dict[str, str],
        watch: Callable[[Turn], None],
        saved: Callable[["Rounds"], None] = lambda _: None,
    ) -> None:
        """`missing`: by tool, a line that says so. `watch` is told before each probe, and `saved`
        after each round.
        """
        self.probes = {probe.name: probe for probe in probes}
        self.plan = plan
        self.watch = watch
        self.pairs: dict[str, list[Pair]] = {}
        self.problems: dict[str, ProbeError] = {}
        self.is_interrupted = False
        self._engine = rounds.Rounds(
            plan.budget_s, random.Random(plan.seed), after_round=lambda: saved(self)
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

    def run(self) -> None:
        try:
            for turn in self._engine.turns(dict.fromkeys(self.probes, self.plan.rounds)):
                self.watch(turn)
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

    def document(self, complete: bool = False) -> dict[str, Any]:
        """validate.json: every pair, and what was concluded from it."""
        return {
            "format": FORMAT,
            "complete": complete,
            "rounds_done": self.done,
            "spent_s": round(self._engine.spent_s, 3),
            "comparisons": [self._compared(finding) for finding in self.findings()],
        }

    def _compared(self, finding: Finding) -> dict[str, Any]:
        document = asdict(finding)
        comparison = document.pop("comparison")
        told_by = {side: comparison.pop(side) for side in ("ours", "theirs")}
        pairs = self.pairs[finding.comparison.key]
        return comparison | {"told_by": told_by} | document | {
            "pairs": [asdict(pair) | {"ratio": pair.ratio} for pair in pairs]
        }  # fmt: skip

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
