"""Validate our figures against other instruments: perf, wrk, GNU time, the kernel's counters.

Reads top-down: check the options, see what is there, measure rounds, judge, hand out.
"""

import argparse
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from ..suite import environment
from ..suite.progress import ProgressBar
from ..system import errors, files, streams
from ..system.errors import SwitchyardError
from ..system.interrupts import Interrupted, Interrupts
from ..system.machine import Machine
from ..system.paths import RESULTS

if TYPE_CHECKING:
    from ..agreement.plan import Plan
    from ..agreement.rounds import Rounds
    from ..system.tools import Tools

_FAILED = 2
_FINDINGS, _ENVIRONMENT, _TABLE = "validate.json", "environment.json", "TABLE.md"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from ..agreement import plan

    plan.add_options(parser)


def main(args: argparse.Namespace) -> int:
    from ..agreement import plan

    try:
        machine = Machine()
        code = _validate(plan.plan(args, machine), machine)
        sys.stdout.flush()
    except SwitchyardError as error:  # 1 has a meaning of its own
        errors.report(error)
        return _FAILED
    return _FAILED if streams.has_lost_output() else code


def _validate(plan: "Plan", machine: Machine) -> int:
    # Statistics take a second to load: only for the command that needs them.
    from ..agreement import model, probes
    from ..agreement.rounds import Rounds
    from ..system import tools

    os.environ["LC_ALL"] = "C"  # or perf stat prints a decimal comma where that is the custom
    found = tools.find()
    facts = environment.collect(plan.build, machine)
    folder = plan.out or RESULTS / f"validate-{environment.folder_name(facts)}"
    files.claim(folder, _FINDINGS, "results", (_ENVIRONMENT, _TABLE))
    facts["validate"] = _facts(plan, found)
    files.write(folder / _ENVIRONMENT, facts)
    console = Console(stderr=True, highlight=False, markup=False)
    _announce(console, plan, found, folder)
    with Interrupts() as interrupts, ProgressBar(console, plan.rounds) as progress:
        run = Rounds(
            probes.all_probes(plan, found, interrupts), plan, found.missing,
            watch=lambda turn: progress.show(
                "round", turn.round, plan.rounds, turn.seconds_left, turn.item,
                f"round {turn.round + 1} of {plan.rounds}",
            ),
            saved=lambda run: files.write(folder / _FINDINGS, run.document()),
        )  # fmt: skip
        before = machine.jiffies()
        run.run()
    facts["validate"] |= {
        "rounds_done": run.done, "ended_at": files.now(),
        "steal_percent": machine.steal_percent_since(before),
    }  # fmt: skip
    _hand_out(run, facts, folder)
    if interrupts.signum:
        interrupted = Interrupted(interrupts.signum)
        kept = f"{run.done} whole rounds are kept in {folder}"
        console.print(f"{interrupted}, {kept}", soft_wrap=True)
        return interrupted.exit_code
    return model.exit_code(run.findings())


def _facts(plan: "Plan", found: "Tools") -> dict[str, Any]:
    return {
        "command": shlex.join(["scripts/switchyard.sh", *sys.argv[1:]]),
        "options": plan.options,
        "tools": found.versions, "missing": found.missing,
        "cpu": plan.cpu, "other_cpu": plan.other_cpu, "seed": plan.seed,
        "rounds_wanted": plan.rounds, "rounds_done": 0, "budget_s": plan.budget_s,
        "started_at": files.now(), "ended_at": None, "steal_percent": None,
    }  # fmt: skip


def _announce(console: Console, plan: "Plan", found: "Tools", folder: Path) -> None:
    rounds = f"{plan.rounds} round{'s'[: plan.rounds != 1]}"
    limit = f"at most {plan.budget_s:g} s of measuring, " if plan.budget_s else ""
    lines = [
        f"{rounds}, {limit}measured on CPU {plan.cpu}, clients on CPU {plan.other_cpu}, "
        f"seed {plan.seed}",
        *dict.fromkeys(found.missing.values()),
        f"results: {folder}",
    ]
    console.print("\n".join(lines), soft_wrap=True)


def _hand_out(run: "Rounds", facts: dict[str, Any], folder: Path) -> None:
    """Print, then write: what can't be written has been seen at least."""
    from ..agreement import text
    from ..system.terminal import stdout_console

    findings = run.findings()
    in_words = text.facts_in_words(facts)
    text.print_findings(findings, in_words, stdout_console())
    files.write(folder / _ENVIRONMENT, facts)
    files.write(folder / _TABLE, text.markdown(findings, in_words))
    files.write(folder / _FINDINGS, run.document(complete=not run.is_interrupted))
    print(f"results: {folder}")
