"""What comes before the first launch: find or build both sides, match what they have."""

import argparse
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from .. import environment
from ..errors import BadInputError
from ..interrupts import Interrupts
from ..machine import Machine
from ..paths import ROOT
from . import commands, gate, listing, options, revision, settings, sides, stored, worktrees
from .listing import Listing
from .model import Benchmark, Finding, Plan, Verdict
from .sides import Side

_OUR_BINARIES = "bin/bench_*"
# Of launches of the candidate, where the baseline's times are stored.
_FEWEST_STORED, _MOST_STORED = 20, 40
# Of stored times, for a spread.
_FEWEST_TIMES = 4
_STORED = "(stored results)"


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
    """Raises SwitchyardError, and sampling.Interrupted."""
    _refuse_what_does_not_fit(args)
    _refuse_missing_baseline(args)
    candidate = _candidate(args, console, interrupts)
    if args.baseline_results is not None:
        return _against_stored(args, plan, candidate, interrupts)
    baseline = _baseline(args, candidate, console, interrupts)
    pattern = args.binaries or _OUR_BINARIES
    listings = [
        listing.list_benchmarks(side.root, pattern, interrupts) for side in (baseline, candidate)
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
    """Before anything is built."""
    if args.baseline is not None:
        worktrees.resolve(_repository(args), args.baseline)
    elif args.baseline_build is not None:
        sides.of_build("baseline", args.baseline_build)
    elif not args.baseline_results.exists():
        raise BadInputError(f"no such results: {args.baseline_results} (--baseline-results)")


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
        args.baseline, candidate.root, _targets(args, candidate.root), root / listing.BASELINES,
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
    asked = commands.git(Path.cwd(), "rev-parse", "--show-toplevel")
    return Path(asked.stdout.strip()) if asked.code == 0 else Path.cwd()


def _against_stored(
    args: argparse.Namespace, plan: Plan, candidate: Side, interrupts: Interrupts
) -> Prepared:
    found = stored.load(
        args.baseline_results,
        environment.machine_facts(Machine()),
        args.allow_other_machine,
        plan.metric,
    )
    names = listing.list_benchmarks(candidate.root, args.binaries or _OUR_BINARIES, interrupts)
    benchmarks, settled, problems = sides.match(names, names, args.filter, _wanted(args))
    times = {b.key: _times_of(b, found.times) for b in benchmarks}
    settled += [_too_few(b, times[b.key]) for b in benchmarks if len(times[b.key]) < _FEWEST_TIMES]
    settled += _gone(args, found.times, benchmarks, names)
    baseline = Side(
        "baseline", args.baseline_results, f"results of {args.baseline_results}",
        found.facts.get("sha"), found.facts.get("dirty"),
    )  # fmt: skip
    benchmarks = [b for b in benchmarks if len(times[b.key]) >= _FEWEST_TIMES]
    problems += found.problems
    return Prepared([baseline, candidate], benchmarks, settled, problems, [], times)


def _names_of(benchmark: Benchmark) -> tuple[str, str, str]:
    """How stored results may call it."""
    return benchmark.key, f"{Path(benchmark.binary).stem}:{benchmark.name}", benchmark.name


def _times_of(benchmark: Benchmark, times: Mapping[str, list[float]]) -> list[float]:
    return next((times[name] for name in _names_of(benchmark) if name in times), [])


def _too_few(benchmark: Benchmark, times: list[float]) -> Finding:
    if not times:
        return Finding(benchmark, Verdict.MISSING, "only in the candidate: new")
    why = f"the stored results have fewer than {_FEWEST_TIMES} times of it"
    return Finding(benchmark, Verdict.SKIPPED, why)


def _gone(
    args: argparse.Namespace,
    times: Mapping[str, list[float]],
    benchmarks: list[Benchmark],
    candidate: Listing,
) -> list[Finding]:
    """What is stored and wanted, but not there any more, or in a binary that is broken."""
    known = {name for benchmark in benchmarks for name in _names_of(benchmark)}
    wanted = _wanted(args)
    lines = [f"{binary} {reason}" for binary, reason in candidate.broken.items()]
    verdict = Verdict.FAILED if lines else Verdict.MISSING
    why = f"not in the candidate; {'; '.join(lines)}" if lines else "only in the baseline: gone"
    return [
        Finding(Benchmark(key, _STORED, key), verdict, why)
        for key in times
        if key not in known
        and re.search(args.filter or "", key)
        and (wanted is None or key in wanted)
    ]
