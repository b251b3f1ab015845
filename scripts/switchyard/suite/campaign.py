"""A run: rounds of launches of every row, which are kept as they come.

The budget is a hard bound: a round that would not fit is not begun, and a launch that would overrun
is cut off and not counted. A row that hung once is launched no more.

Where the machine has hardware counters, rows are launched once more for them after the last round,
as far as the budget allows: counting slows the switches down, so that no time is taken from these
launches.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ..system.interrupts import Interrupted, Interrupts
from .catalog import Row, Workload
from .measure import Measurement, measure
from .results import LIMIT_PREFIX, ResultsFolder
from .rounds import Rounds, Turn
from .tally import Tally


@dataclass(frozen=True)
class Plan:
    """What was asked for. `budget_s` None: as long as it takes."""

    rounds: int
    budget_s: float | None
    min_time_s: float
    timeout_s: float
    seed: int


class Watcher(Protocol):
    """Is told before each launch; shows progress."""

    def launching(self, turn: Turn) -> None: ...

    def counting(self, name: str) -> None: ...


class Campaign:
    def __init__(
        self,
        plan: Plan,
        workloads: list[Workload],
        folder: ResultsFolder,
        interrupts: Interrupts,
        watcher: Watcher,
        on_launch: Callable[[Tally], None],
    ) -> None:
        self.plan = plan
        self.pairs = {row.name: (workload, row) for workload in workloads for row in workload.rows}
        self.folder = folder
        self.interrupts = interrupts
        self.watcher = watcher
        self.on_launch = on_launch
        self.tally = Tally()
        self.rounds = Rounds(plan.budget_s, random.Random(plan.seed))

    def run(self) -> Tally:
        wanted = {
            name: self.plan.rounds if row.rounds is None else min(row.rounds, self.plan.rounds)
            for name, (_, row) in self.pairs.items()
        }
        try:
            for turn in self.rounds.turns(wanted):
                self.watcher.launching(turn)
                if not self._launch(*self.pairs[turn.item], turn.round):
                    self.rounds.out_of_budget = True
                    break
            self._count_hardware()
        except Interrupted as interrupted:
            self.tally.interrupted_by = interrupted.signum
        self.tally.never_launched = [name for name in self.pairs if name not in self.rounds.cost_s]
        self._tell()
        return self.tally

    def _tell(self) -> None:
        self.tally.rounds, self.tally.spent_s = self.rounds.done, self.rounds.spent_s
        self.tally.out_of_budget = self.rounds.out_of_budget
        self.on_launch(self.tally)

    def _launch(self, workload: Workload, row: Row, round_: int) -> bool:
        """Whether it ran to an end of its own; if so it is kept."""
        timeout_s = min(self.plan.timeout_s, self.rounds.left_s)
        if timeout_s <= 0:
            return False
        measured = measure(workload, row, round_, self.plan.min_time_s, timeout_s, self.interrupts)
        if measured.timed_out and timeout_s < self.plan.timeout_s:
            self.rounds.spent_s += measured.wall_s
            return False
        self.rounds.took(row.name, measured.wall_s)
        if measured.timed_out:
            self.rounds.retire(row.name)
        self.tally.launches += 1
        self._note_failures(row, measured)
        self._tell()
        self.folder.add(workload, measured.context, measured.rows)
        return True

    def _note_failures(self, row: Row, measured: Measurement) -> None:
        for result in measured.rows:
            message = result.get("error_message", "no reason given")
            if result.get("error_occurred") and not message.startswith(LIMIT_PREFIX):
                self.tally.failures[row.name] = message

    def _count_hardware(self) -> None:
        """What goes wrong here goes without: the row itself has been measured in its rounds."""
        for workload, row in self.pairs.values():
            known_s = self.rounds.cost_s.get(row.name)
            if not workload.hardware_counters or known_s is None or row.name in self.rounds.retired:
                continue
            self.tally.to_be_counted += 1
            if 2 * known_s > self.rounds.left_s:
                continue
            self.watcher.counting(row.name)
            measured = measure(
                workload, row, 0, self.plan.min_time_s,
                min(self.plan.timeout_s, self.rounds.left_s), self.interrupts,
                ["--hardware-counters"],
            )  # fmt: skip
            self.rounds.spent_s += measured.wall_s
            self.tally.counted += self.folder.add_hardware(workload, row, measured.rows)
            self._tell()
