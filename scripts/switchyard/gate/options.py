"""The options of `check`, and the plan that they make: no other part of the check knows them."""

import argparse
import random
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..system.errors import BadInputError
from ..system.machine import Machine
from ..system.paths import RELEASE_BUILD
from .discovery import gate_set
from .model import Metric, Plan

_UNITS_S = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600}
_A_DAY_S = 86_400
# Each of its decimals takes ten times as many permutations.
_LEAST_ALPHA = 1e-5
_OUR_BINARIES = "bin/bench_*"
_AS_GIVEN = (
    "baseline_build", "baseline_results", "allow_other_machine", "build_command", "skip_identical",
    "out", "strict", "instructions",
)  # fmt: skip
_EXAMPLES = """\
examples:
  check --baseline main                     the working tree against the branch main
  check --baseline HEAD~1 --filter fiber    only benchmarks whose name matches
  check --baseline-build A --candidate-build B --binaries 'bench/*'
                                            any Google Benchmark binaries below A and B
  check --baseline-build A --candidate-build B --binaries 'bench/*' -- --threads 4
                                            the same, with arguments for the binaries
  check --replay DIR                        judge the raw data of an earlier check again

exit codes: 0 nothing regressed, 1 regressed, 2 the check could not do its work, 3 undecided
(with --strict), 128 + N ended by signal N"""


_DIR: dict[str, Any] = {"type": Path, "metavar": "DIR"}
_FLAG: dict[str, Any] = {"action": "store_true"}
# One of these; each option with its help and what argparse is told of it.
_BASELINE = (
    ("--baseline", "build this revision; the candidate is the work tree", {"metavar": "GITREF"}),
    ("--baseline-build", "a finished build", _DIR),
    ("--baseline-results",
     "stored results of `run`, of a check, or of Google Benchmark; verdicts are advisory", _DIR),
    ("--replay", "measure nothing: judge the raw data of an earlier check again", _DIR),
)  # fmt: skip
_COMPARED = (
    ("--candidate-build",
     "a finished build (default: build/release, brought up to date; with --binaries the current "
     "folder as it is)", _DIR),
    ("--binaries",
     "Google Benchmark binaries of any project, relative to DIR or to the source tree",
     {"metavar": "GLOB"}),
    ("--build-command", "how that project is built, in the top folder of its repository",
     {"metavar": "CMD"}),
    ("--filter", "only benchmarks whose name matches", {"metavar": "REGEX"}),
    ("--set", "Switchyard's own: gate (default), the benchmarks that decide quickly, or all",
     {"choices": ("gate", "all")}),
    ("--skip-identical",
     "don't measure when the binaries are the same, byte for byte, on both sides", _FLAG),
    ("--allow-other-machine", "with --baseline-results", _FLAG),
)  # fmt: skip
_MEASURED = (
    ("--threshold", "the smallest change that counts (default: 3); unchanged excludes 5/3 of it",
     {"type": float, "default": 3.0, "metavar": "PERCENT"}),
    ("--alpha", "chance of any false alarm in a whole check (default: 0.01)",
     {"type": float, "default": 0.01, "metavar": "P"}),
    ("--budget", "of launches at most: 90s, 10m (default); builds come on top",
     {"default": "10m", "metavar": "TIME"}),
    ("--seed", "of the order of launches", {"type": int, "metavar": "N"}),
    ("--min-time", "of one launch", {"type": float, "default": 0.05, "metavar": "S"}),
    ("--launch-timeout", "kill a launch after that",
     {"type": float, "default": 60.0, "metavar": "S"}),
    ("--metric",
     "real_time (default), cpu_time, or a counter with its better direction, such as p99_us:lower "
     "or items_per_second:higher; several, with commas or one by one",
     {"action": "append", "metavar": "NAME"}),
    ("--prove-threshold",
     "call slower only what is proven to be so by the threshold (default: proven to be slower at "
     "all, and estimated at the threshold or more)", _FLAG),
    ("--fail-fast", "end at the first regression", _FLAG),
    ("--cpu", "bind launches to this CPU (default: the last one for the gate set, else none)",
     {"metavar": "N|none"}),
    ("--instructions",
     "count instructions too, as a second witness (perf, or valgrind); not in the budget", _FLAG),
)  # fmt: skip
_HANDED_OUT = (
    ("--out", "default: below .switchyard/checks/ in the repository", _DIR),
    ("--strict",
     "exit 3 when anything is undecided, skipped or missing; advisory verdicts count", _FLAG),
)  # fmt: skip


@dataclass(frozen=True)
class Check:
    """A whole check: what is compared, how it is measured and judged, and what comes out.

    Of `ref`, `baseline_build` and `baseline_results` one is the baseline. builds_candidate: whether
    candidate_build has to be brought up to date, by CMake, or by build_command in the source tree;
    is_ours: Switchyard's own sources and no other project's; binaries: a glob below the builds;
    wanted: only these names; pattern: only what it matches.
    """

    ref: str | None
    baseline_build: Path | None
    baseline_results: Path | None
    allow_other_machine: bool
    candidate_build: Path
    builds_candidate: bool
    build_command: str | None
    is_ours: bool
    binaries: str
    wanted: tuple[str, ...] | None
    pattern: str | None
    skip_identical: bool
    plan: Plan
    out: Path | None
    strict: bool
    instructions: bool


