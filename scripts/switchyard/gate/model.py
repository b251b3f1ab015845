"""What a check speaks of: benchmarks, launches, pairs of them, and what they prove.

Times are in seconds for one iteration. A change is the natural logarithm of candidate / baseline:
0.0296 is three per cent more time, and a change and its reverse have the same size.
"""

import math
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

SIDES = ("baseline", "candidate")
# Of each benchmark in the screening, if the budget allows.
SCREEN_PAIRS = 10


class Stage(StrEnum):
    """Where a pair belongs. The warm-up is no evidence, but shows what fails; `stored` pairs have a
    baseline that was measured some other time, and are no true pairs.
    """

    WARM_UP = "warm-up"
    SCREEN = "screen"
    CONFIRM = "confirm"
    STORED = "stored"


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
    """One row of a binary. `binary` is relative to the root of each side.

    `key` names it everywhere: its name, with the binary's before it where two binaries have one of
    the same name.
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
class Plan:
    """All that was decided before the first pair was measured.

    alpha: family-wise error of the confirming stage; threshold: the smallest change that counts,
    0.03 is +3 %, and `thresholds` that of benchmarks whose key a pattern matches; cpu: where every
    launch is bound to, None for nowhere; metric: which of Google Benchmark's times.
    """

    seed: int
    screen_pairs: int
    threshold: float = 0.03
    thresholds: tuple[tuple[str, float], ...] = ()
    alpha: float = 0.01
    screen_alpha: float = 0.10
    min_time_s: float = 0.05
    timeout_s: float = 60.0
    budget_s: float | None = None
    cpu: int | None = None
    metric: str = "real_time"

    @property
    def limit(self) -> float:
        """The smallest logarithm of a change that is a regression."""
        return math.log1p(self.threshold)

    @property
    def equivalence(self) -> float:
        """A change that has to be excluded before a benchmark is called unchanged: 5 % by default.

        As far above the threshold as the threshold allows to tell them apart: 5/3 of it.
        """
        return self.threshold * 5 / 3

    @property
    def equivalence_limit(self) -> float:
        """Its logarithm."""
        return math.log1p(self.equivalence)


@dataclass(frozen=True)
class Sample:
    """What one launch gave: a time, or the problem that kept it from giving one; neither if there
    was no such launch (stored results may have fewer).

    steal_s: CPU time that the hypervisor or a CPU quota took from the launch; involuntary: switches
    that the kernel forced on its processes; skipped: the benchmark itself said that it can't run
    here.
    """

    value: float | None
    problem: str | None = None
    skipped: bool = False
    wall_s: float = 0.0
    steal_s: float = 0.0
    involuntary: int = 0
    row: dict[str, Any] = field(default_factory=dict, compare=False)  # as Google Benchmark gave it


@dataclass(frozen=True)
class Pair:
    """Baseline and candidate back to back. `dropped` is the kernel's reason, if it gave one."""

    stage: Stage
    round: int
    benchmark: str
    first: str
    baseline: Sample
    candidate: Sample
    dropped: str | None = None

    @property
    def change(self) -> float | None:
        """ln(candidate / baseline), or None when the pair is no evidence."""
        if self.dropped or self.baseline.value is None or self.candidate.value is None:
            return None
        return math.log(self.candidate.value / self.baseline.value)


@dataclass(frozen=True)
class Evidence:
    """What the pairs of one stage say of one benchmark. Changes are logarithms, see above.

    low..high is the 95 % interval (both None below two pairs); p_slower and p_faster come from the
    one-sided sign-flip tests, p_equivalent from the two one-sided tests of equivalence.
    """

    stage: Stage
    pairs: int
    dropped: int
    estimate: float
    low: float | None
    high: float | None
    spread: float | None
    p_slower: float
    p_faster: float
    p_equivalent: float


@dataclass(frozen=True)
class Finding:
    """The verdict on one benchmark, and all it rests on.

    corrected: the p-value of the verdict's direction after Holm's correction, None if it was never
    a suspect; pairs_needed: how many pairs would decide an inconclusive one; instructions: the
    second witness, see instructions.py.
    """

    benchmark: Benchmark
    verdict: Verdict
    why: str
    screen: Evidence | None = None
    confirm: Evidence | None = None
    p_slower_corrected: float | None = None
    p_faster_corrected: float | None = None
    pairs_needed: int | None = None
    instructions: dict[str, Any] | None = None

    @property
    def evidence(self) -> Evidence | None:
        """What the verdict rests on: the last stage it was in."""
        return self.confirm or self.screen

    @property
    def was_compared(self) -> bool:
        """Whether anything is known: a pair that counts, or that there is nothing to compare."""
        return self.evidence is not None or self.verdict == Verdict.UNCHANGED


@dataclass
class Report:
    """A whole check, as it is written, printed, drawn, and read back.

    settled: the findings that need no pairs (a benchmark that one side lacks, a binary that is the
    same on both), which are among `findings` too; problems: loud lines about what could not be
    compared; `advisory` when the baseline was not measured beside the candidate; facts: of each
    side and of the machine; stored in check.json, whose schema is schema.json.
    """

    plan: Plan
    findings: list[Finding]
    pairs: list[Pair]
    facts: dict[str, Any]
    settled: list[Finding] = field(default_factory=list)
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
    return 100 * math.expm1(change)
