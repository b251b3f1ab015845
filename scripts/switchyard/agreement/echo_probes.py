"""Echo servers under load: CPU time, and TCP segments against messages."""

import json
import random

from ..system import mpirun, tools
from ..system.machine import Machine
from .model import Comparison, Measured, Pair, ProbeError
from .served import Served, Setting, number_in, serve

_STOLEN = "the hypervisor took CPU time (steal), which perf counts and the kernel leaves out"
_ORDER = "one run, read by both"
_LOAD = "--connections 16 --bytes 64 --duration 2s --warmup 0s".split()  # noqa: SIM905

# By tool, who it is, and where its seconds and milliseconds stand.
_CPU_INSTRUMENTS = {
    "time": ("GNU time", r"^time (\d+\.\d+) (\d+\.\d+)$", 1.0),
    tools.PERF_STAT: ("perf stat task-clock", tools.TASK_CLOCK_MS, 1e-3),
}


def _tcp(name: str, by: str, ours: str) -> Comparison:
    return Comparison(
        f"{name}/tcp", f"TCP segments, echo server on {by}", f"2 x messages of {ours}", "OutSegs",
        "", "0 to 2 % more", (0.98, 1.0),
    )  # fmt: skip


def _segments(round_: int, requests: float, served: Served) -> Pair:
    sent, again = served.tcp["OutSegs"], served.tcp["RetransSegs"]
    if not sent > 0:
        raise ProbeError("/proc/net/snmp: OutSegs did not rise")
    broken = f"{again} of the segments were sent again" if again and served.is_alone else None
    details = {"tcp": served.tcp, "is_alone": served.is_alone}
    return Pair(round_, 2 * requests, sent, _ORDER, broken, details=details)


def _told(report: str, by: str, *keys: str) -> list[float]:
    """Figures that a client wrote, all above 0, or it is a ProbeError."""
    try:
        told = json.loads(report)
        figures = [float(told[key]) for key in keys]
    except (ValueError, KeyError, TypeError) as error:
        raise ProbeError(f"{by}: not the figures that were expected: {error!r}") from None
    if min(figures) <= 0:
        raise ProbeError(f"{by}: nothing was measured: {dict(zip(keys, figures, strict=True))}")
    return figures


