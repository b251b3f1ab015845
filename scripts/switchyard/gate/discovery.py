"""What the Google Benchmark binaries of a side have to offer, asked of the binaries themselves; and
what both sides have.

A folder that a glob matches holds other things as well, and a program that knows nothing of
--benchmark_list_tests prints what it likes. So each is asked twice, the second time for no
benchmark at all: what it prints then is no benchmark's name.

What only one side has is a finding of its own, and what neither has is a line that can't be
overlooked: a benchmark that silently drops out of a check is a regression that nobody sees.
"""

import os
import re
import tomllib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..suite.catalog import bare_name
from ..system.errors import BadInputError
from ..system.interrupts import Interrupts
from ..system.launch import launch
from .model import SIDES, Benchmark, Finding, Verdict

LIST_TIMEOUT_S = 20.0
_GATE_SET = Path(__file__).with_name("gate.toml")
_NOTHING = "--benchmark_filter=^$"
# As revision.py names the folders of baselines.
_OF_ANOTHER_REVISION = re.compile(r"(^|/)baselines/[0-9a-f]{12}-[0-9a-f]{8}/")
_LIBRARY = re.compile(r"\.so(\.\d+)*$")


@dataclass(frozen=True)
class GateBenchmark:
    """One of gate.toml, with the reason why. spread: of one pair, in per cent; instructions:
    whether counting them has a meaning.
    """

    name: str
    reason: str
    spread: float
    instructions: bool = False


@dataclass(frozen=True)
class Discovery:
    """The names of each binary's benchmarks, in its order; and of each that gave none the reason.

    Binaries are relative to the root. `notes`: what is odd about names, one line each; start_s:
    what it took to be told the names, the start of the program.
    """

    names: dict[str, list[str]] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    start_s: dict[str, float] = field(default_factory=dict)


def gate_set() -> dict[str, GateBenchmark]:
    """By name, in the order of the file."""
    entries = tomllib.loads(_GATE_SET.read_text())["benchmark"]
    return {entry["name"]: GateBenchmark(**entry) for entry in entries}


def discover(root: Path, pattern: str, interrupts: Interrupts | None = None) -> Discovery:
    """Ask every executable below `root` that the glob matches. Raises BadInputError if none."""
    discovered = Discovery()
    found = list(_executables(root, pattern))
    if not found:
        raise BadInputError(f"no executable in {root} matches {pattern!r}: is it built?")
    for path in found:
        binary = str(path.relative_to(root))
        printed, problem, discovered.start_s[binary] = _ask(path, interrupts)
        if problem:
            discovered.broken[binary] = problem
            continue
        discovered.names[binary] = _names(printed)
        discovered.notes.extend(
            f"{binary}: {name} is registered {count} times, its times are taken together"
            for name, count in Counter(printed).items()
            if count > 1
        )
    return discovered


def _executables(root: Path, pattern: str) -> Iterator[Path]:
    try:
        found = sorted(root.glob(pattern))
    except (ValueError, NotImplementedError, IndexError) as error:
        raise BadInputError(f"{pattern!r} is no pattern of files below {root}: {error}") from None
    for path in found:
        if _OF_ANOTHER_REVISION.search(str(path.relative_to(root))):
            continue
        if path.is_file() and os.access(path, os.X_OK) and not _LIBRARY.search(path.name):
            yield path


def _ask(path: Path, interrupts: Interrupts | None) -> tuple[list[str], str | None, float]:
    """The names as printed, or the problem; and what it took."""
    command = [str(path.absolute()), "--benchmark_list_tests=true"]
    outcome = launch(command, LIST_TIMEOUT_S, interrupts)
    if outcome.timed_out or outcome.code != 0:
        said = outcome.stderr.strip().splitlines()
        why = ": ".join([outcome.ending, *(line[:200] for line in said[-1:])])
        return [], f"does not list its benchmarks: {why}", outcome.wall_s
    # That none matches is an error to some: what counts is what it prints.
    nothing = launch([*command, _NOTHING], LIST_TIMEOUT_S, interrupts)
    noise = nothing.stdout.splitlines()
    listed = [line for line in outcome.stdout.splitlines() if line.strip()]
    names = [line for line in listed if line not in noise]
    if names:
        return names, None, min(outcome.wall_s, nothing.wall_s)
    if listed:
        why = f"is no Google Benchmark binary: it prints {listed[0][:60]!r} for any filter"
        return [], why, outcome.wall_s
    return [], "lists no benchmarks", outcome.wall_s


