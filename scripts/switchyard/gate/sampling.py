"""One launch of one benchmark in a process of its own gives one number, or the reason why not.

Also what the kernel says about the launch: CPU time stolen by the hypervisor or withheld by a CPU
quota, and involuntary switches. Only these may drop a pair: a rule about times would throw away
what it is meant to find.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..suite.benchmark_row import NoRowsError, command_for, min_time, rows_in
from ..suite.results import SECONDS
from ..system.interrupts import Interrupts
from ..system.launch import Outcome, launch
from ..system.machine import Machine
from .model import SIDES, Benchmark, Pair, Plan, Sample, Stage

# A launch that lost more of its CPU's time than this measured the neighbours, not the benchmark.
MOST_STEAL = 0.05
# The kernel tells in steps of 0.01 s: one step may have been stolen nearly all before the launch.
_CERTAIN_STEAL_S = 0.015
# Of a launch that nothing disturbs: timer ticks and kernel threads. Benchmarks that switch by
# nature have more; for these the warm-up tells how many.
_CALM_SWITCHES = 20
_TIMES_THE_WARM_UP = 3


@dataclass
class Sampler:
    """`stored`: the baseline's times in seconds by benchmark, if it is not to be launched;
    `contexts`: what Google Benchmark said of each side's machine and build.
    """

    plan: Plan
    roots: Mapping[str, Path]
    interrupts: Interrupts
    machine: Machine
    stored: Mapping[str, Sequence[float]] | None = None
    contexts: dict[str, dict[str, Any]] = field(default_factory=dict)
    _usual_switches: dict[str, int] = field(default_factory=dict)

    def pair(self, stage: Stage, round_: int, benchmark: Benchmark, first: str) -> Pair:
        """Both sides back to back, `first` before the other. Raises Interrupted."""
        if self.stored is not None:  # beside the next stored time, as long as there is one
            times = self.stored[benchmark.key] if stage == Stage.STORED else ()
            baseline = Sample(times[round_] if round_ < len(times) else None)
            candidate = self.sample("candidate", benchmark)
            return Pair(stage, round_, benchmark.key, "baseline", baseline, candidate)
        samples = {side: self.sample(side, benchmark) for side in sorted(SIDES, key=first.__ne__)}
        if stage == Stage.WARM_UP:
            most = max(sample.involuntary for sample in samples.values())
            self._usual_switches[benchmark.key] = most
        dropped = next(
            filter(None, (self._disturbance(benchmark, samples[s]) for s in SIDES)), None
        )
        return Pair(stage, round_, benchmark.key, first, **samples, dropped=dropped)

    def sample(self, side: str, benchmark: Benchmark) -> Sample:
        plan, binary = self.plan, self.roots[side] / benchmark.binary
        before, throttled_s = self.machine.steal_s(plan.cpu), self.machine.throttled_s()
        command = command_for(
            binary, [benchmark.name], [*plan.arguments, min_time(plan.min_time_s)]
        )
        outcome = launch(command, plan.timeout_s, self.interrupts, "--benchmark_out=", plan.cpu)
        steal = self.machine.steal_s(plan.cpu) - before
        if plan.cpu is None:  # it was on some of the CPUs whose steal this is
            steal /= max(len(self.machine.usable_cpus()), 1)
        steal += self.machine.throttled_s() - throttled_s
        return self._read(side, benchmark, outcome, steal)

    def _read(self, side: str, benchmark: Benchmark, outcome: Outcome, steal_s: float) -> Sample:
        facts = {
            "wall_s": round(outcome.wall_s, 4), "steal_s": round(steal_s, 3),
            "involuntary": outcome.involuntary,
        }  # fmt: skip
        try:
            context, rows = rows_in(outcome, benchmark.name)
        except NoRowsError as error:
            return Sample(None, str(error), skipped=error.skipped, **facts)
        self.contexts.setdefault(side, context)
        metric = self.plan.metric
        try:
            times = [row[metric] * SECONDS[row.get("time_unit", "ns")] for row in rows]
        except (KeyError, TypeError) as error:
            return Sample(None, f"no {metric} in its result: {error!r}", **facts)
        wrong = [time for time in times if not (math.isfinite(time) and time > 0)]
        if wrong:
            return Sample(None, f"reported a {metric} of {wrong[0]:g} s, which is no time", **facts)
        # Of several, should the benchmark ask for repetitions of its own.
        return Sample(statistics.median(times), row=rows[0], **facts)

    def _disturbance(self, benchmark: Benchmark, sample: Sample) -> str | None:
        """What the kernel holds against a launch, in words."""
        if sample.steal_s > max(MOST_STEAL * sample.wall_s, _CERTAIN_STEAL_S):
            most = round(100 * MOST_STEAL)
            return f"more than {most} % of the CPU's time was taken (steal, or a CPU quota)"
        usual = self._usual_switches.get(benchmark.key, 0)
        if self.plan.cpu is not None and (
            sample.involuntary > _CALM_SWITCHES + _TIMES_THE_WARM_UP * usual
        ):
            return "other work ran on the benchmark's CPU (involuntary switches)"
        return None
