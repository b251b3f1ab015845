"""From pairs to verdicts. A pure function of the plan and the raw data, so that a check can be
judged again from what it wrote, and simulated without a machine.

A benchmark is regressed when it is proven to be slower at all, in spite of all that are compared
(Holm's method, for e-values: Vovk and Wang 2021), and is estimated to be slower by the threshold at
least. Improved is the mirror of it, unchanged is what is proven not to be slower, nor faster, by as
much as the equivalence limit, and estimated below the threshold. All others are open: they are
measured on.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

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

Case = tuple[str, Metric]
DECIDED = (Verdict.REGRESSED, Verdict.IMPROVED, Verdict.UNCHANGED)


def judge(
    plan: Plan, benchmarks: Sequence[Benchmark], pairs: Iterable[Pair], is_stored: bool = False,
    is_final: bool = True,
) -> list[Finding]:  # fmt: skip
    """A finding for each benchmark and metric, in their order. is_stored: the baseline's values
    are; is_final: with intervals.
    """
    grouped: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        grouped[pair.benchmark].append(pair)
    seen = {
        (benchmark.key, metric): _weighed(
            _question(plan, benchmark.key, metric, is_final),
            metric,
            grouped[benchmark.key],
            is_stored,
        )
        for benchmark in benchmarks
        for metric in plan.metrics
    }
    worse, better = (_corrected(seen, side) for side in ("worse", "better"))
    findings = []
    for benchmark in benchmarks:
        of_one = grouped[benchmark.key]
        lost = _lost(benchmark, of_one)
        for metric in plan.metrics:
            case = benchmark.key, metric
            ps = worse.get(case, 1.0), better.get(case, 1.0)
            findings.append(
                Finding(benchmark, *lost, metric) if lost
                else _decided(plan, benchmark, metric, seen[case], ps, of_one)
            )  # fmt: skip
    return findings


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


def _question(plan: Plan, key: str, metric: Metric, is_final: bool) -> evidence.Question:
    threshold = plan.threshold_of(key)
    least = math.log1p(threshold) if plan.prove_threshold else 0.0
    limit = math.log1p(equivalence(threshold))
    return evidence.Question(metric.sign, limit, least, is_final)


def _weighed(
    asked: evidence.Question, metric: Metric, pairs: Sequence[Pair], is_stored: bool
) -> Evidence | None:
    pairs = [pair for pair in pairs if pair.round != WARM_UP]
    if is_stored:
        before, after = (
            [math.log(v) for side in sides if (v := side.values.get(metric.name, 0.0)) > 0]
            for sides in ([p.baseline for p in pairs], [p.candidate for p in pairs])
        )
        if min(len(before), len(after)) < _FEWEST_STORED:
            return None
        return evidence.of_two_samples(before, after, asked)
    changes = [change for pair in pairs if (change := pair.change(metric.name)) is not None]
    dropped = sum(pair.dropped is not None for pair in pairs)
    return evidence.of_changes(changes, dropped, asked) if changes else None


def _corrected(seen: Mapping[Case, Evidence | None], side: str) -> dict[Case, float]:
    """Holm's p-values: of all that are compared, whether or not they have been measured yet."""
    values = {case: getattr(found, side) for case, found in seen.items() if found}
    corrected, highest = {}, 0.0
    for rank, case in enumerate(sorted(values, key=values.__getitem__, reverse=True)):
        highest = max(highest, min(1.0, (len(seen) - rank) / values[case]))
        corrected[case] = highest
    return corrected


def _lost(benchmark: Benchmark, pairs: Sequence[Pair]) -> tuple[Verdict, str] | None:
    """Of a benchmark that a launch of either side failed: no number of it counts any more.

    Failed: the candidate is broken, and the baseline is not. Skipped: it can't run here.
    """
    for pair in pairs:
        candidate, baseline = pair.candidate, pair.baseline
        if candidate.problem and not (candidate.skipped or baseline.problem):
            return Verdict.FAILED, f"candidate: {candidate.problem}"
        if pair.problem:
            side, sample = ("baseline", baseline) if baseline.problem else ("candidate", candidate)
            both = " (on both sides)" if candidate.problem and baseline.problem else ""
            return Verdict.SKIPPED, f"{'' if both else f'{side}: '}{sample.problem}{both}"
    return None


