"""How many requests our HTTP client and wrk say that they made, against what the origin served.

Both load the same http_origin, whose line of totals is the third party. Our client counts a fetch
when its body was compared, and has none under way at its end: its count has to be the origin's. wrk
stops with a request under way on each connection, at most.
"""

import random
import re

from ..suite.catalog import exact_filter
from .launches import Served, Setting, row_of, serve
from .model import Comparison, Measured, Pair, ProbeError

_CONNECTIONS = 100
_BYTES = 1024
_ROW = f"http_fetch/fiber/urls:{_CONNECTIONS}/latency_ms:0/bytes:{_BYTES}/connection:keep"
_FETCHES = 20_000
_PATIENCE_S = 60.0
_ORDER = "one run, counted by both"


def _served_requests(served: Served) -> int:
    totals = re.search(r"^served (\d+) requests on ", served.server_stdout, re.MULTILINE)
    if not totals or int(totals[1]) == 0:
        raise ProbeError(f"http_origin: no requests in its totals: {served.server_stdout[-200:]}")
    return int(totals[1])


def _origin(setting: Setting) -> list[str]:
    return [setting.program("http_origin"), "--port", "0", "--bytes", str(_BYTES)]


class OurClientProbe:
    name = "http/fiber"

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self.comparisons = (
            Comparison(
                self.name, "HTTP requests of our client", "bench_http_fetch",
                "http_origin", "", "equal",
            ),
        )  # fmt: skip

    def measure(self, round_: int, chance: random.Random) -> Measured:
        client = [
            self._setting.program("bench_http_fetch"), f"--benchmark_filter={exact_filter(_ROW)}",
            f"--iterations={_FETCHES}", "--origin-port", "{port}", "--benchmark_out={report}",
            "--benchmark_out_format=json",
        ]  # fmt: skip
        served = serve(self._setting, _origin(self._setting), client, _PATIENCE_S)
        ours = row_of(_ROW, served.report, "bench_http_fetch printed no result")["iterations"]
        theirs = _served_requests(served)
        broken = None if ours == theirs else f"{ours} counted, {theirs} served"
        return {self.name: Pair(round_, ours, theirs, _ORDER, broken)}


class WrkProbe:
    name = "http/wrk"

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self.comparisons = (
            Comparison(
                self.name, "HTTP requests of wrk", "http_origin", "wrk", "",
                f"0 to {_CONNECTIONS} more",
                needs="wrk",
            ),
        )  # fmt: skip

    def measure(self, round_: int, chance: random.Random) -> Measured:
        client = [
            self._setting.tools.found["wrk"].path, "-t1", f"-c{_CONNECTIONS}", "-d1s",
            "--timeout", "5s", "http://127.0.0.1:{port}/",
        ]  # fmt: skip
        served = serve(self._setting, _origin(self._setting), client, _PATIENCE_S)
        trouble = re.search(r"Socket errors:.*|Non-2xx.*", served.client_stdout)
        if trouble:
            raise ProbeError(f"wrk reports: {trouble[0]}")
        counted = re.search(r"^\s*(\d+) requests in ", served.client_stdout, re.MULTILINE)
        if not counted or int(counted[1]) == 0:
            raise ProbeError(f"wrk: no requests in its output: {served.client_stdout[-200:]}")
        ours, theirs = _served_requests(served), int(counted[1])
        within = 0 <= ours - theirs <= _CONNECTIONS
        broken = None if within else f"{ours} served, {theirs} counted by wrk"
        return {self.name: Pair(round_, ours, theirs, _ORDER, broken)}
