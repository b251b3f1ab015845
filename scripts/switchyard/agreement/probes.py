"""All that is held against other instruments: switches, HTTP requests, CPU time, TCP segments."""

import json
import random
import re
from collections.abc import Sequence

from ..suite.benchmark_row import launch_row, why
from ..suite.catalog import exact_filter
from ..suite.results import SECONDS
from ..system import tools
from ..system.launch import launch
from ..system.machine import Machine
from .model import Comparison, Measured, Pair, Probe, ProbeError
from .served import TIMEOUT_S, Served, Setting, ended, row_of, serve

_STOLEN = "the hypervisor took CPU time (steal), which perf counts and the kernel leaves out"


def all_probes(setting: Setting) -> list[Probe]:
    return [
        *(SwitchProbe(setting, runtime) for runtime in ("thread", "process")),
        OurClientProbe(setting),
        WrkProbe(setting),
        *(EchoProbe(setting, runtime) for runtime in ("fiber", "thread", "process")),
        EchoProbe(setting, "fiber", 2),
    ]


def _found(pattern: str, text: str, complaint: str) -> float:
    """What a program printed: the sum of the pattern's numbers. Raises ProbeError if that is not
    above 0.
    """
    found = re.search(pattern, text, re.MULTILINE)
    total = sum(map(float, found.groups())) if found else 0.0
    if not total > 0:
        raise ProbeError(complaint)
    return total


class SwitchProbe:
    """Our pipe ping-pong against `perf bench sched pipe`, both bound to the same CPU.

    One operation of ours is one switch. One of perf's is a round trip: each of two tasks writes and
    reads once (tools/perf/bench/sched-pipe.c in the kernel's sources), two switches where one task
    reads first. So perf's time is halved, after the kernel's count has shown two switches for each
    operation: newer versions have both tasks write first, so that two messages are under way and an
    operation takes one switch. That is other work, and is held against nothing.

    Ours run under SCHED_BATCH (see docs/workloads.md), so perf does as well; as it comes, under
    SCHED_OTHER, it is measured too, for information.
    """

    _SWITCHES = 100_000  # of each launch, on either side: a quarter of a second
    _SWITCHES_PER_OP = 2
    _COUNT_TOLERANCE = 0.1

    def __init__(self, setting: Setting, runtime: str) -> None:
        self._setting = setting
        self._row = f"switch/{runtime}/via:pipe/tasks:2/placement:same"
        self._perf_options = ["--threaded"] if runtime == "thread" else []
        self.name = f"switch/{runtime}"
        tasks = {"thread": "threads", "process": "processes"}[runtime]
        what = (f"a switch between two {tasks}, by pipe", "bench_switch")
        self.comparisons = (
            Comparison(
                self.name, *what, "perf bench sched pipe", "s", "within 10 %", (0.9, 1.1),
                needs="perf",
            ),
            Comparison(
                f"{self.name}/other", *what, "perf as SCHED_OTHER", "s", "other work",
                is_judged=False, needs="perf",
            ),
        )  # fmt: skip

    def measure(self, round_: int, chance: random.Random) -> Measured:
        """All three in an order by chance; ours stands in both pairs."""
        order = ["ours", "batch", "other"]
        chance.shuffle(order)
        # Seconds for a switch, and how many switches an operation was.
        told = {
            which: self._ours() if which == "ours" else self._perf(is_batch=which == "batch")
            for which in order
        }
        counted = told["batch"][1]
        if abs(counted / self._SWITCHES_PER_OP - 1) > self._COUNT_TOLERANCE:
            other = f"the kernel counted {counted:.2f} switches for an operation of this perf, not "
            other += f"{self._SWITCHES_PER_OP}: it does other work than ours"
            raise ProbeError(other, left_out=True)
        return {
            comparison.key: Pair(
                round_, told["ours"][0], told[kind][0], ", ".join(order),
                details={"switches_per_op_of_perf": told[kind][1]},
            )
            for kind, comparison in zip(("batch", "other"), self.comparisons, strict=True)
        }  # fmt: skip

    def _ours(self) -> tuple[float, float]:
        outcome = launch_row(
            self._setting.program("bench_switch"), self._row, [f"--iterations={self._SWITCHES}"],
            TIMEOUT_S, self._setting.interrupts, self._setting.cpu,
        )  # fmt: skip
        row = row_of(self._row, ended(outcome, "bench_switch").out_file, why(outcome))
        seconds = row["real_time"] * SECONDS[row["time_unit"]]
        if not seconds > 0:
            raise ProbeError(f"{self._row}: a switch of {seconds:g} s is none")
        return seconds, 1.0

    def _perf(self, is_batch: bool) -> tuple[float, float]:
        operations = self._SWITCHES // self._SWITCHES_PER_OP
        perf = self._setting.tools.found["perf"].path
        command = [perf, "bench", "sched", "pipe", "--loop", str(operations), *self._perf_options]
        setting = self._setting
        outcome = launch(command, TIMEOUT_S, setting.interrupts, cpu=setting.cpu, batch=is_batch)
        ended(outcome, "perf")
        microseconds = _found(
            r"^\s*(\d+(?:\.\d+)?) usecs/op\s*$", outcome.stdout if outcome.code == 0 else "",
            f"perf bench sched pipe: no time in its output ({why(outcome)})",
        )  # fmt: skip
        switches = outcome.voluntary + outcome.involuntary
        return microseconds * 1e-6 / self._SWITCHES_PER_OP, switches / operations


