"""A validation: see what is there, measure rounds of all probes, judge, hand out.

A probe that raised is not launched again: what hung once would only eat the time of the others.
"""

import os
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from ..suite import environment, options
from ..suite.progress import ProgressBar
from ..suite.rounds import Rounds, Turn
from ..system import files, tools
from ..system.interrupts import Interrupted, Interrupts
from ..system.machine import Machine
from ..system.paths import RESULTS
from ..system.terminal import plain_console, stdout_console
from . import text
from .launches import Setting
from .model import Finding, Pair, Probe, ProbeError, exit_code, judge
from .plan import Plan
from .probes import all_probes

FORMAT = "switchyard-validate/1"
_FINDINGS, _ENVIRONMENT, _TABLE = "validate.json", "environment.json", "TABLE.md"


class Validation:
    """`pairs` and `problems`, by the keys of comparisons, are good at any moment."""

    def __init__(self, probes: Sequence[Probe], missing: dict[str, str], rounds: Rounds) -> None:
        """`missing`: by tool, a line that says so."""
        self.probes = {probe.name: probe for probe in probes}
        self.rounds = rounds
        self.is_complete = False
        compared = [comparison for probe in probes for comparison in probe.comparisons]
        self.pairs: dict[str, list[Pair]] = {comparison.key: [] for comparison in compared}
        self.problems = {
            comparison.key: ProbeError(missing[comparison.needs], left_out=True)
            for comparison in compared
            if comparison.needs in missing
        }
        for probe in probes:
            self._retire_if_done(probe)

    def run(self, rounds: int, watch: Callable[[Turn], None]) -> None:
        """`watch` is told before each probe."""
        try:
            for turn in self.rounds.turns(dict.fromkeys(self.probes, rounds)):
                watch(turn)
                begun = time.monotonic()
                self._measure(self.probes[turn.item], turn.round)
                self.rounds.took(turn.item, time.monotonic() - begun)
            self.is_complete = True
        except Interrupted:
            pass

    def _measure(self, probe: Probe, round_: int) -> None:
        try:
            measured = probe.measure(round_, self.rounds.chance)
        except ProbeError as problem:
            measured = {comparison.key: problem for comparison in probe.comparisons}
        for key, result in measured.items():
            if isinstance(result, Pair):
                self.pairs[key].append(result)
            else:
                self.problems.setdefault(key, result)
        self._retire_if_done(probe)

    def _retire_if_done(self, probe: Probe) -> None:
        """Once it has no comparison that can still be made."""
        if all(comparison.key in self.problems for comparison in probe.comparisons):
            self.rounds.retire(probe.name)

    def findings(self) -> list[Finding]:
        return [
            judge(comparison, self.pairs[comparison.key], self.problems.get(comparison.key))
            for probe in self.probes.values()
            for comparison in probe.comparisons
        ]

    def document(self) -> dict[str, Any]:
        """validate.json: every pair, and what was concluded from it."""
        return {
            "format": FORMAT,
            "complete": self.is_complete,
            "rounds_done": self.rounds.done,
            "spent_s": round(self.rounds.spent_s, 3),
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


def validate(plan: Plan) -> int:
    os.environ["LC_ALL"] = "C"  # or perf stat prints a decimal comma where that is the custom
    found, machine = tools.find(), Machine()
    facts = environment.collect(plan.build, machine)
    folder = plan.out or RESULTS / f"validate-{environment.folder_name(facts)}"
    files.claim(folder, _FINDINGS, "results", (_ENVIRONMENT, _TABLE))
    facts["validate"] = options.facts(plan.asked, plan.seed, plan.rounds, plan.budget_s) | {
        "tools": found.versions, "missing": found.missing,
        "cpu": plan.cpu, "other_cpu": plan.other_cpu, "rounds_done": 0, "steal_percent": None,
    }  # fmt: skip
    files.write(folder / _ENVIRONMENT, facts)
    console = plain_console(stderr=True)
    _announce(console, plan, found, folder)
    rounds = Rounds(plan.budget_s, random.Random(plan.seed))
    with Interrupts() as interrupts, ProgressBar(console, plan.rounds) as progress:
        setting = Setting(plan.build, found, plan.cpu, plan.other_cpu, interrupts)
        run = Validation(all_probes(setting), found.missing, rounds)
        rounds.after_round = lambda: files.write(folder / _FINDINGS, run.document())
        before = machine.jiffies()
        run.run(plan.rounds, lambda turn: progress.show(
            "round", turn.round, plan.rounds, turn.seconds_left, turn.item,
            f"round {turn.round + 1} of {plan.rounds}",
        ))  # fmt: skip
    facts["validate"] |= {
        "rounds_done": rounds.done, "ended_at": files.now(),
        "steal_percent": machine.steal_percent_since(before),
    }  # fmt: skip
    _hand_out(run, facts, folder)
    if interrupts.signum:
        interrupted = Interrupted(interrupts.signum)
        kept = f"{rounds.done} whole rounds are kept in {folder}"
        console.print(f"{interrupted}, {kept}", soft_wrap=True)
        return interrupted.exit_code
    return exit_code(run.findings())


def _announce(console: Console, plan: Plan, found: tools.Tools, folder: Path) -> None:
    rounds = f"{plan.rounds} round{'s'[: plan.rounds != 1]}"
    limit = f"at most {plan.budget_s:g} s of measuring, " if plan.budget_s else ""
    lines = [
        f"{rounds}, {limit}measured on CPU {plan.cpu}, clients on CPU {plan.other_cpu}, "
        f"seed {plan.seed}",
        *dict.fromkeys(found.missing.values()),
        f"results: {folder}",
    ]
    console.print("\n".join(lines), soft_wrap=True)


def _hand_out(run: Validation, facts: dict[str, Any], folder: Path) -> None:
    """Print, then write: what can't be written has been seen at least."""
    findings = run.findings()
    in_words = text.facts_in_words(facts)
    text.print_findings(findings, in_words, stdout_console())
    files.write(folder / _ENVIRONMENT, facts)
    files.write(folder / _TABLE, text.markdown(findings, in_words))
    files.write(folder / _FINDINGS, run.document())
    print(f"results: {folder}")
