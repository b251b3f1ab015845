"""Check whether the candidate is slower than the baseline; the exit code says.

Reads top-down: find the two sides, match their benchmarks, measure pairs, judge, hand out. Every
way of failing ends with exit code 2, as 1 has a meaning of its own: something regressed.
"""

import argparse
import os
import shlex
import signal
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from . import __version__, environment, errors, streams
from .errors import SwitchyardError
from .interrupts import Interrupts
from .machine import Machine
from .paths import RESULTS

if TYPE_CHECKING:
    from .checking.model import Report
    from .checking.prepare import Prepared

_FAILED = 2
_COUNT_TIMEOUT_S = 120.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from .checking import options

    options.add_to(parser)


def main(args: argparse.Namespace) -> int:
    try:
        code = _replay(args) if args.replay else _check(args)
        sys.stdout.flush()
    except SwitchyardError as error:
        errors.report(error)
        return _FAILED
    except Exception:
        traceback.print_exc()
        return _FAILED
    return _FAILED if streams.has_lost_output() else code


def _check(args: argparse.Namespace) -> int:
    # Statistics take a second to load: only for the command that needs them.
    from .checking import options, outputs, prepare
    from .checking.model import Report
    from .checking.sampling import Interrupted

    machine = Machine()
    plan = options.plan(args, machine)
    console = Console(stderr=True, highlight=False)
    with Interrupts() as interrupts:
        try:
            prepared = prepare.prepare(args, plan, console, interrupts)
        except Interrupted:
            return _interrupted(console, interrupts, "nothing was measured yet")
        folder = outputs.create(args.out or _folder(prepared))
        report = Report(
            plan, [], [], _facts(prepared, machine), prepared.settled, prepared.problems,
            strict=args.strict, advisory=prepared.stored is not None,
        )  # fmt: skip
        console.print(_announcement(report, prepared, folder), soft_wrap=True)
        _leave_cpu(plan.cpu)
        counts = _measure(report, prepared, folder, console, interrupts, args.instructions)
        _finish(report, prepared, counts, folder)
        if not report.complete:
            _interrupted(console, interrupts, f"{len(report.pairs)} pairs are kept in {folder}")
    return report.exit_code


def _interrupted(console: Console, interrupts: Interrupts, kept: str) -> int:
    """Says so; the exit code."""
    signum = interrupts.signum or signal.SIGINT
    name = signal.Signals(signum).name
    console.print(f"interrupted by {name}: all processes are ended, {kept}", soft_wrap=True)
    return 128 + signum


def _folder(prepared: "Prepared") -> Path:
    """Sorts by time; says what was compared."""
    shas = "-vs-".join((side.sha or side.label)[:7] for side in reversed(prepared.sides))
    return RESULTS / "checks" / f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{shas}"


def _facts(prepared: "Prepared", machine: Machine) -> dict[str, Any]:
    return {
        "switchyard": __version__,
        "command": _command(sys.argv[1:]),
        "started_at": _now(),
        "sides": {
            side.label: {
                "what": side.what, "sha": side.sha, "dirty": side.dirty,
                "build": environment.build_info(side.root),
            }
            for side in prepared.sides
        },
        "identical": prepared.identical,
        "machine": environment.machine_facts(machine),
    }  # fmt: skip


def _command(arguments: Sequence[str]) -> str:
    """To repeat it: without --out, whose folder is taken."""
    kept, skip = [], False
    for argument in arguments:
        if not skip and argument != "--out" and not argument.startswith("--out="):
            kept.append(argument)
        skip = argument == "--out" and not skip
    return shlex.join(["scripts/switchyard.sh", *kept])


def _announcement(report: "Report", prepared: "Prepared", folder: Path) -> str:
    plan = report.plan
    changed = ", with changes that are not committed"
    lines = [f"{side.label}: {side.what}{changed if side.dirty else ''}" for side in prepared.sides]
    where = "free to move" if plan.cpu is None else f"bound to CPU {plan.cpu}"
    count = len(prepared.benchmarks)
    lines += [
        f"{count} benchmark{'s'[: count != 1]}, at most {plan.budget_s:g} s of measuring, "
        f"launches {where}, seed {plan.seed}",
        *(f"note: {problem}" for problem in prepared.problems),
        *(f"note: {finding.benchmark.key}: {finding.why}" for finding in prepared.settled),
        f"check: {folder}",
    ]
    return "\n".join(lines)


