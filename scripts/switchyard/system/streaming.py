"""Runs a command as launch.py does, and hands on what it prints line by line, as it comes.

For a command that a user watches, or that prints for longer than it should be kept. Between us and
the command are pipes in place of memory files: what is in them is read until the very end.
"""

import contextlib
import functools
import json
import os
import select
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from .interrupts import Interrupts
from .keeper import Job
from .launch import Outcome, until_ended
from .surroundings import settle_in

STDOUT, STDERR = 1, 2
_AT_ONCE = 1 << 16

# Gets STDOUT or STDERR, and a line with its end.
OnLine = Callable[[int, str], None]


class _PipedJob(Job):
    """Context manager: a command whose output we read while it runs."""

    def __init__(self, command: Sequence[str], grace_s: float) -> None:
        self.begun = time.monotonic()
        self.command, self.grace_s = command, grace_s
        pipes = [os.pipe2(os.O_CLOEXEC) for _ in (STDOUT, STDERR)]
        self.ours = [ours for ours, _ in pipes]
        for ours in self.ours:
            os.set_blocking(ours, False)
        self.out = os.open(os.devnull, os.O_WRONLY)
        self.stdout, self.stderr = (theirs for _, theirs in pipes)
        self.files = [*self.ours, self.stdout, self.stderr, self.out]


@dataclass
class _Lines:
    """Hands on whole lines while it waits; what has no end yet is kept."""

    job: _PipedJob
    interrupts: Interrupts
    on_line: OnLine
    has_begun: Callable[[], bool]
    start_s: float
    unended: dict[int, bytes] = field(default_factory=lambda: {STDOUT: b"", STDERR: b""})

    def until_end(self, each: Job, report: socket.socket) -> dict[str, bool]:
        while True:
            left_s = None if self.has_begun() else self.job.begun + self.start_s - time.monotonic()
            if left_s is not None and left_s <= 0:
                return {"timed_out": True}
            ready, _, _ = select.select([*self.job.ours, report, self.interrupts], [], [], left_s)
            if report in ready or self.interrupts in ready:
                return {}
            self.read()

    def read(self) -> None:
        for stream, pipe in zip(self.unended, self.job.ours, strict=True):
            with contextlib.suppress(BlockingIOError):
                while more := os.read(pipe, _AT_ONCE):
                    *whole, self.unended[stream] = (self.unended[stream] + more).split(b"\n")
                    for line in whole:
                        self.on_line(stream, line.decode(errors="replace") + "\n")

    def finish(self) -> None:
        self.read()
        for stream, rest in self.unended.items():
            if rest:
                self.on_line(stream, rest.decode(errors="replace") + "\n")


def stream(
    command: Sequence[str],
    interrupts: Interrupts,
    on_line: OnLine,
    variables: Mapping[str, str],
    grace_s: float,
    has_begun: Callable[[], bool],
    start_s: float,
) -> Outcome:
    """Run it, with these variables beside ours, until it has ended and all below it are gone. After
    a signal, or where it has not begun by its lines within `start_s` (then it timed out), it is
    told to end and has `grace_s` to do so; after a signal Interrupted is raised. Raises
    SwitchyardError if no process can be started. The outcome is without its output.
    """
    settle = functools.partial(settle_in, None, False, (), variables)
    with _PipedJob(command, grace_s) as job:
        lines = _Lines(job, interrupts, on_line, has_begun, start_s)
        ((told, killed),) = until_ended([job], settle, lines)
        lines.finish()
        end = {"wall_s": time.monotonic() - job.begun} | json.loads(told or b'{"code": null}')
    interrupts.stop_if_any()
    return Outcome(**end, **killed, stdout="", stderr="", out_file="")
