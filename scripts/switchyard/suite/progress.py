"""Shows how far a run is: a bar on a terminal that can draw one, else a plain line now and then.

Drawn between launches only and never from a thread of its own: while a benchmark runs, the runner
sleeps.
"""

import time
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from .rounds import Turn

_PLAIN_EVERY_S = 10.0


class ProgressBar:
    """Context manager: a bar with words on both of its sides, or plain lines."""

    def __init__(self, console: Console, total: int = 0) -> None:
        self._console, self._total = console, total
        # A dumb terminal (a shell in an editor, a CI's log) can't take a line back.
        self._moves = console.is_terminal and not console.is_dumb_terminal
        self._last_plain = time.monotonic() - 0.7 * _PLAIN_EVERY_S  # the first comes sooner
        self._bar = Progress(
            TextColumn("{task.fields[phase]}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TextColumn("{task.fields[left]}"),
            TextColumn("{task.fields[what]}", style="dim", markup=False),
            console=console,
            auto_refresh=False,
            transient=True,
            disable=not self._moves,
        )
        self._task = self._bar.add_task("", total=total, phase="", left="", what="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(
        self, phase: str, done: int, total: int, seconds_left: float | None, what: str, plain: str
    ) -> None:
        """`phase` and `what` stand before and behind the bar; `plain` is the line without one."""
        left = "" if seconds_left is None else f"about {_duration(seconds_left)} left"
        if self._moves:
            self._bar.update(
                self._task, completed=done, total=total, phase=phase, left=left, what=what
            )
            self._bar.refresh()
        elif time.monotonic() - self._last_plain >= _PLAIN_EVERY_S:
            self._last_plain = time.monotonic()
            line = ", ".join(part for part in (plain, left) if part)
            self._console.print(line, soft_wrap=True)


class ProgressDisplay(ProgressBar):
    """A campaign's Watcher."""

    def __init__(self, launches_per_round: int, rounds: int, console: Console) -> None:
        super().__init__(console, launches_per_round * rounds)
        self._rounds = rounds

    def launching(self, turn: Turn) -> None:
        plain = f"round {turn.round + 1} of {self._rounds}, launch {turn.done + 1} of {self._total}"
        phase = f"round {turn.round + 1}/{self._rounds}"
        self.show(phase, turn.done, self._total, turn.seconds_left(), turn.item, plain)

    def counting(self, name: str) -> None:
        """A launch that counts hardware events, after all rounds."""
        plain = f"counting hardware events of {name}"
        self.show("counting", self._total, self._total, None, name, plain)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
