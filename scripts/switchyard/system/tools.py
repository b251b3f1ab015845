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


@dataclass(frozen=True)
class _Known:
    """`version` finds it in what the program prints when it is asked with these arguments."""

    arguments: Sequence[str]
    version: re.Pattern[str]
    advice: str


_KNOWN = {
    "perf": _Known(
        ("--version",), re.compile(r"^perf version (\S+)", re.MULTILINE),
        "`apt-get install linux-perf` adds it (on Ubuntu linux-tools-$(uname -r))",
    ),
    "wrk": _Known(
        ("-v",), re.compile(r"^wrk (\S+)", re.MULTILINE),
        "scripts/setup.sh or `apt-get install wrk` adds it",
    ),
    "time": _Known(
        ("--version",), re.compile(r"GNU [Tt]ime\)? (\S+)"), "`apt-get install time` adds it"
    ),
    "valgrind": _Known(
        ("--version",), re.compile(r"^valgrind-(\S+)", re.MULTILINE),
        "`apt-get install valgrind` adds one",
    ),
}  # fmt: skip
# Those that our figures are held against.
NAMES = ("perf", "wrk", "time")
PERF_STAT = "perf stat"
# Arguments of perf; a command to measure comes behind.
TASK_CLOCK = ("stat", "-x", ",", "-e", "task-clock", "--")
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
        found = find_one(name)
        if isinstance(found, Tool):
            tools.found[name] = found
        else:
            tools.missing[name] = f"{name}: {found}; {advice(name)}"
    _try_perf_stat(tools)
    return tools


def _try_perf_stat(tools: Tools) -> None:
    """A tool by itself: counting takes a permission that benchmarks do without."""
    if "perf" not in tools.found:
        tools.missing[PERF_STAT] = tools.missing["perf"]
        return
    perf = tools.found["perf"]
    outcome = launch([perf.path, *TASK_CLOCK, perf.path, "--version"], _TIMEOUT_S)
    if task_clock_s(outcome.stderr):
        tools.found[PERF_STAT] = Tool(PERF_STAT, perf.path, perf.version)
    else:
        advice = "as root, or after `sysctl kernel.perf_event_paranoid=1`, it may be able to"
        tools.missing[PERF_STAT] = f"{PERF_STAT}: it can't count task-clock here; {advice}"


def task_clock_s(stderr: str) -> float:
    """What perf stat printed, in seconds; 0 when it did not."""
    found = re.search(r"^(\d+(?:\.\d+)?),msec,task-clock", stderr, re.MULTILINE)
    return float(found[1]) / 1e3 if found else 0.0


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
    return _KNOWN[name].advice


def find_one(name: str) -> Tool | str:
    """The tool, or why there is none."""
    known = _KNOWN[name]
    path = shutil.which(name)
    if not path:
        return "not installed"
    outcome = launch([path, *known.arguments], _TIMEOUT_S)
    said = outcome.stdout + outcome.stderr
    version = known.version.search(said)
    if version:
        return Tool(name, path, version.group(1))
    first = next((line.strip() for line in said.splitlines() if line.strip()), outcome.ending)
    return f"{path} does not tell its version ({first[:200]})"
