"""Every warning a run can give, each with what to do about it. The one home for warnings.

A warning says what was seen and how bad it was; the worst rows are named, not all of them: what
can be said of each is in row_notes.py.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ..suite.results import Record, ResultsFolder, WorkloadResults
from ..suite.tally import Tally
from .comparison import compare
from .row_notes import NOISE, SATURATED_PERCENT, STEAL_PERCENT, late, noisy, summaries_of, worst

_NAMED = 3


@dataclass(frozen=True)
class RunWarning:
    what: str
    advice: str


def warnings_of(folder: ResultsFolder, tally: Tally, wanted_rounds: int) -> list[RunWarning]:
    records = [record for kept in folder.workloads.values() for record in kept.records()]
    return [
        *_errors(records),
        *_limits(records),
        *_incomplete(tally, wanted_rounds),
        *_saturated(records),
        *_origin_saturated(records),
        *_late(records),
        *_slowed_down(folder.environment.get("build") or {}),
        *_steal(records),
        *_busy(folder.environment.get("machine", {})),
        *_noise(folder.workloads.values()),
    ]


def _errors(records: list[Record]) -> Iterator[RunWarning]:
    failed = {r.row.name: r.problem for r in records if r.problem and not r.is_limit}
    for name, problem in failed.items():
        yield RunWarning(f"FAILED {name}: {problem}", "run the binary by hand with this filter")


def _limits(records: list[Record]) -> Iterator[RunWarning]:
    limited = {r.row.name: r.problem for r in records if r.is_limit}
    for name, problem in limited.items():
        yield RunWarning(f"{name}: {problem}", "`switchyard.sh doctor` tells how to raise limits")


def _incomplete(tally: Tally, wanted: int) -> Iterator[RunWarning]:
    if tally.interrupted_by:
        left = len(tally.never_launched)
        yield RunWarning(
            f"interrupted in round {tally.rounds + 1} of {wanted}"
            + (f"; {left} rows never got a launch" if left else ""),
            "what was measured is kept; repeat for the rest",
        )
    elif tally.never_launched:
        names = ", ".join(tally.never_launched)
        yield RunWarning(
            f"{len(tally.never_launched)} rows never got a launch: {names}",
            "choose fewer rows with --filter, or a larger --budget",
        )
    if tally.rounds < wanted and tally.out_of_budget:
        yield RunWarning(
            f"{tally.rounds} of {wanted} rounds fitted into the budget",
            "--rounds lifts the budget; --filter, --runtimes and --min-time make a round shorter",
        )


def _slowed_down(build: dict[str, Any]) -> Iterator[RunWarning]:
    percent = build.get("injected_slowdown_percent")
    if percent:
        yield RunWarning(
            f"the build is slowed down on purpose, by {percent} %",
            "these results are good for nothing else: build without SWITCHYARD_INJECT_SLOWDOWN",
        )


def _saturated(records: list[Record]) -> Iterator[RunWarning]:
    found = worst(records, "load_cpu_percent", SATURATED_PERCENT)
    if found:
        yield RunWarning(
            f"load generator saturated: {_named(found, '{:.0f} % of its CPU')}",
            "these rows measure the generator: the server may be faster; give it a faster core",
        )


def _origin_saturated(records: list[Record]) -> Iterator[RunWarning]:
    found = worst(records, "origin_cpu_percent", SATURATED_PERCENT)
    if found:
        yield RunWarning(
            f"the origin is saturated: {_named(found, '{:.0f} % of its CPU')}",
            "these rows measure the origin: those who fetch may be faster; give it a faster core",
        )


def _late(records: list[Record]) -> Iterator[RunWarning]:
    found = late(records)
    if found:
        yield RunWarning(
            f"load generator late: {_named(found, 'by {:.0f} % of the median latency')}",
            "part of the latency of these rows is the generator's own; give it a CPU of its own",
        )


def _steal(records: list[Record]) -> Iterator[RunWarning]:
    found = worst(records, "steal_percent", STEAL_PERCENT)
    if found:
        yield RunWarning(
            f"the hypervisor took CPU time away: {_named(found, '{:.1f} % steal')}",
            "repeat at a quieter time or on a machine of your own",
        )


def _busy(machine: dict) -> Iterator[RunWarning]:
    """Judged before the first launch: later our own tasks are in the load average."""
    load, cpus = machine.get("load_average") or 0.0, machine.get("cpu_count") or 1
    if load > 0.5 * cpus:
        yield RunWarning(
            f"load average {load:.1f} on {cpus} CPUs at the start: something else was running",
            "stop other programs, or wait until they are done, and repeat",
        )


def _noise(workloads: Iterable[WorkloadResults]) -> Iterator[RunWarning]:
    for kept in workloads:
        summaries = summaries_of(compare(kept))
        shares = noisy(summaries)
        if shares:
            ranges = any(summaries[name].is_range for name in shares)
            what = "half the range" if ranges else "half the 95 % interval"
            percents = {name: 100 * share for name, share in shares.items()}
            yield RunWarning(
                f"noise above {100 * NOISE:.0f} % in {len(shares)} of {len(summaries)} "
                f"{kept.workload.name} rows ({what} relative to the median): "
                f"{_named(percents, '{:.0f} %')}",
                "differences below that mean nothing: more --rounds, or a quieter machine",
            )


def _named(found: dict[str, float], form: str) -> str:
    """ "a (97 %), b (96 %) and 4 more", the worst first."""
    order = sorted(found.items(), key=lambda item: -item[1])
    text = ", ".join(f"{name} ({form.format(value)})" for name, value in order[:_NAMED])
    return f"{text} and {len(order) - _NAMED} more" if len(order) > _NAMED else text
