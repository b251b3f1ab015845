"""Measures whole checks, as `check` does them, and keeps every pair in a file of its own format.

A run compares a build without a slowdown (the baseline) with one that does some per cent more work
for each operation; 0 is a second copy of the baseline. Runs of all sizes are shuffled, so that a
busy hour hits them alike. What is kept is the raw data only: everything else is derived from it.
"""

import csv
import gzip
import io
import random
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...system.interrupts import Interrupts
from ...system.machine import Machine
from .. import stages
from ..copies import Copies
from ..model import Benchmark, Pair, Plan, Sample, Stage
from ..sampling import Sampler

_COLUMNS = (
    "slowdown", "seed", "cpu", "screen_pairs", "stage", "round", "benchmark", "first",
    "baseline_s", "candidate_s", "baseline_wall_s", "candidate_wall_s", "steal_s", "involuntary",
    "elapsed_s", "dropped",
)  # fmt: skip


@dataclass
class Run:
    """One whole check. slowdown: per cent of more work in the candidate; elapsed_s: when each pair
    was done, in seconds since the check began.
    """

    slowdown: int
    plan: Plan
    pairs: list[Pair] = field(default_factory=list)
    elapsed_s: list[float] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """All in all, by the clock."""
        return max(self.elapsed_s, default=0.0)


def schedule(counts: Mapping[int, int], seed: int) -> list[tuple[int, int]]:
    """(slowdown, seed of the check) for each run, shuffled. `counts`: runs by slowdown."""
    runs = [
        (slowdown, seed + 10_000 * slowdown + index)
        for slowdown, count in counts.items()
        for index in range(count)
    ]
    random.Random(seed).shuffle(runs)
    return runs


def measure(
    slowdown: int,
    plan: Plan,
    copies: Copies,
    benchmarks: Sequence[Benchmark],
    interrupts: Interrupts,
) -> Run:
    """Raises Interrupted."""
    begin = time.monotonic()
    elapsed_s = []
    sampler = Sampler(plan, copies.roots, interrupts, Machine())

    def measure_pair(stage: Stage, round_: int, benchmark: Benchmark, first: str) -> Pair:
        pair = sampler.pair(stage, round_, benchmark, first)
        elapsed_s.append(time.monotonic() - begin)
        return pair

    check = stages.Stages(plan, benchmarks, measure_pair, before_round=copies.renew)
    check.run()
    return Run(slowdown, check.plan, check.pairs, elapsed_s)


def append(file: Path, run: Run) -> None:
    """All of a run at once, so that a file never ends in half of one: each is packed by itself."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if not file.exists():
        writer.writerow(_COLUMNS)
    writer.writerows(_row(run, *both) for both in zip(run.pairs, run.elapsed_s, strict=True))
    with file.open("ab", buffering=0) as out:
        out.write(gzip.compress(text.getvalue().encode(), mtime=0))


def _row(run: Run, pair: Pair, elapsed_s: float) -> list[object]:
    numbers = (sample.value and f"{sample.value:.6g}" for sample in (pair.baseline, pair.candidate))
    problem = pair.baseline.problem or pair.candidate.problem
    return [
        run.slowdown, run.plan.seed, run.plan.cpu, run.plan.screen_pairs, pair.stage.value,
        pair.round, pair.benchmark, pair.first, *numbers,
        f"{pair.baseline.wall_s:.3f}", f"{pair.candidate.wall_s:.3f}",
        round(max(pair.baseline.steal_s, pair.candidate.steal_s), 3),
        max(pair.baseline.involuntary, pair.candidate.involuntary), f"{elapsed_s:.2f}",
        f"failed: {problem}" if problem else pair.dropped or "",
    ]  # fmt: skip


def read(files: Iterable[Path]) -> list[Run]:
    """Runs as they were measured."""
    found: dict[tuple[str, ...], Run] = {}
    for file in files:
        for row in csv.DictReader(gzip.decompress(file.read_bytes()).decode().splitlines()):
            key = (file.name, row["slowdown"], row["seed"])
            if key not in found:
                cpu = int(row["cpu"]) if row["cpu"] else None
                plan = Plan(int(row["seed"]), int(row["screen_pairs"]), cpu=cpu)
                found[key] = Run(int(row["slowdown"]), plan)
            found[key].pairs.append(_pair(row))
            found[key].elapsed_s.append(float(row["elapsed_s"]))
    return list(found.values())


def go_on_from(kept: Path, file: Path) -> None:
    """What was kept becomes the raw data to go on from, unless there are some already."""
    if kept.exists() and not file.exists():
        shutil.copy(kept, file)


def _pair(row: Mapping[str, str]) -> Pair:
    failed = row["dropped"].startswith("failed: ")
    baseline, candidate = (
        Sample(
            float(row[f"{side}_s"]) if row[f"{side}_s"] else None,
            row["dropped"] if failed and not row[f"{side}_s"] else None,
            wall_s=float(row[f"{side}_wall_s"]),
        )
        for side in ("baseline", "candidate")
    )
    return Pair(
        Stage(row["stage"]), int(row["round"]), row["benchmark"], row["first"],
        baseline, candidate, None if failed else row["dropped"] or None,
    )  # fmt: skip
