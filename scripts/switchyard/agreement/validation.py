"""A validation: see what is there, measure rounds of all probes, judge, hand out.

A probe that raised is not launched again: what hung once would only eat the time of the others.
"""

import os
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
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
from .model import Finding, Pair, Probe, ProbeError, exit_code, judge
from .probes import all_probes
from .served import Setting

FORMAT = "switchyard-validate/1"
_FINDINGS, _ENVIRONMENT, _TABLE = "validate.json", "environment.json", "TABLE.md"


@dataclass(frozen=True)
class Plan:
    """`cpu` is where it is measured, `other_cpu` where a server's client is; `asked` is the command
    line, as it stands in the results.
    """

    build: Path
    rounds: int
    budget_s: float | None
    seed: int
    cpu: int
    other_cpu: int
    out: Path | None
    asked: dict[str, Any]


class Validation:
    """`pairs` and `problems`, by the keys of comparisons, are good at any moment."""

    def __init__(self, probes: Sequence[Probe], missing: dict[str, str], rounds: Rounds) -> None:
        """`missing`: by tool, a line that says so."""
        self.probes = {probe.name: probe for probe in probes}
        self.rounds = rounds
        self.is_complete = False
        self.comparisons = [c for probe in probes for c in probe.comparisons]
        self.pairs: dict[str, list[Pair]] = {c.key: [] for c in self.comparisons}
        self.problems = {
            c.key: ProbeError(missing[c.needs], left_out=True)
            for c in self.comparisons
            if c.needs in missing
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
        return [judge(c, self.pairs[c.key], self.problems.get(c.key)) for c in self.comparisons]

    def document(self) -> dict[str, Any]:
        """validate.json: every pair, and what was concluded from it."""
        compared = []
        for finding in self.findings():
            found, pairs = asdict(finding), self.pairs[finding.comparison.key]
            comparison = found.pop("comparison")
            told_by = {side: comparison.pop(side) for side in ("ours", "theirs")}
            told = [asdict(pair) | {"ratio": pair.ratio} for pair in pairs]
            compared.append(comparison | {"told_by": told_by} | found | {"pairs": told})
        return {
            "format": FORMAT,
            "complete": self.is_complete,
            "rounds_done": self.rounds.done,
            "spent_s": round(self.rounds.spent_s, 3),
            "comparisons": compared,
        }


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
            "round", turn.round, plan.rounds, turn.seconds_left(), turn.item,
            f"round {turn.round + 1} of {plan.rounds}",
        ))  # fmt: skip
    facts["validate"] |= {
        "rounds_done": rounds.done, "ended_at": files.now(),
        "steal_percent": machine.steal_percent_since(before),
    }  # fmt: skip
    findings = _hand_out(run, facts, folder)
    if interrupts.signum:
        interrupted = Interrupted(interrupts.signum)
        kept = f"{rounds.done} whole rounds are kept in {folder}"
        console.print(f"{interrupted}, {kept}", soft_wrap=True)
        return interrupted.exit_code
    return exit_code(findings)


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


def _hand_out(run: Validation, facts: dict[str, Any], folder: Path) -> list[Finding]:
    """Print, then write: what can't be written has been seen at least."""
    findings, in_words = run.findings(), text.facts_in_words(facts)
    text.print_findings(findings, in_words, stdout_console())
    files.write(folder / _ENVIRONMENT, facts)
    files.write(folder / _TABLE, text.markdown(findings, in_words))
    files.write(folder / _FINDINGS, run.document())
    print(f"results: {folder}")
    return findings
