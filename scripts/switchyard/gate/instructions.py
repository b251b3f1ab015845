"""A second witness: how many instructions an iteration takes. No neighbour and no clock changes it.

Two runs with different numbers of iterations are counted, and the difference divided: what the
start of the program takes cancels out. It says little where tasks wait for each other in the
kernel: count what has one thread and one process.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..suite.benchmark_row import (
    NoRowsError,
    command_for,
    exact_iterations,
    min_time,
    rows_in,
    why,
)
from ..suite.results import SECONDS
from ..system import tools
from ..system.errors import SwitchyardError
from ..system.interrupts import Interrupts
from ..system.launch import Outcome, launch
from ..system.tools import InstructionCounter
from .model import SIDES, Benchmark

_PROBE_MIN_TIME_S = 0.01
# Of the shorter run, without a tool: long against what differs from start to start (some hundred
# instructions), and still short when a tool makes it fifty times as long.
_SHORT_RUN_S = 0.008
_TIMES_LONGER = 3
_MOST_ITERATIONS = 10_000_000


class _NoCountError(Exception):
    """Why there is no count."""


def count(
    tool: InstructionCounter | None,
    benchmark: Benchmark,
    roots: Mapping[str, Path],
    interrupts: Interrupts | None,
    timeout_s: float,
    arguments: Sequence[str] = (),
) -> dict[str, Any]:
    """Instructions for one iteration on both sides and their change, or the problem. `tool` is what
    find_tool() gave, once for all benchmarks.

    {"tool", "version", "iterations": [short run, long run], "baseline", "candidate",
    "change_percent"}, or {"problem"}. timeout_s is that of each launch, `arguments` are the user's.
    """
    try:
        if "/threads:" in benchmark.name:
            raise _NoCountError("it has several threads")
        if not tool:
            raise _NoCountError(f"no tool for it; {tools.advice('valgrind')}")
        return _compare(tool, [
            _Side(side, benchmark, roots[side] / benchmark.binary, interrupts, timeout_s, arguments)
            for side in SIDES
        ])  # fmt: skip
    except _NoCountError as reason:
        return {"problem": str(reason)}
    # A second witness that can't be heard takes nothing from the first.
    except (SwitchyardError, KeyError, TypeError, ValueError) as error:
        return {"problem": f"not counted: {error!r}"}


def _compare(tool: InstructionCounter, sides: Sequence["_Side"]) -> dict[str, Any]:
    exactly = [side.exact_iterations() for side in sides]
    few = sides[0].iterations_in(_SHORT_RUN_S)
    short = [side.run(tool, ask.format(few)) for side, ask in zip(sides, exactly, strict=True)]
    # A batch may take more iterations than it is asked for: whole laps of a ring, say.
    many = _TIMES_LONGER * max(done for done, _ in short)
    long = [side.run(tool, ask.format(many)) for side, ask in zip(sides, exactly, strict=True)]
    baseline, candidate = map(_per_iteration, short, long)
    return {
        "tool": tool.name, "version": tool.version, "iterations": [few, many],
        "baseline": baseline, "candidate": candidate,
        "change_percent": 100 * (candidate / baseline - 1),
    }  # fmt: skip


def _per_iteration(short: tuple[int, int], long: tuple[int, int]) -> float:
    iterations, instructions = (b - a for a, b in zip(short, long, strict=True))
    if iterations <= 0:
        raise _NoCountError(f"it runs {long[0]} iterations whatever it is told")
    if instructions <= 0:
        raise _NoCountError("more iterations don't take more instructions")
    return instructions / iterations


@dataclass(frozen=True)
class _Side:
    """The benchmark in the binary of one side."""

    name: str
    benchmark: Benchmark
    binary: Path
    interrupts: Interrupts | None
    timeout_s: float
    arguments: Sequence[str]

    def exact_iterations(self) -> str:
        """The argument that tells how many."""
        told = exact_iterations(self.binary, self.timeout_s, self.interrupts, self.arguments)
        if told:
            return told
        raise self._problem("can't be told how many iterations to run (Google Benchmark 1.8 can)")

    def iterations_in(self, seconds: float) -> int:
        """How many fit in, without any tool. A power of two: the next check shall take as many."""
        row = self._launch(min_time(_PROBE_MIN_TIME_S))[1][0]
        each = row["real_time"] * SECONDS[row.get("time_unit", "ns")]
        if not each > 0:
            raise self._problem(f"reported a real_time of {each:g} s, which is no time")
        return 1 << int(math.log2(min(max(seconds / each, 1), _MOST_ITERATIONS)))

    def run(self, tool: InstructionCounter, argument: str) -> tuple[int, int]:
        """The iterations that it did, and the instructions of the whole run."""
        outcome, rows = self._launch(argument, tool.command)
        instructions = tool.read(outcome)
        if instructions is None:
            raise self._problem(f"{tool.name} gave no count ({why(outcome)})")
        return sum(row["iterations"] for row in rows), instructions

    def _launch(
        self, argument: str, command: Sequence[str] = ()
    ) -> tuple[Outcome, list[dict[str, Any]]]:
        asked = command_for(
            self.binary, [self.benchmark.name], [*self.arguments, argument], command
        )
        outcome = launch(asked, self.timeout_s, self.interrupts, "--benchmark_out=")
        try:
            return outcome, rows_in(outcome, self.benchmark.name)[1]
        except NoRowsError as error:
            raise self._problem(str(error)) from None

    def _problem(self, what: str) -> _NoCountError:
        return _NoCountError(f"{self.name}: {what}")
