"""What comes before the first launch: find or build both sides, match what they have, and say what
is compared with what.
"""

import argparse
import filecmp
import itertools
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rich.console import Console

from .. import __version__
from ..suite import environment
from ..system.errors import BadInputError, CandidateError
from ..system.files import now, now_in_names
from ..system.interrupts import Interrupts
from ..system.launch import launch
from ..system.machine import Machine
from ..system.paths import recorded
from . import cmake, discovery, stored, wording
from .discovery import Discovery
from .model import Benchmark, Finding, Plan, Side, Verdict
from .options import Check
from .revision import Builder

_LDD_TIMEOUT_S = 20.0
_ELF = b"\x7fELF"
# Of launches of the candidate, where the baseline's times are stored.
_FEWEST_STORED, _MOST_STORED = 20, 40


@dataclass
class Prepared:
    """What there is to compare. start_s: how long a binary takes to do nothing; identical: binaries
    that are the same bytes on both sides; stored: the baseline's values by benchmark, if nothing of
    it runs; builder: holds what it built.
    """

    sides: list[Side]
    benchmarks: list[Benchmark]
    settled: list[Finding]
    problems: list[str]
    start_s: dict[str, float]
    identical: list[str] = field(default_factory=list)
    stored: dict[str, list[float]] | None = None
    launches_against_stored: int | None = None
    builder: Builder | None = None

    def settle(self, findings: Sequence[Finding]) -> None:
        """Of these nothing is to be launched."""
        self.settled += findings
        known = {finding.benchmark.key for finding in findings}
        self.benchmarks = [benchmark for benchmark in self.benchmarks if benchmark.key not in known]

    @property
    def launched(self) -> list[Side]:
        return self.sides if self.stored is None else self.sides[1:]


def prepare(asked: Check, machine: Machine, console: Console, interrupts: Interrupts) -> Prepared:
    """Raises SwitchyardError, and Interrupted. Whatever is refused, before it builds."""
    builder = Builder(asked.repository, console, interrupts, asked.build_command)
    results, found = asked.baseline_results, None
    if results is not None:
        here = environment.machine_facts(machine)
        metric = asked.plan.metrics[0].name
        found = stored.load(results, here, asked.allow_other_machine, metric)
        baseline = Side("baseline", results, f"results of {results}", found.sha, found.dirty)
    elif asked.baseline_build is not None:
        baseline = of_build("baseline", asked.baseline_build)
    else:
        builder.resolve(asked.ref)
    candidate = _candidate(asked, builder)
    if asked.ref is not None:
        baseline = builder.revision(asked.ref, candidate.root, targets(asked, candidate.root))
    launched = [candidate] if found else [baseline, candidate]
    listed = [_discover(side, asked, interrupts) for side in launched]
    if found:
        as_side, values = stored.as_side(found, listed[0])
        listed.insert(0, as_side)
    start_s = {
        binary: min(side.start_s.get(binary, seconds) for side in listed)
        for binary, seconds in listed[-1].start_s.items()
    }
    prepared = Prepared(
        [baseline, candidate], *discovery.match(*listed, asked.pattern, asked.wanted), start_s,
        builder=builder,
    )  # fmt: skip
    if found:
        prepared.stored, lost = stored.enough(values, prepared.benchmarks)
        most = max(map(len, prepared.stored.values()), default=0)
        prepared.launches_against_stored = min(max(most, _FEWEST_STORED), _MOST_STORED)
        prepared.settle(lost)
        prepared.problems += found.problems
    else:
        _match_builds(asked, prepared)
    return prepared


def _discover(side: Side, asked: Check, interrupts: Interrupts) -> Discovery:
    plan = asked.plan
    try:
        return discovery.discover(
            side.root, asked.binaries, plan.timeout_s, interrupts, plan.arguments
        )
    except BadInputError as error:  # where the baseline has some, it is not the pattern
        raise (CandidateError(str(error)) if side.label == "candidate" else error) from None


def of_build(label: Literal["baseline", "candidate"], root: Path) -> Side:
    """A finished build. Raises BadInputError."""
    if not root.is_dir():
        raise BadInputError(f"no such folder: {root} (--{label}-build)")
    return Side(label, root.resolve(), f"build {recorded(root)}{cmake.injected(root)}")


def _candidate(asked: Check, builder: Builder) -> Side:
    if not asked.builds_candidate:
        return of_build("candidate", asked.candidate_build)
    build = builder.repository if builder.command else asked.candidate_build
    return builder.candidate(build, targets(asked, build))


def targets(asked: Check, build: Path) -> list[str]:
    """Of our own build: what the wanted names are in, or every bench_* that the candidate has."""
    if asked.build_command:
        return []
    if asked.wanted is not None:
        return sorted({f"bench_{name.partition('/')[0]}" for name in asked.wanted})
    return sorted(path.name for path in build.glob(asked.binaries))


