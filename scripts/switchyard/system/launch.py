"""Runs one command to its end, or to its time-out, and leaves no process of it behind.

Between the runner and the command stands a keeper: a fork of the runner that does nothing but
wait. It is a subreaper in a session of its own and is told by the kernel when the runner dies, so
that it can kill whatever the command left, daemons included, even after a SIGKILL of the runner.
The command in turn dies with the keeper. Output goes to memory files: no pipe can fill up, and
nothing stays on disk.

A process that has made itself a subreaper becomes the parent of every orphan below it, so "kill my
children and reap until there are none" ends only when all descendants are gone. See prctl(2).
"""

import contextlib
import ctypes
import functools
import json
import os
import select
import signal
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple, NoReturn

import psutil

from .errors import SwitchyardError
from .interrupts import SIGNALS, Interrupts

# Google Benchmark takes each of its flags from the environment too: a filter or an output file that
# some other job exported would change what is launched here without a word.
GOOGLE_BENCHMARK_VARIABLES = tuple(
    f"BENCHMARK_{flag}"
    for flag in (
        "COLOR", "CONTEXT", "COUNTERS_TABULAR", "DISPLAY_AGGREGATES_ONLY", "DRY_RUN",
        "ENABLE_RANDOM_INTERLEAVING", "FILTER", "FORMAT", "LIST_TESTS", "MIN_TIME",
        "MIN_WARMUP_TIME", "OUT", "OUT_FORMAT", "PERF_COUNTERS", "REPETITIONS",
        "REPORT_AGGREGATES_ONLY", "TIME_UNIT",
    )
)  # fmt: skip
_KEEPER_GRACE_S = 5.0
_TELL_EVERY_S = 60.0
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36

# Loaded here, long before any fork: dlopen between fork and exec would not be safe.
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Outcome:
    """How a launch ended. `code` is its exit code, or minus the signal that ended it; `voluntary`
    and `involuntary` count the kernel's switches away from it and from those of its children that
    it reaped: because it waited, and because the kernel forced it.
    """

    code: int | None
    wall_s: float
    stdout: str
    stderr: str
    out_file: str
    timed_out: bool = False
    voluntary: int = 0
    involuntary: int = 0

    @property
    def ending(self) -> str:
        """In words, for an error message."""
        if self.timed_out:
            return f"killed after {self.wall_s:.0f} s: time-out"
        if self.code is None:
            return "ended together with its keeper"
        if self.code < 0:
            is_named = -self.code in list(signal.Signals)
            name = signal.Signals(-self.code).name if is_named else f"signal {-self.code}"
            return f"ended by {name}"
        return f"exit code {self.code}"

    @property
    def complaint(self) -> str:
        """All that it said on stderr, on one line."""
        return " ".join(self.stderr.split()) or self.ending


class _Files(NamedTuple):
    """The memory files that a launch writes to."""

    stdout: int
    stderr: int
    out: int


Command = Sequence[str] | Callable[[], str]
Tell = Callable[[float], None]


def launch(
    command: Command,
    timeout_s: float,
    interrupts: Interrupts | None = None,
    out_option: str = "",
    cpu: int | None = None,
    batch: bool = False,
    without: Collection[str] = GOOGLE_BENCHMARK_VARIABLES,
    tell: Tell = lambda _: None,
) -> Outcome:
    """Run `command`; `out_option`, when given, is passed on with a file to write to behind it. A
    function is called in a fork of ours, and what it returns is in that file. With `cpu` the
    command may use that CPU only, and `batch` has it scheduled as SCHED_BATCH. It has our
    environment `without` these variables. Each minute we `tell` for how many seconds it has run.
    Raises Interrupted once a signal has come, and SwitchyardError if no process can be started.
    """
    become_subreaper()
    # A shell that exec()ed us may have left us children of its own.
    bystanders = children()
    files = _Files(*map(os.memfd_create, _Files._fields))
    if out_option:
        command = [*command, f"{out_option}/proc/self/fd/{files.out}"]
    report, keeper = _start_keeper(command, files, functools.partial(_settle, cpu, batch, without))
    waiting_for = [report, *([interrupts] if interrupts else [])]
    started = time.monotonic()
    timed_out = False
    try:
        timed_out = not _wait(waiting_for, timeout_s, tell)
    finally:
        # Also on KeyboardInterrupt: the keeper may not outlive this call.
        if not _wait([report], 0):
            os.kill(keeper, signal.SIGTERM)
        if not _wait([report], _KEEPER_GRACE_S):
            os.kill(keeper, signal.SIGKILL)
        ending = os.read(report, 4096)
        os.close(report)
        os.waitpid(keeper, 0)
        kill_and_reap_children(bystanders)
    stdout, stderr, out_file = map(_read_and_close, files)
    end = json.loads(ending) if ending else {"code": None, "wall_s": time.monotonic() - started}
    if interrupts:
        interrupts.stop_if_any()
    return Outcome(**end, stdout=stdout, stderr=stderr, out_file=out_file, timed_out=timed_out)


def _read_and_close(fd: int) -> str:
    with os.fdopen(fd, encoding="utf-8", errors="replace", newline="") as file:
        file.seek(0)
        return file.read()


