"""Proves that the regression check finds what it should, and nothing else.

    python -m switchyard.gate.study build        # the builds whose difference is known
    python -m switchyard.gate.study measure --runs 0=60,5=20,10=20
    python -m switchyard.gate.study count        # instructions: are the slowdowns what they say?
    python -m switchyard.gate.study report       # tables and plots into results/reference/check/

Run it as scripts/switchyard.sh does: with `PYTHONPATH=scripts` and `.venv/bin/python`. `measure`
takes some hours on a machine that should do nothing else; it may be stopped, and goes on where it
was, also from the runs that `report` has kept in results/reference/check/.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from ...system import errors, files
from ...system.errors import BadInputError, SwitchyardError
from ...system.interrupts import Interrupted, Interrupts
from ...system.paths import RESULTS, ROOT
from ...system.terminal import plain_console
from ...system.tools import find_counter
from .. import instructions
from ..copies import fresh_copies
from ..discovery import discover, gate_set, match
from ..model import SCREEN_PAIRS, SIDES, Benchmark, Plan, Side
from . import runs

BUILDS = ROOT / "build" / "validate"
DATA = BUILDS / "data"
REFERENCE = RESULTS / "reference" / "check"
SLOWDOWNS = (0, 2, 5, 10, 20)
_PROGRAM = "python -m switchyard.gate.study"
_RUNS = "0=60,2=5,5=20,10=20,20=5"


def main() -> int:
    try:
        options = vars(_parser().parse_args())
        command = options.pop("do")
        return command(**options)
    except SwitchyardError as error:
        return errors.report(error)
    except Interrupted as interrupted:
        print(interrupted, file=sys.stderr)
        return interrupted.exit_code
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=_PROGRAM, description=__doc__.split("\n\n")[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    made = {}
    for name, do, about in (
        ("build", _build, "builds with 0, 2, 5, 10 and 20 %% more work"),
        ("measure", _measure, "run whole checks, keep every pair"),
        ("count", _count, "count instructions: are the slowdowns what they say?"),
        ("report", _report, "what the runs prove"),
    ):
        made[name] = commands.add_parser(name, help=about)
        made[name].set_defaults(do=do)
    made["measure"].add_argument(
        "--runs", dest="counts", type=_counts, default=_RUNS, metavar="P=N,...",
        help=f"default: {_RUNS}",
    )  # fmt: skip
    made["measure"].add_argument("--cpu", type=int, default=1, help="where launches are bound to")
    made["measure"].add_argument("--seed", type=int, default=1, help="of the order and the checks")
    made["report"].add_argument("--data", type=Path, default=DATA, metavar="DIR")
    made["report"].add_argument("--out", type=Path, default=REFERENCE, metavar="DIR")
    return parser


def _build() -> int:
    programs = {f"bench_{name.partition('/')[0]}" for name in gate_set()}
    for percent in SLOWDOWNS:
        folder = BUILDS / str(percent)
        print(f"building with {percent} % more work for each operation", flush=True)
        for command in (
            ["cmake", "-S", ROOT, "-B", folder, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
             "-DSWITCHYARD_TESTS=OFF", f"-DSWITCHYARD_INJECT_SLOWDOWN={percent}"],
            ["cmake", "--build", folder, "--target", *sorted(programs)],
        ):  # fmt: skip
            done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
            if done.returncode:
                raise SwitchyardError(f"{command[:2]} failed:\n{done.stdout[-2000:]}{done.stderr}")
    copy = BUILDS / "copy" / "bin"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(BUILDS / "0" / "bin", copy)
    return 0


def _measure(counts: dict[int, int], cpu: int, seed: int) -> int:
    for percent in counts:
        _root(percent, "candidate")
    benchmarks = _benchmarks()
    binaries = [benchmark.binary for benchmark in benchmarks]
    DATA.mkdir(parents=True, exist_ok=True)
    file = DATA / f"pairs-seed{seed}-cpu{cpu}.csv.gz"
    runs.go_on_from(REFERENCE / file.name, file)
    done = {(run.slowdown, run.plan.seed) for run in runs.read([file] if file.exists() else [])}
    todo = [run for run in runs.schedule(counts, seed) if run not in done]
    console = plain_console(stderr=True)
    os.sched_setaffinity(0, (os.sched_getaffinity(0) - {cpu}) or {cpu})  # as a check does
    with Interrupts() as interrupts:
        for index, (percent, run_seed) in enumerate(todo):
            plan = Plan(run_seed, SCREEN_PAIRS, cpu=cpu, budget_s=720.0)
            both = [Side(side, _root(percent, side), "") for side in SIDES]
            try:
                with fresh_copies(both, binaries, BUILDS, run_seed) as copies:
                    run = runs.measure(percent, plan, copies, benchmarks, interrupts)
            except Interrupted as interrupted:
                console.print(f"{interrupted}, {len(done) + index} whole runs are kept in {file}")
                return interrupted.exit_code
            runs.append(file, run)
            console.print(f"{index + 1} of {len(todo)}: +{percent} %, {run.seconds:.0f} s")
    return 0


def _counts(text: str) -> dict[int, int]:
    try:
        counts = {int(p): int(n) for p, n in (part.split("=") for part in text.split(","))}
    except ValueError:
        raise BadInputError(f"--runs {text!r}: want slowdown=runs,... such as {_RUNS}") from None
    unknown = set(counts) - set(SLOWDOWNS)
    if unknown or min(counts.values()) < 0:
        raise BadInputError(f"--runs {text!r}: slowdowns are {SLOWDOWNS}, runs 0 or more")
    return counts


def _root(percent: int, side: str) -> Path:
    """A copy stands for the candidate without a slowdown: the same bytes in another file."""
    name = "0" if side == "baseline" else "copy" if percent == 0 else str(percent)
    if not (BUILDS / name / "bin").is_dir():
        raise BadInputError(f"no {BUILDS / name}: run `{_PROGRAM} build` first")
    return BUILDS / name


def _count() -> int:
    changes: dict[str, dict[str, float]] = {}
    tool = find_counter()
    with Interrupts() as interrupts:
        for benchmark in _benchmarks():
            name = benchmark.key
            if not gate_set()[name].instructions:
                continue
            changes[name] = {}
            for percent in SLOWDOWNS:
                roots = {side: _root(percent, side) for side in SIDES}
                counted = instructions.count(tool, benchmark, roots, interrupts, 300.0)
                if "problem" in counted:
                    raise SwitchyardError(f"{name}, +{percent} %: {counted['problem']}")
                changes[name][str(percent)] = change = round(counted["change_percent"], 3)
                print(f"{name}: +{percent} % is {change:+.3f} %", flush=True)
    files.write(DATA / "instructions.json", changes)
    return 0


def _benchmarks() -> list[Benchmark]:
    """The gate set."""
    listed = discover(_root(0, "baseline"), "bin/bench_*", 60.0)
    return match(listed, listed, None, gate_set())[0]


def _report(data: Path, out: Path) -> int:
    from ...compare import drawing
    from . import figure, summary, text

    kept = sorted(data.glob("pairs-*.csv.gz"))
    measured = runs.read(kept)
    if not measured:
        raise BadInputError(f"no pairs-*.csv.gz in {data}: run `{_PROGRAM} measure` first")
    out.mkdir(parents=True, exist_ok=True)
    found = summary.summarize(measured)
    files.write(out / "summary.json", found)
    for file in kept:
        if file.parent.resolve() != out.resolve():
            shutil.copy(file, out)
    drawing.use_style()
    caption = f"{len(measured)} whole checks of the gate set; bars: exact binomial 95 % intervals."
    drawing.save(figure.draw(found), caption, out, "validation")
    counts = {}
    if (data / "instructions.json").exists():
        counts = json.loads((data / "instructions.json").read_bytes())
        files.write(out / "instructions.json", counts)
    files.write(out / "TABLES.md", text.page(found, counts))
    print(f"{len(measured)} runs: {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
