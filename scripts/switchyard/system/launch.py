"""Runs commands to their ends, or to a time-out, and leaves no process of theirs behind.

Between the runner and the commands stands a keeper (keeper.py). Output goes to memory files: no
pipe can fill up, and nothing stays on disk.
"""

import contextlib
import functools
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

from . import keeper
from .interrupts import Interrupts
from .keeper import Command, Job
from .process_tree import become_subreaper, children, kill_and_reap_children
from .surroundings import GOOGLE_BENCHMARK_VARIABLES, settle_in

_KEEPER_GRACE_S = 5.0
_TELL_EVERY_S = 60.0
_MOST_OF_A_REPORT = 4096
# How many bytes of output are too much; and how often a launch is looked at for them: hardly ever,
# as we sleep while a benchmark runs, but where less is too much.
_MOST_OUTPUT = 1 << 28
_LOOK_S, _LOOK_CLOSELY_S = 2.0, 0.05


@dataclass(frozen=True)
class Outcome:
    """How a launch ended. `code` is its exit code, or minus the signal that ended it; `voluntary`
    and `involuntary` count the kernel's switches away from it and from those of its children that
    it reaped: because it waited, and because the kernel forced it; started_s: by the monotonic
    clock. `timed_out` and `flooded` say that we ended it: for the time that it took, or for
    printing without end.
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
    started_s: float = 0.0

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

    @property
    def complaint(self) -> str:
        """All that it said on stderr, on one line."""
        return " ".join(self.stderr.split()) or self.ending


Tell = Callable[[float], None]


class Watch(Protocol):
    """Looks after a launch while it runs."""

    def until_end(self, each: Job, report: socket.socket) -> dict[str, bool]:
        """Until the keeper reports, or it is to be ended: then why, as Outcome has it."""


@dataclass(frozen=True)
class _Limits:
    """What launches may take, and who is told of those that take long."""

    interrupts: Interrupts | None
    timeout_s: float
    most_output: int
    tell: Tell

    def until_end(self, each: Job, report: socket.socket) -> dict[str, bool]:
        """Until the keeper reports, or a signal has come; else why it is to be ended, as Outcome
        has it. Looked at and not limited by RLIMIT_FSIZE, which would hit a program's own files.
        """
        readers = [report, *([self.interrupts] if self.interrupts else [])]
        look_s = _LOOK_S if self.most_output >= _MOST_OUTPUT else _LOOK_CLOSELY_S
        begun, told_s = time.monotonic(), 0.0
        while True:
            waited_s = time.monotonic() - begun
            if _wait(readers, min(look_s, _TELL_EVERY_S, self.timeout_s - waited_s)):
                return {}
            if each.written() > self.most_output:
                return {"flooded": True}
            waited_s = time.monotonic() - begun
            if waited_s >= self.timeout_s:
                return {"timed_out": True}
            if waited_s >= told_s + _TELL_EVERY_S:
                told_s = waited_s
                self.tell(waited_s)


def launch(command: Command, timeout_s: float, *arguments: Any, **options: Any) -> Outcome:  # noqa: ANN401
    """The outcome of one command; the rest as for launch_in_turn()."""
    return launch_in_turn([command], timeout_s, *arguments, **options)[0]


def launch_in_turn(
    commands: Sequence[Command],
    timeout_s: float,
    interrupts: Interrupts | None = None,
    out_option: str = "",
    cpu: int | None = None,
    batch: bool = False,
    without: Collection[str] = GOOGLE_BENCHMARK_VARIABLES,
    variables: Mapping[str, str] = MappingProxyType({}),
    most_output: int = _MOST_OUTPUT,
    tell: Tell = lambda _: None,
) -> list[Outcome]:
    """Run each command when the one before is gone; `out_option`, when given, is passed on with a
    file to write to behind it. A function is called in a fork of ours, and what it returns is in
    that file. With `cpu` commands may use that CPU only, and `batch` has them scheduled as
    SCHED_BATCH. They have our environment `without` some variables and with others. One that has
    written more than `most_output` is ended. Each minute of one that runs we `tell` for how many
    seconds it has. Raises Interrupted once a signal has come, and SwitchyardError if no process can
    be started.
    """
    settle = functools.partial(settle_in, cpu, batch, without, variables)
    outcomes: list[Outcome] = []
    while rest := commands[len(outcomes) :]:  # again after one that took too long
        with contextlib.ExitStack() as stack:
            launches = [stack.enter_context(Job(command, out_option)) for command in rest]
            watch = _Limits(interrupts, timeout_s, most_output, tell)
            ends = until_ended(launches, settle, watch)
            outcomes += [
                _outcome(each, *end, most_output) for each, end in zip(launches, ends, strict=False)
            ]
        if interrupts:
            interrupts.stop_if_any()
    return outcomes


def _outcome(of: Job, told: bytes, killed: Mapping[str, bool], most_output: int) -> Outcome:
    """`told` by the keeper at its end; nothing if that was killed."""
    end = json.loads(told or b'{"code": null}')
    end.setdefault("wall_s", time.monotonic() - of.begun)
    stdout, stderr, out_file = (_read(fd, most_output) for fd in of.files)
    return Outcome(**end, stdout=stdout, stderr=stderr, out_file=out_file, **killed)


def until_ended(
    launches: Sequence[Job],
    settle: Callable[[], None],
    watch: Watch,
) -> list[tuple[bytes, dict[str, bool]]]:
    """What the keeper told of each, and why we ended it, until we ended one."""
    become_subreaper()
    # A shell that exec()ed us may have left us children of its own.
    bystanders = children()
    report, pid = keeper.start(launches, settle)
    ends: list[tuple[bytes, dict[str, bool]]] = []
    try:
        while len(ends) < len(launches):
            killed = watch.until_end(launches[len(ends)], report)
            is_last = not _wait([report], 0)
            if is_last:
                os.kill(pid, signal.SIGTERM)
            told = report.recv(_MOST_OF_A_REPORT) if _wait([report], _KEEPER_GRACE_S) else b""
            ends.append((told, killed))
            if is_last or not told:
                break
    finally:
        # Also on KeyboardInterrupt: the keeper may not outlive this call.
        if len(ends) < len(launches):
            os.kill(pid, signal.SIGTERM)
        _end(pid, report)
        for foreign in kill_and_reap_children(bystanders):
            line = f"switchyard: PID {foreign} can't be ended: it is another user's"
            print(line, file=sys.stderr)
    return ends


def _end(pid: int, report: socket.socket) -> None:
    """Reap it, by force if it does not go by itself."""
    while _wait([report], _KEEPER_GRACE_S):
        if not report.recv(_MOST_OF_A_REPORT):
            break
    else:
        os.kill(pid, signal.SIGKILL)
    report.close()
    os.waitpid(pid, 0)


def _read(fd: int, most: int) -> str:
    """Its first bytes, `most` at most."""
    return os.pread(fd, min(os.fstat(fd).st_size, most), 0).decode(errors="replace")


def _wait(readers: list, timeout_s: float) -> list:
    return select.select(readers, [], [], max(timeout_s, 0))[0]
