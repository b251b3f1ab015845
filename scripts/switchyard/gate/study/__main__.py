"""Proves that the regression check finds what it should, and nothing else.

    python -m switchyard.gate.study build        # the builds whose difference is known
    python -m switchyard.gate.study measure --runs 0=60,0-relinked=20,5=20,10=20
    python -m switchyard.gate.study count        # instructions: are the slowdowns what they say?
    python -m switchyard.gate.study report       # tables and plots into results/reference/check/

Run it as scripts/switchyard.sh does: with `PYTHONPATH=scripts` and `.venv/bin/python`. `measure`
takes some hours; it may be stopped, and goes on where it was, also from the runs that `report` has
kept in results/reference/check/.
"""

import argparse
import contextlib
import json
import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...system import errors, files
from ...system.errors import BadInputError, SwitchyardError
from ...system.interrupts import Interrupted, Interrupts
from ...system.machine import Machine
from ...system.paths import RESULTS, ROOT
from ...system.terminal import plain_console
from ...system.tools import find_counter
from ..copies import fresh_copies
from ..discovery import discover, gate_set, match
from ..instructions import Counting
from ..model import SIDES, Benchmark, Plan, Side
from ..sampling import Sampler
from . import runs

BUILDS = ROOT / "build" / "validate"
DATA = BUILDS / "data"
REFERENCE = RESULTS / "reference" / "check"
SLOWDOWNS = (0, 2, 5, 10, 20)
# Of functions that many objects have, which is most of them here.
_ANOTHER_ORDER = "-Wl,--sort-section=name"
_PROGRAM = "python -m switchyard.gate.study"
_RUNS = "0=149,0-relinked=100,0-busy=50,2=10,5=59,10=59,20=10"
_REPLAYS = 10_000


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
        ("build", _build, "builds with 0, 2, 5, 10 and 20 %% more work, and one linked anew"),
        ("measure", _measure, "run whole checks, keep every pair"),
        ("count", _count, "count instructions: are the slowdowns what they say?"),
        ("replay", _replay, "judge whole checks whose signs are drawn anew: is the level kept?"),
        ("report", _report, "what the runs prove"),
    ):
        made[name] = commands.add_parser(name, help=about)
        made[name].set_defaults(do=do)
    made["measure"].add_argument(
        "--runs", dest="counts", type=_counts, default=_RUNS, metavar="P=N,...",
        help=f"default: {_RUNS}",
    )  # fmt: skip
    made["measure"].add_argument("--for", dest="hours", type=float, help="so many hours at most")
    made["measure"].add_argument("--cpu", type=int, default=1, help="where launches are bound to")
    made["measure"].add_argument("--seed", type=int, default=1, help="of the order and the checks")
    made["replay"].add_argument("--checks", type=int, default=_REPLAYS, metavar="N")
    made["report"].add_argument("--data", type=Path, default=DATA, metavar="DIR")
    made["report"].add_argument("--out", type=Path, default=REFERENCE, metavar="DIR")
    return parser


def _build() -> int:
    programs = {f"bench_{name.partition('/')[0]}" for name in gate_set()}
    builds = {str(percent): [f"-DSWITCHYARD_INJECT_SLOWDOWN={percent}"] for percent in SLOWDOWNS}
    builds["relinked"] = [f"-DCMAKE_EXE_LINKER_FLAGS={_ANOTHER_ORDER}"]
    for name, settings in builds.items():
        folder = BUILDS / name
        print(f"building {folder} ({settings[0]})", flush=True)
        for command in (
            ["cmake", "-S", ROOT, "-B", folder, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
             "-DSWITCHYARD_TESTS=OFF", *settings],
            ["cmake", "--build", folder, "--target", *sorted(programs)],
        ):  # fmt: skip
            done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
            if done.returncode:
                raise SwitchyardError(f"{command[:2]} failed:\n{done.stdout[-2000:]}{done.stderr}")
    copy = BUILDS / "copy" / "bin"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(BUILDS / "0" / "bin", copy)
    return 0


