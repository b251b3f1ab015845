"""Percentile files of HdrHistogram (.hgrm), which its plotter draws and wrk2 prints (`--latency`).

A table: a value, the percentile that it stands at, and how many values are up to it. All files have
the same percentiles, as the plotter holds several against each other row by row. What lies between
two rows is a range with a count: so it is read, and it is less than what was measured.
"""

import itertools
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..system.errors import BadInputError
from . import provenance
from .histograms import UNITS, Histogram, HistogramFile, merged, of_ranges
from .provenance import Provenance

UNIT = "ms"  # what wrk2 prints, and HdrHistogram's tools make of nanoseconds
LOOKS = re.compile(r'^\s*"?Value"?[\s,]+"?Percentile"?[\s,]+"?TotalCount"?', re.MULTILINE)

_TICKS = 5  # rows each time that what is left halves
_TOTAL = re.compile(r"#\[Max\s*=.*?Total ?[cC]ount\s*=\s*(\d+)")
# wrk2 prints a second table of the time since a message was sent, not since it was due.
_UNCORRECTED = "Uncorrected Latency"

Row = tuple[int, float, int]  # value in nanoseconds, percentile (0 to 1), count up to here


def parse(path: Path, text: str, unit: str | None) -> HistogramFile:
    """Its tables, as histograms; `unit` is that of the values, ms where none is given. Raises
    BadInputError that names the file.
    """
    tables: list[tuple[str, Histogram]] = []
    ours, name, rows = Provenance(), "latency", None
    for number, line in enumerate(text.splitlines(), 1):
        where = f"{path}, line {number}"
        if LOOKS.match(line):
            if rows is not None:
                raise BadInputError(f"{where}: the table above has no end")
            rows = []
        elif rows is None:
            ours = provenance.of_line(path, line) or ours
            if "Latency Distribution" in line:
                name = "service_time" if _UNCORRECTED in line else "latency"
        elif found := _TOTAL.match(line.strip()):
            tables.append((ours.histogram or name, _histogram(where, rows, int(found[1]))))
            rows = None
        elif line.strip() and not line.lstrip().startswith("#["):
            rows.append(_row(where, line, UNITS[ours.unit or unit or UNIT]))
            if len(rows) > 1 and _is_below(rows[-1], rows[-2]):
                raise BadInputError(f"{where}: less than in the row above")
    if rows is not None:  # without a footer: a table with commas
        tables.append((ours.histogram or name, _histogram(str(path), rows, None)))
    whole = {
        name: merged(part for other, part in tables if other == name)
        for name in dict.fromkeys(name for name, _ in tables)
    }
    return HistogramFile(path, ours.figures, whole, ours.unit)


def _row(where: str, line: str, factor: int) -> Row:
    try:
        value, percentile, count, *_ = re.split(r"[\s,]+", line.strip())
        row = round(float(value) * factor), float(percentile), int(count)
    except (ValueError, OverflowError):
        raise BadInputError(f"{where}: this is no row of a table of percentiles") from None
    if row[0] < 0 or row[2] < 0 or not 0 <= row[1] <= 1:
        raise BadInputError(f"{where}: this is no row of a table of percentiles")
    return row


def _is_below(row: Row, above: Row) -> bool:
    return any(a < b for a, b in zip(row, above, strict=True))


def _histogram(where: str, rows: list[Row], total: int | None) -> Histogram:
    """`total`: how many values there are, where the file tells it apart from its rows."""
    counted = rows[-1][2] if rows else 0
    if total is None and (not rows or rows[-1][1] < 1):
        raise BadInputError(f"{where}: its table of percentiles ends before 100 %")
    if total is not None and total != counted:
        raise BadInputError(f"{where}: its rows count {counted} values, and it tells of {total}")
    ranges, begin, seen = [], 0, 0
    for value, percentile, count in rows:
        if percentile == 0:
            begin = value
        if count > seen:
            ranges.append((min(begin, value), value, count - seen))
        begin, seen = value + 1, count
    if not ranges:
        return Histogram(0, 0, 0, [])
    smallest = rows[0][0] if rows[0][1] == 0 else 0
    return of_ranges(ranges, smallest, rows[-1][0])


def text_of(name: str, part: Histogram, figures: dict[str, Any]) -> str:
    """The file for one histogram; values are milliseconds."""
    scale = UNITS[UNIT]
    lines = [
        Provenance(UNIT, figures, name).line(),
        f"{'Value':>12} {'Percentile':>14} {'TotalCount':>10} {'1/(1-Percentile)':>14}",
        "",
    ]
    for value, left, seen in _percentiles(part):
        row = f"{value / scale:12.6f} {1 - left:14.12f} {seen:10d}"
        lines.append(f"{row} {1 / left:14.2f}" if left else row)
    mean, deviation = (figure / scale for figure in _moments(part))
    powers = max(part.max.bit_length() - 7, 0) + 1
    lines += [
        f"#[Mean    = {mean:12.6f}, StdDeviation   = {deviation:12.6f}]",
        f"#[Max     = {part.max / scale:12.6f}, Total count    = {part.count:12d}]",
        f"#[Buckets = {powers:12d}, SubBuckets     = {128:12d}]",
    ]
    return "\n".join(lines) + "\n"


def _percentiles(part: Histogram) -> Iterator[tuple[int, float, int]]:
    """Values, the share of all that is left beyond, and counts, at the percentiles of a file."""
    if not part.count:
        return
    held = [(high, n) for _, high, n in sorted(part.buckets) if n]
    counts = itertools.accumulate(n for _, n in held)
    reached = [(high, seen) for (high, _), seen in zip(held, counts, strict=True)]
    at = 0
    for half in itertools.count():
        for tick in range(_TICKS):
            left = (1 - tick / (2 * _TICKS)) / 2**half
            while part.count - reached[at][1] > left * part.count:
                at += 1
            value, seen = reached[at]
            yield (min(value, part.max) if tick or half else part.min), left, seen
            if seen == part.count:
                yield part.max, 0.0, part.count
                return


def _moments(part: Histogram) -> tuple[float, float]:
    """Mean and standard deviation, from the middles of buckets."""
    if not part.count:
        return 0.0, 0.0
    middles = [(min(max((low + high) / 2, part.min), part.max), n) for low, high, n in part.buckets]
    mean = sum(value * n for value, n in middles) / part.count
    return mean, math.sqrt(sum((value - mean) ** 2 * n for value, n in middles) / part.count)
