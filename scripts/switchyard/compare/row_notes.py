"""What makes a single row doubtful, in a few words, and from which value on.

advice.py makes the warnings of a run out of it.
"""

from collections.abc import Iterable

from ..suite.results import Record
from .comparison import Comparison
from .statistics import Summary

SATURATED_PERCENT = 95.0
NOISE = 0.20
STEAL_PERCENT = 1.0
# The load generator's own delay (p99) in an open loop, against the median latency.
LATE_SHARE = 0.1
# Counters of the worst round: above which value, and what is said of it then.
_SATURATIONS = {
    "load_cpu_percent": (SATURATED_PERCENT, "load generator saturated ({:.0f} % of its CPU)"),
    "origin_cpu_percent": (SATURATED_PERCENT, "origin saturated ({:.0f} % of its CPU)"),
}
_NOTES = {**_SATURATIONS, "steal_percent": (STEAL_PERCENT, "{:.1f} % steal")}


def notes_of(comparison: Comparison, records: Iterable[Record]) -> dict[str, list[str]]:
    """By row; those of which nothing is to be said are not in it."""
    records = list(records)
    notes: dict[str, list[str]] = {}
    for key, (above, form) in _NOTES.items():
        for name, value in worst(records, key, above).items():
            notes.setdefault(name, []).append(form.format(value))
    for name, percent in late(records).items():
        notes.setdefault(name, []).append(f"load generator late (by {percent:.0f} %)")
    for name, share in noisy(summaries_of(comparison)).items():
        notes.setdefault(name, []).append(f"noise {100 * share:.0f} %")
    return notes


def saturated(records: Iterable[Record]) -> set[str]:
    """Names of the rows that say more of the other side than of what is under test."""
    records = list(records)
    return {name for key, (above, _) in _SATURATIONS.items() for name in worst(records, key, above)}


def late(records: Iterable[Record]) -> dict[str, float]:
    """Per row by how many per cent of the median latency the load generator was late, at worst.

    In an open loop it is busy looking for what is due, so that its CPU time says nothing.
    """
    found: dict[str, float] = {}
    for record in records:
        late_us, seen_us = record.value("late_p99_us") or 0.0, record.value("p50_us") or 0.0
        if late_us > LATE_SHARE * seen_us:
            percent = 100 * late_us / seen_us if seen_us else 100.0
            found[record.row.name] = max(percent, found.get(record.row.name, 0.0))
    return found


def summaries_of(comparison: Comparison) -> dict[str, Summary]:
    """By row, of those that have more than a round."""
    cells = comparison.cells.values()
    return {c.row.name: c.summary for c in cells if c.summary and c.summary.count > 1}


def noisy(summaries: dict[str, Summary]) -> dict[str, float]:
    """The noise of those where it is above what is tolerated."""
    return {name: s.noise for name, s in summaries.items() if s.noise > NOISE}


def worst(records: Iterable[Record], key: str, above: float) -> dict[str, float]:
    """Per row the largest value of a counter, where it is above the threshold."""
    found: dict[str, float] = {}
    for record in records:
        value = record.value(key) or 0.0
        if value > above:
            found[record.row.name] = max(value, found.get(record.row.name, 0.0))
    return found