def _wait(readers: list, timeout_s: float, tell: Tell = lambda _: None) -> list:
    """Those that can be read; none when the time is over. `tell` hears each minute how many seconds
    it has been.
    """
    begun, waited_s = time.monotonic(), 0.0
    while True:
        slice_s = min(timeout_s - waited_s, _TELL_EVERY_S)
        ready = select.select(readers, [], [], max(slice_s, 0))[0]
        waited_s = time.monotonic() - begun
        if ready or waited_s >= timeout_s:
            return ready
        tell(waited_s)


def _settle(cpu: int | None, batch: bool, without: Collection[str]) -> None:
    """Where and how the command is scheduled, and all that it starts, and what it does not have of
    our environment. Raises OSError.
    """
    for variable in without:
        os.environ.pop(variable, None)
    _write_numbers_as_c()
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})
    if batch:
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _write_numbers_as_c() -> None:
    """Numbers with a decimal comma are neither an argument of Google Benchmark's nor JSON, and perf
    writes them too. In all else the caller's locale stays: LC_ALL would stand above LC_NUMERIC.
    """
    if everything := os.environ.pop("LC_ALL", ""):
        for name in [name for name in os.environ if name.startswith("LC_")]:
            del os.environ[name]
        os.environ["LANG"] = everything
    os.environ["LC_NUMERIC"] = "C"


def _start_keeper(command: Command, files: _Files, settle: Callable[[], None]) -> tuple[int, int]:
    """Fork the keeper; returns the pipe on which it reports the end, and its pid."""
    report_read, report_write = os.pipe()
    runner = os.getpid()
    # Blocked across the fork, so that no signal falls between the two ways of handling it.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {*SIGNALS, signal.SIGCHLD})
    try:
        keeper = os.fork()
        if keeper == 0:
            _keep(command, runner, files, settle, report_write)
    except OSError as error:
        raise SwitchyardError(f"cannot start a process: {error.strerror} (ulimit -u?)") from None
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    os.close(report_write)
    return report_read, keeper


def _keep(
    command: Command, runner: int, files: _Files, settle: Callable[[], None], report: int
) -> NoReturn:
    """The keeper's life: start the command, wait, clear up, report."""
    try:
        for signum in (signal.SIGTERM, signal.SIGCHLD):  # an ignored one could not be waited for
            signal.signal(signum, signal.SIG_DFL)
        os.setsid()
        become_subreaper()
        die_with_parent(runner, signal.SIGTERM)
        keeper = os.getpid()
        started = time.monotonic()
        child = os.fork()
        if child == 0:
            _become(command, keeper, files, settle)
        code, switches = _wait_for(child)
        wall_s = time.monotonic() - started
        kill_and_reap_children()
        end = {"code": code, "wall_s": wall_s, **switches}
        os.write(report, json.dumps(end).encode())
    except OSError as error:
        os.write(files.stderr, f"cannot start a process: {error.strerror}\n".encode())
    finally:
        os._exit(0)


def _wait_for(child: int) -> tuple[int | None, dict[str, int]]:
    """The child's exit code or minus the signal that ended it, None if told to stop first; and
    its switches.
    """
    while signal.sigwait({signal.SIGTERM, signal.SIGCHLD}) != signal.SIGTERM:
        pid, status, usage = os.wait4(child, os.WNOHANG)
        if pid == child:
            switches = {"voluntary": usage.ru_nvcsw, "involuntary": usage.ru_nivcsw}
            return os.waitstatus_to_exitcode(status), switches
    return None, {}


def _become(command: Command, keeper: int, files: _Files, settle: Callable[[], None]) -> NoReturn:
    """In the forked child: detach from the terminal and turn into the command."""
    try:
        os.setsid()
        die_with_parent(keeper, signal.SIGKILL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(files.stdout, 1)
        os.dup2(files.stderr, 2)
        os.set_inheritable(files.out, True)
        settle()
        for signum in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores these
            signal.signal(signum, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        if callable(command):
            os.write(files.out, command().encode())
            os._exit(0)
        os.execvp(command[0], command)
    except OSError as error:
        name = "a process" if callable(command) else command[0]
        os.write(2, f"cannot start {name}: {error.strerror}\n".encode())
    finally:
        os._exit(127)


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"prctl({option}): {os.strerror(code)}")


def become_subreaper() -> None:
    """From now on orphaned descendants become children of this process."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(parent: int, signum: int) -> None:
    """Have the kernel send signum to this process when `parent` ends; exit if it already has."""
    _prctl(_PR_SET_PDEATHSIG, signum)
    if os.getppid() != parent:
        os._exit(128 + signum)


def children() -> list[int]:
    """The direct children of this process, zombies included.

    Finding them takes a look at every process of the machine, some milliseconds: only if the kernel
    says that there are any.
    """
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return []
    return [child.pid for child in psutil.Process().children()]


def kill_and_reap_children(bystanders: Collection[int] = ()) -> None:
    """Kill and reap all descendants of this subreaper, except children in `bystanders`.

    Each round ends one generation, whose own children then come to us.
    """
    while ours := set(children()) - set(bystanders):
        for child in ours:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(child, signal.SIGKILL)
        for child in ours:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child, 0)