def _decided(
    plan: Plan, benchmark: Benchmark, metric: Metric, seen: Evidence | None,
    ps: tuple[float, float], pairs: Sequence[Pair],
) -> Finding:  # fmt: skip
    if seen is None:
        return Finding(benchmark, *_nothing(metric, pairs), metric)
    threshold = plan.threshold_of(benchmark.key)
    size = metric.sign * seen.estimate
    verdict, why = Verdict.INCONCLUSIVE, ""
    excluded = min(seen.not_worse, seen.not_better) >= _SURE_OF_ABSENCE
    disturbed = seen.dropped > MOST_DROPPED * (seen.pairs + seen.dropped)
    if ps[0] <= plan.alpha and size >= math.log1p(threshold):
        verdict, why = Verdict.REGRESSED, f"p {ps[0]:.2g}"
    elif ps[1] <= plan.alpha and size <= -math.log1p(threshold):
        verdict, why = Verdict.IMPROVED, f"p {ps[1]:.2g}"
    elif disturbed:
        reasons = Counter(pair.dropped for pair in pairs if pair.dropped)
        most = reasons.most_common(1)[0][0]
        why = f"{seen.dropped} of {seen.pairs + seen.dropped} pairs dropped: {most}"
    elif excluded and _may_be_none(plan, size, threshold):
        limit = 100 * equivalence(threshold)
        verdict, why = Verdict.UNCHANGED, f"a change of {limit:.2g} % or more is excluded"
    elif seen.low is not None and seen.high is not None:
        why = f"anything from {percent(seen.low):+.1f} to {percent(seen.high):+.1f} % fits"
    else:
        why = f"{seen.pairs} pairs can't tell yet"
    p = ps[0] if size >= 0 else ps[1]
    is_enough = verdict in DECIDED or disturbed
    more = None if is_enough else _pairs_needed(plan, seen, size, threshold, p)
    return Finding(benchmark, verdict, why, metric, seen, p, more)


def _may_be_none(plan: Plan, size: float, threshold: float) -> bool:
    """What is estimated at the threshold or more is measured on until it is proven: that it is less
    than the equivalence limit is known sooner, and no answer.
    """
    return plan.prove_threshold or abs(size) < math.log1p(threshold)


def _nothing(metric: Metric, pairs: Sequence[Pair]) -> tuple[Verdict, str]:
    """What to say of a benchmark of which no pair counts."""
    measured = [pair for pair in pairs if pair.round != WARM_UP]
    if not measured:
        return Verdict.INCONCLUSIVE, "the check ended before its first pair"
    reasons = Counter(pair.dropped for pair in measured if pair.dropped)
    if reasons.total() == len(measured):
        why = reasons.most_common(1)[0][0]
        return Verdict.INCONCLUSIVE, f"all {len(measured)} pairs dropped: {why}"
    if any(metric.name not in s.values for pair in measured for s in (pair.baseline, pair.candidate)
           if s.values):  # fmt: skip
        return Verdict.SKIPPED, f"no {metric.name} in its results"
    return Verdict.INCONCLUSIVE, f"{metric.name} is not above 0, or of too few launches"


def _pairs_needed(
    plan: Plan, seen: Evidence, size: float, threshold: float, p: float
) -> int | None:
    """How many pairs would decide it if the next ones are like these: capital grows by a factor for
    each. None if it does not grow.
    """
    routes = []
    if _may_be_none(plan, size, threshold):
        routes.append([(seen.not_worse, _SURE_OF_ABSENCE), (seen.not_better, _SURE_OF_ABSENCE)])
    if abs(size) >= math.log1p(threshold):
        e = seen.worse if size > 0 else seen.better
        correction = max(p * e, 1.0)
        routes.append([(e, correction / plan.alpha)])
    found = [
        max(math.log(bound) / math.log(value) for value, bound in route)
        for route in routes
        if all(value > 1 for value, _ in route)
    ]
    if not found:
        return None
    return max(math.ceil(min(found) * seen.pairs), seen.pairs + 1)
