"""The order of a run: rounds of shuffled launches within a budget of measuring time.

Every round runs each row once, in an order of its own, so that drift of the machine hits all
runtimes alike. The budget is a hard bound: a round that would not fit is not begun, and a launch
that would overrun is cut off and not counted.

Where the machine has hardware counters, rows are launched once more for them after the last round,
as far as the budget allows: counting slows the switches down, so that no time is taken from these
launches.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ..system.interrupts import Interrupts
from .catalog import Row, Workload
from .measure import Measurement, measure
from .results import LIMIT_PREFIX, ResultsFolder
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

    def launching(self, row: Row, round_: int, done: int, seconds_left: float | None) -> None: ...

    def counting(self, row: Row) -> None: ...


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
        self.pairs = [(workload, row) for workload in workloads for row in workload.rows]
        self.folder = folder
        self.interrupts = interrupts
        self.watcher = watcher
        self.on_launch = on_launch
        self.tally = Tally()
        self._last_wall_s: dict[str, float] = {}
        self._hung: set[str] = set()
        self._started = time.monotonic()

    def run(self) -> Tally:
        shuffle = random.Random(self.plan.seed).shuffle
        for round_ in range(self.plan.rounds):
            if round_ > 0 and self._expected(self.pairs, round_) > self._left():
                self.tally.out_of_budget = True
                break
            order = list(self.pairs)
            shuffle(order)
            if not self._run_round(round_, order):
                break
            self.tally.rounds += 1
        if not self.tally.interrupted_by:
            self._count_hardware()
        return self.tally

    def _count_hardware(self) -> None:
        """What goes wrong here goes without: the row itself has been measured in its rounds."""
        for workload, row in self.pairs:
            known_s = self._last_wall_s.get(row.name)
            if not workload.hardware_counters or known_s is None or row.name in self._hung:
                continue
            self.tally.to_be_counted += 1
            if 2 * known_s > self._left():
                continue
            self.watcher.counting(row)
            measured = measure(
                workload, row, 0, self.plan.min_time_s,
                min(self.plan.timeout_s, self._left()), self.interrupts, ["--hardware-counters"],
            )  # fmt: skip
            self.tally.spent_s += measured.wall_s
            if measured.interrupted:
                self.tally.interrupted_by = self.interrupts.signum
                return
            self.tally.counted += self.folder.add_hardware(workload, row, measured.rows)
            self.on_launch(self.tally)

    def _run_round(self, round_: int, order: list[tuple[Workload, Row]]) -> bool:
        """Whether the round came to its end."""
        for index, (workload, row) in enumerate(order):
            if not self._is_due(row, round_):
                continue
            seconds_left = self._seconds_left(order[index:], round_)
            self.watcher.launching(row, round_, self.tally.launches, seconds_left)
            if self._left() <= 0 or not self._launch(round_, workload, row):
                self.tally.out_of_budget = not self.tally.interrupted_by
                if round_ == 0:
                    self.tally.never_launched = [rest.name for _, rest in order[index:]]
                return False
        return True

    def _launch(self, round_: int, workload: Workload, row: Row) -> bool:
        """Whether it ran to an end of its own; if so it is kept."""
        timeout_s = min(self.plan.timeout_s, self._left())
        measured = measure(workload, row, round_, self.plan.min_time_s, timeout_s, self.interrupts)
        self.tally.spent_s += measured.wall_s
        if measured.interrupted:
            self.tally.interrupted_by = self.interrupts.signum
            return False
        if measured.timed_out and timeout_s < self.plan.timeout_s:
            return False
        if measured.timed_out:
            self._hung.add(row.name)
        self._last_wall_s[row.name] = measured.wall_s
        self.tally.launches += 1
        self._note_failures(row, measured)
        self.on_launch(self.tally)
        self.folder.add(workload, measured.context, measured.rows)
        return True

    def _note_failures(self, row: Row, measured: Measurement) -> None:
        for result in measured.rows:
            message = result.get("error_message", "no reason given")
            if result.get("error_occurred") and not message.startswith(LIMIT_PREFIX):
                self.tally.failures[row.name] = message

    def _left(self) -> float:
        budget = self.plan.budget_s
        return float("inf") if budget is None else budget - self.tally.spent_s

    def _is_due(self, row: Row, round_: int) -> bool:
        """Not one that hung once, which would only eat the time of the others."""
        return row.name not in self._hung and (row.rounds is None or round_ < row.rounds)

    def _expected(self, pairs: list[tuple[Workload, Row]], round_: int) -> float:
        """Seconds that these launches of a round will take, going by the last ones."""
        known = self._last_wall_s
        mean = sum(known.values()) / len(known) if known else 0.0
        return sum(known.get(row.name, mean) for _, row in pairs if self._is_due(row, round_))

    def _seconds_left(self, rest: list[tuple[Workload, Row]], round_: int) -> float | None:
        """None before anything was measured. Rounds that fit the budget, with what goes between."""
        if not self._last_wall_s:
            return None
        seconds = self._expected(rest, round_)
        for later in range(round_ + 1, self.plan.rounds):
            a_round = self._expected(self.pairs, later)
            if seconds + a_round > self._left():
                break
            seconds += a_round
        overhead = (time.monotonic() - self._started) / max(self.tally.spent_s, 1e-3)
        return min(seconds, self._left()) * max(overhead, 1.0)
