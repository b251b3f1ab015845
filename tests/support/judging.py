"""Findings of made-up changes, for tests of the verdicts."""

from collections.abc import Iterable

import numpy as np
from simulated import Row

from switchyard.gate import verdicts
from switchyard.gate.model import (
    Benchmark,
    Finding,
    Pair,
    Plan,
    Sample,
    Stage,
    Verdict,
)


def rows(count: int = 16, **same: object) -> list[Row]:
    return [Row(f"cpu/{index}", **same) for index in range(count)]


def verdict_of(finding: Finding) -> Verdict:
    return finding.verdict


def some(
    key: str, stage: Stage, changes: Iterable[float], dropped: str | None = None
) -> list[Pair]:
    """Pairs with these very changes."""
    return [
        Pair(stage, i, key, "baseline", Sample(1.0), Sample(float(np.exp(change))), dropped)
        for i, change in enumerate(changes)
    ]


def judged(plan: Plan, measured: list[Pair]) -> dict[str, Finding]:
    keys = sorted({pair.benchmark for pair in measured})
    benchmarks = [Benchmark(key, "bin/bench_made_up", key) for key in keys]
    return {f.benchmark.key: f for f in verdicts.judge(plan, benchmarks, measured)}


def slower(count: int, by: float = 0.10) -> np.ndarray:
    """Changes that are all of one sign, and none like the other."""
    return by + np.linspace(-0.005, 0.005, count)
