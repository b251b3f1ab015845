"""Which stored times belong to which benchmark of the candidate, and what belongs to none."""

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from .discovery import Discovery
from .model import Benchmark, Finding, Verdict

# For a spread.
_FEWEST_TIMES = 4
_STORED = "(stored results)"


def match(
    stored: Mapping[str, list[float]],
    benchmarks: Sequence[Benchmark],
    candidate: Discovery,
    pattern: str | None,
    wanted: Collection[str] | None,
) -> tuple[dict[str, list[float]], list[Finding]]:
    """The times of the benchmarks that have enough, by key; and what can't be compared.

    benchmarks: of the candidate, chosen by pattern and wanted already.
    """
    of = {
        b: next((stored[name] for name in _names_of(b) if name in stored), []) for b in benchmarks
    }
    enough = {b.key: times for b, times in of.items() if len(times) >= _FEWEST_TIMES}
    lost = [_too_few(b, times) for b, times in of.items() if b.key not in enough]
    known = {name for benchmark in benchmarks for name in _names_of(benchmark)}
    gone = [
        _gone(key, candidate)
        for key in stored
        if key not in known and re.search(pattern or "", key) and (wanted is None or key in wanted)
    ]
    return enough, lost + gone


def _names_of(benchmark: Benchmark) -> tuple[str, str, str]:
    """How stored results may call it: where binaries share a name, with the binary's before it."""
    return benchmark.key, f"{Path(benchmark.binary).stem}:{benchmark.name}", benchmark.name


def _too_few(benchmark: Benchmark, times: list[float]) -> Finding:
    if not times:
        return Finding(benchmark, Verdict.MISSING, "only in the candidate: new")
    why = f"the stored results have fewer than {_FEWEST_TIMES} times of it"
    return Finding(benchmark, Verdict.SKIPPED, why)


def _gone(key: str, candidate: Discovery) -> Finding:
    """Not there any more, or in a binary that is broken and can't say so."""
    benchmark = Benchmark(key, _STORED, key)
    broken = "; ".join(f"{binary} {reason}" for binary, reason in candidate.broken.items())
    if broken:
        return Finding(benchmark, Verdict.FAILED, f"not in the candidate; {broken}")
    return Finding(benchmark, Verdict.MISSING, "only in the baseline: gone")
