"""One run of an echo server under load, with three instruments beside ours.

`echo_load --server-pid` tells the server's CPU time through the same function as the echo rows of
the benchmarks (harness/usage.hpp). The server stands below GNU time, and that below perf stat: both
tell its CPU time too, from its start to its end. These come on top of what ours is about, as does
the opening of the connections: some milliseconds, and in perf's those of GNU time's own start. GNU
time cuts user and system time to hundredths of a second each. Of a run of two seconds on a CPU of
its own all this is about 1 %; on a busy machine the server gets less done, and it weighs more.
perf's clock runs on while the hypervisor gives the CPU to others, and the kernel's accounts, which
ours and GNU time's come from, leave that time out (CONFIG_PARAVIRT_TIME_ACCOUNTING): rounds with
much of it say nothing of the two.

The kernel counts TCP segments (/proc/net/snmp). In a closed loop a message and its reply are two:
each carries the acknowledgement of what came before it. On top come, for each connection, its
opening and its end, the acknowledgements that the kernel sends at once while it is young, and the
messages of the warm-up and those under way at the end: some ten segments. None may be sent again,
as nothing is lost on loopback; where the counters are shared with other programs (served.py), that
is no rule, and what they send comes on top as well.
"""

import json
import random
import re

from ..system import tools
from ..system.machine import Machine
from .launches import Served, Setting, serve
from .model import Comparison, Measured, Pair, ProbeError

_CONNECTIONS = 16
_BYTES = 64
_SECONDS = 2
_PATIENCE_S = 40.0
_SEGMENTS_PER_MESSAGE = 2
_CPU_BAND = (0.95, 1.05)
_SEGMENTS_BAND = (0.98, 1.0)
_ORDER = "one run, read by both"
# As a share of the CPU time, and what is certain: the kernel tells it in steps of 0.01 s.
_MOST_STEAL, _CERTAIN_STEAL_S = 0.02, 0.015
_CPU_INSTRUMENTS = {"time": "GNU time", tools.PERF_STAT: "perf stat task-clock"}


class EchoProbe:
    def __init__(self, setting: Setting, runtime: str) -> None:
        self._setting = setting
        self._runtime = runtime
        self.name = f"echo/{runtime}"
        self._cpu = {
            tool: Comparison(
                f"{self.name}/cpu/{tool}", f"CPU time, echo server on {runtime}", "echo_load",
                theirs, "s", "within 5 %", _CPU_BAND, needs=tool,
            )
            for tool, theirs in _CPU_INSTRUMENTS.items()
        }  # fmt: skip
        self._tcp = Comparison(
            f"{self.name}/tcp", f"TCP segments, echo server on {runtime}",
            "2 x messages of echo_load", "OutSegs", "", "0 to 2 % more", _SEGMENTS_BAND,
        )  # fmt: skip
        self.comparisons = (*self._cpu.values(), self._tcp)

    def measure(self, round_: int, chance: random.Random) -> Measured:
        """Without the comparisons whose tool is missing."""
        server = [
            self._setting.program("echo_server"), "--runtime", self._runtime, "--port", "0",
        ]  # fmt: skip
        steal_before = Machine().steal_s(self._setting.cpu)
        served = serve(self._setting, server, self._client(), _PATIENCE_S, self._instruments())
        steal_s = Machine().steal_s(self._setting.cpu) - steal_before
        told = self._told(served)
        measured: Measured = {self._tcp.key: self._segments(round_, told["requests"], served)}
        for tool, comparison in self._cpu.items():
            if tool not in self._setting.tools.found:
                continue
            theirs = _READ[tool](served.server_stderr)
            if theirs > 0:
                stolen = _stolen(theirs, steal_s) if tool == tools.PERF_STAT else None
                measured[comparison.key] = Pair(
                    round_, told["server_cpu_s"], theirs, _ORDER,
                    dropped=stolen, details={"steal_s": round(steal_s, 3)},
                )  # fmt: skip
            else:
                measured[comparison.key] = _no_time(comparison.theirs, served.server_stderr)
        return measured

    def _instruments(self) -> list[str]:
        found = self._setting.tools.found
        perf, time = found.get(tools.PERF_STAT), found.get("time")
        return [
            *([perf.path, *tools.TASK_CLOCK] if perf else []),
            *([time.path, "-f", "time %U %S"] if time else []),
        ]

    def _client(self) -> list[str]:
        return [
            self._setting.program("echo_load"), "--port", "{port}", "--server-pid", "{pid}",
            "--connections", str(_CONNECTIONS), "--bytes", str(_BYTES),
            "--duration", f"{_SECONDS}s", "--warmup", "0s", "--json", "{report}",
        ]  # fmt: skip

    def _told(self, served: Served) -> dict[str, float]:
        try:
            told = json.loads(served.report)
            figures = {key: float(told[key]) for key in ("requests", "server_cpu_s")}
        except (ValueError, KeyError, TypeError) as error:
            raise ProbeError(f"echo_load: not the figures that were expected: {error!r}") from None
        if min(figures.values()) <= 0:
            raise ProbeError(f"echo_load: nothing was measured: {figures}")
        return figures

    def _segments(self, round_: int, requests: float, served: Served) -> Pair:
        sent, again = served.tcp["OutSegs"], served.tcp["RetransSegs"]
        if not sent > 0:
            raise ProbeError("/proc/net/snmp: OutSegs did not rise")
        broken = f"{again} of the segments were sent again" if again and served.is_alone else None
        details = {"tcp": served.tcp, "is_alone": served.is_alone}
        messages = _SEGMENTS_PER_MESSAGE * requests
        return Pair(round_, messages, sent, _ORDER, broken, details=details)


def _stolen(cpu_s: float, steal_s: float) -> str | None:
    if steal_s <= max(_MOST_STEAL * cpu_s, _CERTAIN_STEAL_S):
        return None
    return "the hypervisor took CPU time (steal), which perf counts and the kernel leaves out"


def _time_s(stderr: str) -> float:
    found = re.search(r"^time (\d+\.\d+) (\d+\.\d+)$", stderr, re.MULTILINE)
    return float(found[1]) + float(found[2]) if found else 0.0


def _no_time(instrument: str, stderr: str) -> ProbeError:
    lines = stderr.strip().splitlines() or ["nothing"]
    return ProbeError(f"{instrument}: no CPU time in its output: {lines[-1][:200]}")


_READ = {"time": _time_s, tools.PERF_STAT: tools.task_clock_s}
