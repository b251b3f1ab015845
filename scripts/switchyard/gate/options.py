"""The options of `check`, and the plan that they make: no other part of the check knows them. What
a command line leaves open the project's own file may say, and then our defaults.
"""

import argparse
import random
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..system.errors import BadInputError
from ..system.machine import Machine
from ..system.paths import RELEASE_BUILD, ROOT
from . import project
from .discovery import gate_set
from .model import Plan, metrics_of

_UNITS_S = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600}
_A_DAY_S = 86_400
# Each of its decimals takes ten times as many permutations.
_LEAST_ALPHA = 1e-5
_OUR_BINARIES = "bin/bench_*"
_DEFAULTS = {
    "threshold": 3.0, "alpha": 0.01, "budget": "10m", "min_time": 0.05, "launch_timeout": 60.0,
    "metric": ["real_time"],
}  # fmt: skip
_AS_GIVEN = ("baseline_build", "baseline_results", "build_command", "out")
_SWITCHES = ("allow_other_machine", "skip_identical", "strict", "instructions", "bisect_run")
_BASELINES = ("baseline", "baseline_build", "baseline_results")
# What of a project's file gives way to what does not go with it on the command line.
_GIVES_WAY = dict.fromkeys(_BASELINES, _BASELINES) | {
    "build_command": ("candidate_build",), "set": ("binaries",),
    "allow_other_machine": ("baseline", "baseline_build"),
    "skip_identical": ("baseline_results",), "instructions": ("baseline_results",),
}  # fmt: skip
_EXAMPLES = """\
examples:
  check --baseline main                     the working tree against the branch main
  check --baseline HEAD~1 --filter fiber    only benchmarks whose name matches
  check --baseline-build A --candidate-build B --binaries 'bench/*'
                                            any Google Benchmark binaries below A and B
  check --baseline-build A --candidate-build B --binaries 'bench/*' -- --threads 4
                                            the same, with arguments for the binaries
  check --replay DIR                        judge the raw data of an earlier check again

defaults for these options: [check] in switchyard.toml, in the top folder of the repository

exit codes: 0 nothing regressed, 1 regressed, 2 the check could not do its work, 3 undecided
(with --strict), 128 + N ended by signal N"""
_DIR: dict[str, Any] = {"type": Path, "metavar": "DIR"}
_FLAG: dict[str, Any] = {"action": argparse.BooleanOptionalAction}
# One of these; each option with its help and what argparse is told of it, which is no default: what
# is not there has to be told from what is.
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
     {"type": float, "metavar": "PERCENT"}),
    ("--alpha", "chance of any false alarm in a whole check (default: 0.01)",
     {"type": float, "metavar": "P"}),
    ("--budget", "of launches at most: 90s, 10m (default); builds come on top",
     {"metavar": "TIME"}),
    ("--deadline", "of the whole check at most, builds included", {"metavar": "TIME"}),
    ("--seed", "of the order of launches", {"type": int, "metavar": "N"}),
    ("--min-time", "of one launch", {"type": float, "metavar": "S"}),
    ("--launch-timeout", "kill a launch after that", {"type": float, "metavar": "S"}),
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
    ("--bisect-run",
     "exit codes for `git bisect run`: 125 where the candidate does not build or nothing is "
     "decided, 128 when it could not do its work", _FLAG),
)  # fmt: skip
OPTIONS = (*_BASELINE, *_COMPARED, *_MEASURED, *_HANDED_OUT)


@dataclass(frozen=True)
class Check:
    """A whole check: what is compared, how it is measured and judged, and what comes out.

    Of `ref`, `baseline_build` and `baseline_results` one is the baseline. builds_candidate: whether
    candidate_build has to be brought up to date, by CMake, or by build_command in the source tree;
    repository: where that is, Switchyard's own if is_ours; binaries: a glob below the builds;
    wanted: only these names; pattern: only what it matches.
    """

    ref: str | None
    baseline_build: Path | None
    baseline_results: Path | None
    allow_other_machine: bool
    candidate_build: Path
    builds_candidate: bool
    build_command: str | None
    repository: Path
    is_ours: bool
    binaries: str
    wanted: tuple[str, ...] | None
    pattern: str | None
    skip_identical: bool
    plan: Plan
    accepted: tuple[project.Accepted, ...]
    deadline_s: float | None
    out: Path | None
    strict: bool
    instructions: bool
    bisect_run: bool