class _HttpProbe:
    """How many requests a client says that it made, against what the origin served: http_origin's
    line of totals is a third party.
    """

    _CONNECTIONS = 100
    _BYTES = 1024
    comparisons: tuple[Comparison]

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self.name = self.comparisons[0].key

    def _served(self, client: Sequence[str]) -> tuple[Served, int]:
        """What the run told, and how many requests the origin served."""
        origin = [self._setting.program("http_origin"), "--port", "0", "--bytes", str(self._BYTES)]
        served = serve(self._setting, origin, client)
        said = served.server_stdout
        complaint = f"http_origin: no requests in its totals: {said[-200:]}"
        return served, int(_found(r"^served (\d+) requests on ", said, complaint))

    def _pair(self, round_: int, ours: int, theirs: int, holds: bool, words: str) -> Measured:
        broken = None if holds else words
        return {self.name: Pair(round_, ours, theirs, "one run, counted by both", broken)}


class OurClientProbe(_HttpProbe):
    """It counts a fetch when its body was compared, and has none under way at its end: its count
    has to be the origin's.
    """

    comparisons = (Comparison(
        "http/fiber", "HTTP requests of our client", "bench_http_fetch", "http_origin", "", "equal",
    ),)  # fmt: skip

    def measure(self, round_: int, chance: random.Random) -> Measured:
        row = f"http_fetch/fiber/urls:100/latency_ms:0/bytes:{self._BYTES}/connection:keep"
        served, theirs = self._served([
            self._setting.program("bench_http_fetch"), f"--benchmark_filter={exact_filter(row)}",
            "--iterations=20000", "--origin-port", "{port}", "--benchmark_out={report}",
            "--benchmark_out_format=json",
        ])  # fmt: skip
        ours = row_of(row, served.report, "bench_http_fetch printed no result")["iterations"]
        said = f"{ours} counted, {theirs} served"
        return self._pair(round_, ours, theirs, ours == theirs, said)


class WrkProbe(_HttpProbe):
    """It stops with a request under way on each connection, at most."""

    comparisons = (Comparison(
        "http/wrk", "HTTP requests of wrk", "http_origin", "wrk", "", "0 to 100 more", needs="wrk",
    ),)  # fmt: skip

    def measure(self, round_: int, chance: random.Random) -> Measured:
        served, ours = self._served([
            self._setting.tools.found["wrk"].path, "-t1", f"-c{self._CONNECTIONS}", "-d1s",
            "--timeout", "5s", "http://127.0.0.1:{port}/",
        ])  # fmt: skip
        said = served.client_stdout
        if trouble := re.search(r"Socket errors:.*|Non-2xx.*", said):
            raise ProbeError(f"wrk reports: {trouble[0]}")
        complaint = f"wrk: no requests in its output: {said[-200:]}"
        theirs = int(_found(r"^\s*(\d+) requests in ", said, complaint))
        is_within = 0 <= ours - theirs <= self._CONNECTIONS
        words = f"{ours} served, {theirs} counted by wrk"
        return self._pair(round_, ours, theirs, is_within, words)


