"""The options of `check`, and the plan that they make: no other part of the check knows them. What
a command line leaves open the project's own file may say, and then our defaults.

What goes into the plan as it was typed has the name that the plan has for it (`dest`).
"""

import argparse
import random
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from itertools import permutations
from pathlib import Path
from typing import Any

from ..suite.catalog import expression
from ..suite.options import A_DAY_S, refuse_beyond
from ..system.errors import BadInputError
from ..system.machine import Machine
from ..system.paths import RELEASE_BUILD, ROOT
from . import project
from .discovery import gate_set
from .model import Plan, metrics_of

_UNITS_S = {None: 1, "s": 1, "m": 60, "min": 60, "h": 3600}
_OUR_BINARIES = "bin/bench_*"
_BASELINES = ("ref", "baseline_build", "baseline_results")
# What does not go together. Of a project's file the first gives way to the second on the command
# line.
_APART = dict.fromkeys(permutations(_BASELINES, 2), "there is one baseline") | {
    ("build_command", "candidate_build"):
        "--build-command builds the candidate: leave out --candidate-build",
    ("set", "binaries"): "--set is about Switchyard's own: leave out --binaries",
    ("skip_identical", "baseline_results"):
        "--skip-identical needs a baseline with binaries, not --baseline-results",
    ("instructions", "baseline_results"):
        "--instructions needs a baseline that can be run, not --baseline-results",
    ("allow_other_machine", "ref"): "--allow-other-machine needs --baseline-results",
    ("allow_other_machine", "baseline_build"): "--allow-other-machine needs --baseline-results",
}  # fmt: skip


def _time(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|min|h)?", text.strip())
    seconds = float(match[1]) * _UNITS_S[match[2]] if match else 0.0
    if not 0 < seconds <= A_DAY_S:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time: want 90s, 10m or 1h, and at most a day"
        )
    return seconds


_DIR: dict[str, Any] = {"type": Path, "metavar": "DIR"}
_SECONDS: dict[str, Any] = {"type": float, "metavar": "S"}
_TIME: dict[str, Any] = {"type": _time, "metavar": "TIME"}
_FLAG: dict[str, Any] = {"action": argparse.BooleanOptionalAction}
# One of these; each option with its help and what argparse is told of it, which is no default: what
# is not there has to be told from what is.
_BASELINE = (
    ("--baseline", "build this revision; the candidate is the work tree",
     {"metavar": "GITREF", "dest": "ref"}),
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
    ("--filter", "only benchmarks whose name matches", {"metavar": "REGEX", "dest": "pattern"}),
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
     _TIME | {"dest": "budget_s"}),
    ("--deadline", "of the whole check at most, builds included", _TIME | {"dest": "deadline_s"}),
    ("--seed", "of the order of launches", {"type": int, "metavar": "N"}),
    ("--min-time", "of one launch", _SECONDS | {"dest": "min_time_s"}),
    ("--launch-timeout", "kill a launch after that", _SECONDS | {"dest": "timeout_s"}),
    ("--metric",
     "real_time (default), cpu_time, or a counter with its better direction, such as p99_us:lower "
     "or items_per_second:higher; several, with commas or one by one",
     {"action": "append", "metavar": "NAME", "dest": "metrics"}),
    ("--prove-threshold",
     "call slower only what is proven to be so by the threshold (default: proven to be slower at "
     "all, estimated at the threshold or more, and by 2/3 of it within its interval)", _FLAG),
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
# By their names in argparse's namespaces; what is behind -- too.
_OPTION_OF = {"arguments": "--"} | {
    told.get("dest", name.removeprefix("--").replace("-", "_")): name for name, _, told in OPTIONS
}


@dataclass(frozen=True)
class Check:
    """A whole check: what is compared, how it is measured and judged, and what comes out.

    Of `ref`, `baseline_build` and `baseline_results` one is the baseline. builds_candidate: whether
    candidate_build has to be brought up to date, by CMake, or by build_command in the source tree;
    repository: where that is; binaries: a glob below the builds; wanted: only these names; pattern:
    only what it matches.
    """

    plan: Plan
    repository: Path
    candidate_build: Path
    builds_candidate: bool
    binaries: str
    ref: str | None = None
    baseline_build: Path | None = None
    baseline_results: Path | None = None
    allow_other_machine: bool = False
    build_command: str | None = None
    wanted: Collection[str] | None = None
    pattern: str | None = None
    skip_identical: bool = False
    accepted: tuple[project.Accepted, ...] = ()
    deadline_s: float | None = None
    out: Path | None = None
    strict: bool = False
    instructions: bool = False
    bisect_run: bool = False


def add_to(parser: argparse.ArgumentParser) -> None:
    compared = parser.add_argument_group("what is compared")
    for group, options in (
        (compared.add_mutually_exclusive_group(), _BASELINE),
        (compared, _COMPARED),
        (parser.add_argument_group("how it is measured and judged"), _MEASURED),
        (parser.add_argument_group("what comes out"), _HANDED_OUT),
    ):
        for name, says, told in options:
            group.add_argument(name, help=says, **told)


