"""The outside instruments: which are there, in which version, and how to get those that are not.

A program on PATH is asked for its version before it is trusted: Ubuntu's `perf`, for one, is a
script that may find nothing to start.
"""

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from .launch import launch

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
}  # fmt: skip
NAMES = tuple(_KNOWN)
PERF_STAT = "perf stat"
# Arguments of perf; a command to measure comes behind.
TASK_CLOCK = ("stat", "-x", ",", "-e", "task-clock", "--")


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
    for name, known in _KNOWN.items():
        found = _find(name, known)
        if isinstance(found, Tool):
            tools.found[name] = found
        else:
            tools.missing[name] = f"{name}: {found}; {known.advice}"
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


def _find(name: str, known: _Known) -> Tool | str:
    """The tool, or why there is none."""
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
