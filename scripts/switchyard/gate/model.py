"""What a check speaks of: benchmarks, launches, pairs of them, and what they prove.

A change is the natural logarithm of candidate / baseline: 0.0296 is three per cent more, and a
change and its reverse have the same size. Times are in seconds for one iteration.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta

from ..system.errors import BadInputError

SIDES = ("baseline", "candidate")
# Of pairs: it shows what fails and what a launch costs, and is no evidence.
WARM_UP = 0
# What is read back from a file is held against it.
Share = Annotated[float, Meta(gt=0, le=1)]


class Verdict(StrEnum):
    REGRESSED = "regressed"
    IMPROVED = "improved"
    UNCHANGED = "unchanged"
    INCONCLUSIVE = "inconclusive"
    # No pair could be compared: the launches of a side fail, are skipped, or there is no such side.
    FAILED = "failed"
    SKIPPED = "skipped"
    MISSING = "missing"


@dataclass(frozen=True)
class Benchmark:
    """One row of a binary, which is relative to the root of each side; `name` is what it prints on
    both. `key` names it everywhere: without what Google Benchmark appends unless that tells it from
    another one, and with the binary's name before it where two binaries have one of the same name.
    """

    key: str
    binary: str
    name: str


@dataclass(frozen=True)
class Side:
    """Benchmark.binary is relative to `root`; `what` says in words what it is."""

    label: Literal["baseline", "candidate"]
    root: Path
    what: str
    sha: str | None = None
    dirty: bool | None = None


@dataclass(frozen=True)
class Metric:
    """One of Google Benchmark's times, or a counter."""

    name: str = "real_time"
    higher_is_better: bool = False

    @property
    def sign(self) -> int:
        """A change times this is positive where the candidate is worse."""
        return -1 if self.higher_is_better else 1

    @property
    def is_time(self) -> bool:
        return self.name in ("real_time", "cpu_time")


def metrics_of(asked: Iterable[str]) -> tuple[Metric, ...]:
    """As --metric names them. Times are better when they are lower; of a counter nobody knows but
    the user. Raises BadInputError.
    """
    found: dict[str, Metric] = {}
    for text in (part for one in asked for part in one.split(",")):
        told = re.fullmatch("(.+):(lower|higher)", text)
        name, better = told.groups() if told else (text, "lower")
        metric = Metric(name, better == "higher")
        if not (told or metric.is_time):
            raise BadInputError(f"--metric {text!r}: what is better, NAME:lower or NAME:higher?")
        if found.setdefault(name, metric) != metric:
            raise BadInputError("--metric names one twice, in both directions")
    return tuple(found.values())


@dataclass(frozen=True)
class Plan:
    """All that was decided before the first pair was measured.

    alpha: the chance of any false alarm in a whole check; threshold: the smallest change that
    counts, 0.03 is +3 %, and `thresholds` those of the benchmarks whose key a pattern matches, the
    first one counts; prove_threshold: whether a regression has to be proven to be that large, and
    not just to be there; cpu: where every launch is bound to, None for nowhere; arguments: for the
    binaries; fail_fast: whether a check ends at the first regression.
    """

    seed: int
    threshold: Share = 0.03
    alpha: Share = 0.01
    prove_threshold: bool = False
    min_time_s: float = 0.05
    timeout_s: float = 60.0
    budget_s: float | None = None
    cpu: int | None = None
    metrics: tuple[Metric, ...] = (Metric(),)
    thresholds: tuple[tuple[str, Share], ...] = ()
    arguments: tuple[str, ...] = ()
    fail_fast: bool = False

    def threshold_of(self, key: str) -> float:
        found = (share for pattern, share in self.thresholds if re.search(pattern, key))
        return next(found, self.threshold)


def equivalence(threshold: float) -> float:
    """A change that has to be excluded before a benchmark is called unchanged: 5 % by default.

    As far above the threshold as the threshold allows to tell them apart: 5/3 of it.
    """
    return threshold * 5 / 3


