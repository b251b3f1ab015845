"""Latency histograms as the load generator writes them: read, add up, ask for percentiles.

Percentiles of parts can't be averaged into those of the whole; counts in buckets can be added. The
buckets are those of bench/harness/histogram.hpp, at most 1.6 % wide, so that a bucket's middle is
off by at most 0.8 %.
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from ..system.errors import BadInputError

FORMAT = "switchyard histogram 1"
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
    """All values of all parts."""
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


class HistogramFile(msgspec.Struct):
    """What one run wrote: its figures, and its histograms by name (latency, service_time)."""

    path: Path
    figures: dict[str, Any]
    histograms: dict[str, Histogram]


def read(path: Path) -> HistogramFile:
    """Raises BadInputError that names the file."""
    try:
        document = msgspec.json.decode(path.read_bytes())
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise BadInputError(
                f"{path} is no histogram file: `echo_load --histogram FILE` writes one"
            )
        figures = msgspec.convert(document.get("figures") or {}, dict[str, Any])
        histograms = msgspec.convert(document.get("histograms"), dict[str, Histogram])
    except OSError as error:
        raise BadInputError(f"cannot read {path}: {error.strerror}") from None
    except msgspec.ValidationError as error:
        raise BadInputError(f"{path} is damaged: {error}") from None
    except msgspec.DecodeError as error:
        raise BadInputError(f"{path} is no JSON: {error}") from None
    return HistogramFile(path, figures, histograms)
