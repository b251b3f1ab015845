"""Runs one command to its end, or to its time-out, and leaves no process of it behind.

Between the runner and the command stands a keeper: a fork of the runner that does nothing but
wait. It is a subreaper in a session of its own and is told by the kernel when the runner dies, so
that it can kill whatever the command left, daemons included, even after a SIGKILL of the runner.
The command in turn dies with the keeper. Output goes to memory files: no pipe can fill up, and
nothing stays on disk.
"""

import functools
import json
import os
import select
import signal
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple, NoReturn

from .errors import SwitchyardError
from .interrupts import SIGNALS, Interrupts
from .process_tree import become_subreaper, children, die_with_parent, kill_and_reap_children

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
# How often a launch is looked at for what it has written, and how many bytes are too much.
_LOOK_S = 0.05
_MOST_OUTPUT = 1 << 28


@dataclass(frozen=True)
class Outcome:
    """How a launch ended. `code` is its exit code, or minus the signal that ended it; `voluntary`
    and `involuntary` count the kernel's switches away from it and from those of its children that
    it reaped: because it waited, and because the kernel forced it. `timed_out` and `flooded` say
    that we ended it: for the time that it took, or for printing without end.
    """

    code: int | None
    wall_s: float
    stdout: str
    stderr: str
    out_file: str
    timed_out: bool = False
    flooded: bool = False
    voluntary: int = 0
    involuntary: int = 0

    @property
    def was_killed(self) -> bool:
        """By us or by a signal, so that it had no say in how it ended."""
        return self.timed_out or self.flooded or self.code is None or self.code < 0

    @property
    def ending(self) -> str:
        """In words, for an error message."""
        if self.timed_out:
            return f"killed after {self.wall_s:.0f} s: time-out"
        if self.flooded:
            return f"killed after {self.wall_s:.0f} s: it prints without end"
        if self.code is None:
            return "ended together with its keeper"
        if self.code < 0:
            is_named = -self.code in list(signal.Signals)
            name = signal.Signals(-self.code).name if is_named else f"signal {-self.code}"
            return f"ended by {name}"
        return f"exit code {self.code}"


class _Files(NamedTuple):
    """The memory files that a launch writes to."""

    stdout: int
    stderr: int
    out: int


Command = Sequence[str] | Callable[[], str]


def launch(
    command: Command,
    timeout_s: float,
    interrupts: Interrupts | None = None,
    out_option: str = "",
    cpu: int | None = None,
    batch: bool = False,
    without: Collection[str] = GOOGLE_BENCHMARK_VARIABLES,
    most_output: int = _MOST_OUTPUT,
) -> Outcome:
    """Run `command`; `out_option`, when given, is passed on with a file to write to behind it. A
    function is called in a fork of ours, and what it returns is in that file. With `cpu` the
    command may use that CPU only, and `batch` has it scheduled as SCHED_BATCH. It has our
    environment `without` these variables, and is ended when it has written more than `most_output`.
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
    ended: dict[str, bool] = {}
    try:
        ended = _wait_for_end(waiting_for, timeout_s, files, most_output)
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
    stdout, stderr, out_file = (_read_and_close(fd, most_output) for fd in files)
    end = json.loads(ending) if ending else {"code": None, "wall_s": time.monotonic() - started}
    if interrupts:
        interrupts.stop_if_any()
    return Outcome(**end, **ended, stdout=stdout, stderr=stderr, out_file=out_file)


def _wait_for_end(
    readers: list, timeout_s: float, files: Collection[int], most_output: int
) -> dict[str, bool]:
    """Until a reader has something to say; else why it is to be ended, as Outcome has it. Looked at
    and not limited by RLIMIT_FSIZE, which would hit the files that a program writes for itself.
    """
    deadline = time.monotonic() + timeout_s
    while not _wait(readers, min(_LOOK_S, deadline - time.monotonic())):
        if max(os.fstat(fd).st_size for fd in files) > most_output:
            return {"flooded": True}
        if time.monotonic() >= deadline:
            return {"timed_out": True}
    return {}


def _read_and_close(fd: int, most: int) -> str:
    """Its first bytes, `most` at most."""
    text = os.pread(fd, min(os.fstat(fd).st_size, most), 0)
    os.close(fd)
    return text.decode(errors="replace")


def _wait(readers: list, timeout_s: float) -> list:
    return select.select(readers, [], [], max(timeout_s, 0))[0]


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
