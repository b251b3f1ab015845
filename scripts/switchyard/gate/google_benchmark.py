"""Each side of a check in Google Benchmark's own JSON, as if it had run with repetitions.

Its compare.py and any service that reads its results can take it from there. A pair counts on both
sides or on neither, so that repetition n of one side was measured beside repetition n of the other;
stored times are no pairs, and there may be more of them on one side. A name has the key's prefix
where two binaries have a benchmark of one name.
"""

import math
from collections.abc import Sequence
from typing import Any

from ..suite.catalog import bare_name
from ..suite.results import SECONDS
from .model import SIDES, Benchmark, Pair, Report, Sample, Stage


def documents(report: Report) -> dict[str, dict[str, Any]]:
    """By side: `context` and `benchmarks`, a row for each launch."""
    facts, machine = report.facts.get("sides") or {}, report.facts.get("machine") or {}
    least = {"date": report.facts.get("started_at"), "num_cpus": machine.get("cpu_count")}
    least = {name: value for name, value in least.items() if value is not None}
    of_sides: dict[str, dict[str, Any]] = {}
    for side in SIDES:
        context = (facts.get(side) or {}).get("context") or least
        of_sides[side] = {"context": _finite(context), "benchmarks": []}
    for family, finding in enumerate(report.findings):
        benchmark = finding.benchmark
        pairs = [pair for pair in report.pairs if pair.benchmark == benchmark.key]
        pairs = [pair for pair in pairs if _counts(pair)]
        printed = _name(benchmark, pairs)
        prefix = benchmark.key.removesuffix(benchmark.name).removesuffix(bare_name(benchmark.name))
        for side in SIDES:
            samples = [getattr(pair, side) for pair in pairs]
            measured = [sample for sample in samples if sample.value is not None]
            for index, sample in enumerate(measured):
                among = {
                    "name": prefix + printed, "family_index": family,
                    "per_family_instance_index": 0, "run_name": printed, "run_type": "iteration",
                    "repetitions": len(measured), "repetition_index": index,
                    "switchyard_binary": benchmark.binary,
                }  # fmt: skip
                # In Google Benchmark's order, whatever its own row said of these.
                row = among | _own(sample, report.plan.metric) | among
                of_sides[side]["benchmarks"].append(row)
    return of_sides


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    """Without the counters that are no number: Google Benchmark writes NaN, which is no JSON."""
    return {k: v for k, v in row.items() if not (isinstance(v, float) and not math.isfinite(v))}


def _counts(pair: Pair) -> bool:
    if pair.stage == Stage.STORED:
        return not pair.dropped
    return pair.stage != Stage.WARM_UP and pair.change is not None


def _name(benchmark: Benchmark, pairs: Sequence[Pair]) -> str:
    """As Google Benchmark prints it, with what it appends; the same on both sides, as compare.py
    goes by it.
    """
    rows = (getattr(pair, side).row for pair in pairs for side in SIDES)
    return next((row["name"] for row in rows if "name" in row), benchmark.name)


def _own(sample: Sample, metric: str) -> dict[str, Any]:
    """The rest of its own row; made of the value alone when it has none."""
    if not sample.row:
        nanoseconds = sample.value * 1e9
        return {"threads": 1, "iterations": 1, "real_time": nanoseconds, "cpu_time": nanoseconds,
                "time_unit": "ns"}  # fmt: skip
    row = _finite(sample.row)
    row.setdefault("time_unit", "ns")
    time = sample.value / SECONDS[row["time_unit"]]
    # The median of a benchmark that has repetitions of its own is not what its first row says.
    if not math.isclose(row.get(metric, 0.0), time, rel_tol=1e-9):
        row[metric] = time
    return row
