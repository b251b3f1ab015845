"""echo_load_mpi under mpirun, against an echo server on loopback."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import living
import psutil
from conftest import BIN

from switchyard.system import mpirun

PROGRAM = BIN / "echo_load_mpi"
IS_THERE = PROGRAM.exists() and all(map(shutil.which, ("mpirun", "ss")))
LACKS = (
    "no mpirun (scripts/setup.sh --mpi) or ss (--tests), or the release preset is not built with it"
)
BYTES = 64  # of a message


@dataclass
class Server:
    process: subprocess.Popen
    port: str

    def is_loaded(self) -> bool:
        """Whether its connections have had more answers than their greetings."""
        argv = ["ss", "-Htin", "state", "established", f"( sport = :{self.port} )"]
        said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
        answered = [int(count) for count in re.findall(r" bytes_acked:(\d+)", said)]
        return sum(answered) > 10 * BYTES * len(answered)

    def totals(self) -> str:
        self.process.terminate()
        return self.process.communicate(timeout=60)[0]


@contextmanager
def server(*more: str) -> Iterator[Server]:
    argv = [BIN / "echo_server", "--runtime", "epoll", "--port", "0", *more]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Server(process, process.stdout.readline().strip().rsplit(":", 1)[1])
        finally:
            process.kill()


@dataclass
class Load:
    """A load under way, or what became of it."""

    process: subprocess.Popen
    stdout: str = ""
    stderr: str = ""
    ranks: list[int] = field(default_factory=list)

    @property
    def code(self) -> int:
        return self.process.returncode

    def end(self, seconds: float = 60) -> "Load":
        self.stdout, self.stderr = self.process.communicate(timeout=seconds)
        return self

    def wait_for_ranks(self, count: int) -> None:
        starts = psutil.Process(self.process.pid)
        living.wait_until(lambda: len(starts.children()) == count, "the ranks start")
        self.ranks = [child.pid for child in starts.children()]

    def wait_until_it_loads(self, server: Server, ranks: int) -> None:
        self.wait_for_ranks(ranks)
        living.wait_until(server.is_loaded, "the ranks load")

    def is_left(self) -> bool:
        return any(is_running(pid) for pid in self.ranks)


def is_running(pid: int) -> bool:
    """Whoever has ended has no command line, also before anybody has waited for it."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    except OSError:
        return False


@contextmanager
def started(temporary: Path, ranks: int, *arguments: str) -> Iterator[Load]:
    """More of them than CPUs, as root too; `temporary` is for Open MPI's files."""
    argv = ["mpirun", "-n", str(ranks), str(PROGRAM), *arguments]
    environment = {**os.environ, **mpirun.variables(temporary, is_local=True)}
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdout=pipe, stderr=pipe, text=True, env=environment) as process:
        load = Load(process)
        try:
            yield load
        finally:
            process.kill()


def run(temporary: Path, ranks: int, *arguments: str) -> Load:
    with started(temporary, ranks, *arguments) as load:
        return load.end()


def figures(path: Path) -> dict:
    return json.loads(path.read_text())
