"""A run: rounds of launches of every row, which are kept as they come.

The budget is a hard bound: rows are paced so that all their rounds fit into it, a round that does
not is not begun, and a launch that would overrun is cut off, named and not counted; one that took
many times what it is known to take has hung. A row that hung once is launched no more, nor is one
of an outside program that failed: such a program may take as long as it likes until it does.

Where the machine has hardware counters, rows are launched once more for them after the last round,
as far as the budget allows: counting slows the switches down, so that no time is taken from these
launches.

Whatever goes wrong in a launch, there is a row that says so: one that hangs, dies or prints
nonsense never just goes missing. Rows are Google Benchmark's, with our own keys beside its.
"""

import json
import math
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ..system.files import now
from ..system.interrupts import Interrupted, Interrupts
from ..system.launch import Outcome
from ..system.machine import Machine
from .benchmark_row import launch_row, min_time, why
from .catalog import Row, Workload, bare_name
from .pacing import Pacing
from .progress import ProgressDisplay
from .results import LIMIT_PREFIX, ResultsFolder, Tally
from .rounds import Rounds

_HUNG = 10  # times what a launch of the row has taken so far


@dataclass(frozen=True)
class Plan:
    """What was asked for. `budget_s` None: as long as it takes."""

    rounds: int
    budget_s: float | None
    min_time_s: float
    timeout_s: float
    seed: int


@dataclass(frozen=True)
class Measurement:
    """What a launch gave."""

    context: dict[str, Any]
    rows: list[dict[str, Any]]
    wall_s: float
    timed_out: bool = False


class Campaign:
    def __init__(
        self,
        plan: Plan,
        workloads: list[Workload],
        folder: ResultsFolder,
        interrupts: Interrupts,
        watcher: ProgressDisplay,
        on_launch: Callable[[Tally], None],
    ) -> None:
        self.plan = plan
        self.pairs = {row.name: (workload, row) for workload in workloads for row in workload.rows}
        self.folder = folder
        self.interrupts = interrupts
        self.watcher = watcher
        self.on_launch = on_launch
        self.tally = Tally()
        self.pacing = Pacing(plan.rounds, plan.budget_s, plan.min_time_s, self.pairs)
        self.rounds = Rounds(
            plan.budget_s, random.Random(plan.seed), sort=self.pacing.in_turn, after_round=self._fit
        )
        self.wanted = {name: self.pacing.rounds_of(name) for name in self.pairs}

    def run(self) -> Tally:
        try:
            for turn in self.rounds.turns(self.wanted):
                if turn.round == 0 and not self.pacing.has_room_for(turn.item, self.rounds.spent_s):
                    self._drop([turn.item])
                    continue
                self.watcher.launching(turn)
                if not self._launch(*self.pairs[turn.item], turn.round):
                    self.rounds.out_of_budget = True
                    break
            self._count_hardware()
        except Interrupted as interrupted:
            self.tally.interrupted_by = interrupted.signum
        known = {*self.rounds.cost_s, *self.tally.dropped, *self.tally.cut_off}
        self.tally.never_launched = [name for name in self.pairs if name not in known]
        self._tell()
        return self.tally

    def _fit(self) -> None:
        """After each round: the next ones have to fit into what is left of the budget."""
        if self.plan.budget_s is None:
            return
        names = self.pairs.keys() - self.rounds.retired
        left = {name: count - self.rounds.done for name, count in self.wanted.items()}
        self._drop(self.pacing.fit(names, left, self.rounds.left_s))
        self.rounds.cost_s |= self.pacing.expected_s

    def _drop(self, names: Iterable[str]) -> None:
        for name in names:
            self.rounds.retire(name)
            self.tally.dropped.append(name)

    def _tell(self) -> None:
        self.tally.rounds, self.tally.spent_s = self.rounds.done, self.rounds.spent_s
        self.tally.out_of_budget = self.rounds.out_of_budget
        self.on_launch(self.tally)

    def _launch(self, workload: Workload, row: Row, round_: int) -> bool:
        """Whether there was time for it, or it hung; if so it is kept."""
        timeout_s = min(self.plan.timeout_s, self.rounds.left_s)
        if timeout_s <= 0:
            return False
        min_time_s = self.pacing.min_time_s
        measured = measure(workload, row, round_, min_time_s, timeout_s, self.interrupts)
        is_cut = measured.timed_out and timeout_s < self.plan.timeout_s
        if is_cut and measured.wall_s < _HUNG * self.rounds.cost_s.get(row.name, math.inf):
            self.rounds.spent_s += measured.wall_s
            self.tally.cut_off[row.name] = round(measured.wall_s, 3)
            return False
        self.rounds.took(row.name, measured.wall_s)
        self.pacing.took(row.name, measured.wall_s, measured.rows)
        self.tally.launches += 1
        failed = self._note_failures(row, measured)
        if measured.timed_out or (failed and row.is_outside):
            self.rounds.retire(row.name)
            self.pacing.retire(row.name)
        self._tell()
        self.folder.add(workload, measured.context, measured.rows)
        return True

    def _note_failures(self, row: Row, measured: Measurement) -> bool:
        """Whether there are any."""
        failed = False
        for result in measured.rows:
            message = result.get("error_message", "no reason given")
            if result.get("error_occurred") and not message.startswith(LIMIT_PREFIX):
                self.tally.failures[row.name] = message
                failed = True
        return failed

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


def measure(
    workload: Workload,
    row: Row,
    round_: int,
    min_time_s: float,
    timeout_s: float,
    interrupts: Interrupts,
    options: Iterable[str] = (),
) -> Measurement:
    """`options` are further ones of the binary's own. Raises Interrupted."""
    started_at = now()
    load = Machine().load_average()
    arguments = [*workload.arguments, min_time(min_time_s), *options]
    outcome = launch_row(workload.binary, row.name, arguments, timeout_s, interrupts)
    conditions = {"loadavg": load, "frequency_mhz": Machine().frequency_mhz()}
    context, rows = _parse(outcome, row)
    for result in rows:
        message = result.get("error_message", "") if result.get("error_occurred") else ""
        result |= {
            "repetition_index": round_,
            "round": round_,
            "switchyard_name": row.name,
            "started_at": started_at,
            "launch_s": round(outcome.wall_s, 4),
            "min_time_s": min_time_s,
            **{name: value for name, value in conditions.items() if value is not None},
        }
        if message.startswith(LIMIT_PREFIX):
            result["limit_reached"] = 1
    return Measurement(context, rows, outcome.wall_s, timed_out=outcome.timed_out)


def _parse(outcome: Outcome, row: Row) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Google Benchmark's context and our row's results, or a row with the reason why not."""
    try:
        document = json.loads(outcome.out_file)
        context, printed = document["context"], document["benchmarks"]
        rows = [result for result in printed if bare_name(result["name"]) == row.name]
    except (ValueError, KeyError, TypeError):
        return {}, [_error_row(row, why(outcome))]
    failed = any(result.get("error_occurred") for result in rows)
    if not rows or (outcome.code != 0 and not failed):
        return context, [_error_row(row, why(outcome))]
    return context, rows


def _error_row(row: Row, message: str) -> dict[str, Any]:
    """As Google Benchmark writes a row that called SkipWithError."""
    return {
        "name": row.name, "run_name": row.name, "run_type": "iteration",
        "repetitions": 1, "repetition_index": 0, "threads": 1,
        "error_occurred": True, "error_message": message,
        "iterations": 0, "real_time": 0.0, "cpu_time": 0.0, "time_unit": "ns",
    }  # fmt: skip
