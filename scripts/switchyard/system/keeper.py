"""The keeper: a fork of the runner that starts commands, waits for their ends, and no more.

It is a subreaper in a session of its own and is told by the kernel when the runner dies, so that it
can kill whatever a command left, daemons included, even after a SIGKILL of the runner. The command
in turn dies with the keeper. Of several that it runs in turn, nothing but the end of one and the
start of the next lies between two.
"""

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from typing import NoReturn, Self

from .errors import SwitchyardError
from .interrupts import SIGNALS
from .process_tree import become_subreaper, die_with_parent, kill_and_reap_children

# Where each command finds its file, whatever number it has here: what a path is long lies on the
# stack of the program, and what two are compared by shall not differ in it.
OUT = 3

Command = Sequence[str] | Callable[[], str]


class Job:
    """Context manager: a command, and the memory files that it writes to. One with a grace is told
    by SIGTERM to end before it is killed: mpirun has processes elsewhere to end as well.
    """

    grace_s = 0.0

    def __init__(self, command: Command, out_option: str) -> None:
        self.begun = time.monotonic()
        self.files = self.stdout, self.stderr, self.out = [
            os.memfd_create(name) for name in ("stdout", "stderr", "out_file")
        ]
        out = f"{out_option}/proc/self/fd/{OUT}"
        self.command = [*command, out] if out_option else command

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for fd in self.files:
            os.close(fd)

    def written(self) -> int:
        """Bytes, of the longest file."""
        return max(os.fstat(fd).st_size for fd in self.files)


def start(jobs: Sequence[Job], settle: Callable[[], None]) -> tuple[socket.socket, int]:
    """Fork the keeper; returns the socket on which it reports each end, and its pid."""
    report, report_of_keeper = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    runner = os.getpid()
    # Blocked across the fork, so that no signal falls between the two ways of handling it.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {*SIGNALS, signal.SIGCHLD})
    try:
        keeper = os.fork()
        if keeper == 0:
            report.close()
            _keep(jobs, runner, settle, report_of_keeper)
    except OSError as error:
        raise SwitchyardError(f"cannot start a process: {error.strerror} (ulimit -u?)") from None
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    report_of_keeper.close()
    return report, keeper


def _keep(
    jobs: Sequence[Job], runner: int, settle: Callable[[], None], report: socket.socket
) -> NoReturn:
    """The keeper's life: start each command, wait, clear up, report."""
    try:
        for signum in (signal.SIGTERM, signal.SIGCHLD):  # an ignored one could not be waited for
            signal.signal(signum, signal.SIG_DFL)
        os.setsid()
        become_subreaper()
        die_with_parent(runner, signal.SIGTERM)
        keeper = os.getpid()
        for each in jobs:
            started = time.monotonic()
            child = os.fork()
            if child == 0:
                _become(each, keeper, settle)
            code, switches = _wait_for(child, each.grace_s)
            wall_s = time.monotonic() - started
            kill_and_reap_children()  # another user's are left to the runner, which names them
            end = {"code": code, "wall_s": wall_s, "started_s": started, **switches}
            report.send(json.dumps(end).encode())
            if code is None:
                break
    except OSError as error:
        os.write(jobs[0].stderr, f"cannot start a process: {error.strerror}\n".encode())
    finally:
        os._exit(0)


def _wait_for(child: int, grace_s: float) -> tuple[int | None, dict[str, int]]:
    """The child's exit code or minus the signal that ended it, None if told to stop first, when it
    has had its grace; and its switches.
    """
    while signal.sigwait({signal.SIGTERM, signal.SIGCHLD}) != signal.SIGTERM:
        pid, status, usage = os.wait4(child, os.WNOHANG)
        if pid == child:
            switches = {"voluntary": usage.ru_nvcsw, "involuntary": usage.ru_nivcsw}
            return os.waitstatus_to_exitcode(status), switches
    if grace_s:
        _let_end(child, grace_s)
    return None, {}


def _let_end(child: int, grace_s: float) -> None:
    os.kill(child, signal.SIGTERM)
    end = time.monotonic() + grace_s
    while (left_s := end - time.monotonic()) > 0:
        signal.sigtimedwait({signal.SIGCHLD}, left_s)
        if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            break


def _become(job: Job, keeper: int, settle: Callable[[], None]) -> NoReturn:
    """In the forked child: detach from the terminal and turn into the command."""
    command = job.command
    try:
        os.setsid()
        die_with_parent(keeper, signal.SIGKILL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(job.stdout, 1)
        os.dup2(job.stderr, 2)
        settle()
        for signum in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores these
            signal.signal(signum, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        if callable(command):
            os.write(job.out, command().encode())
            os._exit(0)
        os.dup2(job.out, OUT)
        os.set_inheritable(OUT, True)
        os.execvp(command[0], command)
    except OSError as error:
        name = "a process" if callable(command) else command[0]
        os.write(2, f"cannot start {name}: {error.strerror}\n".encode())
    finally:
        os._exit(127)
