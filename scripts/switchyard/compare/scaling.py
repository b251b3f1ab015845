"""What more CPUs bring: throughput over that on one CPU, and the laws that say what holds it back.

Gunther's universal scalability law gives N workers N / (1 + c (N - 1) + k N (N - 1)) times the
throughput of one. `contention` c is the share of the work that only one can do at a time;
`coherency` k is what each pair of workers costs in keeping alike what they share, and has the
throughput fall again beyond some N. Amdahl's law is the same without k. Both are fitted to each
round by non-negative least squares, in the form in which they are linear (N / speed-up - 1), and
summarized over the rounds.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import nnls

from .comparison import Case, Comparison, Measured
from .statistics import Summary, summarize

_FEWEST_FOR_TWO = 3  # numbers of CPUs, one of them 1, to tell two parameters apart


@dataclass(frozen=True)
class Law:
    """What was fitted; without `coherency` it is Amdahl's. speed_up_on_most: as it was measured on
    the most CPUs, `most`.
    """

    contention: Summary
    coherency: Summary | None
    most: int
    speed_up_on_most: Summary

    def speed_up(self, cpus: float) -> float:
        lost = self.contention.median * (cpus - 1)
        if self.coherency:
            lost += self.coherency.median * cpus * (cpus - 1)
        return cpus / (1 + lost)

    def serial_at(self, cpus: float) -> float:
        """The contention that by itself would cost as much on so many, 2 or more."""
        return (cpus / self.speed_up(cpus) - 1) / (cpus - 1)


def speed_ups(comparison: Comparison, over: str) -> Comparison:
    """Of throughputs: each over that of the same column in the same round, where `over` is 1."""
    cells = {}
    for (case, column), cell in comparison.cells.items():
        base = comparison.cells.get((_with(case, over, 1), column))
        values = base.values if base else {}
        ratios = {r: v / values[r] for r, v in cell.values.items() if values.get(r)}
        if ratios:
            cells[case, column] = Measured(cell.row, ratios)
    return replace(comparison, cells=cells)


def laws(speed: Comparison, over: str) -> dict[tuple[Case, str], Law]:
    """Of each column in each case, without the parameter `over`."""
    series: dict[tuple[Case, str], dict[int, Mapping[int, float]]] = {}
    for (case, column), cell in speed.cells.items():
        params = dict(case)
        if over in params:
            one = series.setdefault((_with(case, over), column), {})
            one[params[over]] = cell.values
    return {at: law for at, one in series.items() if (law := _fitted(one))}


def _fitted(series: Mapping[int, Mapping[int, float]]) -> Law | None:
    """To speed-ups by round, by number of CPUs; None without a round in which there are two."""
    counts = sorted(series)
    rounds = set.intersection(*(set(series[n]) for n in counts)) if len(counts) > 1 else set()
    if not rounds:
        return None
    has_two = len(counts) >= _FEWEST_FOR_TWO
    n = np.array(counts, dtype=float)
    terms = np.column_stack([n - 1, n * (n - 1)] if has_two else [n - 1])
    found = [nnls(terms, n / [series[c][r] for c in counts] - 1)[0] for r in sorted(rounds)]
    summaries = [summarize(one) for one in np.transpose(found)]
    most = counts[-1]
    on_most = summarize(list(series[most].values()))
    return Law(summaries[0], summaries[1] if has_two else None, most, on_most)


def _with(case: Case, name: str, value: int | None = None) -> Case:
    """The same with another value of a parameter, or without it."""
    changed: Iterable = ((key, value if key == name else old) for key, old in case)
    return tuple((key, new) for key, new in changed if new is not None)
