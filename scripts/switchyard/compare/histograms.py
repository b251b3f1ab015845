"""Latency histograms as the load generator writes them: read, add up, ask for percentiles.

Percentiles of parts can't be averaged into those of the whole; counts in buckets can be added. The
buckets are those of bench/harness/histogram.hpp, at most 1.6 % wide, so that a bucket's middle is
off by at most 0.8 %.
"""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..system.errors import BadInputError

FORMAT = "switchyard histogram 1"
QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999, "p99.99": 0.9999}


@dataclass(frozen=True)
class Histogram:
    """Counts by bucket, each (lowest, highest) in nanoseconds; min and max are exact."""

    count: int
    min: int
    max: int
    buckets: dict[tuple[int, int], int]

    @classmethod
    def parse(cls, document: dict[str, Any]) -> "Histogram":
        """Raises ValueError, KeyError or TypeError when it is none."""
        buckets = {(int(low), int(high)): int(n) for low, high, n in document["buckets"]}
        found = cls(int(document["count"]), int(document["min"]), int(document["max"]), buckets)
        wrong = [b for b, n in buckets.items() if n < 0 or not 0 <= b[0] <= b[1]]
        if wrong or found.count != sum(buckets.values()):
            raise ValueError("its counts do not add up")
        return found

    def document(self) -> dict[str, Any]:
        buckets = [[low, high, n] for (low, high), n in sorted(self.buckets.items())]
        return {"count": self.count, "min": self.min, "max": self.max, "buckets": buckets}

    def value_at(self, quantile: float) -> float:
        """In nanoseconds, within 1 %: what a share `quantile` of all values does not exceed."""
        rank = quantile * self.count
        seen = 0
        for (low, high), n in sorted(self.buckets.items()):
            seen += n
            if seen >= rank:
                return min(max((low + high) / 2, self.min), self.max)
        return float(self.max)

    def supports(self, quantile: float) -> bool:
        """Whether at least one value lies beyond; else the quantile is no more than the largest."""
        return round(self.count * (1 - quantile), 6) >= 1


def merged(parts: Iterable[Histogram]) -> Histogram:
    """All values of all parts."""
    buckets: dict[tuple[int, int], int] = {}
    count, least, most = 0, math.inf, 0
    for part in parts:
        for bucket, n in part.buckets.items():
            buckets[bucket] = buckets.get(bucket, 0) + n
        count += part.count
        if part.count:
            least, most = min(least, part.min), max(most, part.max)
    return Histogram(count, int(least) if count else 0, most, buckets)


@dataclass(frozen=True)
class HistogramFile:
    """What one run wrote: its figures, and its histograms by name (latency, service_time)."""

    path: Path
    figures: dict[str, Any]
    histograms: dict[str, Histogram]


def read(path: Path) -> HistogramFile:
    """Raises BadInputError that names the file."""
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise BadInputError(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise BadInputError(f"{path} is no JSON: {error}") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise BadInputError(f"{path} is no histogram file: `echo_load --histogram FILE` writes one")
    try:
        histograms = {name: Histogram.parse(h) for name, h in document["histograms"].items()}
        return HistogramFile(path, dict(document.get("figures") or {}), histograms)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInputError(f"{path} is damaged: {error!r}") from None
