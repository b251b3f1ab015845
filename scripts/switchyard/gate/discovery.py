"""What the Google Benchmark binaries of a side have to offer, asked of the binaries themselves; and
what both sides have.

A folder that a glob matches holds other things as well, and a program that knows nothing of
--benchmark_list_tests does what it always does. So each is first asked for a benchmark that nobody
has: the library says that there is none, and what else is printed is no benchmark's name. Whoever
prints something without saying so is not asked again.

What only one side has is a finding of its own, and what neither has is a line that can't be
overlooked: a benchmark that silently drops out of a check is a regression that nobody sees.
"""

import math
import os
import re
import tomllib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..suite.benchmark_row import NoRowsError, why
from ..suite.catalog import bare_name, expression, filter_of
from ..system.errors import BadInputError
from ..system.interrupts import Interrupts
from ..system.launch import Outcome, launch
from ..system.paths import STATE
from .model import SIDES, Benchmark, Finding, Verdict

_NOBODYS = "nobody_has_a_benchmark_of_this_name"
_NONE_MATCHES = "Failed to match any benchmarks"
_MOST_PRINTED = 1 << 22
# Of listings, to tell names from lines that change from one to the next.
_MOST_LISTINGS = 3
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
    """The names of each binary's benchmarks as it prints them, in its order; and of each that gave
    none the reason.

    Binaries are relative to the root. `notes`: what is odd about names, one line each; start_s: how
    long a binary takes to do nothing, at best.
    """

    names: dict[str, list[str]] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    start_s: dict[str, float] = field(default_factory=dict)

    def has(self, benchmark: Benchmark) -> bool:
        return benchmark.name in self.names.get(benchmark.binary, ())


def gate_set() -> dict[str, GateBenchmark]:
    """By name, in the order of the file."""
    text = Path(__file__).with_name("gate.toml").read_text()
    return {entry["name"]: GateBenchmark(**entry) for entry in tomllib.loads(text)["benchmark"]}


def discover(
    root: Path, pattern: str, timeout_s: float, interrupts: Interrupts | None = None,
    arguments: Sequence[str] = (),
) -> Discovery:  # fmt: skip
    """Ask every executable below `root` that the glob matches. `arguments` are the user's own;
    timeout_s is that of each launch. Raises BadInputError if there is none.
    """
    discovered = Discovery()
    for path in _executables(root, pattern):
        binary = str(path.relative_to(root))
        program = _Program([str(path.absolute()), *arguments], timeout_s, interrupts)
        try:
            printed = program.names()
        except NoRowsError as reason:
            discovered.broken[binary] = str(reason)
            continue
        discovered.names[binary] = list(dict.fromkeys(printed))
        discovered.start_s[binary] = program.start_s
        for name, count in Counter(printed).items():
            if count > 1:
                note = f"{name} is registered {count} times, its times are taken together"
                discovered.notes.append(f"{binary}: {note}")
    return discovered


def _executables(root: Path, pattern: str) -> list[Path]:
    """Raises BadInputError if there is none."""
    try:
        found = [
            path
            for path in sorted(root.glob(pattern))
            if path.is_file() and os.access(path, os.X_OK) and not _LIBRARY.search(path.name)
            and STATE not in path.relative_to(root).parts  # those are of another revision
        ]  # fmt: skip
    except (ValueError, NotImplementedError, IndexError) as error:
        raise BadInputError(f"{pattern!r} is no pattern of files below {root}: {error}") from None
    if not found:
        raise BadInputError(f"no executable in {root} matches {pattern!r}: is it built?")
    return found


@dataclass
class _Program:
    """start_s: of the launch that took least."""

    command: list[str]
    timeout_s: float
    interrupts: Interrupts | None
    start_s: float = math.inf

    def names(self) -> list[str]:
        """As printed. Raises NoRowsError."""
        none = self._ask(_NOBODYS)
        noise = [line for line in _lines(none) if _NONE_MATCHES not in line]
        is_googles = _NONE_MATCHES in none.stdout + none.stderr
        if not is_googles and noise:
            raise NoRowsError(f"is no Google Benchmark binary: it prints {noise[0][:60]!r}")
        if not is_googles and none.code != 0 and none.stderr.strip():
            raise _no_list(none)
        listing = self._ask()
        listed = _lines(listing)
        names = [line for line in listed if line not in noise]
        for _ in range(1, _MOST_LISTINGS):
            if len(names) + len(noise) <= len(listed):
                break
            again = _lines(self._ask())  # other noise than before
            names = [name for name in names if name in again]
        if not names:
            raise NoRowsError("lists no benchmarks") if listing.code == 0 else _no_list(listing)
        # Reporters of one's own may keep silent when none matches: do they know what a filter is?
        if not is_googles and set(_lines(self._ask(names[0]))) != {names[0]}:
            raise NoRowsError(f"is no Google Benchmark binary: it prints {listed[0][:60]!r}")
        return names

    def _ask(self, *names: str) -> Outcome:
        """Its list, or what it says to these names. Raises NoRowsError if it does not end."""
        wanted = [f"--benchmark_filter={filter_of(names)}"] if names else []
        command = [*self.command, "--benchmark_list_tests=true", *wanted]
        outcome = launch(command, self.timeout_s, self.interrupts, most_output=_MOST_PRINTED)
        self.start_s = min(self.start_s, outcome.wall_s)
        if outcome.flooded:
            raise NoRowsError("is no Google Benchmark binary: it prints without end")
        if outcome.was_killed:
            raise _no_list(outcome)
        return outcome