def clear(threshold: float) -> float:
    """What an interval has to lie beyond before a change is called one: 2 % by default."""
    return threshold * 2 / 3


@dataclass(frozen=True)
class Sample:
    """What one launch gave: values by metric, or the problem that kept it from giving any; neither
    if there was no such launch (stored results may have fewer).

    wall_s: the benchmark's share of its launch; involuntary: switches that the kernel forced on
    that launch's processes; skipped: the benchmark itself said that it can't run here.
    """

    values: dict[str, float] = field(default_factory=dict)
    problem: str | None = None
    skipped: bool = False
    wall_s: float = 0.0
    involuntary: int = 0
    row: dict[str, Any] = field(default_factory=dict, compare=False)  # as Google Benchmark gave it


@dataclass(frozen=True)
class Pair:
    """Baseline and candidate back to back, gap_s of time between them. steal_s: CPU time that the
    hypervisor or a CPU quota took from both; `dropped` is the kernel's reason, if it gave one.
    """

    round: int
    benchmark: str
    first: str
    baseline: Sample
    candidate: Sample
    gap_s: float = 0.0
    steal_s: float = 0.0
    dropped: str | None = None

    @property
    def problem(self) -> bool:
        return bool(self.baseline.problem or self.candidate.problem)

    def change(self, metric: str) -> float | None:
        """ln(candidate / baseline), or None when the pair is no evidence."""
        before, after = self.baseline.values.get(metric), self.candidate.values.get(metric)
        if self.dropped or self.round == WARM_UP or before is None or after is None:
            return None
        if before == after:  # a counter of errors that stays at 0, say
            return 0.0
        return math.log(after) - math.log(before) if min(before, after) > 0 else None


@dataclass(frozen=True)
class Evidence:
    """What its pairs say of one benchmark. Changes are logarithms, see above.

    low..high is the 95 % interval, None at an end that nothing bounds yet. The others are 1 / p,
    the larger the surer: that the candidate is worse, that it is better, and that it is not worse,
    not better, by as much as the equivalence limit.
    """

    pairs: int
    dropped: int
    estimate: float
    low: float | None
    high: float | None
    worse: float
    better: float
    not_worse: float
    not_better: float


@dataclass(frozen=True)
class Finding:
    """The verdict on one benchmark by one metric, and all it rests on.

    p: of the change's direction, corrected for all that are compared, and valid at whatever pair
    the check ended; pairs_needed: how many would decide an inconclusive one; instructions: the
    second witness, see instructions.py; accepted: why a regression does not count; threshold: where
    it is not the plan's for all.
    """

    benchmark: Benchmark
    verdict: Verdict
    why: str
    metric: Metric = Metric()
    evidence: Evidence | None = None
    p: float | None = None
    pairs_needed: int | None = None
    instructions: dict[str, Any] | None = None
    accepted: str | None = None
    threshold: Share | None = None

    @property
    def was_compared(self) -> bool:
        """Whether anything is known: a pair that counts, or that there is nothing to compare."""
        return self.evidence is not None or self.verdict == Verdict.UNCHANGED

    @property
    def fails(self) -> bool:
        return self.verdict == Verdict.REGRESSED and not self.accepted


@dataclass
class Report:
    """A whole check, as it is written, printed, drawn, and read back.

    settled: the keys of benchmarks that need no pairs (one side lacks it, or its binary is the same
    on both), whose findings stand last; problems: loud lines about what could not be compared;
    `advisory` when the baseline was not measured beside the candidate; facts: how it was called,
    and what the sides and the machine are.
    """

    plan: Plan
    findings: list[Finding]
    pairs: list[Pair]
    facts: dict[str, Any]
    settled: list[str]
    problems: list[str] = field(default_factory=list)
    strict: bool = False
    advisory: bool = False
    complete: bool = True
    exit_code: int = 0
    spent_s: float = 0.0

    def count(self, verdict: Verdict) -> int:
        return sum(finding.verdict == verdict for finding in self.findings)


def percent(change: float) -> float:
    """The logarithm of a change in per cent."""
    return 100 * math.expm1(min(change, 700.0))
