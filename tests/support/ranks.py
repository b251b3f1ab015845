"""echo_load_mpi under mpirun, against an echo server on loopback."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import living
import psutil
from conftest import BIN

PROGRAM = BIN / "echo_load_mpi"
IS_THERE = PROGRAM.exists() and shutil.which("mpirun") is not None
LACKS = "no mpirun (scripts/setup.sh --mpi), or the release preset is not built with it"


def mpirun(temporary: Path, *arguments: str) -> list[str]:
    """More ranks than CPUs, as root too; what Open MPI leaves behind, when it is killed, is there
    and not in /dev/shm.
    """
    return [
        "mpirun", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none",
        "--mca", "orte_tmpdir_base", str(temporary),
        "--mca", "btl_vader_backing_directory", str(temporary), *arguments,
    ]  # fmt: skip


@dataclass
class Server:
    process: subprocess.Popen
    port: str

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
        mpirun = psutil.Process(self.process.pid)
        living.wait_until(lambda: len(mpirun.children()) == count, "the ranks start")
        self.ranks = [child.pid for child in mpirun.children()]
        time.sleep(2)  # until they load

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
    argv = mpirun(temporary, "-n", str(ranks), str(PROGRAM), *arguments)
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdout=pipe, stderr=pipe, text=True) as process:
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
