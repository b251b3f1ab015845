"""Counts what whole checks, and simpler methods, found: false alarms, finds, time, p-values.

Shares come with their exact binomial 95 % interval (Clopper and Pearson): so many runs prove no
more than that. The rivals get the screening's launches of every benchmark: as many of each side,
measured in turn, which is better than what they get where they are used (all of the baseline first,
or a stored result).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from .. import verdicts
from ..model import Benchmark, Finding, Pair, Stage, Verdict, percent
from .runs import Run

OURS = "switchyard check"


def mann_whitney(baseline: np.ndarray, candidate: np.ndarray) -> bool:
    """Google Benchmark's compare.py: its U test's two-sided p-value below 0.05, and slower."""
    p = stats.mannwhitneyu(baseline, candidate, alternative="two-sided").pvalue
    return bool(p < 0.05 and np.median(candidate) > np.median(baseline))


def median_ratio(baseline: np.ndarray, candidate: np.ndarray) -> bool:
    """A fixed threshold: the medians differ by ten per cent or more."""
    return bool(np.median(candidate) / np.median(baseline) >= 1.10)


RIVALS = {"Mann-Whitney U, p < 0.05": mann_whitney, "ratio of medians >= 1.10": median_ratio}


def rivals_alarms(pairs: Iterable[Pair]) -> dict[str, set[str]]:
    """By rival: the benchmarks that it calls slower. Nothing is dropped for them."""
    times: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for pair in pairs:
        values = (pair.baseline.value, pair.candidate.value)
        if pair.stage == Stage.SCREEN and None not in values:
            times[pair.benchmark].append(values)
    return {
        name: {key for key, both in times.items() if says(*np.array(both).T)}
        for name, says in RIVALS.items()
    }


def share(count: int, of: int) -> dict[str, Any]:
    interval = stats.binomtest(count, of).proportion_ci(0.95) if of else (0, 1)
    low, high = (round(float(bound), 5) for bound in interval)
    return {"count": count, "of": of, "low": low, "high": high}


def _excess_p(count: int, of: int, level: float) -> float:
    """The chance of so many p-values below the level, or more, if the test is exact."""
    test = stats.binomtest(count, of, level, alternative="greater") if of else None
    return round(float(test.pvalue), 4) if test else 1.0


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
    return Judged(run, findings, {OURS: regressed, **rivals_alarms(run.pairs)})


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
    benchmarks = sum(len(each.names) for each in runs)
    alarms = {name: [each.alarms[name] for each in runs] for name in runs[0].alarms}
    return {
        "runs": len(runs),
        "verdicts": dict(sorted(verdict_counts.items())),
        "dropped_pairs": share(sum(p.dropped is not None for p in pairs), len(pairs)),
        "seconds": {"median": round(float(np.median(seconds)), 1), "most": round(max(seconds), 1)},
        "estimate_percent": {
            f"p{q}": round(float(np.percentile(estimates, q)), 2) for q in (5, 50, 95)
        },
        "runs_with_an_alarm": {
            name: share(sum(map(bool, called)), len(runs)) for name, called in alarms.items()
        },
        "benchmarks_with_an_alarm": {
            name: share(sum(map(len, called)), benchmarks) for name, called in alarms.items()
        },
        "by_benchmark": {
            key: sum(key in called for called in alarms[OURS]) for key in _names(runs)
        },
    }


def _names(runs: Sequence[Judged]) -> list[str]:
    return sorted(set().union(*(each.names for each in runs)))


def _p_values(runs: Sequence[Judged]) -> dict[str, Any]:
    """Of the screening's one-sided tests. Without a change they have to be at most as often below
    each level as the level says.
    """
    ps = np.array([f.screen.p_slower for each in runs for f in each.findings if f.screen])
    if not len(ps):
        return {}
    at_most = {level: int((ps <= level).sum()) for level in (0.01, 0.05, 0.10, 0.25, 0.50)}
    return {
        "count": len(ps),
        "at_most": {
            str(level): share(n, len(ps)) | {"excess_p": _excess_p(n, len(ps), level)}
            for level, n in at_most.items()
        },
        "deciles": [int(n) for n in np.histogram(ps, bins=10, range=(0, 1))[0]],
        "by_benchmark": {key: _p_values_of(key, runs) for key in _names(runs)},
    }


def _p_values_of(key: str, runs: Sequence[Judged]) -> dict[str, Any]:
    """How many tests of a benchmark are at most 0.10, in either direction."""
    screens = [f.screen for r in runs for f in r.findings if f.benchmark.key == key and f.screen]
    ps = [p for seen in screens for p in (seen.p_slower, seen.p_faster)]
    count = sum(p <= 0.10 for p in ps)
    return {"at_most_0.1": count, "of": len(ps), "excess_p": _excess_p(count, len(ps), 0.10)}
