"""What counts the instructions of a program: perf, where the CPU's counters can be read, else
valgrind, which runs it some fifty times slower and needs no counters.

Not its callgrind, which gives the same numbers: it follows calls and returns, which greenlets and
fibers leave unbalanced, and takes four times as long as cachegrind without its caches.
"""

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from .launch import Outcome, launch

ADVICE = "`apt-get install valgrind` adds one"

_TIMEOUT_S = 20.0
_CACHEGRIND = (
    "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null",
    "--child-silent-after-fork=yes",
)  # fmt: skip


@dataclass(frozen=True)
class Tool:
    """`command` stands before the program's own; `count` is what a number on stderr looks like."""

    name: str
    version: str
    command: Sequence[str]
    count: re.Pattern[str]

    def read(self, outcome: Outcome) -> int | None:
        # A CPU with cores of two kinds has a line for each.
        numbers = [found.replace(",", "") for found in self.count.findall(outcome.stderr)]
        return sum(map(int, numbers)) if numbers else None


def find_tool() -> Tool | None:
    """The one to count with on this machine; see ADVICE when there is none."""
    perf = shutil.which("perf")
    if perf:
        tool = Tool(
            "perf", _version(perf), (perf, "stat", "-e", "instructions:u", "-x", ","),
            re.compile(r"^(\d+),[^,]*,[^,]*instructions", re.MULTILINE),
        )  # fmt: skip
        # Virtual machines and containers often hide the counters.
        if tool.read(launch([*tool.command, perf, "--version"], _TIMEOUT_S)):
            return tool
    valgrind = shutil.which("valgrind")
    if valgrind:
        pattern = re.compile(r"^==\d+== I +refs: +([\d,]+)", re.MULTILINE)
        return Tool("valgrind", _version(valgrind), (valgrind, *_CACHEGRIND), pattern)
    return None


def _version(program: str) -> str:
    said = re.search(r"\d+(\.\d+)+\S*", launch([program, "--version"], _TIMEOUT_S).stdout)
    return said.group() if said else "unknown version"