def _match_builds(asked: Check, prepared: Prepared) -> None:
    binaries = sorted({benchmark.binary for benchmark in prepared.benchmarks})
    roots = [side.root for side in prepared.sides]
    prepared.problems += cmake.refuse_if_different(*roots, binaries)
    prepared.identical = identical(*roots, binaries)
    if asked.skip_identical:
        why = "its binary is the same, byte for byte"
        same = [each for each in prepared.benchmarks if each.binary in prepared.identical]
        prepared.settle([Finding(benchmark, Verdict.UNCHANGED, why) for benchmark in same])


def identical(baseline: Path, candidate: Path, binaries: Iterable[str]) -> list[str]:
    """The binaries that are the same, byte for byte, below both roots, and so is every executable
    and library beside them, as a benchmark may start or load one, and every library that they load.

    Only machine code: what a script does is in the programs that it starts, wherever they are.
    """
    return [
        binary
        for binary in dict.fromkeys(binaries)
        if (baseline / binary).read_bytes().startswith(_ELF)
        and _are_the_same((baseline / binary).parent, (candidate / binary).parent)
        and _load_the_same(baseline / binary, candidate / binary)
    ]


def _are_the_same(one: Path, other: Path) -> bool:
    """All executables and libraries that both folders have."""
    names = [
        path.name
        for path in one.iterdir()
        if path.is_file() and (os.access(path, os.X_OK) or ".so" in path.suffixes)
        and (other / path.name).is_file()
    ]  # fmt: skip
    return names == filecmp.cmpfiles(one, other, names, shallow=False)[0]


def _load_the_same(one: Path, other: Path) -> bool:
    """Whether the loader would take the same shared libraries, or some of the same bytes."""
    if not shutil.which("ldd"):
        return False  # not known
    mine, yours = _libraries(one), _libraries(other)
    only_mine, only_yours = mine - yours, yours - mine
    return {path.read_bytes() for path in only_mine} == {path.read_bytes() for path in only_yours}


def _libraries(binary: Path) -> set[Path]:
    said = launch(["ldd", str(binary)], _LDD_TIMEOUT_S).stdout
    loaded = re.findall(r"^\s*(?:.* => )?(/.+) \(0x", said, re.MULTILINE)
    return {path for name in loaded if (path := Path(name).resolve()).is_file()}


def facts(prepared: Prepared, machine: Machine, seed: int) -> dict[str, Any]:
    """What a check says of itself: its two sides, its machine, how to repeat it."""
    return {
        "switchyard": __version__,
        "command": command(sys.argv, seed),
        "started_at": now(),
        "sides": {
            side.label: {
                "what": side.what, "sha": side.sha, "dirty": side.dirty,
                "build": environment.build_info(side.root),
            }
            for side in prepared.sides
        },
        "identical": prepared.identical,
        "machine": environment.machine_facts(machine),
    }  # fmt: skip


def command(argv: Sequence[str], seed: int) -> str:
    """That repeats it, with the same coins, where it was typed. It begins with what started us
    then, and goes without --out, whose folder is taken.
    """
    program, *words = argv
    end = words.index("--") if "--" in words else len(words)
    changed = argparse.ArgumentParser(add_help=False)
    changed.add_argument("--out")
    changed.add_argument("--seed")
    _, kept = changed.parse_known_args(words[:end])
    name = Path(program).name
    started = [name if shutil.which(name) == program else program]
    if name == "__main__.py":
        started = [sys.executable, "-m", __package__.partition(".")[0]]
    return shlex.join([*started, *kept, "--seed", str(seed), *words[end:]])


def announcement(plan: Plan, prepared: Prepared, folder: Path) -> str:
    """Before the first launch: what is compared with what, and how."""
    changed = ", with changes that are not committed"
    where = "free to move" if plan.cpu is None else f"bound to CPU {plan.cpu}"
    count = len(prepared.benchmarks)
    lines = [
        *(f"{side.label}: {side.what}{changed if side.dirty else ''}" for side in prepared.sides),
        f"{count} benchmark{'s'[: count != 1]}, at most {plan.budget_s:g} s of measuring, "
        f"launches {where}, seed {plan.seed}",
        *(f"note: {problem}" for problem in wording.shortened(prepared.problems)),
        *(f"note: {finding.benchmark.key}: {finding.why}" for finding in prepared.settled),
        f"check: {folder}",
    ]
    return "\n".join(lines)


def new_folder(parent: Path, prepared: Prepared) -> Path:
    """Sorts by time; says what was compared. Not there yet."""
    names = "-vs-".join(side.sha[:7] if side.sha else side.label for side in prepared.sides[::-1])
    first = parent / f"{now_in_names()}-{names}"
    others = (first.with_name(f"{first.name}-{number}") for number in itertools.count(2))
    return next(folder for folder in itertools.chain([first], others) if not folder.exists())
