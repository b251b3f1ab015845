"""Counts what whole checks, and their rivals, found: false alarms, finds, time, p-values.

Shares come with their exact binomial 95 % interval (Clopper and Pearson): so many runs prove no
more than that.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import stats

from .. import verdicts
from ..model import Benchmark, Finding, Verdict, percent
from . import rivals
from .runs import Run

OURS = "switchyard check"


@dataclass(frozen=True)
class Share:
    count: int
    of: int

    def document(self) -> dict[str, Any]:
        interval = stats.binomtest(self.count, self.of).proportion_ci(0.95) if self.of else (0, 1)
        low, high = (round(float(bound), 5) for bound in interval)
        return asdict(self) | {"low": low, "high": high}


@dataclass(frozen=True)
class Judged:
    """A run with its verdicts."""

    run: Run
    findings: list[Finding]
    alarms: dict[str, set[str]]

    @property
    def names(self) -> set[str]:
        return {finding.benchmark.key for finding in self.findings}


def judge(run: Run) -> Judged:
    keys = sorted({pair.benchmark for pair in run.pairs})
    findings = verdicts.judge(run.plan, [Benchmark(key, "", key) for key in keys], run.pairs)
    regressed = {f.benchmark.key for f in findings if f.verdict == Verdict.REGRESSED}
    return Judged(run, findings, {OURS: regressed, **rivals.alarms(run.pairs)})


def summarize(judged: Sequence[Judged]) -> dict[str, Any]:
    """By slowdown: what was found; of the runs without one, the p-values too."""
    sizes = sorted({each.run.slowdown for each in judged})
    of_size = {size: [each for each in judged if each.run.slowdown == size] for size in sizes}
    return {
        "sizes": {str(size): _of_size(runs) for size, runs in of_size.items()},
        "p_values_without_a_change": _p_values(of_size.get(0, [])),
    }


def _of_size(runs: Sequence[Judged]) -> dict[str, Any]:
    verdict_counts = Counter(f.verdict.value for each in runs for f in each.findings)
    seconds = [each.run.seconds for each in runs]
    estimates = [percent(f.evidence.estimate) for r in runs for f in r.findings if f.evidence]
    pairs = [pair for each in runs for pair in each.run.pairs]
    return {
        "runs": len(runs),
        "verdicts": dict(sorted(verdict_counts.items())),
        "dropped_pairs": Share(sum(p.dropped is not None for p in pairs), len(pairs)).document(),
        "seconds": {"median": round(float(np.median(seconds)), 1), "most": round(max(seconds), 1)},
        "estimate_percent": {
            f"p{q}": round(float(np.percentile(estimates, q)), 2) for q in (5, 50, 95)
        },
        "runs_with_an_alarm": {
            name: Share(sum(bool(each.alarms[name]) for each in runs), len(runs)).document()
            for name in runs[0].alarms
        },
        "benchmarks_with_an_alarm": {
            name: Share(
                sum(len(each.alarms[name]) for each in runs), sum(len(r.names) for r in runs)
            ).document()
            for name in runs[0].alarms
        },
        "by_benchmark": {
            key: sum(key in each.alarms[OURS] for each in runs)
            for key in sorted(set().union(*(each.names for each in runs)))
        },
    }


def _p_values(runs: Sequence[Judged]) -> dict[str, Any]:
    """Of the screening's one-sided tests. Without a change they have to be at most as often below
    each level as the level says; `excess_p` is the chance of so many or more if they are.
    """
    ps = np.array([f.screen.p_slower for each in runs for f in each.findings if f.screen])
    if not len(ps):
        return {}
    levels = {}
    for level in (0.01, 0.05, 0.10, 0.25, 0.50):
        count = int((ps <= level).sum())
        test = stats.binomtest(count, len(ps), level, alternative="greater")
        levels[str(level)] = Share(count, len(ps)).document() | {
            "excess_p": round(float(test.pvalue), 4)
        }
    histogram = np.histogram(ps, bins=10, range=(0, 1))[0]
    return {
        "count": len(ps),
        "at_most": levels,
        "deciles": [int(n) for n in histogram],
        "by_benchmark": _p_values_by_benchmark(runs),
    }


def _p_values_by_benchmark(runs: Sequence[Judged]) -> dict[str, Any]:
    """How many tests of each are at most 0.10, in either direction, and the chance of so many."""
    level = 0.10
    found: dict[str, Any] = {}
    for key in sorted(set().union(*(each.names for each in runs))):
        screens = [
            f.screen for r in runs for f in r.findings if f.benchmark.key == key and f.screen
        ]
        ps = [p for seen in screens for p in (seen.p_slower, seen.p_faster)]
        count = sum(p <= level for p in ps)
        excess = stats.binomtest(count, len(ps), level, alternative="greater").pvalue if ps else 1.0
        found[key] = {"at_most_0.1": count, "of": len(ps), "excess_p": round(float(excess), 4)}
    return found
