"""A whole check: find the two sides, measure pairs, judge, hand out; or judge an earlier one again.

What a signal cuts short is judged as far as it got, and says so.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from ..suite.progress import ProgressBar
from ..suite.rounds import Turn
from ..system.errors import SwitchyardError
from ..system.files import now
from ..system.interrupts import Interrupted, Interrupts
from ..system.machine import Machine
from ..system.paths import state_folder
from ..system.terminal import plain_console, stdout_console
from ..system.tools import find_counter
from . import document, prepare, table, verdicts, wording
from .copies import expect_executable, fresh_copies
from .discovery import gate_set
from .instructions import Counting
from .measuring import Measuring
from .model import Benchmark, Finding, Plan, Report, Verdict
from .options import Check
from .prepare import Prepared
from .project import why_accepted
from .sampling import Sampler

_COUNT_TIMEOUT_S = 120.0
_FAILED = 2
# By what verdicts.slower() says: 125 is "skip this commit".
_BISECT_RUN = {True: 1, False: 0, None: 125}
_MOST_OF_A_REASON = 300

# Why a regression does not count, if it doesn't.
Accepts = Callable[[Finding], str | None]


def check(asked: Check, machine: Machine) -> int:
    """The exit code. Raises SwitchyardError."""
    console = plain_console(stderr=True)
    with Interrupts(asked.deadline_s) as interrupts:
        try:
            report, folder = compare(asked, machine, console, interrupts)
        except Interrupted as interrupted:
            console.print(f"{interrupted}, nothing was measured yet", soft_wrap=True)
            return interrupted.exit_code
        document.write_all(report, folder)
        _show("table", lambda: table.print_report(report, stdout_console()))
        print(f"check: {folder}")
        _show("figure", lambda: document.draw(report, folder))
        if not report.complete:
            kept = f"{len(report.pairs)} pairs are kept in {folder}"
            console.print(f"{Interrupted(interrupts.signum)}, {kept}", soft_wrap=True)
    if asked.bisect_run and report.complete:
        return _BISECT_RUN[verdicts.slower(report.findings, report.strict)]
    return report.exit_code


def _show(what: str, show: Callable[[], None]) -> None:
    """Trouble with a terminal, a locale or a picture costs a line, and no verdict and no file."""
    try:
        show()
    except Exception as error:
        kind = "" if isinstance(error, SwitchyardError) else f"{type(error).__name__}: "
        reason = " ".join(f"{kind}{error}".split())[:_MOST_OF_A_REASON]
        print(f"check: no {what}: {reason}", file=sys.stderr)


def compare(
    asked: Check, machine: Machine, console: Console, interrupts: Interrupts
) -> tuple[Report, Path]:
    """Of the whole check, judged and with its exit code, and its folder, which holds the raw data.

    Raises SwitchyardError, and Interrupted while there is nothing to judge yet; what is cut short
    later is incomplete, unless it was by the deadline, which ends measuring as the budget does.
    """
    parent = asked.out or state_folder(asked.repository) / "checks"
    expect_executable(parent)
    if asked.out:
        document.expect_free(asked.out)
    prepared = prepare.prepare(asked, machine, console, interrupts)
    folder = document.create(asked.out or prepare.new_folder(parent, prepared))
    interrupts.stop_if_any()
    plan = replace(asked.plan, budget_s=min(asked.plan.budget_s, interrupts.left_s))
    # What is in the file if the check should die: nothing that could be taken for a result.
    unfinished = [
        Finding(benchmark, Verdict.INCONCLUSIVE, "the check did not end", metric)
        for benchmark in prepared.benchmarks
        for metric in plan.metrics
    ]
    report = Report(
        plan, [*unfinished, *prepared.settled], [], prepare.facts(prepared, machine, plan.seed),
        [finding.benchmark.key for finding in prepared.settled], prepared.problems, asked.strict,
        advisory=prepared.stored is not None, complete=False, exit_code=_FAILED,
    )  # fmt: skip
    console.print(prepare.announcement(plan, prepared, folder), soft_wrap=True)
    accepts = partial(why_accepted, asked.accepted, datetime.now(UTC).date())
    counts = _measure(report, prepared, folder, console, interrupts, asked.instructions, accepts)
    report.facts["ended_at"] = now()
    _judge(report, counts, accepts)
    return report, folder


def replay(file: Path) -> int:
    """Judge the raw data of an earlier check again; it must come to the same verdicts."""
    report = document.load(file)
    before = report.findings
    counts = {finding.benchmark.key: finding.instructions for finding in before}
    # What was accepted then, whatever day it is.
    accepted = {(finding.benchmark, finding.metric): finding.accepted for finding in before}
    _judge(report, counts, lambda found: accepted.get((found.benchmark, found.metric)))
    for old, new in zip(before, report.findings, strict=False):
        if report.complete and new.verdict != old.verdict:
            raise SwitchyardError(
                f"{file} says that {new.benchmark.key} is {old.verdict}, but its raw data say "
                f"{new.verdict}: the file was changed, or another version wrote it"
            )
    table.print_report(report, stdout_console())
    return report.exit_code


def _judge(report: Report, counts: Mapping[str, Any], accepts: Accepts) -> None:
    """All but what is settled, and with that the whole; of what is not complete the exit code says
    already what cut it short.
    """
    settled = [found for found in report.findings if found.benchmark.key in report.settled]
    measured = [f.benchmark for f in report.findings if f.benchmark.key not in report.settled]
    judged = [
        replace(
            found, instructions=counts.get(found.benchmark.key),
            accepted=accepts(found) if found.verdict == Verdict.REGRESSED else None,
        )
        for found in verdicts.judge(
            report.plan, list(dict.fromkeys(measured)), report.pairs, report.advisory
        )
    ]  # fmt: skip
    report.findings = [*judged, *settled]
    if report.complete:
        report.exit_code = verdicts.exit_code(report.findings, report.strict, report.advisory)


class CheckProgress(ProgressBar):
    """Context manager: the round, and how many of all benchmarks are decided."""

    def launching(self, turn: Turn, still_open: int) -> None:
        decided = self._total - still_open
        plain = f"round {turn.round + 1}: {decided} of {self._total} decided"
        self.show(f"round {turn.round + 1}", decided, self._total, None, turn.item, plain)

    def regressed(self, finding: Finding) -> None:
        accepted = f", accepted: {finding.accepted}" if finding.accepted else ""
        line = f"regressed: {wording.proven(finding)}{accepted}"
        self._console.print(line, soft_wrap=True, markup=False)


def _measure(
    report: Report,
    prepared: Prepared,
    folder: Path,
    console: Console,
    interrupts: Interrupts,
    with_instructions: bool,
    accepts: Accepts,
) -> dict[str, Any]:
    """Fills in the report's pairs; returns counts by benchmark. A signal leaves it incomplete."""
    document.save(report, folder)
    others = os.sched_getaffinity(0) - {report.plan.cpu}
    if report.plan.cpu is not None and others:  # what is bound to a CPU has it to itself
        os.sched_setaffinity(0, others)
    counts: dict[str, Any] = {}
    with (
        fresh_copies(prepared.launched, prepared.benchmarks, folder, report.plan.seed) as copies,
        CheckProgress(console, len(prepared.benchmarks)) as progress,
    ):
        sampler = Sampler(report.plan, copies.roots, interrupts, Machine(), prepared.stored)

        def save() -> None:
            report.spent_s = measuring.spent_s
            document.save(report, folder)

        measuring = Measuring(
            report.plan, prepared.benchmarks, sampler.pairs, prepared.start_s,
            prepared.launches_against_stored, progress.launching, progress.regressed,
            copies.renew, save, accepts, report.pairs,
        )  # fmt: skip
        try:
            measuring.run()
            if with_instructions:
                counts = _count(report.plan, prepared.benchmarks, copies.roots, interrupts)
            report.complete = True
        except Interrupted as interrupted:
            report.complete, report.exit_code = interrupted.is_deadline, interrupted.exit_code
    report.spent_s = measuring.spent_s
    for side, context in sampler.contexts.items():
        report.facts["sides"][side]["context"] = context
    return counts


def _count(
    plan: Plan, benchmarks: Sequence[Benchmark], roots: Mapping[str, Path], interrupts: Interrupts
) -> dict[str, Any]:
    """Of the gate set's benchmarks only where the gate set says that a count has a meaning."""
    known, counts = gate_set(), {}
    counting = Counting(find_counter(), roots, interrupts, _COUNT_TIMEOUT_S, plan.arguments)
    for benchmark in benchmarks:
        if benchmark.key in known and not known[benchmark.key].instructions:
            continue
        counts[benchmark.key] = counting.count(benchmark)
        interrupts.stop_if_any()
    return counts
