"""What makes a run or a single row doubtful, from the values on that suite/warnings.py has.

A warning of a run says what was seen, how bad it was, and what to do about it; the worst rows are
named, not all of them. Of a row it is a few words.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ..suite import findings
from ..suite.results import Record, ResultsFolder, Tally, WorkloadResults
from ..suite.warnings import BUSY_AT_START, DOUBTS, NOISE, STOP_OTHERS
from .comparison import Comparison, compare

_NAMED = 3


@dataclass(frozen=True)
class RunWarning:
    what: str
    advice: str


def warnings_of(folder: ResultsFolder, tally: Tally, wanted_rounds: int) -> list[RunWarning]:
    records = [record for kept in folder.workloads.values() for record in kept.records()]
    return [
        *_problems(records),
        *_incomplete(tally, wanted_rounds),
        *_slowed_down(folder.environment.get("build") or {}),
        *_doubtful(records),
        *_surroundings(folder.environment.get("machine", {})),
        *_busy(folder.environment.get("machine", {})),
        *_noise(folder.workloads.values()),
    ]


def notes_of(comparison: Comparison, records: Iterable[Record]) -> dict[str, list[str]]:
    """By row; those of which nothing is to be said are not in it."""
    records = list(records)
    notes: dict[str, list[str]] = {}
    for doubt in DOUBTS:
        for name, value in doubt.worst(records).items():
            notes.setdefault(name, []).append(doubt.note.format(value))
    for name, percent in _noisy(comparison).items():
        notes.setdefault(name, []).append(f"noise {percent:.0f} %")
    return notes


def _problems(records: list[Record]) -> Iterator[RunWarning]:
    """Of each row the last that failed, and the last limit that it met."""
    failed = {r.row.name: r.problem for r in records if r.problem and not r.is_limit}
    limited = {r.row.name: r.problem for r in records if r.is_limit}
    for name, problem in failed.items():
        yield RunWarning(f"FAILED {name}: {problem}", "run the binary by hand with this filter")
    for name, problem in limited.items():
        yield RunWarning(f"{name}: {problem}", "`doctor` tells how to raise limits")


def _incomplete(tally: Tally, wanted: int) -> Iterator[RunWarning]:
    left = len(tally.never_launched)
    if tally.interrupted_by:
        where = f"in round {tally.rounds + 1} of {wanted}"
        if tally.to_be_counted:
            where = "while hardware events were counted; all rounds are kept"
        yield RunWarning(
            f"interrupted {where}" + (f"; {left} rows never got a launch" if left else ""),
            "what was measured is kept; repeat for the rest",
        )
    elif left:
        yield RunWarning(
            f"{left} rows never got a launch: {', '.join(tally.never_launched)}",
            "choose fewer rows with --filter, or a larger --budget",
        )
    for name, seconds in tally.cut_off.items():
        yield RunWarning(
            f"cut off at the end of the budget after {seconds:.1f} s: {name}",
            "a larger --budget, or --rounds: it hangs, or takes so long",
        )
    if tally.dropped:
        yield RunWarning(
            f"{len(tally.dropped)} rows were left out, so that the others got all their rounds "
            f"within the budget: {_and_more(tally.dropped)}",
            "a larger --budget, or --filter and --runtimes for what matters",
        )
    if tally.rounds < wanted and tally.out_of_budget:
        yield RunWarning(
            f"{tally.rounds} of {wanted} rounds fitted into the budget",
            "--rounds lifts the budget; --filter, --runtimes and --min-time make a round shorter",
        )


def _slowed_down(build: dict[str, Any]) -> Iterator[RunWarning]:
    if percent := build.get("injected_slowdown_percent"):
        yield RunWarning(
            f"the build is slowed down on purpose, by {percent} %",
            "these results are good for nothing else: build without SWITCHYARD_INJECT_SLOWDOWN",
        )


def _doubtful(records: list[Record]) -> Iterator[RunWarning]:
    for doubt in DOUBTS:
        if found := doubt.worst(records):
            yield RunWarning(f"{doubt.run}: {_named(found, doubt.share)}", doubt.advice)


def _busy(machine: dict[str, Any]) -> Iterator[RunWarning]:
    """Judged before the first launch: later our own tasks are in the load average."""
    load, cpus = machine.get("load_average") or 0.0, machine.get("cpu_count") or 1
    if load > BUSY_AT_START * cpus:
        yield RunWarning(
            f"load average {load:.1f} on {cpus} CPUs at the start: something else was running",
            f"{STOP_OTHERS}, and repeat",
        )


def _surroundings(machine: dict[str, Any]) -> Iterator[RunWarning]:
    for found in findings.surroundings(machine):
        if found.level != findings.OK:
            yield RunWarning(f"{found.subject}: {found.what}", found.advice)


def _noise(workloads: Iterable[WorkloadResults]) -> Iterator[RunWarning]:
    for kept in workloads:
        comparison = compare(kept)
        if noisy := _noisy(comparison):
            several = sum(summary.count > 1 for summary in comparison.summaries.values())
            ranges = any(comparison.summaries[name].is_range for name in noisy)
            what = "half the range" if ranges else "half the 95 % interval"
            yield RunWarning(
                f"noise above {100 * NOISE:.0f} % in {len(noisy)} of {several} "
                f"{kept.workload.name} rows ({what} relative to the median): "
                f"{_named(noisy, '{:.0f} %')}",
                "differences below that mean nothing: more --rounds, or a quieter machine",
            )


def _noisy(comparison: Comparison) -> dict[str, float]:
    """By row, the noise in per cent where it is above what is tolerated."""
    noise = {name: summary.noise for name, summary in comparison.summaries.items()}
    return {name: 100 * share for name, share in noise.items() if share > NOISE}


def _named(found: dict[str, float], form: str) -> str:
    """ "a (97 %), b (96 %) and 4 more", the worst first."""
    order = sorted(found.items(), key=lambda item: -item[1])
    return _and_more([f"{name} ({form.format(value)})" for name, value in order])


def _and_more(names: list[str]) -> str:
    text = ", ".join(names[:_NAMED])
    return f"{text} and {len(names) - _NAMED} more" if len(names) > _NAMED else text
