"""Hosts on one machine: network namespaces with a name each, joined by a bridge in the first.

A namespace lives as long as a process in it, so that nothing has to be removed by name: what holds
one dies with the test, and so does all that was started in it.
"""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from living import wait_until

from switchyard.system.process_tree import die_with_parent

RELAY = Path(__file__).parent / "relay.py"

# Starts whatever comes on its stdin.
_HOLDER = 'hostname {name} && echo up && while read -r line; do sh -c "$line" & done'
_AGENT = """#!/bin/sh
host=$1
shift
case $host in
{cases}
*) exit 255 ;;
esac
echo "export SWITCHYARD_TEST=$SWITCHYARD_TEST TMPDIR={temporary}; $*" >/proc/$host/fd/0
"""


@dataclass(frozen=True)
class Line:
    """How a host is joined to the bridge, where it is not by a plain pair of devices."""

    there_ms: float = 0.0  # from the bridge to it
    back_ms: float = 0.0
    lost: float = 0.0


def why_none() -> str:
    """Why there can't be any here; nothing if there can."""
    if os.geteuid() != 0:
        return "network namespaces take root"
    if not Path("/dev/net/tun").exists():
        return "no /dev/net/tun"
    done = subprocess.run(["unshare", "--net", "--uts", "ip", "link", "add", "type", "bridge"],
                          capture_output=True, text=True, check=False)  # fmt: skip
    return f"no network namespaces: {done.stderr.strip()}" if done.returncode else ""


def _started(argv: list[str], **options) -> subprocess.Popen:
    """It dies with us, and has told that it is there."""
    parent = os.getpid()
    process = subprocess.Popen(
        argv, stdout=subprocess.PIPE, text=True, **options,
        preexec_fn=lambda: die_with_parent(parent, signal.SIGKILL),
    )  # fmt: skip
    assert process.stdout.readline(), f"{argv[0]} did not start"
    return process


class Hosts:
    """By the names given; what others see as a host's name has ours before it. `temporary` is where
    all of them have their temporary files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self._holders: dict[str, subprocess.Popen] = {}
        self._namespaces: set[str | None] = set()
        self._relays: list[subprocess.Popen] = []
        self.agent = folder / "agent"

    def name(self, host: str) -> str:
        return f"sy{os.getpid()}-{host}"

    def address(self, host: str) -> str:
        return f"10.99.0.{1 + list(self._holders).index(host)}"

    def inside(self, host: str) -> list[str]:
        """What stands before a command that is to run there."""
        return ["nsenter", "--target", str(self._holders[host].pid), "--net", "--uts", "--"]

    def call(self, host: str, command: str) -> str:
        argv = [*self.inside(host), *shlex.split(command)]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout

    def add(self, host: str, line: Line | None) -> None:
        argv = ["unshare", "--net", "--uts", "sh", "-c", _HOLDER.format(name=self.name(host))]
        self._holders[host] = _started(argv, stdin=subprocess.PIPE)
        self._namespaces.add(_namespace(self._holders[host].pid))
        self.call(host, "ip link set lo up")
        first = next(iter(self._holders))
        if host == first:
            self.call(host, "ip link add eth0 type bridge")
        elif line:
            self._relay(first, host, line)
        else:
            pid = self._holders[host].pid
            self.call(first, f"ip link add {host} type veth peer name eth0 netns {pid}")
        if host != first:
            self.call(first, f"ip link set {host} master eth0 up")
        self.call(host, f"ip addr add {self.address(host)}/24 dev eth0")
        self.call(host, "ip link set eth0 up")

    def _relay(self, first: str, host: str, line: Line) -> None:
        pids = [str(self._holders[end].pid) for end in (first, host)]
        told = [str(each) for each in (line.there_ms, line.back_ms, line.lost)]
        self._relays.append(_started([sys.executable, str(RELAY), *pids, *told, host]))
        self.call(host, f"ip link set {host} name eth0")

    def write_agent(self) -> None:
        """What does as ssh would, among these: what it starts is no child of whoever asks, so that
        nobody can end it from here.
        """
        cases = "\n".join(
            f"{self.name(host)}) host={holder.pid} ;;" for host, holder in self._holders.items()
        )
        self.agent.write_text(_AGENT.format(cases=cases, temporary=self.temporary))
        self.agent.chmod(0o755)

    def hostfile(self, *hosts: str) -> Path:
        file = self._folder / "hosts"
        file.write_text("".join(f"{self.name(host)} slots=1\n" for host in hosts))
        return file

    def tcp(self, host: str) -> dict[str, int]:
        """The kernel's counters there since it began."""
        lines = self.call(host, "grep ^Tcp: /proc/net/snmp").splitlines()
        names, numbers = (line.split()[1:] for line in lines)
        return dict(zip(names, map(int, numbers), strict=True))

    def files(self) -> list[Path]:
        """What has been left there."""
        return sorted(file for file in self.temporary.rglob("*") if not file.is_dir())

    def hosts(self) -> list[str]:
        return list(self._holders)

    def processes(self, host: str | None = None) -> list[int]:
        """All that run in one of them, or in that one."""
        of = {_namespace(self._holders[host].pid)} if host else self._namespaces
        theirs = of - {None}
        everybody = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
        return [pid for pid in everybody if _namespace(pid) in theirs]

    def end(self) -> None:
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for process in (*self._relays, *self._holders.values()):
            process.kill()
            process.communicate()


def _namespace(pid: int) -> str | None:
    try:
        return str(Path(f"/proc/{pid}/ns/net").readlink())
    except OSError:
        return None


@contextlib.contextmanager
def hosts(folder: Path, **lines: Line | None) -> Iterator[Hosts]:
    """Of these names, the first with the bridge; None: joined without delay or loss."""
    made = Hosts(folder)
    try:
        for host, line in lines.items():
            made.add(host, line)
        made.write_agent()
        yield made
    finally:
        theirs = made.processes()
        made.end()
        wait_until(lambda: not any(map(_namespace, theirs)), "all in the namespaces end")
