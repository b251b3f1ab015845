"""Made-up reports of a check: simulated pairs, judged by the same code as real ones."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from switchyard.gate import verdicts
from switchyard.gate.model import (
    WARM_UP,
    Benchmark,
    Evidence,
    Finding,
    Pair,
    Plan,
    Report,
    Sample,
    Verdict,
)

PLAN = Plan(seed=42)
GATE = (
    "echo/fiber/connections:64/bytes:64",
    "echo/thread/connections:64/bytes:64",
    "switch/fiber/via:yield/tasks:2/placement:same",
    "switch/thread/via:futex/tasks:2/placement:same",
    "switch/process/via:pipe/tasks:2/placement:same",
    "spawn/fiber/tasks:1000",
    "spawn/thread/tasks:1000",
    "spawn/process/tasks:100",
    "channel/fiber/via:buffered_channel/pairs:1/bytes:8/capacity:64/placement:same",
    "channel/thread/via:mutex/pairs:1/bytes:8/capacity:64/placement:same",
    "channel/process/via:shared_memory/pairs:1/bytes:8/capacity:64/placement:same",
    "http_fetch/fiber/urls:100/latency_ms:0/bytes:1024/connection:keep",
    "shared_counter/thread/via:mutex/tasks:4/placement:same",
    "shared_counter/fiber/via:plain/tasks:4/placement:same",
    "sleep/fiber/tasks:1000/ms:100",
    "cpu/fiber/tasks:2",
)
FACTS = {
    "command": "scripts/switchyard.sh check --baseline main --budget 10m --seed 42",
    "started_at": "2026-01-01T00:00:00Z",
    "sides": {
        "baseline": {"what": "commit 0123456", "sha": "0123456789abcdef", "dirty": False,
                     "context": {"date": "2026-01-01", "num_cpus": 2, "caches": []}},
        "candidate": {"what": "working tree of commit fedcba9", "sha": "fedcba9876543210",
                      "dirty": True, "context": {"date": "2026-01-01", "num_cpus": 2}},
    },
    "machine": {"cpu_model": "Fast CPU", "cpu_count": 2, "kernel": "6.1.0",
                "virtualisation": "kvm"},
    "identical": [],
}  # fmt: skip


@dataclass(frozen=True)
class Behaviour:
    """How a made-up benchmark behaves: its true change in per cent, and what goes wrong."""

    change: float = 0.0
    spread: float = 0.015
    fails: str = ""
    skips: str = ""
    drops: float = 0.0  # share of its pairs
    missing: bool = False
    pairs: int = 24


CALM = Behaviour()
MIXED = {
    GATE[0]: Behaviour(change=12),
    GATE[10]: Behaviour(change=6),
    GATE[2]: Behaviour(change=-9),
    GATE[6]: Behaviour(spread=0.2),
    GATE[7]: Behaviour(drops=0.5),
    GATE[11]: Behaviour(fails="exit code 1: wrong body\nafter 1024 bytes"),
    GATE[14]: Behaviour(skips="limit reached: threads-max"),
    GATE[15]: Behaviour(missing=True),
}


@dataclass
class _Maker:
    random: random.Random
    pairs: list[Pair] = field(default_factory=list)

    def measure(self, benchmark: Benchmark, acts: Behaviour) -> None:
        """The warm-up, and its pairs."""
        for round_ in range(WARM_UP, WARM_UP + 1 + acts.pairs):
            baseline = 1e-6 * self.random.lognormvariate(0, 0.02)
            noise = self.random.lognormvariate(0, acts.spread)
            candidate = baseline * (1 + acts.change / 100) * noise
            dropped = "the hypervisor took CPU time (steal)"
            self.pairs.append(
                Pair(
                    round_, benchmark.key, self.random.choice(("baseline", "candidate")),
                    _sample(benchmark, baseline), _candidate(benchmark, candidate, acts),
                    gap_s=0.002, dropped=dropped if self.random.random() < acts.drops else None,
                )
            )  # fmt: skip


def _sample(benchmark: Benchmark, seconds: float) -> Sample:
    name = benchmark.name
    row = {
        "name": name, "family_index": 0, "per_family_instance_index": 0, "run_name": name,
        "run_type": "iteration", "repetitions": 1, "repetition_index": 0, "threads": 1,
        "iterations": 50_000, "real_time": seconds * 1e6, "cpu_time": seconds * 0.9e6,
        "time_unit": "us", "ops_per_s": 1 / seconds,
    }  # fmt: skip
    return Sample({"real_time": seconds}, wall_s=0.06, row=row)


def _candidate(benchmark: Benchmark, seconds: float, acts: Behaviour) -> Sample:
    if acts.fails or acts.skips:
        return Sample({}, acts.fails or acts.skips, skipped=bool(acts.skips), wall_s=0.06)
    return _sample(benchmark, seconds)


def report(
    names: Sequence[str] = GATE,
    behaviours: Mapping[str, Behaviour] = MIXED,
    *,
    plan: Plan = PLAN,
    binary: str = "bin/bench_all",
    **fields,
) -> Report:
    """A check of these benchmarks; those without a behaviour do not change."""
    benchmarks = [Benchmark(name, binary, f"{name}/manual_time") for name in names]
    made = _Maker(random.Random(plan.seed))
    there = [b for b in benchmarks if not behaviours.get(b.key, CALM).missing]
    for benchmark in there:
        made.measure(benchmark, behaviours.get(benchmark.key, CALM))
    findings = verdicts.judge(plan, there, made.pairs)
    gone = [Finding(b, Verdict.MISSING, "only in the baseline: gone") for b in benchmarks
            if b not in there]  # fmt: skip
    code = verdicts.exit_code([*findings, *gone], strict=False)
    spent = sum(p.baseline.wall_s + p.candidate.wall_s for p in made.pairs)
    made_up = Report(
        plan, [*findings, *gone], made.pairs, FACTS, [b.key for b in benchmarks if b not in there],
        exit_code=code, spent_s=spent,
    )  # fmt: skip
    return replace(made_up, **fields)


def finding(verdict: Verdict, change: float, **fields) -> Finding:
    """One without pairs behind it, for what only a finding says; `change` is a logarithm."""
    name = fields.pop("name", f"BM_Any/{verdict}")
    seen = Evidence(10, 0, change, change - 0.01, change + 0.01, 1.0, 1.0, 1.0, 1.0)
    fields = {"evidence": seen, "p": 0.5} | fields
    return Finding(Benchmark(name, "bench/any", name), verdict, "because", **fields)
