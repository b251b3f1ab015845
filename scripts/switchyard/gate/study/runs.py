"""Measures whole checks, as `check` does them, and keeps every pair in a file of its own format.

A run compares a build without a slowdown (the baseline) with a candidate of a kind: so many per
cent more work for each operation; the same bytes in another file ("0"); the same code linked in
another order ("0-relinked"); or the same bytes while another program burns a CPU ("0-busy"). Runs
of all kinds are shuffled, so that a busy hour hits them alike. What is kept is the raw data only:
everything else is derived from it.
"""

import csv
import gzip
import io
import random
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..measuring import Measuring
from ..model import Benchmark, Metric, Pair, Plan, Sample

KINDS = ("0", "0-relinked", "0-busy", "2", "5", "10", "20")
_TIME = Metric().name
_COLUMNS = (
    "kind", "seed", "cpu", "round", "benchmark", "first", "baseline_s", "candidate_s",
    "baseline_wall_s", "candidate_wall_s", "gap_s", "steal_s", "involuntary", "elapsed_s",
    "dropped",
)  # fmt: skip


@dataclass
class Run:
    """One whole check. elapsed_s: when each pair was done, in seconds since the check began."""

    kind: str
    plan: Plan
    pairs: list[Pair] = field(default_factory=list)
    elapsed_s: list[float] = field(default_factory=list)

    @property
    def work(self) -> str:
        """Of the candidate, in per cent of what there was."""
        return self.kind.partition("-")[0]

    @property
    def seconds(self) -> float:
        """All in all, by the clock."""
        return max(self.elapsed_s, default=0.0)


def schedule(counts: Mapping[str, int], seed: int) -> list[tuple[str, int]]:
    """(kind, seed of the check) for each run, shuffled. `counts`: runs by kind."""
    runs = [
        (kind, seed + 10_000 * KINDS.index(kind) + index)
        for kind, count in counts.items()
        for index in range(count)
    ]
    random.Random(seed).shuffle(runs)
    return runs


def measure(
    kind: str,
    plan: Plan,
    benchmarks: Sequence[Benchmark],
    pairs_of: Callable[[int, Sequence[Benchmark], str], list[Pair]],
    renew: Callable[[Iterable[Benchmark]], None],
) -> Run:
    """Raises Interrupted."""
    begin = time.monotonic()
    elapsed_s = []

    def measure_pairs(round_: int, some: Sequence[Benchmark], first: str) -> list[Pair]:
        pairs = pairs_of(round_, some, first)
        elapsed_s.extend([time.monotonic() - begin] * len(pairs))
        return pairs

    check = Measuring(plan, benchmarks, measure_pairs, before_round=renew)
    check.run()
    return Run(kind, plan, check.pairs, elapsed_s)


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
    both = (pair.baseline, pair.candidate)
    numbers = (f"{s.values[_TIME]:.6g}" if s.values else "" for s in both)
    problem = pair.baseline.problem or pair.candidate.problem
    return [
        run.kind, run.plan.seed, run.plan.cpu, pair.round, pair.benchmark, pair.first, *numbers,
        *(f"{sample.wall_s:.3f}" for sample in both), f"{pair.gap_s:.4f}", pair.steal_s,
        max(sample.involuntary for sample in both), f"{elapsed_s:.2f}",
        f"failed: {problem}" if problem else pair.dropped or "",
    ]  # fmt: skip


def read(files: Iterable[Path]) -> list[Run]:
    """Runs as they were measured."""
    found: dict[tuple[str, ...], Run] = {}
    for file in files:
        for row in csv.DictReader(gzip.decompress(file.read_bytes()).decode().splitlines()):
            key = (file.name, row["kind"], row["seed"])
            if key not in found:
                cpu = int(row["cpu"]) if row["cpu"] else None
                found[key] = Run(row["kind"], Plan(int(row["seed"]), cpu=cpu))
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
            {_TIME: float(row[f"{side}_s"])} if row[f"{side}_s"] else {},
            row["dropped"] if failed and not row[f"{side}_s"] else None,
            wall_s=float(row[f"{side}_wall_s"]),
        )
        for side in ("baseline", "candidate")
    )
    return Pair(
        int(row["round"]), row["benchmark"], row["first"], baseline, candidate,
        float(row["gap_s"]), float(row["steal_s"]), None if failed else row["dropped"] or None,
    )  # fmt: skip
