"""Executes a prepared check into its report, and counts instructions, if that is wanted."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from ..system.errors import SwitchyardError
from ..system.interrupts import Interrupted, Interrupts
from ..system.machine import Machine
from ..system.tools import find_counter
from . import gate, instructions, outputs, stages
from .copies import fresh_copies
from .model import SIDES, Finding, Report, Verdict
from .prepare import Prepared
from .progress import CheckProgress
from .sampling import Sampler

_COUNT_TIMEOUT_S = 120.0
_FAILED = 2

Counts = dict[str, dict[str, Any]]


def execute(
    report: Report,
    prepared: Prepared,
    folder: Path,
    console: Console,
    interrupts: Interrupts,
    with_instructions: bool,
) -> Counts:
    """Fills in the report's pairs; returns counts by benchmark. A signal leaves it incomplete."""
    # What is in the file if the check should die: nothing that could be taken for a result.
    report.complete, report.exit_code = False, _FAILED
    unfinished = [
        Finding(benchmark, Verdict.INCONCLUSIVE, "the check did not end")
        for benchmark in prepared.benchmarks
    ]
    report.findings = [*unfinished, *report.settled]
    outputs.save(report, folder)
    _leave_cpu(report.plan.cpu)
    before = _stamps(prepared)
    counts: Counts = {}
    launched = [
        side for side in prepared.sides if prepared.stored is None or side.label != SIDES[0]
    ]
    binaries = [benchmark.binary for benchmark in prepared.benchmarks]
    seed = report.plan.seed
    with (
        fresh_copies(launched, binaries, folder, seed) as copies,
        CheckProgress(console) as progress,
    ):
        sampler = Sampler(report.plan, copies.roots, interrupts, Machine(), prepared.stored)

        def save() -> None:
            report.plan, report.spent_s = check.plan, check.spent_s
            outputs.save(report, folder)

        check = stages.Stages(
            report.plan, prepared.benchmarks, sampler.pair, progress, copies.renew, save,
            report.pairs,
        )  # fmt: skip
        try:
            if prepared.stored is None:
                check.run()
            else:
                check.run_against_stored(prepared.most_stored)
            if with_instructions:
                counts = _count(prepared, copies.roots, interrupts)
            report.complete, report.exit_code = True, 0
        except Interrupted as interrupted:
            report.exit_code = interrupted.exit_code
    report.plan, report.spent_s = check.plan, check.spent_s
    for side, context in sampler.contexts.items():
        report.facts["sides"][side]["context"] = context
    _refuse_rebuilt(before, _stamps(prepared))
    return counts


def _leave_cpu(cpu: int | None) -> None:
    """What is bound to one CPU has it to itself, as far as we are concerned."""
    others = os.sched_getaffinity(0) - {cpu}
    if cpu is not None and others:
        os.sched_setaffinity(0, others)


def _stamps(prepared: Prepared) -> dict[Path, tuple[int, int, int] | None]:
    """Of each binary, what changes when it is written anew."""
    stamps: dict[Path, tuple[int, int, int] | None] = {}
    for side in prepared.sides:
        if side.label == "baseline" and prepared.stored is not None:
            continue
        for benchmark in prepared.benchmarks:
            path = side.root / benchmark.binary
            status = path.stat() if path.exists() else None
            stamps[path] = status and (status.st_ino, status.st_size, status.st_mtime_ns)
    return stamps


def _refuse_rebuilt(before: Mapping[Path, object], after: Mapping[Path, object]) -> None:
    changed = [str(path) for path, stamp in before.items() if after.get(path) != stamp]
    if changed:
        raise SwitchyardError(
            f"{changed[0]} was written anew while it was being measured: check again, and don't "
            "build in the meantime"
        )


def _count(prepared: Prepared, roots: Mapping[str, Path], interrupts: Interrupts) -> Counts:
    """Of the gate set's benchmarks only where the gate set says that a count has a meaning."""
    known, tool = gate.gate_set(), find_counter()
    counts: Counts = {}
    for benchmark in prepared.benchmarks:
        if benchmark.name in known and not known[benchmark.name].instructions:
            continue
        try:
            counts[benchmark.key] = instructions.count(
                tool, benchmark, roots, interrupts, _COUNT_TIMEOUT_S
            )
        except (SwitchyardError, KeyError, TypeError, ValueError) as error:
            # A second witness that can't be heard takes nothing from the first.
            counts[benchmark.key] = {"problem": f"not counted: {error!r}"}
        interrupts.stop_if_any()
    return counts
