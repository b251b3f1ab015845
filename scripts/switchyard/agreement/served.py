#!/usr/bin/env python3
"""Runs a server and a client against it, and prints what both said and counted.

    served.py '{"server": ["time", "echo_server", ...], "server_name": "echo_server",
                "client": ["echo_load", ...], "server_cpu": 0, "client_cpu": 1,
                "patience_s": 30, "end_s": 5}'

The client may take patience_s, and the server end_s at SIGTERM. A program of its own, below the
keeper that launches it: whatever happens to either side, the keeper ends all that was started here.
It needs nothing but the standard library, so that it starts fast.

In the client's arguments {port} and {pid} are the server's, and {report} is a file to write to. The
server has to print "listening on HOST:PORT", and to end at SIGTERM. Prints JSON: "server" and
"client" with their "code", "stdout" and "stderr", the client's "report", "tcp", by how much the
kernel's TCP counters rose while the client ran, and "is_alone", whether nobody else's traffic is in
these: root gives the two a network of their own. Exit code 1 with one line when there is no result.
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
import sys
import time
from pathlib import Path

_START_S = 20.0
_COUNTERS = ("InSegs", "OutSegs", "RetransSegs")
# <linux/sched.h>, <linux/sockios.h>, <linux/if.h>
_CLONE_NEWNET = 0x40000000
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 1


class Program:
    """Prints to memory files: these can't fill up, and can be read meanwhile."""

    def __init__(self, name: str, argv: list[str], cpu: int, report: int | None = None) -> None:
        os.sched_setaffinity(0, {cpu})  # inherited
        self.name = name
        self.files = {output: os.memfd_create(output) for output in ("stdout", "stderr")}
        self.process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, **self.files, pass_fds=[report] if report else []
        )

    def end(self, seconds: float, of_what: str) -> dict[str, object]:
        """Its exit code and what it printed."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            sys.exit(f"{self.name} did not end {of_what} within {seconds:g} s")
        return {"code": code} | {output: text(fd) for output, fd in self.files.items()}


def text(fd: int) -> str:
    return Path(f"/proc/self/fd/{fd}").read_bytes().decode(errors="replace")


def enter_own_network() -> bool:
    """A network namespace with nothing but loopback; False where that is not allowed."""
    if ctypes.CDLL(None).unshare(_CLONE_NEWNET) != 0:
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", _IFF_UP))
    return True


def port_of(server: Program) -> int:
    end = time.monotonic() + _START_S
    while time.monotonic() < end:
        announced = re.search(
            r"^listening on \S+:(\d+)$", text(server.files["stdout"]), re.MULTILINE
        )
        if announced:
            return int(announced[1])
        if server.process.poll() is not None:
            said = text(server.files["stderr"]) or text(server.files["stdout"])
            last = (said.strip().splitlines() or ["it said nothing"])[-1]
            sys.exit(f"{server.name} ended before it listened: {last}")
        time.sleep(0.005)
    sys.exit(f"{server.name} did not listen within {_START_S:g} s")


def pid_of(server: Program) -> int:
    """The server itself: what measures it, as perf or time do, stands above it."""
    pid = server.process.pid
    while children := Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        pid = int(children[0])
    return pid


def tcp_counters() -> dict[str, int]:
    """Of this network namespace (proc(5), RFC 4022): /proc/net is that of whoever looks."""
    names, numbers = (
        line.split()[1:]
        for line in Path("/proc/net/snmp").read_text().splitlines()
        if line.startswith("Tcp:")
    )
    every = dict(zip(names, map(int, numbers), strict=True))
    return {name: every[name] for name in _COUNTERS}


def main() -> None:
    spec = json.loads(sys.argv[1])
    is_alone = enter_own_network()
    server = Program(spec["server_name"], spec["server"], spec["server_cpu"])
    port, pid = port_of(server), pid_of(server)
    report = os.memfd_create("report")
    places = {"{port}": str(port), "{pid}": str(pid), "{report}": f"/proc/self/fd/{report}"}
    client_argv = spec["client"]
    for name, value in places.items():
        client_argv = [argument.replace(name, value) for argument in client_argv]
    before = tcp_counters()
    client = Program(Path(client_argv[0]).name, client_argv, spec["client_cpu"], report)
    client_said = client.end(spec["patience_s"], "its work")
    tcp = {name: after - before[name] for name, after in tcp_counters().items()}
    with contextlib.suppress(ProcessLookupError):  # it may have died: its exit code will say
        os.kill(pid, signal.SIGTERM)
    server_said = server.end(spec["end_s"], "at SIGTERM")
    both = {"server": server_said, "client": client_said}
    json.dump(both | {"report": text(report), "tcp": tcp, "is_alone": is_alone}, sys.stdout)


if __name__ == "__main__":
    main()
