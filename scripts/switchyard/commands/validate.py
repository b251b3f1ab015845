"""Validate our figures against other instruments: perf, wrk, GNU time, the kernel's counters.

Reads top-down: check the options, see what is there, measure rounds, judge, hand out.
"""

import argparse
import os
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from ..suite import environment
from ..suite.progress import ProgressBar
from ..system import errors, streams
from ..system.errors import SwitchyardError
from ..system.interrupts import Interrupted, Interrupts
from ..system.machine import Machine
from ..system.paths import RESULTS, recorded

if TYPE_CHECKING:
    from ..agreement.plan import Plan
    from ..agreement.rounds import Rounds
    from ..suite.rounds import Turn
    from ..system.tools import Tools

_FAILED = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from ..agreement import plan

    plan.add_options(parser)


def main(args: argparse.Namespace) -> int:
    try:
        code = _validate(args)
        sys.stdout.flush()
    except SwitchyardError as error:  # 1 has a meaning of its own
        errors.report(error)
        return _FAILED
    return _FAILED if streams.has_lost_output() else code


def _validate(args: argparse.Namespace) -> int:
    # Statistics take a second to load: only for the command that needs them.
    from ..agreement import document, model, plan, probes, rounds
    from ..system import tools

    machine = Machine()
    planned = plan.plan(args, machine)
    os.environ["LC_ALL"] = "C"  # or perf stat prints a decimal comma where that is the custom
    found = tools.find()
    facts = environment.collect(args.build, machine)
    folder = document.create(args.out or RESULTS / f"validate-{environment.folder_name(facts)}")
    facts["validate"] = _facts(args, planned, found)
    document.write(folder / document.ENVIRONMENT, facts)
    console = Console(stderr=True, highlight=False, markup=False)
    _announce(console, planned, found, folder)
    with Interrupts() as interrupts, _Progress(console, planned.rounds) as progress:
        run = rounds.Rounds(
            probes.all_probes(planned, found, interrupts), planned, found.missing, progress
        )
        run.saved = lambda: document.save(folder, run)
        before = machine.cpu_times()
        run.run()
    facts["validate"] |= {
        "rounds_done": run.done, "ended_at": _now(),
        "steal_percent": machine.steal_percent_since(before),
    }  # fmt: skip
    _hand_out(run, facts, folder)
    if interrupts.signum:
        interrupted = Interrupted(interrupts.signum)
        kept = f"{run.done} whole rounds are kept in {folder}"
        console.print(f"{interrupted}, {kept}", soft_wrap=True)
        return interrupted.exit_code
    return model.exit_code(run.findings())


def _facts(args: argparse.Namespace, planned: "Plan", found: "Tools") -> dict[str, Any]:
    return {
        "command": shlex.join(["scripts/switchyard.sh", *sys.argv[1:]]),
        "options": {k: recorded(v) if isinstance(v, Path) else v for k, v in vars(args).items()},
        "tools": found.versions, "missing": found.missing,
        "cpu": planned.cpu, "other_cpu": planned.other_cpu, "seed": planned.seed,
        "rounds_wanted": planned.rounds, "rounds_done": 0, "budget_s": planned.budget_s,
        "started_at": _now(), "ended_at": None, "steal_percent": None,
    }  # fmt: skip


def _announce(console: Console, planned: "Plan", found: "Tools", folder: Path) -> None:
    rounds = f"{planned.rounds} round{'s'[: planned.rounds != 1]}"
    limit = f"at most {planned.budget_s:g} s of measuring, " if planned.budget_s else ""
    lines = [
        f"{rounds}, {limit}measured on CPU {planned.cpu}, clients on CPU {planned.other_cpu}, "
        f"seed {planned.seed}",
        *dict.fromkeys(found.missing.values()),
        f"results: {folder}",
    ]
    console.print("\n".join(lines), soft_wrap=True)


def _hand_out(run: "Rounds", facts: dict[str, Any], folder: Path) -> None:
    """Print, then write: what can't be written has been seen at least."""
    from ..agreement import document, text
    from ..system.terminal import stdout_console

    findings = run.findings()
    in_words = text.facts_in_words(facts)
    text.print_findings(findings, in_words, stdout_console())
    document.write(folder / document.ENVIRONMENT, facts)
    document.write(folder / document.TABLE, text.markdown(findings, in_words))
    document.save(folder, run, complete=not run.is_interrupted)
    print(f"results: {folder}")


class _Progress(ProgressBar):
    """The rounds' Watcher."""

    def __init__(self, console: Console, rounds: int) -> None:
        super().__init__(console, rounds)
        self._rounds = rounds

    def measuring(self, turn: "Turn") -> None:
        plain = f"round {turn.round + 1} of {self._rounds}"
        self.show("round", turn.round, self._rounds, turn.seconds_left, turn.item, plain)


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
