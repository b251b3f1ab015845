"""What makes a row, a run or a machine doubtful: from which value on, and what to do about it.

The one home of these thresholds. doctor looks at the machine before a run (readiness.py), the
tables at rows, and the end of a run at the whole (compare/advice.py).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .results import Record

# A row's noise: half its interval (or range), relative to the median.
NOISE = 0.20
# The load average for each CPU: before a run, and at the start of one that was made all the same.
BUSY = 0.25
BUSY_AT_START = 0.5
# What the largest rows take: processes or threads, connections with both ends on this machine,
# files for these, and bytes of memory. And what else is running takes some of it as well.
TASKS = 10_000
OTHER_TASKS = 200
CONNECTIONS = 1_024
OPEN_FILES = 2 * CONNECTIONS + 128
PORTS = 4 * CONNECTIONS
MAPPINGS = 2 * TASKS + 5_000
MEMORY = 2 * 1024**3
# Of its CPU, whoever is at the other end of what is measured.
_BUSY_PERCENT = 95.0

STOP_OTHERS = "stop other programs, or wait until they are done"


@dataclass(frozen=True)
class Doubt:
    """Something of a launch that is doubtful `above` a value. `note` says it of one row, `run` of
    a whole run, where each row is named with what it was, as `share`.
    """

    value: Callable[[Record], float]
    above: float
    note: str
    run: str
    share: str
    advice: str

    def worst(self, records: Iterable[Record]) -> dict[str, float]:
        """Of each row that is doubtful, the largest value."""
        found: dict[str, float] = {}
        for record in records:
            value = self.value(record)
            if value > self.above:
                found[record.row.name] = max(value, found.get(record.row.name, 0.0))
        return found


def _counter(key: str) -> Callable[[Record], float]:
    return lambda record: record.value(key) or 0.0


def _late_percent(record: Record) -> float:
    """How late the load generator was (p99), of the median latency. In an open loop it is busy
    looking for what is due, so that its CPU time says nothing.
    """
    late_us, seen_us = record.value("late_p99_us") or 0.0, record.value("p50_us") or 0.0
    return 100 * late_us / seen_us if seen_us else 100.0 * (late_us > 0)


GENERATOR_SATURATED = Doubt(
    _counter("load_cpu_percent"), _BUSY_PERCENT, "load generator saturated ({:.0f} % of its CPU)",
    "load generator saturated", "{:.0f} % of its CPU",
    "these rows measure the generator: the server may be faster; give it a faster core",
)  # fmt: skip
ORIGIN_SATURATED = Doubt(
    _counter("origin_cpu_percent"), _BUSY_PERCENT, "origin saturated ({:.0f} % of its CPU)",
    "the origin is saturated", "{:.0f} % of its CPU",
    "these rows measure the origin: those who fetch may be faster; give it a faster core",
)  # fmt: skip
LATE = Doubt(
    _late_percent, 10.0, "load generator late (by {:.0f} %)",
    "load generator late", "by {:.0f} % of the median latency",
    "part of the latency of these rows is the generator's own; give it a CPU of its own",
)  # fmt: skip
STEAL = Doubt(
    _counter("steal_percent"), 1.0, "{:.1f} % steal",
    "the hypervisor took CPU time away", "{:.1f} % steal",
    "repeat at a quieter time or on a machine of your own",
)  # fmt: skip
THROTTLED = Doubt(
    _counter("throttled_percent"), 1.0, "throttled {:.1f} % of the time",
    "a cgroup's limit on CPU time held it back", "{:.1f} % of the time",
    "raise the limit (cpu.max, docker run --cpus), or bind to fewer CPUs",
)  # fmt: skip
ONE_CORE = Doubt(
    _counter("ends_share_a_core"), 0.0, "both ends on one core",
    "both ends ran on two hardware threads of one core", "one core",
    "each slows the other: give it a machine, or a set of CPUs, with two cores",
)  # fmt: skip
# Of these the other side of what is under test.
_OTHER_SIDE = (GENERATOR_SATURATED, ORIGIN_SATURATED, LATE)
DOUBTS = (*_OTHER_SIDE, STEAL, THROTTLED, ONE_CORE)


def held_up(records: Iterable[Record]) -> set[str]:
    """Names of the rows that say more of the other side than of what is under test."""
    records = list(records)
    return {name for doubt in _OTHER_SIDE for name in doubt.worst(records)}
