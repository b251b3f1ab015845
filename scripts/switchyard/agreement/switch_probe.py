"""Our pipe ping-pong against `perf bench sched pipe`, both bound to the same CPU.

One operation of ours is one switch. One of perf's is a round trip: each of its two tasks writes and
reads once (tools/perf/bench/sched-pipe.c in the kernel's sources), which takes two switches where
one of the tasks reads first. So perf's time is halved, after the kernel's count has shown that its
operations were two switches each: newer versions have both tasks write first, so that two messages
are under way and an operation takes one switch. That is other work, and is held against nothing.

Ours run under SCHED_BATCH (see docs/workloads.md), so perf does as well; as it comes, under
SCHED_OTHER, it is measured too, for information.
"""

import random
import re
from dataclasses import dataclass

from ..suite.benchmark_row import launch_row
from ..suite.measure import why
from ..suite.results import SECONDS
from .launches import Setting, row_of
from .model import Comparison, Measured, Pair, ProbeError

_SWITCHES = 100_000  # of each launch, on either side: a quarter of a second
_SWITCHES_PER_OP = 2
_COUNT_TOLERANCE = 0.1
_TIMEOUT_S = 60.0
_BAND = (0.9, 1.1)
_PLURAL = {"thread": "threads", "process": "processes"}


@dataclass(frozen=True)
class _Told:
    """Seconds for a switch, and how many switches perf's operations were."""

    seconds: float
    switches_per_op: float | None = None


class SwitchProbe:
    def __init__(self, setting: Setting, runtime: str) -> None:
        self._setting = setting
        self._runtime = runtime
        self._row = f"switch/{runtime}/via:pipe/tasks:2/placement:same"
        self.name = f"switch/{runtime}"
        what = f"a switch between two {_PLURAL[runtime]}, by pipe"
        equal = Comparison(
            self.name, what, "bench_switch", "perf bench sched pipe", "s", "within 10 %", _BAND,
            needs="perf",
        )  # fmt: skip
        as_it_comes = Comparison(
            f"{self.name}/other", what, "bench_switch", "perf as SCHED_OTHER", "s", "other work",
            is_judged=False, needs="perf",
        )  # fmt: skip
        self._kinds = {"batch": equal, "other": as_it_comes}
        self.comparisons = tuple(self._kinds.values())

    def measure(self, round_: int, chance: random.Random) -> Measured:
        """All three in an order by chance; ours stands in both pairs."""
        order = ["ours", *self._kinds]
        chance.shuffle(order)
        told = {
            which: self._ours() if which == "ours" else self._perf(is_batch=which == "batch")
            for which in order
        }
        self._expect_two_switches(told["batch"])
        return {
            comparison.key: Pair(
                round_, told["ours"].seconds, told[kind].seconds, ", ".join(order),
                details={"switches_per_op_of_perf": told[kind].switches_per_op},
            )
            for kind, comparison in self._kinds.items()
        }  # fmt: skip

    def _ours(self) -> _Told:
        setting = self._setting
        binary = setting.build / "bin" / "bench_switch"
        setting.program(binary.name)
        outcome = launch_row(
            binary, self._row, [f"--iterations={_SWITCHES}"], _TIMEOUT_S, setting.interrupts,
            setting.cpu,
        )  # fmt: skip
        setting.ended(outcome, binary.name)
        row = row_of(self._row, outcome.out_file, why(outcome))
        seconds = row["real_time"] * SECONDS[row["time_unit"]]
        if not seconds > 0:
            raise ProbeError(f"{self._row}: a switch of {seconds:g} s is none")
        return _Told(seconds)

    def _perf(self, is_batch: bool) -> _Told:
        operations = _SWITCHES // _SWITCHES_PER_OP
        perf = self._setting.tools.found["perf"].path
        command = [perf, "bench", "sched", "pipe", "--loop", str(operations)]
        if self._runtime == "thread":
            command.append("--threaded")
        outcome = self._setting.run(command, _TIMEOUT_S, cpu=self._setting.cpu, batch=is_batch)
        found = re.search(r"^\s*(\d+(?:\.\d+)?) usecs/op\s*$", outcome.stdout, re.MULTILINE)
        microseconds = float(found[1]) if found and outcome.code == 0 else 0.0
        if not microseconds > 0:
            raise ProbeError(f"perf bench sched pipe: no time in its output ({why(outcome)})")
        switches = outcome.voluntary + outcome.involuntary
        return _Told(microseconds * 1e-6 / _SWITCHES_PER_OP, switches / operations)

    def _expect_two_switches(self, perf: _Told) -> None:
        counted = perf.switches_per_op or 0.0
        if abs(counted / _SWITCHES_PER_OP - 1) > _COUNT_TOLERANCE:
            raise ProbeError(
                f"the kernel counted {counted:.2f} switches for an operation of this perf, not "
                f"{_SWITCHES_PER_OP}: it does other work than ours",
                left_out=True,
            )