def _lines(outcome: Outcome) -> list[str]:
    return [line for line in outcome.stdout.splitlines() if line.strip()]


def _no_list(outcome: Outcome) -> NoRowsError:
    return NoRowsError(f"does not list its benchmarks: {why(outcome)}")


def match(
    baseline: Discovery, candidate: Discovery, pattern: str | None, wanted: Collection[str] | None
) -> tuple[list[Benchmark], list[Finding], list[str]]:
    """What both sides have, findings on what one side lacks, and problems as lines.

    pattern: --filter; wanted: only these names, as any of those that a benchmark has. Raises
    BadInputError when no name matches.
    """
    sides = {"baseline": baseline, "candidate": candidate}
    benchmarks = _benchmarks(candidate, baseline)
    both, findings, problems = [], [], []
    for benchmark in _select(benchmarks, pattern, wanted):
        absent = [side for side in SIDES if not sides[side].has(benchmark)]
        if absent:
            findings.append(_one_sided(benchmark, absent[0], sides[absent[0]]))
        else:
            both.append(benchmark)
    present = set().union(*map(_names_of, benchmarks))
    findings += [
        Finding(Benchmark(name, "", name), Verdict.MISSING, "wanted, but neither side has it")
        for name in wanted or ()
        if name not in present and re.search(pattern or "", name)
    ]
    for side, other in (SIDES, SIDES[::-1]):
        for binary, reason in sides[side].broken.items():
            if binary not in sides[other].broken:
                problems.append(f"{side}: {binary} {reason}")
            elif side == "candidate":  # told once
                program, reason = Benchmark(binary, binary, binary), f"{reason} (on both sides)"
                findings.append(Finding(program, Verdict.SKIPPED, reason))
    return both, findings, [*problems, *dict.fromkeys(candidate.notes + baseline.notes)]


def _benchmarks(*sides: Discovery) -> dict[Benchmark, str]:
    """All that they have, and what each is called in its binary: without what Google Benchmark
    appends, unless that tells it from another one of either side. Where binaries share a name, the
    binary's is part of the key, in full if need be.
    """
    called: dict[tuple[str, str], str] = {}
    binaries = sorted({binary for side in sides for binary in side.names})
    for binary in binaries:
        printed = dict.fromkeys(name for side in sides for name in side.names.get(binary, ()))
        alike = Counter(map(bare_name, printed))
        for name in printed:
            bare = bare_name(name)
            called[binary, name] = bare if alike[bare] == 1 else name
    shared = Counter(called.values())
    stems = Counter(Path(binary).stem for binary in binaries)
    made: dict[Benchmark, str] = {}
    for (binary, name), own in called.items():
        stem = Path(binary).stem
        prefix = f"{stem if stems[stem] == 1 else binary}:" if shared[own] > 1 else ""
        made[Benchmark(prefix + own, binary, name)] = own
    return made


def _names_of(benchmark: Benchmark) -> set[str]:
    return {benchmark.key, benchmark.name, bare_name(benchmark.name)}


def _select(
    benchmarks: Mapping[Benchmark, str], pattern: str | None, wanted: Collection[str] | None
) -> list[Benchmark]:
    """Those that the options ask for, by any of their names."""
    matches = expression(pattern).search
    matching = [
        benchmark
        for benchmark, own in benchmarks.items()
        if any(map(matches, (benchmark.key, benchmark.name, own)))
    ]
    chosen = [each for each in matching if wanted is None or _names_of(each) & set(wanted)]
    if pattern is not None and not chosen:
        those = f"the {len(benchmarks)} benchmarks"
        if matching:
            those = f"the gate set; --set all has {len(matching)} that it matches"
        raise BadInputError(f"--filter {pattern!r} matches none of {those}")
    return chosen


def _one_sided(benchmark: Benchmark, absent: str, discovered: Discovery) -> Finding:
    reason = discovered.broken.get(benchmark.binary)
    if reason:  # it may be there, but its binary can't say so
        verdict = Verdict.FAILED if absent == "candidate" else Verdict.SKIPPED
        return Finding(benchmark, verdict, f"{absent} failed: {benchmark.binary} {reason}")
    where = "only in the candidate: new" if absent == "baseline" else "only in the baseline: gone"
    return Finding(benchmark, Verdict.MISSING, where)
