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

from ..suite.benchmark_row import NoRowsError, command_for, exact_iterations, min_time, rows_in, why
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


@dataclass(frozen=True)
class Counting:
    """With a tool, which find_counter() gave, if it found any; of the binaries below the roots of
    both sides. timeout_s is that of each launch, `arguments` are the user's.
    """

    tool: InstructionCounter | None
    roots: Mapping[str, Path]
    interrupts: Interrupts | None
    timeout_s: float
    arguments: Sequence[str] = ()

    def count(self, of: Benchmark) -> dict[str, Any]:
        """Instructions for one iteration on both sides and their change, or the problem.

        {"tool", "version", "iterations": [short run, long run], "baseline", "candidate",
        "change_percent"}, or {"problem"}.
        """
        if "/threads:" in of.name:
            return {"problem": "it has several threads"}
        if not self.tool:
            return {"problem": f"no tool for it; {tools.advice('valgrind')}"}
        try:
            few = self._iterations_in(_SHORT_RUN_S, SIDES[0], of)
            short = [self._run(few, side, of) for side in SIDES]
            # A batch may take more iterations than it is asked for: whole laps of a ring, say.
            many = _TIMES_LONGER * max(done for done, _ in short)
            long = [self._run(many, side, of) for side in SIDES]
            baseline, candidate = map(_per_iteration, short, long)
        except NoRowsError as reason:
            return {"problem": str(reason)}
        # A second witness that can't be heard takes nothing from the first.
        except (SwitchyardError, KeyError, TypeError, ValueError) as error:
            return {"problem": f"not counted: {error!r}"}
        return {
            "tool": self.tool.name, "version": self.tool.version, "iterations": [few, many],
            "baseline": baseline, "candidate": candidate,
            "change_percent": 100 * (candidate / baseline - 1),
        }  # fmt: skip

    def _iterations_in(self, seconds: float, side: str, of: Benchmark) -> int:
        """How many fit in, without any tool. A power of two: the next check shall take as many."""
        row = self._launch(min_time(_PROBE_MIN_TIME_S), side, of)[1][0]
        each = row["real_time"] * SECONDS[row.get("time_unit", "ns")]
        if not each > 0:
            raise NoRowsError(f"{side}: reported a real_time of {each:g} s, which is no time")
        return 1 << int(math.log2(min(max(seconds / each, 1), _MOST_ITERATIONS)))

    def _run(self, iterations: int, side: str, of: Benchmark) -> tuple[int, int]:
        """The iterations that it did, and the instructions of the whole run."""
        binary = self.roots[side] / of.binary
        exactly = exact_iterations(binary, self.timeout_s, self.interrupts, self.arguments)
        if not exactly:
            why_not = "can't be told how many iterations to run (Google Benchmark 1.8 can)"
            raise NoRowsError(f"{side}: {why_not}")
        outcome, rows = self._launch(exactly.format(iterations), side, of, self.tool.command)
        instructions = self.tool.read(outcome)
        if instructions is None:
            raise NoRowsError(f"{side}: {self.tool.name} gave no count ({why(outcome)})")
        return sum(row["iterations"] for row in rows), instructions

    def _launch(
        self, argument: str, side: str, of: Benchmark, tool: Sequence[str] = ()
    ) -> tuple[Outcome, list[dict[str, Any]]]:
        arguments = [*self.arguments, argument]
        command = command_for(self.roots[side] / of.binary, [of.name], arguments, tool)
        outcome = launch(command, self.timeout_s, self.interrupts, "--benchmark_out=")
        try:
            return outcome, rows_in(outcome, of.name)[1]
        except NoRowsError as error:
            raise NoRowsError(f"{side}: {error}") from None


def _per_iteration(short: tuple[int, int], long: tuple[int, int]) -> float:
    iterations, instructions = (b - a for a, b in zip(short, long, strict=True))
    if iterations <= 0:
        raise NoRowsError(f"it runs {long[0]} iterations whatever it is told")
    if instructions <= 0:
        raise NoRowsError("more iterations don't take more instructions")
    return instructions / iterations
