"""Findings of made-up changes, for tests of the verdicts."""

from collections.abc import Iterable

import numpy as np
from scipy import stats
from simulated import TIME, Row

from switchyard.gate import verdicts, wording
from switchyard.gate.model import Benchmark, Finding, Pair, Plan, Sample, Verdict

SWAPPED = {Verdict.REGRESSED: Verdict.IMPROVED, Verdict.IMPROVED: Verdict.REGRESSED}
_ONCE_IN_A_MILLION = 1e-6


def most(trials: int, probability: float) -> int:
    """More events of this probability than this come once in a million times."""
    return int(stats.binom.isf(_ONCE_IN_A_MILLION, trials, probability))


def fewest(trials: int, probability: float) -> int:
    return int(stats.binom.ppf(_ONCE_IN_A_MILLION, trials, probability))


def rows(count: int = 16, **same: object) -> list[Row]:
    return [Row(f"cpu/{index}", **same) for index in range(count)]


def some(
    key: str, changes: Iterable[float], dropped: str | None = None, metric: str = TIME
) -> list[Pair]:
    """Pairs with these very changes."""
    return [
        Pair(
            round_, key, "baseline", Sample({metric: 1.0}), Sample({metric: float(np.exp(change))}),
            dropped=dropped,
        )
        for round_, change in enumerate(changes, 1)
    ]  # fmt: skip


def judged(plan: Plan, measured: list[Pair], is_stored: bool = False) -> dict[str, Finding]:
    keys = sorted({pair.benchmark for pair in measured})
    benchmarks = [Benchmark(key, "bin/bench_made_up", key) for key in keys]
    found = verdicts.judge(plan, benchmarks, measured, is_stored)
    return {wording.name(finding): finding for finding in found}


def slower(count: int, by: float = 0.10) -> np.ndarray:
    """Changes that are all of one sign, and none like the other."""
    return by + np.linspace(-0.005, 0.005, count)