def add_to(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EXAMPLES
    parser.set_defaults(arguments=())  # what is behind --
    compared = parser.add_argument_group("what is compared")
    for group, options in (
        (compared.add_mutually_exclusive_group(), _BASELINE),
        (compared, _COMPARED),
        (parser.add_argument_group("how it is measured and judged"), _MEASURED),
        (parser.add_argument_group("what comes out"), _HANDED_OUT),
    ):
        for name, says, told in options:
            group.add_argument(name, help=says, **told)


def read(args: argparse.Namespace, machine: Machine) -> Check:
    """Raises BadInputError for what is out of range, or does not fit together."""
    given = {name: value for name, value in vars(args).items() if value is not None}
    own = _project(given)
    of_file = {
        name: value
        for name, value in own.options.items()
        if name in vars(args) and given.keys().isdisjoint({name, *_GIVES_WAY.get(name, ())})
    }
    try:
        values = dict.fromkeys(map(_attribute, OPTIONS)) | _DEFAULTS | of_file | given
        return _check(argparse.Namespace(**values), own, machine)
    except BadInputError as error:
        named = re.findall(r"--([a-z-]*[a-z])", str(error))
        if {name.replace("-", "_") for name in named} & of_file.keys():
            raise BadInputError(f"{own.file}: {error}") from None
        raise


def _attribute(option: Sequence[Any]) -> str:
    """Its name in argparse's namespaces."""
    return option[0].removeprefix("--").replace("-", "_")


def _project(given: Collection[str]) -> project.Project:
    """Of the repository that the current folder is in; of our own, unless others' are checked."""
    reader = project.Reader()
    add_to(reader)
    here = project.read(project.repository_of(Path.cwd()), reader)
    is_theirs = "binaries" in {*given, *here.options} or not ROOT
    return here if is_theirs else project.read(ROOT, reader)


def _check(args: argparse.Namespace, own: project.Project, machine: Machine) -> Check:
    _refuse_out_of_range(args)
    _refuse_what_does_not_fit(args)
    takes_gate_set = args.set == "gate" or (args.set is None and args.binaries is None)
    plan = Plan(
        seed=random.SystemRandom().randrange(2**31) if args.seed is None else args.seed,
        threshold=args.threshold / 100,
        thresholds=own.thresholds,
        alpha=args.alpha,
        min_time_s=args.min_time,
        timeout_s=args.launch_timeout,
        budget_s=_seconds("--budget", args.budget),
        cpu=_cpu(args.cpu, takes_gate_set, machine),
        metrics=metrics_of(args.metric),
        arguments=tuple(args.arguments),
        prove_threshold=bool(args.prove_threshold),
        fail_fast=bool(args.fail_fast),
    )
    return Check(
        ref=args.baseline,
        candidate_build=args.candidate_build or (Path.cwd() if args.binaries else RELEASE_BUILD),
        builds_candidate=not args.candidate_build and bool(args.build_command or not args.binaries),
        repository=own.file.parent,
        is_ours=not args.binaries,
        binaries=args.binaries or _OUR_BINARIES,
        wanted=tuple(gate_set()) if takes_gate_set else None,
        pattern=args.filter,
        plan=plan,
        accepted=own.accepted,
        deadline_s=_seconds("--deadline", args.deadline) if args.deadline else None,
        **{name: getattr(args, name) for name in _AS_GIVEN},
        **{name: bool(getattr(args, name)) for name in _SWITCHES},
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
        (not any(getattr(args, name) for name in _BASELINES),
         f"one of the arguments {' '.join(name for name, *_ in _BASELINE)} is required"),
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
        (args.baseline_results and len(metrics_of(args.metric)) > 1,
         "--baseline-results goes with one --metric"),
        (args.instructions and args.baseline_results,
         "--instructions needs a baseline that can be run, not --baseline-results"),
    ):  # fmt: skip
        if wrong:
            raise BadInputError(line)


def _seconds(option: str, text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", text.strip())
    if not match or match[2] not in _UNITS_S:
        raise BadInputError(f"{option} {text!r} is no time: want 90s, 10m or 1h")
    seconds = float(match[1]) * _UNITS_S[match[2]]
    if not 0 < seconds <= _A_DAY_S:
        raise BadInputError(f"{option} must be above 0 and at most a day, not {text}")
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
    given = [option[0] for option in OPTIONS if getattr(args, _attribute(option)) is not None]
    for name in [name for name in given if name != "--replay"] + ["--"] * bool(args.arguments):
        raise BadInputError(f"--replay goes without {name}: it judges the check as it was")
    return args.replay