# By tool, who it is, and where its seconds and milliseconds stand.
_CPU_INSTRUMENTS = {
    "time": ("GNU time", r"^time (\d+\.\d+) (\d+\.\d+)$", 1.0),
    tools.PERF_STAT: ("perf stat task-clock", tools.TASK_CLOCK_MS, 1e-3),
}


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

    _LOAD = "--connections 16 --bytes 64 --duration 2s --warmup 0s".split()  # noqa: SIM905
    _ORDER = "one run, read by both"
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
        self._tcp = Comparison(
            f"{self.name}/tcp", f"TCP segments, echo server on {by}",
            "2 x messages of echo_load", "OutSegs", "", "0 to 2 % more", (0.98, 1.0),
        )  # fmt: skip
        self.comparisons = (*self._cpu.values(), self._tcp)

    def measure(self, round_: int, chance: random.Random) -> Measured:
        """Without the comparisons whose tool is missing."""
        setting, found = self._setting, self._setting.tools.found
        server = [setting.program("echo_server"), "--runtime", self._runtime,
                  "--workers", self._parts, "--port", "0"]  # fmt: skip
        client = [
            setting.program("echo_load"), "--port", "{port}", "--server-pid", "{pid}",
            "--threads", self._parts, *self._LOAD, "--json", "{report}",
        ]  # fmt: skip
        perf, time = map(found.get, (tools.PERF_STAT, "time"))
        instruments = [perf.path, *tools.TASK_CLOCK] if perf else []
        instruments += [time.path, "-f", "time %U %S"] if time else []
        steal_before = Machine().steal_s(setting.cpu)
        served = serve(setting, server, client, under=instruments)
        steal_s = Machine().steal_s(setting.cpu) - steal_before
        requests, cpu_s = self._told(served)
        measured: Measured = {self._tcp.key: self._segments(round_, requests, served)}
        for tool in self._cpu.keys() & found.keys():
            try:
                pair = self._cpu_pair(round_, tool, cpu_s, served, steal_s)
            except ProbeError as problem:
                pair = problem
            measured[self._cpu[tool].key] = pair
        return measured

    def _told(self, served: Served) -> tuple[float, float]:
        """Requests, and seconds of the server's CPU time."""
        try:
            told = json.loads(served.report)
            requests, cpu_s = (float(told[key]) for key in ("requests", "server_cpu_s"))
        except (ValueError, KeyError, TypeError) as error:
            raise ProbeError(f"echo_load: not the figures that were expected: {error!r}") from None
        if min(requests, cpu_s) <= 0:
            raise ProbeError(f"echo_load: nothing was measured: {requests=}, {cpu_s=}")
        return requests, cpu_s

    def _cpu_pair(
        self, round_: int, tool: str, ours: float, served: Served, steal_s: float
    ) -> Pair:
        name, pattern, seconds = _CPU_INSTRUMENTS[tool]
        last = (served.server_stderr.strip().splitlines() or ["nothing"])[-1]
        complaint = f"{name}: no CPU time in its output: {last[:200]}"
        theirs = _found(pattern, served.server_stderr, complaint) * seconds
        most_steal_s = max(self._MOST_STEAL * theirs, self._CERTAIN_STEAL_S)
        is_stolen = tool == tools.PERF_STAT and steal_s > most_steal_s
        return Pair(
            round_, ours, theirs, self._ORDER, dropped=_STOLEN if is_stolen else None,
            details={"steal_s": round(steal_s, 3)},
        )  # fmt: skip

    def _segments(self, round_: int, requests: float, served: Served) -> Pair:
        sent, again = served.tcp["OutSegs"], served.tcp["RetransSegs"]
        if not sent > 0:
            raise ProbeError("/proc/net/snmp: OutSegs did not rise")
        broken = f"{again} of the segments were sent again" if again and served.is_alone else None
        details = {"tcp": served.tcp, "is_alone": served.is_alone}
        return Pair(round_, 2 * requests, sent, self._ORDER, broken, details=details)
