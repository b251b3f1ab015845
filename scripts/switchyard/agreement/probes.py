"""All that is held against other instruments: switches and HTTP requests, and echo_probes.py."""

import random
import re
from collections.abc import Sequence

from ..suite.benchmark_row import launch_row, why
from ..suite.catalog import exact_filter
from ..suite.results import SECONDS
from ..system.launch import launch
from .echo_probes import EchoProbe, RanksProbe
from .model import Comparison, Measured, Pair, Probe, ProbeError
from .served import TIMEOUT_S, Served, Setting, ended, number_in, row_of, serve


def all_probes(setting: Setting) -> list[Probe]:
    return [
        *(SwitchProbe(setting, runtime) for runtime in ("thread", "process")),
        OurClientProbe(setting),
        WrkProbe(setting),
        *(EchoProbe(setting, runtime) for runtime in ("fiber", "thread", "process")),
        EchoProbe(setting, "fiber", 2),
        RanksProbe(setting, "fiber", 2),
    ]


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
        microseconds = number_in(
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
        return served, int(number_in(r"^served (\d+) requests on ", said, complaint))

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
        theirs = int(number_in(r"^\s*(\d+) requests in ", said, complaint))
        is_within = 0 <= ours - theirs <= self._CONNECTIONS
        words = f"{ours} served, {theirs} counted by wrk"
        return self._pair(round_, ours, theirs, is_within, words)
