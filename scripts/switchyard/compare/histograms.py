"""Latency histograms as the load generator writes them: read, add up, ask for percentiles.

Percentiles of parts can't be averaged into those of the whole; counts in buckets can be added. The
buckets are those of bench/load/histogram.hpp, at most 1.6 % wide, so that a bucket's middle is off
by at most 0.8 %. What others counted in buckets of their own is put into these.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from ..system.errors import BadInputError

FORMAT = "switchyard histogram 1"
UNITS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9}  # of values in files, in nanoseconds
QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999, "p99.99": 0.9999}


class Histogram(msgspec.Struct, frozen=True):
    """Counts by bucket, each lowest, highest and count, in nanoseconds; min and max are exact."""

    count: int
    min: int
    max: int
    buckets: list[tuple[int, int, int]]

    def __post_init__(self) -> None:
        wrong = any(n < 0 or not 0 <= low <= high for low, high, n in self.buckets)
        if wrong or self.count != sum(n for *_, n in self.buckets):
            raise ValueError("its counts do not add up")
        held = sorted((low, high) for low, high, n in self.buckets if n)
        if any(one[1] >= next_[0] for one, next_ in pairwise(held)):
            raise ValueError("its buckets overlap")
        ends = [(held[0], self.min), (held[-1], self.max)] if held else []
        if any(not low <= value <= high for (low, high), value in ends):
            raise ValueError("its smallest or largest value is in none of its buckets")

    def document(self) -> dict[str, Any]:
        return msgspec.to_builtins(self)

    def value_at(self, quantile: float) -> float:
        """In nanoseconds, within 1 %: what a share `quantile` of all values does not exceed."""
        rank = quantile * self.count
        seen = 0
        for low, high, n in sorted(self.buckets):
            seen += n
            if seen >= rank:
                return min(max((low + high) / 2, self.min), self.max)
        return float(self.max)

    def supports(self, quantile: float) -> bool:
        """Whether at least one value lies beyond; else the quantile is no more than the largest."""
        return round(self.count * (1 - quantile), 6) >= 1


def merged(parts: Iterable[Histogram]) -> Histogram:
    """All values of all parts. Raises ValueError where buckets of one lie across those of others,
    as ours never do.
    """
    parts = [part for part in parts if part.count]
    buckets: Counter[tuple[int, int]] = Counter()
    for part in parts:
        for low, high, n in part.buckets:
            buckets[low, high] += n
    return Histogram(
        buckets.total(), min((part.min for part in parts), default=0),
        max((part.max for part in parts), default=0),
        sorted((low, high, n) for (low, high), n in buckets.items()),
    )  # fmt: skip


def bucket_of(value: int) -> tuple[int, int]:
    """The lowest and the highest value, in nanoseconds, that share a bucket with this one."""
    shift = max(value.bit_length() - 7, 0)
    low = value >> shift << shift
    return low, low + (1 << shift) - 1


def of_ranges(ranges: Iterable[tuple[int, int, int]], smallest: int, largest: int) -> Histogram:
    """Lowest, highest and count, of buckets that need not be ours and may overlap, in ours: counts
    of a range that lies in several are shared out evenly. `smallest` and `largest` are known better
    than by a bucket; what lies in none of those with counts is moved there.
    """
    counts: Counter[tuple[int, int]] = Counter()
    for low, high, n in ranges:
        for bucket, share in _shares(low, high, n):
            counts[bucket] += share
    buckets = sorted((low, high, n) for (low, high), n in counts.items() if n)
    if not buckets:
        return Histogram(0, 0, 0, [])
    (first, first_end, _), (last, last_end, _) = buckets[0], buckets[-1]
    return Histogram(
        counts.total(), min(max(smallest, first), first_end), min(max(largest, last), last_end),
        buckets,
    )  # fmt: skip


def _shares(low: int, high: int, n: int) -> Iterator[tuple[tuple[int, int], int]]:
    begin, given = low, 0
    while begin <= high:
        bucket = bucket_of(begin)
        end = min(bucket[1], high)
        due = n * (end - low + 1) // (high - low + 1)
        yield bucket, due - given
        begin, given = end + 1, due


class HistogramFile(msgspec.Struct):
    """What one run wrote: its figures, and its histograms by name (latency, service_time)."""

    path: Path
    figures: dict[str, Any]  # none in files of other programs
    histograms: dict[str, Histogram]
    unit: str = ""  # of its values, where the file tells it
    # When it began and ended, in seconds since the epoch, as far as is known.
    span: tuple[float, float] = (0.0, 0.0)


def read(path: Path) -> HistogramFile:
    """What `echo_load --histogram` wrote. Raises BadInputError that names the file."""
    try:
        return parse(path, path.read_bytes())
    except OSError as error:
        raise BadInputError(f"cannot read {path}: {error.strerror}") from None


def parse(path: Path, content: bytes) -> HistogramFile:
    """The same, of what was read from there."""
    try:
        document = msgspec.json.decode(content)
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise BadInputError(
                f"{path} is no histogram file: `echo_load --histogram FILE` writes one"
            )
        if document.get("unit", "ns") != "ns":
            raise BadInputError(f"{path} has its values in {document['unit']}, and not in ns")
        figures = msgspec.convert(document.get("figures") or {}, dict[str, Any])
        histograms = msgspec.convert(document.get("histograms"), dict[str, Histogram])
    except msgspec.ValidationError as error:
        raise BadInputError(f"{path} is damaged: {error}") from None
    except msgspec.DecodeError as error:
        raise BadInputError(f"{path} is no JSON: {error}") from None
    return HistogramFile(path, figures, histograms, "ns")