def _leave_cpu(cpu: int | None) -> None:
    """What is bound to one CPU has it to itself, as far as we are concerned."""
    others = os.sched_getaffinity(0) - {cpu}
    if cpu is not None and others:
        os.sched_setaffinity(0, others)


def _measure(
    report: "Report",
    prepared: "Prepared",
    folder: Path,
    console: Console,
    interrupts: Interrupts,
    with_instructions: bool,
) -> dict[str, dict[str, Any]]:
    """Fills in the report's pairs; returns counts of instructions by benchmark, if wanted. A
    signal leaves the report incomplete.
    """
    from .checking import outputs, sides, stages
    from .checking.progress import CheckProgress
    from .checking.sampling import Interrupted, Sampler

    report.complete = False  # until it is
    with sides.neutral_roots(prepared.sides) as roots, CheckProgress(console) as progress:
        sampler = Sampler(report.plan, roots, interrupts, Machine(), prepared.stored)

        def save() -> None:
            report.plan, report.spent_s = check.plan, check.spent_s
            outputs.save(report, folder)

        check = stages.Stages(
            report.plan, prepared.benchmarks, sampler.pair, progress, save, report.pairs
        )
        try:
            if prepared.stored is None:
                check.run()
            else:
                check.run_against_stored(prepared.most_stored)
            counts = _count_instructions(prepared, roots, interrupts) if with_instructions else {}
            report.complete = True
        except Interrupted:
            counts = {}
            report.exit_code = 128 + (interrupts.signum or signal.SIGINT)
    report.plan, report.spent_s = check.plan, check.spent_s
    for side, context in sampler.contexts.items():
        report.facts["sides"][side]["context"] = context
    return counts


def _count_instructions(
    prepared: "Prepared", roots: "Mapping[str, Path]", interrupts: Interrupts
) -> dict[str, dict[str, Any]]:
    """Of the gate set's benchmarks only where the gate set says that a count has a meaning."""
    from .checking import gate, instructions
    from .checking.sampling import Interrupted

    known = gate.gate_set()
    counts = {}
    for benchmark in prepared.benchmarks:
        if benchmark.name in known and not known[benchmark.name].instructions:
            continue
        counts[benchmark.key] = instructions.count(benchmark, roots, interrupts, _COUNT_TIMEOUT_S)
        if interrupts.signum:
            raise Interrupted
    return counts


def _finish(
    report: "Report", prepared: "Prepared", counts: dict[str, dict[str, Any]], folder: Path
) -> None:
    """Judge, write, print."""
    from .checking import outputs, verdicts

    report.facts["ended_at"] = _now()
    judged = verdicts.judge(report.plan, prepared.benchmarks, report.pairs)
    judged = [replace(f, instructions=counts.get(f.benchmark.key)) for f in judged]
    report.findings = [*judged, *report.settled]
    if report.complete:
        report.exit_code = verdicts.exit_code(report.findings, report.strict, report.advisory)
    outputs.write_all(report, folder)
    _print(report)
    print(f"check: {folder}")


def _replay(args: argparse.Namespace) -> int:
    """Judge the raw data of an earlier check again; it must come to the same verdicts."""
    from .checking import document, options, verdicts

    options.refuse_beside_replay(args)
    report = document.load(args.replay)
    settled = {finding.benchmark.key for finding in report.settled}
    before = [finding for finding in report.findings if finding.benchmark.key not in settled]
    again = verdicts.judge(report.plan, [f.benchmark for f in before], report.pairs)
    for new, old in zip(again, before, strict=True):
        if new.verdict != old.verdict:
            raise SwitchyardError(
                f"{args.replay} says that {new.benchmark.key} is {old.verdict}, but its raw data "
                f"say {new.verdict}: the file was changed, or another version wrote it"
            )
    again = [
        replace(new, instructions=old.instructions) for new, old in zip(again, before, strict=True)
    ]
    report.findings = [*again, *report.settled]
    _print(report)
    if not report.complete:
        return report.exit_code
    return verdicts.exit_code(report.findings, report.strict, report.advisory)


def _print(report: "Report") -> None:
    from .checking import table
    from .report import stdout_console

    table.print_report(report, stdout_console())


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
