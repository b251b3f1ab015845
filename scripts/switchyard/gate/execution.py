"""Executes a prepared check into its report, and counts instructions, if that is wanted."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from ..suite.progress import ProgressBar
from ..system.errors import SwitchyardError
from ..system.interrupts import Interrupted, Interrupts
from ..system.machine import Machine
from ..system.tools import find_counter
from . import instructions, outputs
from .copies import fresh_copies
from .gate import gate_set
from .model import Benchmark, Finding, Report, Verdict
from .prepare import Prepared
from .sampling import Sampler
from .stages import Stages

_COUNT_TIMEOUT_S = 120.0
_FAILED = 2

Counts = dict[str, dict[str, Any]]
Stamps = dict[Path, tuple[int, int, int] | None]


class CheckProgress(ProgressBar):
    """Context manager; the stages' Watcher: which stage, how many of its pairs, how long still."""

    def stage(self, name: str, pairs: int) -> None:
        self._stage, self._pairs = name, pairs

    def pair(self, benchmark: Benchmark, done: int, seconds_left: float | None) -> None:
        plain = f"{self._stage}: pair {done + 1} of {self._pairs}"
        self.show(self._stage, done, self._pairs, seconds_left, benchmark.key, plain)


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
    binaries = [benchmark.binary for benchmark in prepared.benchmarks]
    counts: Counts = {}
    with (
        fresh_copies(prepared.launched, binaries, folder, report.plan.seed) as copies,
        CheckProgress(console) as progress,
    ):
        sampler = Sampler(report.plan, copies.roots, interrupts, Machine(), prepared.stored)

        def save() -> None:
            report.plan, report.spent_s = check.plan, check.spent_s
            outputs.save(report, folder)

        check = Stages(
            report.plan, prepared.benchmarks, sampler.pair, progress, copies.renew, save,
            report.pairs,
        )  # fmt: skip
        try:
            if prepared.stored is None:
                check.run()
            else:
                check.run_against_stored(prepared.most_stored)
            if with_instructions:
                counts = _count(prepared.benchmarks, copies.roots, interrupts)
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


def _stamps(prepared: Prepared) -> Stamps:
    """Of each binary, what changes when it is written anew."""
    stamps: Stamps = {}
    for side in prepared.launched:
        for benchmark in prepared.benchmarks:
            path = side.root / benchmark.binary
            status = path.stat() if path.exists() else None
            stamps[path] = status and (status.st_ino, status.st_size, status.st_mtime_ns)
    return stamps


def _refuse_rebuilt(before: Stamps, after: Stamps) -> None:
    changed = [str(path) for path, stamp in before.items() if after[path] != stamp]
    if changed:
        raise SwitchyardError(
            f"{changed[0]} was written anew while it was being measured: check again, and don't "
            "build in the meantime"
        )


def _count(
    benchmarks: list[Benchmark], roots: Mapping[str, Path], interrupts: Interrupts
) -> Counts:
    """Of the gate set's benchmarks only where the gate set says that a count has a meaning."""
    known, tool = gate_set(), find_counter()
    counts: Counts = {}
    for benchmark in benchmarks:
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