def _measure(counts: dict[str, int], cpu: int, seed: int, hours: float | None) -> int:
    for kind in counts:
        _root(kind, "candidate")
    benchmarks = _benchmarks()
    DATA.mkdir(parents=True, exist_ok=True)
    file = DATA / f"pairs-seed{seed}-cpu{cpu}.csv.gz"
    runs.go_on_from(REFERENCE / file.name, file)
    done = {(run.kind, run.plan.seed) for run in runs.read([file] if file.exists() else [])}
    todo = [run for run in runs.schedule(counts, seed) if run not in done]
    console = plain_console(stderr=True)
    os.sched_setaffinity(0, (os.sched_getaffinity(0) - {cpu}) or {cpu})  # as a check does
    ends = time.monotonic() + 3600 * (hours or math.inf)
    with Interrupts() as interrupts:
        for index, (kind, run_seed) in enumerate(todo):
            if time.monotonic() > ends:
                break
            plan = Plan(run_seed, cpu=cpu, budget_s=600.0)
            both = [Side(side, _root(kind, side), "") for side in SIDES]
            try:
                with fresh_copies(both, benchmarks, BUILDS, run_seed) as copies, _burning(kind):
                    sampler = Sampler(plan, copies.roots, interrupts, Machine())
                    run = runs.measure(kind, plan, benchmarks, sampler.pairs, copies.renew)
            except Interrupted as interrupted:
                console.print(f"{interrupted}, {len(done) + index} whole runs are kept in {file}")
                return interrupted.exit_code
            runs.append(file, run)
            console.print(f"{index + 1} of {len(todo)}: {kind}, {run.seconds:.0f} s")
    return 0


@contextlib.contextmanager
def _burning(kind: str) -> Iterator[None]:
    """Beside another program, for a kind that is called so."""
    if not kind.endswith("-busy"):
        yield
        return
    burning = "while True: pass"
    usable = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))  # where the scheduler likes
    program = subprocess.Popen([sys.executable, "-c", burning])
    os.sched_setaffinity(0, usable)
    try:
        yield
    finally:
        program.kill()
        program.wait()


def _counts(text: str) -> dict[str, int]:
    try:
        counts = {kind: int(n) for kind, n in (part.split("=") for part in text.split(","))}
    except ValueError:
        raise BadInputError(f"--runs {text!r}: want kind=runs,... such as {_RUNS}") from None
    if set(counts) - set(runs.KINDS) or min(counts.values()) < 0:
        raise BadInputError(f"--runs {text!r}: kinds are {runs.KINDS}, runs 0 or more")
    return counts


def _root(kind: str, side: str) -> Path:
    """A copy stands for the candidate without a slowdown: the same bytes in another file."""
    name = "0" if side == "baseline" else {"0": "copy", "0-busy": "copy"}.get(kind, kind)
    folder = BUILDS / name.removeprefix("0-")
    if not (folder / "bin").is_dir():
        raise BadInputError(f"no {folder}: run `{_PROGRAM} build` first")
    return folder


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
                roots = {side: _root(str(percent), side) for side in SIDES}
                counted = Counting(tool, roots, interrupts, 300.0).count(benchmark)
                if "problem" in counted:
                    raise SwitchyardError(f"{name}, +{percent} %: {counted['problem']}")
                changes[name][str(percent)] = change = round(counted["change_percent"], 3)
                print(f"{name}: +{percent} % is {change:+.3f} %", flush=True)
    files.write(DATA / "instructions.json", changes)
    return 0


def _benchmarks() -> list[Benchmark]:
    """The gate set."""
    listed = discover(_root("0", "baseline"), "bin/bench_*", 60.0)
    return match(listed, listed, None, gate_set())[0]


def _replay(checks: int) -> int:
    from . import summary

    _, measured = _measured(DATA)
    files.write(DATA / "replayed.json", summary.replayed(measured, checks))
    return 0


def _measured(data: Path) -> tuple[list[Path], list[runs.Run]]:
    kept = sorted(data.glob("pairs-*.csv.gz"))
    measured = runs.read(kept)
    if not measured:
        raise BadInputError(f"no pairs-*.csv.gz in {data}: run `{_PROGRAM} measure` first")
    return kept, measured


def _report(data: Path, out: Path) -> int:
    from ...compare import drawing
    from . import figure, summary, text

    kept, measured = _measured(data)
    out.mkdir(parents=True, exist_ok=True)
    found = summary.summarize(measured)
    files.write(out / "summary.json", found)
    for file in kept:
        if file.parent.resolve() != out.resolve():
            shutil.copy(file, out)
    drawing.use_style()
    caption = f"{len(measured)} whole checks of the gate set; bars: exact binomial 95 % intervals."
    drawing.save(figure.draw(found), caption, out, "validation")
    told: dict[str, Any] = {}
    for name in ("instructions", "replayed"):
        if (file := data / f"{name}.json").exists():
            told[name] = json.loads(file.read_bytes())
            files.write(out / file.name, told[name])
    files.write(out / "TABLES.md", text.page(found, **told))
    print(f"{len(measured)} runs: {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