def add_to(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EXAMPLES
    parser.set_defaults(arguments=())  # what is behind --
    compared = parser.add_argument_group("what is compared")
    for group, options in (
        (compared.add_mutually_exclusive_group(required=True), _BASELINE),
        (compared, _COMPARED),
        (parser.add_argument_group("how it is measured and judged"), _MEASURED),
        (parser.add_argument_group("what comes out"), _HANDED_OUT),
    ):
        for name, says, told in options:
            group.add_argument(name, help=says, **told)


def read(args: argparse.Namespace, machine: Machine) -> Check:
    """Raises BadInputError for what is out of range, or does not fit together."""
    _refuse_out_of_range(args)
    _refuse_what_does_not_fit(args)
    takes_gate_set = args.set == "gate" or (args.set is None and args.binaries is None)
    plan = Plan(
        seed=random.SystemRandom().randrange(2**31) if args.seed is None else args.seed,
        threshold=args.threshold / 100,
        alpha=args.alpha,
        min_time_s=args.min_time,
        timeout_s=args.launch_timeout,
        budget_s=_seconds(args.budget),
        cpu=_cpu(args.cpu, takes_gate_set, machine),
        metrics=_metrics(args.metric or ["real_time"]),
        arguments=tuple(args.arguments),
        prove_threshold=args.prove_threshold,
        fail_fast=args.fail_fast,
    )
    return Check(
        ref=args.baseline,
        candidate_build=args.candidate_build or (Path.cwd() if args.binaries else RELEASE_BUILD),
        builds_candidate=not args.candidate_build and bool(args.build_command or not args.binaries),
        is_ours=not args.binaries,
        binaries=args.binaries or _OUR_BINARIES,
        wanted=tuple(gate_set()) if takes_gate_set else None,
        pattern=args.filter,
        plan=plan,
        **{name: getattr(args, name) for name in _AS_GIVEN},
    )


def _refuse_out_of_range(args: argparse.Namespace) -> None:
    for name, value, least, most in (
        ("--threshold", args.threshold, 0, 100), ("--alpha", args.alpha, _LEAST_ALPHA, 0.5),
        ("--min-time", args.min_time, 0, 3600),
        ("--launch-timeout", args.launch_timeout, 0, _A_DAY_S),
    ):  # fmt: skip
        if not least < value <= most:
            raise BadInputError(f"{name} must be above {least} and at most {most}, not {value}")
    if args.seed is not None and not 0 <= args.seed < 2**63:
        raise BadInputError(f"--seed must be 0 or more, not {args.seed}")


def _refuse_what_does_not_fit(args: argparse.Namespace) -> None:
    for wrong, line in (
        (not (args.binaries or args.candidate_build or RELEASE_BUILD),
         "name your benchmarks with --binaries GLOB: this is no checkout of Switchyard, which has "
         "its own"),
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
        (args.baseline_results and len(_metrics(args.metric or ["real_time"])) > 1,
         "--baseline-results goes with one --metric"),
        (args.instructions and args.baseline_results,
         "--instructions needs a baseline that can be run, not --baseline-results"),
    ):  # fmt: skip
        if wrong:
            raise BadInputError(line)


def _metrics(asked: list[str]) -> tuple[Metric, ...]:
    """Times are better when they are lower; of a counter nobody but the user knows."""
    found = []
    for text in dict.fromkeys(part for one in asked for part in one.split(",")):
        name, colon, better = text.rpartition(":")
        is_time = (name or better) in ("real_time", "cpu_time")
        if not (name or better) or (colon and better not in ("lower", "higher")):
            raise BadInputError(f"--metric {text!r}: want NAME:lower or NAME:higher")
        if not colon and not is_time:
            raise BadInputError(f"--metric {text}: is more of it better? {text}:lower or :higher")
        found.append(Metric(name if colon else text, better == "higher"))
    if len({metric.name for metric in found}) < len(found):
        raise BadInputError("--metric names one twice, in both directions")
    return tuple(found)


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", text.strip())
    if not match or match[2] not in _UNITS_S:
        raise BadInputError(f"--budget {text!r} is no time: want 90s, 10m or 1h")
    seconds = float(match[1]) * _UNITS_S[match[2]]
    if not 0 < seconds <= _A_DAY_S:
        raise BadInputError(f"--budget must be above 0 and at most a day, not {text}")
    return seconds


def _cpu(asked: str | None, takes_gate_set: bool, machine: Machine) -> int | None:
    usable = machine.usable_cpus()
    if asked is None:
        return usable[-1] if takes_gate_set else None
    if asked == "none":
        return None
    if not asked.isdecimal() or int(asked) not in usable:
        raise BadInputError(f"--cpu {asked}: want none or one of {', '.join(map(str, usable))}")
    return int(asked)


def replayed(args: argparse.Namespace) -> Path | None:
    """The check that is to be judged again, which goes without any other option; None for a new
    one. Raises BadInputError.
    """
    if args.replay is None:
        return None
    parser = argparse.ArgumentParser()
    add_to(parser)
    for name, default in vars(parser.parse_args(["--replay", "x"])).items():
        if name != "replay" and getattr(args, name) != default:
            option = "--" if name == "arguments" else f"--{name.replace('_', '-')}"
            raise BadInputError(f"--replay goes without {option}: it judges the check as it was")
    return args.replay
