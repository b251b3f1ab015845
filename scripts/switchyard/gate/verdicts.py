"""From pairs to verdicts. A pure function of the plan and the raw data, so that a check can be
judged again from what it wrote, and simulated without a machine.

Two stages on separate data. The screening clears a benchmark that shows no sign of a change (both
one-sided p-values above 0.10) and for which a change of the size that matters is excluded. All
others are suspects, and new pairs alone decide about them: corrected by Holm's method over all
suspects, so that the chance of even one false alarm in a whole check is at most alpha.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from . import evidence
from .evidence import EQUIVALENCE_ALPHA, MOST_DROPPED, pairs_needed
from .model import Benchmark, Evidence, Finding, Pair, Plan, Stage, Verdict, percent

Evidences = Mapping[str, Evidence]


def screened(plan: Plan, pairs: Iterable[Pair]) -> dict[str, Evidence]:
    """The evidence of the screening, by benchmark; without those that no pair compares."""
    return _evidences(plan, pairs, Stage.SCREEN)


def suspects(plan: Plan, screen: Evidences) -> list[str]:
    """Whom the screening could not clear, the most suspicious first."""
    found = [key for key, seen in screen.items() if not _cleared(plan, seen)]
    return sorted(found, key=lambda key: (min(screen[key].p_slower, screen[key].p_faster), key))


def judge(plan: Plan, benchmarks: Sequence[Benchmark], pairs: Sequence[Pair]) -> list[Finding]:
    """A finding for each benchmark, in their order."""
    screen = screened(plan, pairs)
    # A check may be judged again by another plan: who was a suspect when it was measured stays one.
    had_new = {pair.benchmark for pair in pairs if pair.stage == Stage.CONFIRM}
    chosen = list(dict.fromkeys([*suspects(plan, screen), *sorted(had_new)]))
    confirm = _evidences(plan, pairs, Stage.CONFIRM, _resamples(plan, len(chosen)))
    if any(pair.stage == Stage.STORED for pair in pairs):  # one stage only: all are suspects
        chosen = [benchmark.key for benchmark in benchmarks]
        confirm = _evidences(plan, pairs, Stage.STORED, _resamples(plan, len(chosen)))
    slower, faster = (_holm(chosen, confirm, side) for side in ("p_slower", "p_faster"))
    by_benchmark = _by_benchmark(pairs)
    findings = []
    for benchmark in benchmarks:
        key, of_one = benchmark.key, by_benchmark[benchmark.key]
        finding = Finding(
            benchmark, Verdict.INCONCLUSIVE, "", screen.get(key), confirm.get(key),
            slower.get(key), faster.get(key),
        )  # fmt: skip
        lost = _lost(benchmark, of_one)
        findings.append(lost or _decided(plan, finding, of_one, len(chosen)))
    return findings


def exit_code(findings: Sequence[Finding], strict: bool, advisory: bool = False) -> int:
    """0 nothing regressed, 1 regressed, 2 the check could not do its work, 3 undecided (strict).

    Advisory verdicts fail nothing unless strict: their baseline was measured some other time.
    """
    found = {finding.verdict for finding in findings}
    compared = any(finding.was_compared for finding in findings)
    if Verdict.REGRESSED in found and (strict or not advisory):
        return 1
    if Verdict.FAILED in found or not compared:
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


def _by_benchmark(pairs: Iterable[Pair]) -> dict[str, list[Pair]]:
    grouped: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        grouped[pair.benchmark].append(pair)
    return grouped


def _evidences(
    plan: Plan, pairs: Iterable[Pair], stage: Stage, resamples: int = evidence.RESAMPLES
) -> dict[str, Evidence]:
    of_stage = _by_benchmark(pair for pair in pairs if pair.stage == stage)
    least = 2 if stage == Stage.STORED else 1
    return {
        key: evidence.of_pairs(of_one, stage, plan.equivalence_limit, plan.seed, resamples)
        for key, of_one in of_stage.items()
        if sum(pair.change is not None for pair in of_one) >= least
    }


def _resamples(plan: Plan, count: int) -> int:
    """Enough for a p-value that survives the correction over `count` suspects."""
    return max(evidence.RESAMPLES, math.ceil(4 * count / plan.alpha))


def _cleared(plan: Plan, seen: Evidence) -> bool:
    shows_nothing = min(seen.p_slower, seen.p_faster) > plan.screen_alpha
    return shows_nothing and seen.p_equivalent <= EQUIVALENCE_ALPHA and not _disturbed(seen)


def _disturbed(seen: Evidence) -> bool:
    return seen.dropped > MOST_DROPPED * (seen.pairs + seen.dropped)


def _holm(chosen: list[str], confirm: Evidences, side: str) -> dict[str, float]:
    """Corrected over all suspects; one that got no new pairs counts with p = 1."""
    if not chosen:
        return {}
    raw = {key: getattr(confirm[key], side) if key in confirm else 1.0 for key in chosen}
    ordered = sorted(chosen, key=raw.__getitem__)
    stepped = [(len(chosen) - rank) * raw[key] for rank, key in enumerate(ordered)]
    corrected = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return {key: float(p) for key, p in zip(ordered, corrected, strict=True) if key in confirm}


def _lost(benchmark: Benchmark, pairs: Sequence[Pair]) -> Finding | None:
    """A benchmark that a launch of either side failed: no number of it counts any more.

    Failed: the candidate is broken. Skipped: it can't run here, or only the baseline broke.
    """
    for pair in pairs:
        for side, sample in (("candidate", pair.candidate), ("baseline", pair.baseline)):
            if sample.problem:
                broken = side == "candidate" and not sample.skipped
                verdict = Verdict.FAILED if broken else Verdict.SKIPPED
                how = "skipped itself" if sample.skipped else "failed"
                return Finding(benchmark, verdict, f"{side} {how}: {sample.problem}")
    return None


def _decided(plan: Plan, finding: Finding, pairs: Sequence[Pair], among: int) -> Finding:
    """`among` how many suspects."""
    seen = finding.evidence
    if seen is None:
        tried = [pair for pair in pairs if pair.stage != Stage.WARM_UP]
        why = _all_dropped(tried) or "too few results: two of each side are needed at least"
        return replace(finding, why=why if tried else "the check ended before its first pair")
    if _disturbed(seen):
        most = _why_dropped(pair for pair in pairs if pair.stage == seen.stage)
        total = seen.pairs + seen.dropped
        return replace(finding, why=f"{seen.dropped} of {total} pairs dropped: {most}")
    why = ""
    if finding.confirm:
        for verdict, p, size in (
            (Verdict.REGRESSED, finding.p_slower_corrected, seen.estimate),
            (Verdict.IMPROVED, finding.p_faster_corrected, -seen.estimate),
        ):
            if p <= plan.alpha and size >= plan.limit:
                return replace(finding, verdict=verdict, why=f"corrected p {p:.2g}")
    elif not _cleared(plan, seen):
        new = [pair for pair in pairs if pair.stage == Stage.CONFIRM]
        why = _all_dropped(new) if new else "a suspect, but the check ended before its new pairs"
    if seen.p_equivalent <= EQUIVALENCE_ALPHA and (finding.confirm or _cleared(plan, seen)):
        why = f"a change of {100 * plan.equivalence:.2g} % or more is excluded"
        return replace(finding, verdict=Verdict.UNCHANGED, why=why)
    if seen.low is not None:
        reach = f"anything from {percent(seen.low):+.1f} to {percent(seen.high):+.1f} % fits"
        why = "; ".join(filter(None, (why, reach)))
    return replace(finding, why=why, pairs_needed=pairs_needed(plan, seen, among))


def _all_dropped(pairs: Sequence[Pair]) -> str:
    reason = _why_dropped(pairs)
    return f"all {len(pairs)} pairs dropped: {reason}" if reason else ""


def _why_dropped(pairs: Iterable[Pair]) -> str:
    """The most frequent reason."""
    reasons = Counter(pair.dropped for pair in pairs if pair.dropped)
    return reasons.most_common(1)[0][0] if reasons else ""
