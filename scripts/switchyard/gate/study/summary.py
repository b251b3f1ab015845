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
    return round(float(stats.binomtest(count, of, level, alternative="greater").pvalue), 4)


@dataclass(frozen=True)
class Judged:
    """What a whole check found of one benchmark, and which methods call that slower."""

    run: Run
    finding: Finding
    alarms: set[str]

    @property
    def key(self) -> str:
        return self.finding.benchmark.key


def judge(run: Run) -> list[Judged]:
    keys = sorted({pair.benchmark for pair in run.pairs})
    findings = verdicts.judge(run.plan, [Benchmark(key, "", key) for key in keys], run.pairs)
    alarms = rivals_alarms(run.pairs)
    alarms[OURS] = {f.benchmark.key for f in findings if f.verdict == Verdict.REGRESSED}
    return [
        Judged(run, found, {name for name in alarms if found.benchmark.key in alarms[name]})
        for found in findings
    ]


def summarize(runs: Sequence[Run]) -> dict[str, Any]:
    """By slowdown: what was found; of the runs without one, the p-values too."""
    of_size: dict[int, list[Run]] = defaultdict(list)
    for run in runs:
        of_size[run.slowdown].append(run)
    judged = {size: [each for run in of_size[size] for each in judge(run)] for size in of_size}
    return {
        "sizes": {str(size): _of_size(of_size[size], judged[size]) for size in sorted(judged)},
        "p_values_without_a_change": _p_values(judged.get(0, [])),
    }


def _of_size(runs: Sequence[Run], judged: Sequence[Judged]) -> dict[str, Any]:
    seconds = [run.seconds for run in runs]
    estimates = [percent(j.finding.evidence.estimate) for j in judged if j.finding.evidence]
    dropped = [pair.dropped is not None for run in runs for pair in run.pairs]
    called = {name: [j for j in judged if name in j.alarms] for name in (OURS, *RIVALS)}
    by_benchmark = dict.fromkeys(sorted({j.key for j in judged}), 0)
    return {
        "runs": len(runs),
        "verdicts": dict(sorted(Counter(j.finding.verdict.value for j in judged).items())),
        "dropped_pairs": share(sum(dropped), len(dropped)),
        "seconds": {"median": round(float(np.median(seconds)), 1), "most": round(max(seconds), 1)},
        "estimate_percent": {
            f"p{q}": round(float(np.percentile(estimates, q)), 2) for q in (5, 50, 95)
        },
        "runs_with_an_alarm": {
            name: share(len({id(j.run) for j in slower}), len(runs))
            for name, slower in called.items()
        },
        "benchmarks_with_an_alarm": {
            name: share(len(slower), len(judged)) for name, slower in called.items()
        },
        "by_benchmark": by_benchmark | Counter(j.key for j in called[OURS]),
    }


def _p_values(judged: Sequence[Judged]) -> dict[str, Any]:
    """Of the screening's one-sided tests. Without a change they have to be at most as often below
    each level as the level says. By benchmark: in either direction.
    """
    screens = [(j.key, j.finding.screen) for j in judged if j.finding.screen]
    ps = np.array([screen.p_slower for _, screen in screens])
    if not len(ps):
        return {}
    at_most, by_benchmark = {}, {}
    for level in (0.01, 0.05, 0.10, 0.25, 0.50):
        part = share(count := int((ps <= level).sum()), len(ps))
        at_most[str(level)] = part | {"excess_p": _excess_p(count, len(ps), level)}
    for key in sorted({key for key, _ in screens}):
        both = [p for k, seen in screens if k == key for p in (seen.p_slower, seen.p_faster)]
        count = sum(p <= 0.10 for p in both)
        excess_p = _excess_p(count, len(both), 0.10)
        by_benchmark[key] = {"at_most_0.1": count, "of": len(both), "excess_p": excess_p}
    return {
        "count": len(ps),
        "at_most": at_most,
        "deciles": [int(n) for n in np.histogram(ps, bins=10, range=(0, 1))[0]],
        "by_benchmark": by_benchmark,
    }
