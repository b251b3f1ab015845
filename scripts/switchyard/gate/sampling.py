"""A pair of launches, back to back, gives a number for each benchmark and metric, or the reason why
not.

Also what the kernel says about them: CPU time stolen by the hypervisor or withheld by a CPU quota,
and involuntary switches. Only these may drop a pair: a rule about values would throw away what it
is meant to find.
"""

import math
import random
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..suite.benchmark_row import NoRowsError, command_for, exact_iterations, min_time, rows_in
from ..suite.results import SECONDS
from ..system.interrupts import Interrupts
from ..system.launch import Outcome, launch_in_turn
from ..system.machine import Machine
from .model import SIDES, WARM_UP, Benchmark, Metric, Pair, Plan, Sample

# Launches that lost more of their CPU's time than this measured the neighbours, not the benchmark.
MOST_STEAL = 0.05
# The kernel tells in steps of 0.01 s: one step may have been stolen nearly all before the launch.
_CERTAIN_STEAL_S = 0.015
# Of a launch that nothing disturbs: timer ticks and kernel threads. Benchmarks that switch by
# nature have more; for these the warm-up tells how many.
_CALM_SWITCHES = 20
_TIMES_THE_WARM_UP = 3
# Where the environment ends decides where a program's stack begins, and that what it costs
# (Mytkowicz et al. 2009): drawn anew for each round, the same for both sides.
_PADDING, _MOST_PADDING = "SWITCHYARD_PADDING", 4096


