"""What a machine may lack and a run can do without: each with how to tell and how to get it.

A row names it in `needs`. Where it is missing such rows are left out, which is said in one line and
is no error. Packages are looked for and never imported: what they do to a process on loading is
none of the runner's business.
"""

import importlib.util
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

from ..system import tools
from ..system.errors import BadInputError
from .catalog import Workload

_SYSFS = Path("/sys/devices/system")


@dataclass(frozen=True)
class _Package:
    """Of Python, in the interpreter that runs us; `parts`: whose versions matter to a result."""

    advice: str
    parts: tuple[str, ...]
    lack: str = "not installed"

    def is_there(self, name: str) -> bool:
        return importlib.util.find_spec(name) is not None

    def versions(self, name: str) -> dict[str, str]:
        found = {}
        for part in (name, *self.parts):
            try:
                found[part] = metadata.version(part)
            except metadata.PackageNotFoundError:
                continue
        return found


@dataclass(frozen=True)
class _Program:
    """Somewhere on PATH."""

    advice: str
    lack: str = "not installed"

    def is_there(self, name: str) -> bool:
        return shutil.which(name) is not None

    def versions(self, name: str) -> dict[str, str]:
        found = tools.find_one(name)
        return {name: found.version} if isinstance(found, tools.Tool) else {}


@dataclass(frozen=True)
class _Topology:
    """Something of the machine's own, by files of sysfs with lists of CPUs: one of them names more
    than one CPU, or, with `several`, more than one of them names any.
    """

    advice: str
    files: str
    several: bool = False
    lack: str = "not on this machine"

    def is_there(self, _: str) -> bool:
        lists = [path.read_text().strip() for path in _SYSFS.glob(self.files)]
        if self.several:
            return sum(bool(cpus) for cpus in lists) > 1
        return any("," in cpus or "-" in cpus for cpus in lists)


# Parts of a machine: there, or not to be had.
_TOPOLOGY = {
    "smt": _Topology(
        "they need a CPU with several hardware threads to a core",
        "cpu/cpu[0-9]*/topology/thread_siblings_list",
    ),
    "numa": _Topology("they need several NUMA nodes", "node/node[0-9]*/cpulist", several=True),
}
# What can be installed.
KNOWN = {
    "gevent": _Package("scripts/setup.sh --gevent adds it", ("greenlet",)),
    "wrk": _Program(tools.advice("wrk")),
}

# By what is missing, the names of the rows that are not run for it.
LeftOut = dict[str, list[str]]


def is_there(name: str) -> bool:
    """Whether this machine has it; what is not KNOWN is taken for a program."""
    return _known(name).is_there(name)


def lack(name: str) -> str:
    """What it is where it is not there."""
    return _known(name).lack


def advice(name: str) -> str:
    """How to get it."""
    return _known(name).advice


def versions(name: str) -> dict[str, str]:
    """Of it and of what it stands on, as far as they tell; empty where it is missing."""
    return KNOWN[name].versions(name) if is_there(name) else {}


def _known(name: str) -> _Package | _Program | _Topology:
    return KNOWN.get(name) or _TOPOLOGY.get(name) or _Program("install it first")


def without_missing(workloads: Iterable[Workload]) -> tuple[list[Workload], LeftOut]:
    """The workloads with the rows that can run here; BadInputError when there are none."""
    kept: list[Workload] = []
    left_out: LeftOut = {}
    for workload in workloads:
        rows = []
        for row in workload.rows:
            if row.needs is None or is_there(row.needs):
                rows.append(row)
            else:
                left_out.setdefault(row.needs, []).append(row.name)
        if rows:
            kept.append(replace(workload, rows=tuple(rows)))
    if not kept and left_out:
        raise BadInputError(f"nothing is left to run: {'; '.join(lines(left_out))}")
    return kept, left_out


def lines(left_out: LeftOut) -> list[str]:
    """One for each thing that is missing."""
    return [
        f"{name}: {_known(name).lack}, {_counted(len(rows))} left out; {advice(name)}"
        for name, rows in left_out.items()
    ]


def _counted(rows: int) -> str:
    return "its only row is" if rows == 1 else f"its {rows} rows are"
