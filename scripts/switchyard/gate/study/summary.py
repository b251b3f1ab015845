"""Counts what whole checks and simpler methods found (alarms, finds, time), and replays them.

Shares come with their exact binomial 95 % interval (Clopper and Pearson): so many runs prove no
more than that. The rivals get all launches of every benchmark: as many of each side, measured in
turn, which is better than what they get where they are used (all of the baseline first, or a stored
result).
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from .. import evidence, verdicts
from ..model import WARM_UP, Benchmark, Finding, Metric, Pair, Verdict, percent
from .runs import KINDS, Run

OURS = "switchyard check"
_TIME = Metric().name
# Of a replayed check: what its benchmarks have at most.
_MOST_PAIRS = 40
ALPHAS = (0.01, 0.05, 0.2)


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
        if pair.round != WARM_UP and pair.baseline.values and pair.candidate.values:
            both = pair.baseline.values[_TIME], pair.candidate.values[_TIME]
            times[pair.benchmark].append(both)
    return {
        name: {key for key, both in times.items() if says(*np.array(both).T)}
        for name, says in RIVALS.items()
    }


def share(count: int, of: int) -> dict[str, Any]:
    interval = stats.binomtest(count, of).proportion_ci(0.95) if of else (0, 1)
    low, high = (round(float(bound), 5) for bound in interval)
    return {"count": count, "of": of, "low": low, "high": high}


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
    findings = verdicts.judge(run.plan, _benchmarks(run), run.pairs, is_final=False)
    alarms = rivals_alarms(run.pairs)
    alarms[OURS] = {f.benchmark.key for f in findings if f.verdict == Verdict.REGRESSED}
    return [
        Judged(run, found, {name for name in alarms if found.benchmark.key in alarms[name]})
        for found in findings
    ]


def _benchmarks(run: Run) -> list[Benchmark]:
    return [Benchmark(key, "", key) for key in sorted({pair.benchmark for pair in run.pairs})]


def first_alarm_s(run: Run) -> float | None:
    """When the first regression was told: after the round that proved it."""
    rounds: dict[int, float] = {}
    for pair, elapsed_s in zip(run.pairs, run.elapsed_s, strict=True):
        rounds[pair.round] = elapsed_s
    for round_, elapsed_s in rounds.items():
        so_far = [pair for pair in run.pairs if pair.round <= round_]
        found = verdicts.judge(run.plan, _benchmarks(run), so_far, is_final=False)
        if any(finding.verdict == Verdict.REGRESSED for finding in found):
            return elapsed_s
    return None


def summarize(runs: Sequence[Run]) -> dict[str, Any]:
    """By kind: what was found, and of all kinds without a change together."""
    of_kind: dict[str, list[Run]] = {kind: [] for kind in KINDS}
    for run in runs:
        of_kind[run.kind].append(run)
    without = [run for run in runs if run.work == "0"]
    groups = {"none": without, **{kind: found for kind, found in of_kind.items() if found}}
    return {"kinds": {name: _of_group(group) for name, group in groups.items() if group}}


def _of_group(runs: Sequence[Run]) -> dict[str, Any]:
    judged = [each for run in runs for each in judge(run)]
    seconds = [run.seconds for run in runs]
    estimates = [percent(j.finding.evidence.estimate) for j in judged if j.finding.evidence]
    dropped = [pair.dropped is not None for run in runs for pair in run.pairs]
    gaps = [pair.gap_s for run in runs for pair in run.pairs]
    called = {name: [j for j in judged if name in j.alarms] for name in (OURS, *RIVALS)}
    told = [at for run in runs if (at := first_alarm_s(run)) is not None]
    by_benchmark = dict.fromkeys(sorted({j.key for j in judged}), 0)
    return {
        "runs": len(runs),
        "verdicts": dict(sorted(Counter(j.finding.verdict.value for j in judged).items())),
        "dropped_pairs": share(sum(dropped), len(dropped)),
        "gap_ms": round(1e3 * float(np.median(gaps)), 2),
        "seconds": {"median": round(float(np.median(seconds)), 1), "most": round(max(seconds), 1)},
        "first_alarm_s": round(float(np.median(told)), 1) if told else None,
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


def replayed(runs: Sequence[Run], count: int) -> dict[str, Any]:
    """The share of `count` whole checks that call anything slower, by alpha, without any threshold:
    each takes the changes of one that was measured without a change, with signs drawn anew, over
    and over until its benchmarks have 40 pairs, and looks after each. So the level itself is
    tested.
    """
    chance = random.Random(1)
    sizes = [found for run in runs if run.work == "0" and (found := _sizes(run))]
    alarms = dict.fromkeys(ALPHAS, 0)
    for _ in range(count if sizes else 0):
        of_one = chance.choice(sizes)
        highest = [_highest(found, chance) for found in of_one.values()]
        for alpha in ALPHAS:
            alarms[alpha] += max(highest) >= len(highest) / alpha
    return {str(alpha): share(found, count) for alpha, found in alarms.items()} if sizes else {}


def _sizes(run: Run) -> Mapping[str, list[float]]:
    found: dict[str, list[float]] = defaultdict(list)
    for pair in run.pairs:
        if (change := pair.change(_TIME)) is not None:
            found[pair.benchmark].append(abs(change))
    return found


def _highest(sizes: Sequence[float], chance: random.Random) -> float:
    drawn = (chance.choice(sizes) * chance.choice((-1, 1)) for _ in range(_MOST_PAIRS))
    return max(worse for worse, _ in evidence.capitals(drawn))
