"""What comes before the first launch: find or build both sides, match what they have."""

import argparse
import shutil
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from ..suite import environment
from ..system.errors import BadInputError
from ..system.interrupts import Interrupts
from ..system.machine import Machine
from ..system.paths import ROOT
from . import (
    build_commands,
    discovery,
    gate,
    options,
    revision,
    settings,
    sides,
    stored,
    stored_match,
    worktrees,
)
from .model import Benchmark, Finding, Plan, Verdict
from .sides import Side

_OUR_BINARIES = "bin/bench_*"
# Of launches of the candidate, where the baseline's times are stored.
_FEWEST_STORED, _MOST_STORED = 20, 40


@dataclass(frozen=True)
class Prepared:
    """What there is to compare. identical: binaries that are the same bytes on both sides; stored:
    the baseline's times by benchmark, if nothing of it runs.
    """

    sides: list[Side]
    benchmarks: list[Benchmark]
    settled: list[Finding]
    problems: list[str]
    identical: list[str]
    stored: dict[str, list[float]] | None = None

    @property
    def most_stored(self) -> int:
        """How many launches of the candidate go against them."""
        longest = max(map(len, (self.stored or {}).values()), default=0)
        return min(max(longest, _FEWEST_STORED), _MOST_STORED)


def prepare(
    args: argparse.Namespace, plan: Plan, console: Console, interrupts: Interrupts
) -> Prepared:
    """Raises SwitchyardError, and Interrupted."""
    _refuse_what_does_not_fit(args)
    # Before anything is built.
    found = _stored(args, plan) if args.baseline_results is not None else None
    _refuse_missing_baseline(args)
    candidate = _candidate(args, console, interrupts)
    if found is not None:
        return _against_stored(args, found, candidate, interrupts)
    baseline = _baseline(args, candidate, console, interrupts)
    pattern = args.binaries or _OUR_BINARIES
    listings = [
        discovery.discover(side.root, pattern, interrupts) for side in (baseline, candidate)
    ]
    benchmarks, settled, problems = sides.match(*listings, args.filter, _wanted(args))
    binaries = sorted({benchmark.binary for benchmark in benchmarks})
    problems += settings.refuse_if_different(baseline.root, candidate.root, binaries)
    same = sides.identical(baseline, candidate, binaries)
    if args.skip_identical:
        settled += [
            Finding(benchmark, Verdict.UNCHANGED, "its binary is the same, byte for byte")
            for benchmark in benchmarks
            if benchmark.binary in same
        ]
        benchmarks = [benchmark for benchmark in benchmarks if benchmark.binary not in same]
    return Prepared([baseline, candidate], benchmarks, settled, problems, same)


def _refuse_what_does_not_fit(args: argparse.Namespace) -> None:
    for wrong, line in (
        (args.binaries and {"..", "/"} & set(Path(args.binaries).parts),
         f"--binaries {args.binaries!r} leads out of the build: name one that has them below it"),
        (args.build_command and not args.binaries, "--build-command needs --binaries"),
        (args.baseline and args.binaries and not args.build_command,
         "--baseline with --binaries needs --build-command: how is that revision built?"),
        (args.candidate_build and args.build_command,
         "--build-command builds the candidate: leave out --candidate-build"),
        (args.skip_identical and args.baseline_results,
         "--skip-identical needs a baseline with binaries, not --baseline-results"),
        (args.allow_other_machine and not args.baseline_results,
         "--allow-other-machine needs --baseline-results"),
        (args.set and args.binaries, "--set is about Switchyard's own: leave out --binaries"),
        (args.instructions and args.baseline_results,
         "--instructions needs a baseline that can be run, not --baseline-results"),
    ):  # fmt: skip
        if wrong:
            raise BadInputError(line)


def _refuse_missing_baseline(args: argparse.Namespace) -> None:
    if args.baseline is not None:
        worktrees.resolve(_repository(args), args.baseline)
    elif args.baseline_build is not None:
        sides.of_build("baseline", args.baseline_build)


def _candidate(args: argparse.Namespace, console: Console, interrupts: Interrupts) -> Side:
    if args.candidate_build or (args.binaries and not args.build_command):
        return sides.of_build("candidate", options.candidate_build(args))
    root = _repository(args)
    build = root if args.build_command else options.candidate_build(args)
    return revision.build_candidate(
        build, _targets(args, build), console, interrupts, root, args.build_command
    )


def _baseline(
    args: argparse.Namespace, candidate: Side, console: Console, interrupts: Interrupts
) -> Side:
    if args.baseline_build is not None:
        return sides.of_build("baseline", args.baseline_build)
    root = _repository(args)
    return revision.build_baseline(
        args.baseline, candidate.root, _targets(args, candidate.root), root / discovery.BASELINES,
        console, interrupts, root, args.build_command,
    )  # fmt: skip


def _targets(args: argparse.Namespace, build: Path) -> list[str]:
    """Of our own build: what the gate set is in, or every bench_* that the candidate has."""
    if args.build_command:
        return []
    if options.takes_gate_set(args):
        return sorted({f"bench_{name.partition('/')[0]}" for name in gate.gate_set()})
    return sorted(path.name for path in build.glob(_OUR_BINARIES))


def _wanted(args: argparse.Namespace) -> list[str] | None:
    return list(gate.gate_set()) if options.takes_gate_set(args) else None


def _repository(args: argparse.Namespace) -> Path:
    """Ours, or with --binaries the one that the current folder is in."""
    if not args.binaries:
        return ROOT
    if not shutil.which("git"):
        return Path.cwd()
    asked = build_commands.git(Path.cwd(), "rev-parse", "--show-toplevel")
    return Path(asked.stdout.strip()) if asked.code == 0 else Path.cwd()


def _stored(args: argparse.Namespace, plan: Plan) -> stored.Stored:
    here = environment.machine_facts(Machine())
    return stored.load(args.baseline_results, here, args.allow_other_machine, plan.metric)


def _against_stored(
    args: argparse.Namespace, found: stored.Stored, candidate: Side, interrupts: Interrupts
) -> Prepared:
    names = discovery.discover(candidate.root, args.binaries or _OUR_BINARIES, interrupts)
    benchmarks, settled, problems = sides.match(names, names, args.filter, _wanted(args))
    times, lost = stored_match.match(found.times, benchmarks, names, args.filter, _wanted(args))
    baseline = Side(
        "baseline", args.baseline_results, f"results of {args.baseline_results}",
        found.facts.get("sha"), found.facts.get("dirty"),
    )  # fmt: skip
    known = {finding.benchmark.key for finding in settled}
    settled += [finding for finding in lost if finding.benchmark.key not in known]
    benchmarks = [benchmark for benchmark in benchmarks if benchmark.key in times]
    problems += found.problems
    return Prepared([baseline, candidate], benchmarks, settled, problems, [], times)
