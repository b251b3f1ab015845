"""What makes a row, a run or a machine doubtful: from which value on, and what to do about it.

The one home of these thresholds. doctor looks at the machine before a run (readiness.py), the
tables at rows, and the end of a run at the whole (compare/advice.py).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median

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
# Of devices, per second on a CPU: each takes some us from what runs there.
INTERRUPTS = 2_000
# Of its CPU, whoever is at the other end of what is measured.
_BUSY_PERCENT = 95.0

STOP_OTHERS = "stop other programs, or wait until they are done"


@dataclass(frozen=True)
class Doubt:
    """Something of a launch that is doubtful `above` a value. `note` says it of one row, `run` of
    a whole run, where each row is named with what it was, as `share`. `of_rounds`: what it is of
    several launches; one bad one spoils a sum of times, but no median.
    """

    value: Callable[[Record], float]
    above: float
    note: str
    run: str
    share: str
    advice: str
    of_rounds: Callable[[list[float]], float] = max

    def worst(self, records: Iterable[Record]) -> dict[str, float]:
        """Of each row that is doubtful, the value."""
        found: dict[str, list[float]] = {}
        for record in records:
            found.setdefault(record.row.name, []).append(self.value(record))
        of_rows = {name: self.of_rounds(values) for name, values in found.items()}
        return {name: value for name, value in of_rows.items() if value > self.above}


def _counter(key: str) -> Callable[[Record], float]:
    return lambda record: record.value(key) or 0.0


def _own_percent(record: Record) -> float:
    """What the load generator may have added to the latency, late sends and replies that lay
    unread, of what it measured: at the median or the 99th percentile, whichever is more. In an open
    loop it is busy looking for what is due, so that its CPU time says nothing.
    """

    def share(percentile: str) -> float:
        seen, late, unread = (
            record.value(f"{kind}{percentile}_us") or 0.0 for kind in ("", "late_", "unread_")
        )
        return 100 * (late + unread) / seen if seen else 0.0

    return max(share("p50"), share("p99"))


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
    _own_percent, 20.0, "load generator late (up to {:.0f} % of the latency)",
    "load generator late", "up to {:.0f} % of the latency",
    "so much of the latency of these rows may be the generator's own; give it a CPU of its own",
    median,
)  # fmt: skip
STEAL = Doubt(
    _counter("steal_percent"), 1.0, "{:.1f} % steal",
    "the hypervisor took CPU time away", "{:.1f} % steal",
    "repeat at a quieter time or on a machine of your own",
)  # fmt: skip
THROTTLED = Doubt(
    _counter("throttled_percent"), 1.0, "{:.0f} % throttled",
    "a CPU quota held launches up", "{:.0f} % of the time",
    "these rows show the quota, not the runtime: lift it, and repeat",
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
