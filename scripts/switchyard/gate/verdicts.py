"""From pairs to verdicts. A pure function of the plan and the raw data, so that a check can be
judged again from what it wrote, and simulated without a machine.

A benchmark is regressed when it is proven to be slower at all, in spite of all that are compared
(Holm's method, for e-values: Vovk and Wang 2021), and is estimated to be slower by the threshold at
least, with an interval that begins at two thirds of it or beyond. For a small change may be real
without any change of the code, where functions lie elsewhere, and an estimate that one may look at
after each pair is above the threshold some time. Improved is the mirror of it, unchanged is what is
proven not to be slower, nor faster, by as much as the equivalence limit, and estimated below the
threshold. All others are open: they are measured on.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from . import evidence
from .model import (
    WARM_UP,
    Benchmark,
    Evidence,
    Finding,
    Metric,
    Pair,
    Plan,
    Verdict,
    clear,
    equivalence,
    percent,
)

# More than this share of pairs lost to the kernel's doings, and nothing is called unchanged.
MOST_DROPPED = 0.2
# That a change is not there need not be as sure as that one is: as sure as of an interval's end, so
# that the interval of what is unchanged lies within the limits.
_SURE_OF_ABSENCE = evidence.SURE_OF_AN_END
# For a rank test of stored times.
_FEWEST_STORED = 4


def judge(
    plan: Plan, benchmarks: Sequence[Benchmark], pairs: Iterable[Pair], is_stored: bool = False,
    is_final: bool = True,
) -> list[Finding]:  # fmt: skip
    """A finding for each benchmark and metric, in their order. is_stored: the baseline's values
    are; is_final: with intervals.
    """
    of_one: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        of_one[pair.benchmark].append(pair)
    cases = [
        _Case(plan, benchmark, metric, of_one[benchmark.key], is_stored)
        for benchmark in benchmarks
        for metric in plan.metrics
    ]
    seen = [case.weighed(is_final) for case in cases]
    worse = _corrected([found.worse if found else 1.0 for found in seen])
    better = _corrected([found.better if found else 1.0 for found in seen])
    return [case.judged(*of) for case, *of in zip(cases, seen, worse, better, strict=True)]


def exit_code(findings: Sequence[Finding], strict: bool, advisory: bool = False) -> int:
    """0 nothing regressed, 1 regressed, 2 the check could not do its work, 3 undecided (strict).

    Advisory verdicts fail nothing unless strict: their baseline was measured some other time.
    """
    found = {finding.verdict for finding in findings}
    if any(finding.fails for finding in findings) and (strict or not advisory):
        return 1
    if Verdict.FAILED in found or not any(finding.was_compared for finding in findings):
        return 2
    undecided = {Verdict.INCONCLUSIVE, Verdict.MISSING, Verdict.SKIPPED}
    return 3 if strict and found & undecided else 0


def slower(findings: Sequence[Finding], strict: bool) -> bool | None:
    """What a bisection wants to know; None if it can't be told: by all of them if strict, else by
    any.
    """
    found = [finding.verdict for finding in findings]
    decided = [verdict in (Verdict.IMPROVED, Verdict.UNCHANGED) for verdict in found]
    if Verdict.REGRESSED in found:
        return True
    is_sure = bool(found) and all(decided) if strict else any(decided)
    return False if is_sure and Verdict.FAILED not in found else None


def _corrected(capitals: Sequence[float]) -> list[float]:
    """Holm's p-values, of all that are compared: also of those that are not measured yet, whose
    capital is still what they began with.
    """
    ps, highest = [1.0] * len(capitals), 0.0
    order = sorted(range(len(capitals)), key=capitals.__getitem__, reverse=True)
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(capitals) - rank) / capitals[index]))
        ps[index] = highest
    return ps


@dataclass(frozen=True)
class _Case:
    """One benchmark by one metric."""

    plan: Plan
    benchmark: Benchmark
    metric: Metric
    pairs: Sequence[Pair]
    is_stored: bool

    @property
    def _measured(self) -> list[Pair]:
        return [pair for pair in self.pairs if pair.round != WARM_UP]

    @property
    def _dropped(self) -> list[str]:
        """Why pairs are no evidence; stored values are, without one."""
        other = f"{self.metric.name} is missing, or not above 0, on one side"
        return [
            pair.dropped or other
            for pair in self._measured
            if (pair.dropped if self.is_stored else pair.change(self.metric.name) is None)
        ]

    @property
    def _threshold(self) -> float:
        return self.plan.threshold_of(self.benchmark.key)

    def weighed(self, has_interval: bool) -> Evidence | None:
        """None as long as there is none."""
        name, measured = self.metric.name, self._measured
        least = math.log1p(self._threshold) if self.plan.prove_threshold else 0.0
        limit = math.log1p(equivalence(self._threshold))
        asked = evidence.Question(self.metric.sign, limit, least, has_interval)
        dropped = len(self._dropped)
        if self.is_stored:
            launched = [pair.candidate for pair in measured if not pair.dropped]
            before, after = (
                [math.log(v) for sample in samples if (v := sample.values.get(name, 0.0)) > 0]
                for samples in ([pair.baseline for pair in measured], launched)
            )
            is_enough = min(len(before), len(after)) >= _FEWEST_STORED
            return evidence.of_two_samples(before, after, dropped, asked) if is_enough else None
        changes = [change for pair in measured if (change := pair.change(name)) is not None]
        return evidence.of_changes(changes, dropped, asked) if changes else None

    def judged(self, seen: Evidence | None, worse: float, better: float) -> Finding:
        """By its evidence and the corrected p-values of both directions. A regression that is
        proven stays so when launches fail later, unless only the candidate's do.
        """
        lost = self._lost()
        found = self._of_evidence(seen, worse, better) if seen else None
        is_proven = found is not None and found.verdict == Verdict.REGRESSED
        if lost and not (is_proven and lost[0] == Verdict.SKIPPED):
            return Finding(self.benchmark, *lost, self.metric)
        return found or Finding(self.benchmark, *self._nothing(), self.metric)

    def _of_evidence(self, seen: Evidence, worse: float, better: float) -> Finding:
        size = self.metric.sign * seen.estimate
        p, capital = (worse, seen.worse) if size >= 0 else (better, seen.better)
        is_large = abs(size) >= math.log1p(self._threshold)
        # What is estimated at the threshold or more is measured on until it is proven: that it is
        # less than the equivalence limit is known sooner, and no answer.
        may_be_none = self.plan.prove_threshold or not is_large
        absence = min(seen.not_worse, seen.not_better)
        of_all = seen.pairs + seen.dropped
        verdict, why, needed = Verdict.INCONCLUSIVE, "", None
        if is_large and p <= self.plan.alpha and self._is_clear():
            verdict = Verdict.REGRESSED if size > 0 else Verdict.IMPROVED
            why = f"p {p:.2g}"
        elif seen.dropped > MOST_DROPPED * of_all:
            why = f"{seen.dropped} of {of_all} pairs dropped: {self._why_dropped()}"
        elif may_be_none and absence >= _SURE_OF_ABSENCE:
            limit = 100 * equivalence(self._threshold)
            verdict, why = Verdict.UNCHANGED, f"a change of {limit:.2g} % or more is excluded"
        else:
            why = f"{seen.pairs} pairs can't tell yet"
            if seen.low is not None and seen.high is not None:
                why = f"anything from {percent(seen.low):+.1f} to {percent(seen.high):+.1f} % fits"
            ways = [(absence, _SURE_OF_ABSENCE)] * may_be_none
            ways += [(capital, max(p * capital, 1.0) / self.plan.alpha)] * is_large
            needed = _pairs_needed(seen.pairs, ways)
        own = self._threshold if self._threshold != self.plan.threshold else None
        return Finding(self.benchmark, verdict, why, self.metric, seen, p, needed, threshold=own)

    def _is_clear(self) -> bool:
        """Whether all of the interval is worth a verdict. It is asked for only here, as long as the
        check goes on.
        """
        seen = self.weighed(has_interval=True)
        nearest = [end for end in (seen.low, seen.high and -seen.high) if end is not None]
        return max(nearest, default=0.0) >= math.log1p(clear(self._threshold))

    def _lost(self) -> tuple[Verdict, str] | None:
        """Of a benchmark that a launch of either side failed: no number of it counts any more.

        Failed: the candidate is broken, and the baseline is not. Skipped: it can't run here.
        """
        for pair in self.pairs:
            baseline, candidate = pair.baseline, pair.candidate
            if baseline.problem and candidate.problem:
                return Verdict.SKIPPED, f"{baseline.problem} (on both sides)"
            if baseline.problem:
                return Verdict.SKIPPED, f"baseline: {baseline.problem}"
            if candidate.problem:
                verdict = Verdict.SKIPPED if candidate.skipped else Verdict.FAILED
                return verdict, f"candidate: {candidate.problem}"
        return None

    def _nothing(self) -> tuple[Verdict, str]:
        """What to say of a benchmark of which no pair counts."""
        measured, name = self._measured, self.metric.name
        if not measured:
            return Verdict.INCONCLUSIVE, "the check ended before its first pair"
        if all(pair.dropped for pair in measured):
            why = f"all {len(measured)} pairs dropped: {self._why_dropped()}"
            return Verdict.INCONCLUSIVE, why
        samples = [sample for pair in measured for sample in (pair.baseline, pair.candidate)]
        if any(sample.values and name not in sample.values for sample in samples):
            return Verdict.SKIPPED, f"no {name} in its results"
        return Verdict.INCONCLUSIVE, f"{name} is not above 0, or of too few launches"

    def _why_dropped(self) -> str:
        """The most frequent reason."""
        return Counter(self._dropped).most_common(1)[0][0]


def _pairs_needed(pairs: int, ways: Iterable[tuple[float, float]]) -> int | None:
    """How many would decide it if the next ones are like these: by each way a capital that has to
    reach a bound, and grows by a factor for each pair. None if none grows.
    """
    factors = [math.log(bound) / math.log(capital) for capital, bound in ways if capital > 1]
    return max(math.ceil(min(factors) * pairs), pairs + 1) if factors else None