@dataclass
class Sampler:
    """`stored`: the baseline's values by benchmark, if it is not to be launched; `contexts`: what
    Google Benchmark said of each side's machine and build.
    """

    plan: Plan
    roots: Mapping[str, Path]
    interrupts: Interrupts
    machine: Machine
    stored: Mapping[str, Sequence[float]] | None = None
    contexts: dict[str, dict[str, Any]] = field(default_factory=dict)
    # By benchmark, of the launch that it was warmed up in.
    _usual_switches: dict[str, int] = field(default_factory=dict)
    _iterations: dict[str, str] = field(default_factory=dict)
    # By binary: how it is told how many.
    _exactly: dict[str, str | None] = field(default_factory=dict)

    def pairs(self, round_: int, benchmarks: Sequence[Benchmark], first: str) -> list[Pair]:
        """Of one binary, one for each of its benchmarks. Raises Interrupted."""
        order = sorted(SIDES, key=first.__ne__) if self.stored is None else ["candidate"]
        steal_s = self._stolen_s()
        outcomes = self._launch(round_, benchmarks, order)
        steal_s = self._stolen_s() - steal_s
        by_side = {
            side: self._read(side, benchmarks, outcome)
            for side, outcome in zip(order, outcomes, strict=True)
        }
        gap_s = outcomes[-1].started_s - outcomes[0].started_s - outcomes[0].wall_s
        dropped = self._disturbance(round_, benchmarks, outcomes, steal_s)
        pairs = []
        for index, benchmark in enumerate(benchmarks):
            samples = {side: samples[index] for side, samples in by_side.items()}
            if self.stored is not None:  # beside the next stored value, as long as there is one
                samples["baseline"] = self._stored(benchmark, round_)
            pairs.append(
                Pair(round_, benchmark.key, first, **samples, gap_s=round(max(gap_s, 0.0), 5),
                     steal_s=round(steal_s, 3), dropped=dropped)
            )  # fmt: skip
        if round_ == WARM_UP and len(benchmarks) == 1:
            self._fix_iterations(benchmarks[0], pairs[0].candidate)
        return pairs

    def _launch(
        self, round_: int, benchmarks: Sequence[Benchmark], order: Sequence[str]
    ) -> list[Outcome]:
        plan = self.plan
        names = [benchmark.name for benchmark in benchmarks]
        how_long = min_time(plan.min_time_s)
        if len(benchmarks) == 1:
            how_long = self._iterations.get(benchmarks[0].key, how_long)
        commands = [
            command_for(self.roots[side] / benchmarks[0].binary, names, [*plan.arguments, how_long])
            for side in order
        ]
        padding = "x" * random.Random(f"{plan.seed} {round_}").randrange(_MOST_PADDING)
        return launch_in_turn(
            commands, plan.timeout_s * len(benchmarks), self.interrupts, "--benchmark_out=",
            plan.cpu, variables={_PADDING: padding},
        )  # fmt: skip

    def _stolen_s(self) -> float:
        """So far, of the CPU that launches are bound to, or of the usual one, and by a quota."""
        steal_s = self.machine.steal_s(self.plan.cpu)
        if self.plan.cpu is None:  # they were on some of the CPUs whose steal this is
            steal_s /= max(len(self.machine.usable_cpus()), 1)
        return steal_s + self.machine.throttled_s()

    def _stored(self, benchmark: Benchmark, round_: int) -> Sample:
        values = self.stored[benchmark.key]
        known = 0 < round_ <= len(values)
        return Sample({self.plan.metrics[0].name: values[round_ - 1]} if known else {})

    def _read(self, side: str, benchmarks: Sequence[Benchmark], outcome: Outcome) -> list[Sample]:
        facts: dict[str, Any] = {
            "wall_s": round(outcome.wall_s / len(benchmarks), 4),
            "involuntary": outcome.involuntary,
        }
        samples = []
        for benchmark in benchmarks:
            try:
                context, rows = rows_in(outcome, benchmark.name, is_alone=len(benchmarks) == 1)
                self.contexts.setdefault(side, context)
                values = {
                    m.name: v for m in self.plan.metrics if (v := _value(rows, m)) is not None
                }
                samples.append(Sample(values, row=rows[0], **facts))
            except NoRowsError as error:
                samples.append(Sample(problem=str(error), skipped=error.skipped, **facts))
        return samples

    def _fix_iterations(self, benchmark: Benchmark, sample: Sample) -> None:
        """As many in each launch as the warm-up had found: looking for their number anew takes as
        long as measuring.
        """
        binary = benchmark.binary
        if binary not in self._exactly:
            self._exactly[binary] = exact_iterations(
                self.roots["candidate"] / binary, self.plan.timeout_s, self.interrupts,
                self.plan.arguments,
            )  # fmt: skip
        argument, row = self._exactly[binary], sample.row
        # Of an aggregate they are repetitions; of several threads those of all together, where an
        # argument is for each.
        if argument and row.get("iterations") and row.get("run_type", "iteration") == "iteration":
            count = max(row["iterations"] // (row.get("threads") or 1), 1)
            self._iterations[benchmark.key] = argument.format(count)

    def _disturbance(
        self, round_: int, benchmarks: Sequence[Benchmark], outcomes: Sequence[Outcome],
        steal_s: float,
    ) -> str | None:  # fmt: skip
        """What the kernel holds against launches, in words."""
        keys = [benchmark.key for benchmark in benchmarks]
        switches = max(outcome.involuntary for outcome in outcomes)
        if round_ == WARM_UP:
            self._usual_switches |= dict.fromkeys(keys, switches)
            return None
        wall_s = sum(outcome.wall_s for outcome in outcomes)
        if steal_s > max(MOST_STEAL * wall_s, _CERTAIN_STEAL_S):
            most = round(100 * MOST_STEAL)
            return f"more than {most} % of the CPU's time was taken (steal, or a CPU quota)"
        usual = max(self._usual_switches.get(key, 0) for key in keys)
        if self.plan.cpu is not None and switches > _CALM_SWITCHES + _TIMES_THE_WARM_UP * usual:
            return "other work ran on the benchmark's CPU (involuntary switches)"
        return None


def _value(rows: Sequence[Mapping[str, Any]], metric: Metric) -> float | None:
    """In seconds for a time; of several rows, should the benchmark ask for repetitions of its own,
    the median. None where there is no such number. Raises NoRowsError for what is none.
    """
    values = [row[metric.name] for row in rows if metric.name in row]
    if not values:
        return None
    numbers = [v for v in values if isinstance(v, int | float) and math.isfinite(v)]
    if metric.is_time:
        numbers = [
            number * SECONDS[row.get("time_unit", "ns")]
            for number, row in zip(numbers, rows, strict=False) if number > 0
        ]  # fmt: skip
    if len(numbers) < len(values):
        raise NoRowsError(f"reported a {metric.name} of {values[0]!r}, which is no such number")
    return statistics.median(numbers)
