"""Check whether the candidate is slower than the baseline; the exit code says.

Reads top-down: find the two sides, match their benchmarks, measure pairs, judge, hand out. Every
way of failing ends with exit code 2, as 1 has a meaning of its own: something regressed.
"""

import argparse
import sys
import traceback
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from ..system import errors, streams
from ..system.errors import SwitchyardError
from ..system.files import now
from ..system.interrupts import Interrupted, Interrupts
from ..system.machine import Machine

if TYPE_CHECKING:
    from ..gate.execution import Counts
    from ..gate.model import Benchmark, Report
    from ..gate.options import Check

_FAILED = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from ..gate import options

    options.add_to(parser)


def main(args: argparse.Namespace) -> int:
    try:
        code = _check(args)
        sys.stdout.flush()
    except SwitchyardError as error:
        errors.report(error)
        return _FAILED
    except Exception:
        traceback.print_exc()
        return _FAILED
    return _FAILED if streams.has_lost_output() else code


def _check(args: argparse.Namespace) -> int:
    from ..gate import options

    earlier = options.replayed(args)
    if earlier is not None:
        return _replay(earlier)
    machine = Machine()
    return _measure(options.read(args, machine), machine)


def _measure(asked: "Check", machine: Machine) -> int:
    # Statistics take a second to load: only for the command that needs them.
    from ..gate import execution, outputs, prepare
    from ..gate.model import Report

    console = Console(stderr=True, highlight=False, markup=False)
    with Interrupts() as interrupts:
        try:
            prepared = prepare.prepare(
                asked.comparison, asked.plan.metric, machine, console, interrupts
            )
        except Interrupted as interrupted:
            console.print(f"{interrupted}, nothing was measured yet", soft_wrap=True)
            return interrupted.exit_code
        folder = outputs.create(asked.out or prepare.new_folder(prepared))
        report = Report(
            asked.plan, [], [], prepare.facts(prepared, machine), prepared.settled,
            prepared.problems, strict=asked.strict, advisory=prepared.stored is not None,
        )  # fmt: skip
        console.print(prepare.announcement(asked.plan, prepared, folder), soft_wrap=True)
        counts = execution.execute(
            report, prepared, folder, console, interrupts, asked.instructions
        )
        _finish(report, prepared.benchmarks, counts, folder)
        if not report.complete:
            kept = f"{len(report.pairs)} pairs are kept in {folder}"
            console.print(f"{Interrupted(interrupts.signum)}, {kept}", soft_wrap=True)
    return report.exit_code


def _finish(
    report: "Report", benchmarks: list["Benchmark"], counts: "Counts", folder: Path
) -> None:
    """Judge, print, write: what can't be written has been seen at least."""
    from ..gate import outputs, verdicts

    report.facts["ended_at"] = now()
    judged = verdicts.judge(report.plan, benchmarks, report.pairs)
    judged = [replace(f, instructions=counts.get(f.benchmark.key)) for f in judged]
    report.findings = [*judged, *report.settled]
    if report.complete:
        report.exit_code = verdicts.exit_code(report.findings, report.strict, report.advisory)
    _print(report)
    outputs.write_all(report, folder)
    print(f"check: {folder}")


def _replay(file: Path) -> int:
    """Judge the raw data of an earlier check again; it must come to the same verdicts."""
    from ..gate import document, verdicts

    report = document.load(file)
    settled = {finding.benchmark.key for finding in report.settled}
    before = [finding for finding in report.findings if finding.benchmark.key not in settled]
    judged = verdicts.judge(report.plan, [f.benchmark for f in before], report.pairs)
    again = [replace(n, instructions=o.instructions) for n, o in zip(judged, before, strict=True)]
    if report.complete:
        _refuse_other_verdicts(file, before, again)
    report.findings = [*again, *report.settled]
    _print(report)
    if not report.complete:  # of one that died without a word it is "failed"
        return report.exit_code
    return verdicts.exit_code(report.findings, report.strict, report.advisory)


def _refuse_other_verdicts(file: Path, before: list, again: list) -> None:
    for old, new in zip(before, again, strict=True):
        if new.verdict != old.verdict:
            raise SwitchyardError(
                f"{file} says that {new.benchmark.key} is {old.verdict}, but its raw data say "
                f"{new.verdict}: the file was changed, or another version wrote it"
            )


def _print(report: "Report") -> None:
    from ..gate import table
    from ..system.terminal import stdout_console

    table.print_report(report, stdout_console())