def _names(printed: list[str]) -> list[str]:
    """Without what Google Benchmark appends, unless that is all that tells two of them apart."""
    whole = list(dict.fromkeys(printed))
    shared = Counter(map(bare_name, whole))
    return [name if shared[bare_name(name)] > 1 else bare_name(name) for name in whole]


def match(
    baseline: Discovery, candidate: Discovery, pattern: str | None, wanted: Collection[str] | None
) -> tuple[list[Benchmark], list[Finding], list[str]]:
    """What both sides have, findings on what one side lacks, and problems as lines.

    pattern: --filter; wanted: only these names. Raises BadInputError when no name matches.
    """
    sides = {"baseline": baseline, "candidate": candidate}
    rows = [
        (binary, name)
        for binary in sorted({*candidate.names, *baseline.names})
        for name in dict.fromkeys(
            [*candidate.names.get(binary, []), *baseline.names.get(binary, [])]
        )
    ]
    chosen = _select(rows, pattern, wanted)
    both, findings = [], []
    for benchmark in (row for row in _benchmarks(rows) if row.name in chosen):
        binary, name = benchmark.binary, benchmark.name
        absent = [side for side in SIDES if name not in sides[side].names.get(binary, [])]
        if absent:
            findings.append(_one_sided(benchmark, absent[0], sides[absent[0]]))
        else:
            both.append(benchmark)
    present = {name for _, name in rows}
    findings += [
        Finding(Benchmark(name, "", name), Verdict.MISSING, "wanted, but neither side has it")
        for name in wanted or ()
        if name not in present and re.search(pattern or "", name)
    ]
    findings += [
        Finding(Benchmark(binary, binary, binary), Verdict.SKIPPED, f"{reason} (on both sides)")
        for binary, reason in candidate.broken.items()
        if binary in baseline.broken
    ]
    return both, findings, [*_broken(sides), *dict.fromkeys(candidate.notes + baseline.notes)]


def _benchmarks(rows: Collection[tuple[str, str]]) -> Iterator[Benchmark]:
    """Where binaries share a name, the binary's is part of the key, in full if need be."""
    shared = Counter(name for _, name in rows)
    stems = Counter(Path(binary).stem for binary in {binary for binary, _ in rows})
    for binary, name in rows:
        stem = Path(binary).stem
        prefix = f"{stem if stems[stem] == 1 else binary}:" if shared[name] > 1 else ""
        yield Benchmark(prefix + name, binary, name)


def _select(
    rows: list[tuple[str, str]], pattern: str | None, wanted: Collection[str] | None
) -> set[str]:
    """The names of those that the options ask for."""
    try:
        expression = re.compile(pattern or "")
    except re.error as error:
        raise BadInputError(f"--filter {pattern!r} is no regular expression: {error}") from None
    matching = [name for _, name in rows if expression.search(name)]
    chosen = {name for name in matching if wanted is None or name in wanted}
    if pattern is not None and not chosen:
        those = f"the {len(rows)} benchmarks"
        if matching:
            those = f"the gate set; --set all has {len(matching)} that it matches"
        raise BadInputError(f"--filter {pattern!r} matches none of {those}")
    return chosen


def _one_sided(benchmark: Benchmark, absent: str, discovered: Discovery) -> Finding:
    reason = discovered.broken.get(benchmark.binary)
    if reason:  # it may be there, but its binary can't say so
        verdict = Verdict.FAILED if absent == "candidate" else Verdict.SKIPPED
        return Finding(benchmark, verdict, f"{absent} failed: {benchmark.binary} {reason}")
    why = "only in the candidate: new" if absent == "baseline" else "only in the baseline: gone"
    return Finding(benchmark, Verdict.MISSING, why)


def _broken(sides: Mapping[str, Discovery]) -> Iterator[str]:
    for binary in sorted({binary for side in sides.values() for binary in side.broken}):
        reasons = {side: of.broken[binary] for side, of in sides.items() if binary in of.broken}
        if reasons.get("baseline") == reasons.get("candidate"):
            yield f"{binary} {reasons['baseline']} (on both sides)"
        else:
            yield from (f"{side}: {binary} {reason}" for side, reason in reasons.items())
