"""Each side of a check in Google Benchmark's own JSON, as if it had run with repetitions.

Its compare.py and any service that reads its results can take it from there. A pair counts on both
sides or on neither, so that repetition n of one side was measured beside repetition n of the other;
stored times are no pairs, and there may be more of them on one side. A name has the key's prefix
where two binaries have a benchmark of one name. It is that of the list, which is the same on both
sides: a number of iterations that a launch was told is no part of it.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from ..suite.catalog import bare_name
from ..suite.results import SECONDS
from .model import SIDES, WARM_UP, Metric, Pair, Report, Sample


def documents(report: Report) -> dict[str, dict[str, Any]]:
    """By side: `context` and `benchmarks`, a row for each launch."""
    facts, machine = report.facts.get("sides") or {}, report.facts.get("machine") or {}
    least = {"date": report.facts.get("started_at"), "num_cpus": machine.get("cpu_count")}
    least = {name: value for name, value in least.items() if value is not None}
    contexts = {side: (facts.get(side) or {}).get("context") or least for side in SIDES}
    return {
        side: {"context": _finite(contexts[side]), "benchmarks": list(_rows(report, side))}
        for side in SIDES
    }


def _rows(report: Report, side: str) -> Iterator[dict[str, Any]]:
    for family, benchmark in enumerate(dict.fromkeys(f.benchmark for f in report.findings)):
        prefix = benchmark.key.removesuffix(benchmark.name).removesuffix(bare_name(benchmark.name))
        pairs = [pair for pair in report.pairs if pair.benchmark == benchmark.key]
        samples = [getattr(pair, side) for pair in pairs if _counts(pair, report, side)]
        measured = [sample for sample in samples if sample.values]
        for index, sample in enumerate(measured):
            among = {
                "name": prefix + benchmark.name, "family_index": family,
                "per_family_instance_index": 0, "run_name": benchmark.name,
                "run_type": "iteration", "repetitions": len(measured), "repetition_index": index,
                "switchyard_binary": benchmark.binary,
            }  # fmt: skip
            # In Google Benchmark's order, whatever its own row said of these.
            yield among | _own(sample, report.plan.metrics) | among


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    """Without the counters that are no number: Google Benchmark writes NaN, which is no JSON."""
    return {k: v for k, v in row.items() if not (isinstance(v, float) and not math.isfinite(v))}


def _counts(pair: Pair, report: Report, side: str) -> bool:
    if report.advisory:  # nothing that happens to a launch happens to a stored value
        return pair.round != WARM_UP and not (pair.dropped and side == SIDES[1])
    return any(pair.change(metric.name) is not None for metric in report.plan.metrics)


def _own(sample: Sample, metrics: Sequence[Metric]) -> dict[str, Any]:
    """The rest of its own row; made of the values alone when it has none."""
    row = _finite(sample.row) or {"threads": 1, "iterations": 1}
    unit = SECONDS[row.setdefault("time_unit", "ns")]
    for metric in metrics:
        if (value := sample.values.get(metric.name)) is not None:
            number = value / unit if metric.is_time else value
            # The median of one that has repetitions of its own is not what its first row says.
            if not math.isclose(row.get(metric.name, math.inf), number, rel_tol=1e-9):
                row[metric.name] = number
    row.setdefault("real_time", 0.0)
    return {"real_time": row["real_time"], "cpu_time": row["real_time"]} | row
