"""Histogram files as the load generator writes them, from values."""

import json
import random
from pathlib import Path

from switchyard.compare import histograms

FIGURES = {"loop": "open", "bytes": 64}


def bucket_of(value: int) -> tuple[int, int]:
    """As bench/load/histogram.hpp has it."""
    if value < 128:
        return value, value
    shift = value.bit_length() - 7
    low = value >> shift << shift
    return low, low + (1 << shift) - 1


def histogram_of(values: list[int]) -> dict:
    buckets: dict[tuple[int, int], int] = {}
    for value in values:
        bucket = bucket_of(value)
        buckets[bucket] = buckets.get(bucket, 0) + 1
    rows = [[low, high, n] for (low, high), n in sorted(buckets.items())]
    least, most = (min(values), max(values)) if values else (0, 0)
    return {"count": len(values), "min": least, "max": most, "buckets": rows}


def write(
    path: Path, values: list[int], service: list[int] | None = None, **figures: object
) -> Path:
    """Without times of service of their own, these are the same as the latencies."""
    document = {
        "format": histograms.FORMAT, "unit": "ns", "figures": FIGURES | figures,
        "histograms": {
            "latency": histogram_of(values),
            "service_time": histogram_of(values if service is None else service),
        },
    }  # fmt: skip
    path.write_text(json.dumps(document))
    return path


def latencies(seed: int, count: int) -> list[int]:
    return [int(random.Random(seed + i).lognormvariate(10, 2)) for i in range(count)]
