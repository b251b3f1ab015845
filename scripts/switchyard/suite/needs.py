"""What a machine may lack and a run can do without: each with how to tell and how to get it.

A row names it in `needs`. Where it is missing such rows are left out, which is said in one line and
is no error. Packages are looked for and never imported: what they do to a process on loading is
none of the runner's business. What only the benchmarks themselves can tell they say when they are
asked what their rows are (Workload.lacks).
"""

import functools
import importlib.util
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from ..system import tools
from ..system.errors import BadInputError
from ..system.launch import launch
from ..system.paths import ROOT
from .catalog import Row, Workload, with_rows

_SYSFS = Path("/sys/devices/system")
_TIMEOUT_S = 20.0
# What `scripts/setup.sh --NAME` adds, and what can be installed at all.
ADDED_BY_SETUP = ("gevent", "uvloop", "go")
KNOWN = (*ADDED_BY_SETUP, "wrk")
# Built by setup.sh, as Go's compiler is nothing that a run needs.
_GO_SERVER = "build/outside/go/echo_server"

# By what is missing, "NAME" or "NAME: why", the names of the rows that are not run for it.
LeftOut = dict[str, list[str]]


@dataclass(frozen=True)
class _Need:
    """`advice`: how to get it; `lack`: what it is where it is not there; `versions`: of it and of
    what it stands on, as far as they tell.
    """

    advice: str
    is_there: Callable[[], bool]
    versions: Callable[[], dict[str, str]] = dict
    lack: str = "not installed"


def _program(name: str, advice: str) -> _Need:
    """Somewhere on PATH."""

    def versions() -> dict[str, str]:
        found = tools.find_one(name)
        return {name: found.version} if isinstance(found, tools.Tool) else {}

    return _Need(advice, lambda: shutil.which(name) is not None, versions)


def _package(name: str, advice: str, *parts: str) -> _Need:
    """Of Python, in the interpreter that runs us; `parts`: whose versions matter to a result."""
    versions = functools.partial(versions_of_packages, name, *parts)
    return _Need(advice, lambda: importlib.util.find_spec(name) is not None, versions)


def versions_of_packages(*names: str) -> dict[str, str]:
    """Of those of Python that are there."""
    found = {name: list(metadata.distributions(name=name)) for name in names}
    return {name: ours[0].version for name, ours in found.items() if ours}


def _machine(advice: str, files: str, tells: Callable[[list[str]], bool]) -> _Need:
    """Part of it, or not to be had: what its lists of CPUs below sysfs tell."""

    def is_there() -> bool:
        return tells([path.read_text().strip() for path in _SYSFS.glob(files)])

    return _Need(advice, is_there, lack="not on this machine")


def _go_version() -> dict[str, str]:
    """Of Go, as the server that was built with it says: "echo_server: go1.19.8"."""
    said = launch([str(ROOT / _GO_SERVER), "--version"], _TIMEOUT_S).stdout.split()
    return {"go": said[-1].removeprefix("go")} if said else {}


_NEEDS = {
    "gevent": _package("gevent", "scripts/setup.sh --gevent adds it", "greenlet"),
    "uvloop": _package("uvloop", "scripts/setup.sh --uvloop adds it"),
    "go": _Need(
        "scripts/setup.sh --go adds it",
        lambda: ROOT is not None and os.access(ROOT / _GO_SERVER, os.X_OK),
        _go_version,
    ),
    "wrk": _program("wrk", tools.advice("wrk")),
    "io_uring": _Need("docs/programs.md says what it takes", lambda: True),
    "smt": _machine(
        "they need a CPU with several hardware threads to a core",
        "cpu/cpu[0-9]*/topology/thread_siblings_list",
        lambda lists: any(set(cpus) & set(",-") for cpus in lists),
    ),
    "numa": _machine(
        "they need several NUMA nodes", "node/node[0-9]*/cpulist",
        lambda lists: sum(map(bool, lists)) > 1,  # one with memory alone names no CPU
    ),
}  # fmt: skip


def of(name: str) -> _Need:
    """What nobody knows is taken for a program."""
    return _NEEDS.get(name) or _program(name, "install it first")


def is_there(name: str) -> bool:
    """Whether this machine has it."""
    return of(name).is_there()


def advice(name: str) -> str:
    return of(name).advice


def versions(name: str) -> dict[str, str]:
    """Empty where it is missing."""
    return of(name).versions() if is_there(name) else {}


def lack(workload: Workload, row: Row) -> str | None:
    """Why a row of this workload can't run here; None: it can."""
    if row.needs is None or (row.needs not in workload.lacks and is_there(row.needs)):
        return None
    return workload.lacks.get(row.needs) or of(row.needs).lack


def without_missing(
    workloads: Sequence[Workload], build: Sequence[Workload] = ()
) -> tuple[list[Workload], LeftOut]:
    """The workloads with the rows that can run here; BadInputError when there are none. `build`:
    all that was to be chosen from.
    """
    left_out: LeftOut = {}
    needed = {row.needs for workload in build for row in workload.rows}
    for workload in workloads:
        for name, why in workload.lacks.items():
            if name not in needed:  # a build without it has no such rows: who knows what was meant?
                left_out.setdefault(f"{name}: {why}", [])
        for row in workload.rows:
            if row.needs and (why := lack(workload, row)):
                told = f"{row.needs}: {why}" if row.needs in workload.lacks else row.needs
                left_out.setdefault(told, []).append(row.name)
    missing = {row for rows in left_out.values() for row in rows}
    kept = with_rows(workloads, lambda rows: [row for row in rows if row.name not in missing])
    if not kept and left_out:
        raise BadInputError(f"nothing is left to run: {'; '.join(lines(left_out))}")
    return kept, left_out


def lines(left_out: LeftOut) -> list[str]:
    """One for each thing that is missing."""
    found = []
    for told, rows in left_out.items():
        name, _, why = told.partition(": ")
        need = of(name)
        their = "its only row is" if len(rows) == 1 else f"its {len(rows) or ''} rows are"
        found.append(
            f"{name}: {why or need.lack}, {' '.join(their.split())} left out; {need.advice}"
        )
    return found
