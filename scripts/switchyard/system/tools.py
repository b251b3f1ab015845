"""The outside instruments: which are there, in which version, and how to get those that are not.

A program on PATH is asked for its version before it is trusted: Ubuntu's `perf`, for one, is a
script that may find nothing to start.

Instructions are counted by perf, where the CPU's counters can be read, else by valgrind, which runs
a program some fifty times slower and needs no counters. Not by its callgrind, which gives the same
numbers: it follows calls and returns, which greenlets and fibers leave unbalanced, and takes four
times as long as cachegrind without its caches.
"""

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from .launch import Outcome, launch

_TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Tool:
    name: str
    path: str
    version: str


# By name: what it is asked with for its version, where that is in the answer, and how to get it.
_KNOWN = {
    "perf": (
        "--version", r"^perf version (\S+)",
        "`apt-get install linux-perf` adds it (on Ubuntu linux-tools-$(uname -r))",
    ),
    "mpirun": ("--version", r"^mpirun \(Open MPI\) (\S+)", "scripts/setup.sh --mpi adds it"),
    "wrk": ("-v", r"^wrk (\S+)", "scripts/setup.sh or `apt-get install wrk` adds it"),
    "time": ("--version", r"GNU [Tt]ime\)? (\S+)", "`apt-get install time` adds it"),
    "valgrind": ("--version", r"^valgrind-(\S+)", "`apt-get install valgrind` adds one"),
}  # fmt: skip
# Those that our figures are held against.
NAMES = ("perf", "wrk", "time")
PERF_STAT = "perf stat"
# Arguments of perf; a command to measure comes behind.
TASK_CLOCK = ("stat", "-x", ",", "-e", "task-clock", "--")
# What they print has it in milliseconds.
TASK_CLOCK_MS = r"^(\d+(?:\.\d+)?),msec,task-clock"
_PERF_INSTRUCTIONS = ("stat", "-e", "instructions:u", "-x", ",")
_CACHEGRIND = (
    "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null",
    "--child-silent-after-fork=yes",
)  # fmt: skip


@dataclass(frozen=True)
class Tools:
    """Those that can be used, by name; and a line for each of the others."""

    found: dict[str, Tool]
    missing: dict[str, str]

    @property
    def versions(self) -> dict[str, str]:
        return {name: self.found[name].version for name in NAMES if name in self.found}


def find() -> Tools:
    tools = Tools({}, {})
    for name in NAMES:
        match find_one(name):
            case Tool() as tool:
                tools.found[name] = tool
            case why:
                tools.missing[name] = f"{name}: {why}; {advice(name)}"
    # A tool by itself: counting takes a permission that benchmarks do without.
    if perf := tools.found.get("perf"):
        outcome = launch([perf.path, *TASK_CLOCK, perf.path, "--version"], _TIMEOUT_S)
        if re.search(TASK_CLOCK_MS, outcome.stderr, re.MULTILINE):
            tools.found[PERF_STAT] = perf
        else:
            tools.missing[PERF_STAT] = (
                f"{PERF_STAT}: it can't count task-clock here; as root, or after `sysctl "
                "kernel.perf_event_paranoid=1`, it may be able to"
            )
    else:
        tools.missing[PERF_STAT] = tools.missing["perf"]
    return tools


@dataclass(frozen=True)
class InstructionCounter:
    """`command` stands before the program's own; `count` is what a number on stderr looks like."""

    name: str
    version: str
    command: Sequence[str]
    count: re.Pattern[str]

    def read(self, outcome: Outcome) -> int | None:
        # A CPU with cores of two kinds has a line for each.
        numbers = [found.replace(",", "") for found in self.count.findall(outcome.stderr)]
        return sum(map(int, numbers)) if numbers else None


def find_counter() -> InstructionCounter | None:
    """The one to count with on this machine; without any, valgrind is to be had."""
    perf, valgrind = find_one("perf"), find_one("valgrind")
    if isinstance(perf, Tool):
        counter = InstructionCounter(
            perf.name, perf.version, (perf.path, *_PERF_INSTRUCTIONS),
            re.compile(r"^(\d+),[^,]*,[^,]*instructions", re.MULTILINE),
        )  # fmt: skip
        # Virtual machines and containers often hide the counters.
        if counter.read(launch([*counter.command, perf.path, "--version"], _TIMEOUT_S)):
            return counter
    if isinstance(valgrind, Tool):
        pattern = re.compile(r"^==\d+== I +refs: +([\d,]+)", re.MULTILINE)
        command = (valgrind.path, *_CACHEGRIND)
        return InstructionCounter(valgrind.name, valgrind.version, command, pattern)
    return None


def advice(name: str) -> str:
    """How to get it."""
    return _KNOWN[name][-1]


def find_one(name: str) -> Tool | str:
    """The tool, or why there is none."""
    option, pattern, _ = _KNOWN[name]
    path = shutil.which(name)
    if not path:
        return "not installed"
    outcome = launch([path, option], _TIMEOUT_S)
    said = outcome.stdout + outcome.stderr
    if version := re.search(pattern, said, re.MULTILINE):
        return Tool(name, path, version[1])
    first = next((line.strip() for line in said.splitlines() if line.strip()), outcome.ending)
    return f"{path} does not tell its version ({first[:200]})"