def read(args: argparse.Namespace, machine: Machine) -> Check | Path:
    """A new check, or the earlier one that is to be judged again. Raises BadInputError for what is
    out of range, or does not fit together.
    """
    given = {name: value for name, value in vars(args).items() if value not in (None, ())}
    if "replay" in given:
        for name in [name for name in _OPTION_OF if name in given and name != "replay"]:
            option = _OPTION_OF[name]
            raise BadInputError(f"--replay goes without {option}: it judges the check as it was")
        return args.replay
    own = _project(given)
    of_file = {
        name: value
        for name, value in own.options.items()
        if name in vars(args) and name not in given
        and given.keys().isdisjoint(second for first, second in _APART if first == name)
    }  # fmt: skip
    try:
        return _check(of_file | given, own, machine)
    except BadInputError as error:
        named = re.findall(r"--[a-z-]*[a-z]", str(error))
        if {_OPTION_OF[name] for name in of_file} & set(named):
            raise BadInputError(f"{own.file}: {error}") from None
        raise


def _project(given: Collection[str]) -> project.Project:
    """Of the repository that the current folder is in; of our own, unless others' are checked."""
    # Of the file no word may be shortened.
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    add_to(parser)
    here = project.read(project.repository_of(Path.cwd()), parser)
    is_theirs = "binaries" in {*given, *here.options} or not ROOT
    return here if is_theirs else project.read(ROOT, parser)


def _check(values: dict[str, Any], own: project.Project, machine: Machine) -> Check:
    _refuse_out_of_range(values)
    _refuse_what_does_not_fit(values)
    binaries, build = values.get("binaries"), values.get("candidate_build")
    takes_gate_set = values.get("set", "all" if binaries else "gate") == "gate"
    gates = tuple(gate_set()) if takes_gate_set else None
    made = {"seed": random.SystemRandom().randrange(2**31), "budget_s": 600.0} | values | {
        "threshold": values.get("threshold", 3.0) / 100,
        "thresholds": own.thresholds,
        "metrics": metrics_of(values.get("metrics", ["real_time"])),
        "cpu": _cpu(values.get("cpu"), takes_gate_set, machine),
        "repository": own.file.parent,
        "candidate_build": build or (Path.cwd() if binaries else RELEASE_BUILD),
        "builds_candidate": not build and bool(values.get("build_command") or not binaries),
        "binaries": binaries or _OUR_BINARIES,
        "wanted": values.get("wanted", gates),
        "accepted": own.accepted,
    }  # fmt: skip
    return _of(Check, made | {"plan": _of(Plan, made)})


def _of(kind: type, values: Mapping[str, Any]) -> Any:  # noqa: ANN401 (a kind)
    """Made of the values that it has a field for."""
    names = [field.name for field in fields(kind) if field.name in values]
    return kind(**{name: values[name] for name in names})


def _refuse_out_of_range(values: Mapping[str, Any]) -> None:
    most = {"threshold": 100, "alpha": 0.5, "min_time_s": 3600, "timeout_s": A_DAY_S}
    refuse_beyond({_OPTION_OF[name]: (values.get(name), limit) for name, limit in most.items()})
    expression(values.get("pattern"))
    if not 0 <= values.get("seed", 0) < 2**63:
        raise BadInputError(f"--seed must be 0 or more, not {values['seed']}")


def _refuse_what_does_not_fit(values: Mapping[str, Any]) -> None:
    binaries, builds = values.get("binaries"), values.get("build_command")
    for wrong, line in (
        *((values.get(one) and values.get(other), line) for (one, other), line in _APART.items()),
        (not any(map(values.get, _BASELINES)),
         f"one of the arguments {' '.join(name for name, *_ in _BASELINE)} is required"),
        (not (binaries or values.get("candidate_build") or RELEASE_BUILD),
         "name your benchmarks with --binaries GLOB: this is no checkout of Switchyard, which has "
         "its own"),
        (binaries and {"..", "/"} & set(Path(binaries).parts),
         f"--binaries {binaries!r} leads out of the build: name one that has them below it"),
        (builds and not binaries, "--build-command needs --binaries"),
        (values.get("ref") and binaries and not builds,
         "--baseline with --binaries needs --build-command: how is that revision built?"),
        (values.get("baseline_results") and len(metrics_of(values.get("metrics", ()))) > 1,
         "--baseline-results goes with one --metric"),
    ):  # fmt: skip
        if wrong:
            raise BadInputError(line)


def _cpu(asked: str | None, takes_gate_set: bool, machine: Machine) -> int | None:
    usable = machine.usable_cpus()
    meant = {str(cpu): cpu for cpu in usable} | {"none": None}
    if asked is None:
        return usable[-1] if takes_gate_set else None
    if asked not in meant:
        raise BadInputError(f"--cpu {asked}: want none or one of {', '.join(map(str, usable))}")
    return meant[asked]