class EchoProbe:
    """One run of an echo server under load, with three instruments beside ours.

    `echo_load --server-pid` tells the server's CPU time through the same function as the echo rows
    of the benchmarks (harness/usage.hpp). The server stands below GNU time, and that below perf
    stat: both tell its CPU time too, from its start to its end. These come on top of what ours is
    about, as does the opening of the connections: some milliseconds, and in perf's those of GNU
    time's own start. GNU time cuts user and system time to hundredths of a second each. Of a run of
    two seconds on a CPU of its own all this is about 1 %; on a busy machine the server gets less
    done, and it weighs more. perf's clock runs on while the hypervisor gives the CPU to others, and
    the kernel's accounts, which ours and GNU time's come from, leave that time out
    (CONFIG_PARAVIRT_TIME_ACCOUNTING): rounds with much of it say nothing of the two.

    The kernel counts TCP segments (/proc/net/snmp). In a closed loop a message and its reply are
    two: each carries the acknowledgement of what came before it. On top come, for each connection,
    its opening and its end, the acknowledgements that the kernel sends at once while it is young,
    and the messages of the warm-up and those under way at the end: some ten segments. None may be
    sent again, as nothing is lost on loopback; where the counters are shared with other programs
    (served.py), that is no rule, and what they send comes on top as well.
    """

    # As a share of the CPU time, and what is certain: the kernel tells it in steps of 0.01 s.
    _MOST_STEAL, _CERTAIN_STEAL_S = 0.02, 0.015

    def __init__(self, setting: Setting, runtime: str, parts: int = 1) -> None:
        """`parts`: workers of the server, and threads of the load, whose counts add up."""
        self._setting, self._runtime, self._parts = setting, runtime, str(parts)
        self.name = f"echo/{runtime}" + f"/workers:{parts}" * (parts > 1)
        by = f"{parts} workers of {runtime}" if parts > 1 else runtime
        self._cpu = {
            tool: Comparison(
                f"{self.name}/cpu/{tool}", f"CPU time, echo server on {by}", "echo_load",
                theirs, "s", "within 5 %", (0.95, 1.05), needs=tool,
            )
            for tool, (theirs, *_) in _CPU_INSTRUMENTS.items()
        }  # fmt: skip
        self._tcp = _tcp(self.name, by, "echo_load")
        self.comparisons = (*self._cpu.values(), self._tcp)

    def measure(self, round_: int, chance: random.Random) -> Measured:
        """Without the comparisons whose tool is missing."""
        setting, found = self._setting, self._setting.tools.found
        server = [setting.program("echo_server"), "--runtime", self._runtime,
                  "--workers", self._parts, "--port", "0"]  # fmt: skip
        client = [
            setting.program("echo_load"), "--port", "{port}", "--server-pid", "{pid}",
            "--threads", self._parts, *_LOAD, "--json", "{report}",
        ]  # fmt: skip
        perf, time = map(found.get, (tools.PERF_STAT, "time"))
        instruments = [perf.path, *tools.TASK_CLOCK] if perf else []
        instruments += [time.path, "-f", "time %U %S"] if time else []
        steal_before = Machine().steal_s(setting.cpu)
        served = serve(setting, server, client, under=instruments)
        steal_s = Machine().steal_s(setting.cpu) - steal_before
        requests, cpu_s = _told(served.report, "echo_load", "requests", "server_cpu_s")
        measured: Measured = {self._tcp.key: _segments(round_, requests, served)}
        for tool in self._cpu.keys() & found.keys():
            try:
                pair = self._cpu_pair(round_, tool, cpu_s, served, steal_s)
            except ProbeError as problem:
                pair = problem
            measured[self._cpu[tool].key] = pair
        return measured

    def _cpu_pair(
        self, round_: int, tool: str, ours: float, served: Served, steal_s: float
    ) -> Pair:
        name, pattern, seconds = _CPU_INSTRUMENTS[tool]
        last = (served.server_stderr.strip().splitlines() or ["nothing"])[-1]
        complaint = f"{name}: no CPU time in its output: {last[:200]}"
        theirs = number_in(pattern, served.server_stderr, complaint) * seconds
        most_steal_s = max(self._MOST_STEAL * theirs, self._CERTAIN_STEAL_S)
        is_stolen = tool == tools.PERF_STAT and steal_s > most_steal_s
        return Pair(
            round_, ours, theirs, _ORDER, dropped=_STOLEN if is_stolen else None,
            details={"steal_s": round(steal_s, 3)},
        )  # fmt: skip


class RanksProbe:
    """Several ranks of a load, here on one machine: their messages are one sum, and the kernel
    counts the same. What mpirun and its ranks say to each other before and after the load goes
    over TCP too, and is little beside it. When all are ended before their time, as after a signal,
    what they leave lies in a folder of ours.
    """

    def __init__(self, setting: Setting, runtime: str, ranks: int) -> None:
        self._setting, self._runtime, self._ranks = setting, runtime, str(ranks)
        self.name = f"echo/{runtime}/ranks:{ranks}"
        self._tcp = _tcp(self.name, f"{runtime}, {ranks} ranks", "echo_load_mpi")
        self.comparisons = (self._tcp,)

    def measure(self, round_: int, chance: random.Random) -> Measured:
        setting, found = self._setting, tools.find_one("mpirun")
        if not isinstance(found, tools.Tool):
            raise ProbeError(f"mpirun: {found}; {tools.advice('mpirun')}", left_out=True)
        if not (setting.build / "bin" / "echo_load_mpi").exists():
            why = "the build has no echo_load_mpi; scripts/setup.sh --mpi, then scripts/run.sh"
            raise ProbeError(f"{why}, add it", left_out=True)
        server = [setting.program("echo_server"), "--runtime", self._runtime, "--port", "0"]
        client = [
            found.path, "-n", self._ranks, setting.program("echo_load_mpi"), "--port", "{port}",
            *_LOAD, "--json", "{report}",
        ]  # fmt: skip
        with mpirun.folder() as temporary:
            variables = mpirun.variables(temporary, is_local=True)
            served = serve(setting, server, client, variables=variables)
        (requests,) = _told(served.report, "echo_load_mpi", "requests")
        return {self._tcp.key: _segments(round_, requests, served)}
