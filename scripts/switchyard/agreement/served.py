"""How probes launch what they measure: a program, or a server and a client against it.

All of it below the launcher's keeper, so that no process is left behind, and with every way of
going wrong turned into one line. A server and its client are watched over by a fork of ours, which
has a network to itself where that is allowed (to root): else the kernel's TCP counters, which both
are read beside, have everybody else's traffic in them too.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import re
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..suite.benchmark_row import rows_of, why
from ..system.interrupts import Interrupts
from ..system.launch import Outcome, launch
from ..system.tools import Tools
from .model import ProbeError

TIMEOUT_S = 60.0
_START_S = 20.0
_END_S = 5.0
# Beyond what the client may take: for the server's start and end, and ours.
_EXTRA_S = 40.0
_COUNTERS = ("InSegs", "OutSegs", "RetransSegs")
# <linux/sched.h>, <linux/sockios.h>, <linux/if.h>
_CLONE_NEWNET = 0x40000000
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 1


@dataclass(frozen=True)
class Setting:
    """Where probes find what they launch, and where it runs: what is measured on `cpu`, the other
    side of a connection on `other_cpu`, which is the same where there is no second.
    """

    build: Path
    tools: Tools
    cpu: int
    other_cpu: int
    interrupts: Interrupts | None = None

    def program(self, name: str) -> str:
        """Of ours."""
        path = self.build / "bin" / name
        if not path.exists():
            raise ProbeError(f"no {path}: build it with scripts/run.sh")
        return str(path.absolute())


def ended(outcome: Outcome, name: str) -> Outcome:
    """By itself, or it is a ProbeError."""
    if outcome.timed_out or outcome.code is None or outcome.code < 0:
        raise ProbeError(f"{name}: {outcome.ending}")
    return outcome


def row_of(name: str, report: str, said: str) -> dict[str, Any]:
    """The row of this name in Google Benchmark's JSON; `said` is how its program ended."""
    try:
        rows = rows_of(name, json.loads(report)["benchmarks"])
    except (ValueError, KeyError, TypeError, AttributeError):
        rows = []
    if not rows:
        raise ProbeError(f"{name}: {said}")
    if rows[0].get("error_occurred"):
        raise ProbeError(f"{name}: {rows[0].get('error_message') or 'failed without a message'}")
    return rows[0]


def number_in(pattern: str, text: str, complaint: str) -> float:
    """What a program printed: the sum of the pattern's numbers. Raises ProbeError if that is not
    above 0.
    """
    match = re.search(pattern, text, re.MULTILINE)
    total = sum(map(float, match.groups())) if match else 0.0
    if not total > 0:
        raise ProbeError(complaint)
    return total


@dataclass(frozen=True)
class Served:
    """What a server and its client said; `tcp` is by how much the kernel's counters rose while the
    client ran, and `is_alone` whether that was by the two alone.
    """

    server_stdout: str
    server_stderr: str
    client_stdout: str
    report: str
    tcp: dict[str, int]
    is_alone: bool


def serve(
    setting: Setting,
    server: Sequence[str],
    client: Sequence[str],
    patience_s: float = TIMEOUT_S,
    under: Sequence[str] = (),
    variables: Mapping[str, str] = MappingProxyType({}),
) -> Served:
    """Run the client against the server, which is below the command `under`, both with these
    variables beside ours. In the client's arguments {port} and {pid} are the server's, and {report}
    is a file to write to. The server has to print "listening on HOST:PORT", and to end at SIGTERM.
    """

    def told() -> str:
        try:
            return json.dumps(asdict(_served(setting, server, client, patience_s, under)))
        except Exception as error:  # of a fork nobody else would hear
            return json.dumps(str(error))

    outcome = launch(told, patience_s + _EXTRA_S, setting.interrupts, variables=variables)
    found = json.loads(ended(outcome, Path(server[0]).name).out_file or "null")
    if not isinstance(found, dict):
        raise ProbeError(found or outcome.ending)
    return Served(**found)


def _served(
    setting: Setting,
    server: Sequence[str],
    client: Sequence[str],
    patience_s: float,
    under: Sequence[str],
) -> Served:
    is_alone = _enter_own_network()
    serving = _Program(server[0], [*under, *server], setting.cpu)
    port, pid = _port_of(serving), _pid_of(serving)
    report = os.memfd_create("report")
    places = {"port": port, "pid": pid, "report": f"/proc/{os.getpid()}/fd/{report}"}
    argv = [argument.format_map(places) for argument in client]
    before = _tcp_counters()
    asking = _Program(client[0], argv, setting.other_cpu, [report])
    client_said = asking.end(patience_s, "its work")
    tcp = {name: after - before[name] for name, after in _tcp_counters().items()}
    with contextlib.suppress(ProcessLookupError):  # it may have died: its exit code will say
        os.kill(pid, signal.SIGTERM)
    server_said = serving.end(_END_S, "at SIGTERM")
    return Served(*server_said, client_said[0], _text(report), tcp, is_alone)


class _Program:
    """Prints to memory files: these can't fill up, and can be read meanwhile."""

    def __init__(self, path: str, argv: list[str], cpu: int, files: Collection[int] = ()) -> None:
        os.sched_setaffinity(0, {cpu})  # inherited
        self.name = Path(path).name
        self._out, self._err = map(os.memfd_create, ("stdout", "stderr"))
        self.process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=self._out, stderr=self._err, pass_fds=files
        )

    def said(self) -> tuple[str, str]:
        """On stdout and stderr."""
        return _text(self._out), _text(self._err)

    def end(self, seconds: float, of_what: str) -> tuple[str, str]:
        """Well, with what it said; or ProbeError."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            line = f"{self.name} did not end {of_what} within {seconds:g} s"
            raise ProbeError(line) from None
        if code != 0:
            raise ProbeError(f"{self.name}: {why(Outcome(code, 0.0, *self.said(), ''))}")
        return self.said()


def _text(fd: int) -> str:
    return Path(f"/proc/self/fd/{fd}").read_bytes().decode(errors="replace")


def _enter_own_network() -> bool:
    """A network namespace with nothing but loopback; False where that is not allowed."""
    if ctypes.CDLL(None).unshare(_CLONE_NEWNET) != 0:
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", _IFF_UP))
    return True


def _port_of(server: _Program) -> int:
    end = time.monotonic() + _START_S
    while time.monotonic() < end:
        stdout, stderr = server.said()
        if announced := re.search(r"^listening on \S+:(\d+)$", stdout, re.MULTILINE):
            return int(announced[1])
        if server.process.poll() is not None:
            last = ((stderr or stdout).strip().splitlines() or ["it said nothing"])[-1]
            raise ProbeError(f"{server.name} ended before it listened: {last}")
        time.sleep(0.005)
    raise ProbeError(f"{server.name} did not listen within {_START_S:g} s")


def _pid_of(server: _Program) -> int:
    """The server itself: what measures it, as perf or time do, stands above it, and its workers,
    if it has some, below.
    """
    pid = server.process.pid
    while Path(f"/proc/{pid}/comm").read_text().strip() != server.name:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if not children:
            break
        pid = int(children[0])
    return pid


def _tcp_counters() -> dict[str, int]:
    """Of this network namespace (proc(5), RFC 4022): /proc/net is that of whoever looks."""
    snmp = Path("/proc/net/snmp").read_text()
    names, numbers = (line.split()[1:] for line in snmp.splitlines() if line.startswith("Tcp:"))
    every = dict(zip(names, map(int, numbers), strict=True))
    return {name: every[name] for name in _COUNTERS}
