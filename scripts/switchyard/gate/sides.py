"""The two sides of a check: where their binaries are, and which benchmarks both of them have.

What only one side has is a finding of its own, and what neither has is a line that can't be
overlooked: a benchmark that silently drops out of a check is a regression that nobody sees.
"""

import filecmp
import hashlib
import os
import re
import shutil
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..system.errors import BadInputError
from ..system.paths import recorded
from . import build_commands, cmake
from .discovery import Discovery
from .model import SIDES, Benchmark, Finding, Verdict

_LDD_TIMEOUT_S = 20.0
_ELF = b"\x7fELF"


@dataclass(frozen=True)
class Side:
    """Benchmark.binary is relative to `root`; `what` says in words what it is."""

    label: Literal["baseline", "candidate"]
    root: Path
    what: str
    sha: str | None = None
    dirty: bool | None = None


def of_build(label: Literal["baseline", "candidate"], root: Path) -> Side:
    """A finished build. Raises BadInputError."""
    if not root.is_dir():
        raise BadInputError(f"no such folder: {root} (--{label}-build)")
    return Side(label, root.resolve(), f"build {recorded(root)}{cmake.injected(root)}")


def match(
    baseline: Discovery, candidate: Discovery, pattern: str | None, wanted: Collection[str] | None
) -> tuple[list[Benchmark], list[Finding], list[str]]:
    """What both sides have, findings on what one side lacks, and problems as lines.

    pattern: --filter; wanted: only these names. Raises BadInputError when no name matches.
    """
    sides = {"baseline": baseline, "candidate": candidate}
    has = {
        side: {(b, n) for b, names in sides[side].names.items() for n in names} for side in sides
    }
    rows = _in_order(sides)
    keys = _keys(rows)
    chosen = _select(rows, pattern, wanted)
    both, findings = [], []
    for binary, name in chosen:
        benchmark = Benchmark(keys[binary, name], binary, name)
        absent = [side for side in SIDES if (binary, name) not in has[side]]
        if absent:
            findings.append(_one_sided(benchmark, absent[0], sides[absent[0]]))
        else:
            both.append(benchmark)
    problems = [*_broken(sides), *dict.fromkeys(candidate.notes + baseline.notes)]
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
    return both, findings, problems


def identical(baseline: Side, candidate: Side, binaries: Iterable[str]) -> list[str]:
    """The binaries that are the same, byte for byte, on both sides, and so is every executable and
    library beside them, as a benchmark may start or load one, and every library that they load.

    Only machine code: what a script does is in the programs that it starts, wherever they are.
    """
    binaries = list(dict.fromkeys(binaries))
    folders = {Path(binary).parent for binary in binaries}
    same = {f for f in folders if _is_same(baseline.root / f, candidate.root / f)}
    return [
        binary
        for binary in binaries
        if Path(binary).parent in same
        and _is_machine_code(baseline.root / binary)
        and _load_the_same(baseline.root / binary, candidate.root / binary)
    ]


def _is_machine_code(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_ELF)) == _ELF


def _load_the_same(one: Path, other: Path) -> bool:
    """Whether the loader would take the same shared libraries, or some of the same bytes."""
    if not shutil.which("ldd"):
        return False  # not known
    first, second = _libraries(one), _libraries(other)
    return _digests(first - second) == _digests(second - first)


def _libraries(binary: Path) -> set[Path]:
    said = build_commands.run(["ldd", binary], _LDD_TIMEOUT_S).stdout
    loaded = re.findall(r"^\s*(?:.* => )?(/.+) \(0x", said, re.MULTILINE)
    return {path for name in loaded if (path := Path(name).resolve()).is_file()}


def _digests(libraries: Iterable[Path]) -> list[str]:
    return sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in libraries)


def _is_same(one: Path, other: Path) -> bool:
    """Whether all executables and libraries that both folders have are the same."""
    shared = [path for path in one.iterdir() if path.is_file()]
    shared = [path for path in shared if os.access(path, os.X_OK) or ".so" in path.suffixes]
    shared = [path for path in shared if (other / path.name).is_file()]
    return all(filecmp.cmp(path, other / path.name, shallow=False) for path in shared)


def _in_order(sides: Mapping[str, Discovery]) -> list[tuple[str, str]]:
    """All (binary, name) of both sides: by binary, then as the candidate lists them."""
    candidate, baseline = sides["candidate"].names, sides["baseline"].names
    return [
        (binary, name)
        for binary in sorted({*candidate, *baseline})
        for name in dict.fromkeys([*candidate.get(binary, []), *baseline.get(binary, [])])
    ]


def _keys(rows: Collection[tuple[str, str]]) -> dict[tuple[str, str], str]:
    binaries_of: dict[str, list[str]] = {}
    for binary, name in rows:
        binaries_of.setdefault(name, []).append(binary)
    stems = [Path(binary).stem for binary in {binary for binary, _ in rows}]
    keys = {}
    for binary, name in rows:
        stem = Path(binary).stem
        prefix = stem if stems.count(stem) == 1 else binary
        keys[binary, name] = f"{prefix}:{name}" if len(binaries_of[name]) > 1 else name
    return keys


def _select(
    rows: list[tuple[str, str]], pattern: str | None, wanted: Collection[str] | None
) -> list[tuple[str, str]]:
    try:
        expression = re.compile(pattern or "")
    except re.error as error:
        raise BadInputError(f"--filter {pattern!r} is no regular expression: {error}") from None
    matching = [(binary, name) for binary, name in rows if expression.search(name)]
    chosen = [row for row in matching if wanted is None or row[1] in wanted]
    if pattern is not None and not chosen:
        if matching:
            raise BadInputError(
                f"--filter {pattern!r} matches none of the gate set; --set all has {len(matching)} "
                "that it matches"
            )
        raise BadInputError(f"--filter {pattern!r} matches none of the {len(rows)} benchmarks")
    return chosen


def _one_sided(benchmark: Benchmark, absent: str, discovered: Discovery) -> Finding:
    reason = discovered.broken.get(benchmark.binary)
    if reason:  # it may be there, but its binary can't say so
        verdict = Verdict.FAILED if absent == "candidate" else Verdict.SKIPPED
        return Finding(benchmark, verdict, f"{absent} failed: {benchmark.binary} {reason}")
    why = "only in the candidate: new" if absent == "baseline" else "only in the baseline: gone"
    return Finding(benchmark, Verdict.MISSING, why)


def _broken(sides: Mapping[str, Discovery]) -> list[str]:
    lines = []
    reasons = {side: discovered.broken for side, discovered in sides.items()}
    for binary in sorted({binary for broken in reasons.values() for binary in broken}):
        of_sides = {side: reasons[side][binary] for side in SIDES if binary in reasons[side]}
        if len(of_sides) == len(SIDES) and len(set(of_sides.values())) == 1:
            lines.append(f"{binary} {of_sides['baseline']} (on both sides)")
        else:
            lines.extend(f"{side}: {binary} {reason}" for side, reason in of_sides.items())
    return lines
