"""Shows how far a run is: a bar on a terminal, else a plain line now and then.

Drawn between launches only and never from a thread of its own: while a benchmark runs, the runner
sleeps.
"""

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from .catalog import Row

_PLAIN_EVERY_S = 10.0


class ProgressDisplay:
    """Context manager; a campaign's Watcher."""

    def __init__(self, launches_per_round: int, rounds: int, console: Console) -> None:
        self._per_round = launches_per_round
        self._rounds = rounds
        self._console = console
        self._last_plain = time.monotonic()
        self._bar = Progress(
            TextColumn("round {task.fields[round]}"),
            BarColumn(bar_width=20),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TextColumn("{task.fields[left]}"),
            TextColumn("{task.fields[row]}", style="dim"),
            console=console,
            auto_refresh=False,
            transient=True,
            disable=not console.is_terminal,
        )
        total = launches_per_round * rounds
        self._task = self._bar.add_task("", total=total, round=f"1/{rounds}", left="", row="")

    def __enter__(self) -> "ProgressDisplay":
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def launching(self, row: Row, round_: int, done: int, seconds_left: float | None) -> None:
        left = "" if seconds_left is None else f"about {_duration(seconds_left)} left"
        if self._console.is_terminal:
            self._bar.update(
                self._task, completed=done, round=f"{round_ + 1}/{self._rounds}",
                left=left, row=row.name,
            )  # fmt: skip
            self._bar.refresh()
        elif time.monotonic() - self._last_plain >= _PLAIN_EVERY_S:
            self._last_plain = time.monotonic()
            total = self._per_round * self._rounds
            self._console.print(
                f"round {round_ + 1} of {self._rounds}, launch {done + 1} of {total}, {left}",
                soft_wrap=True,
                highlight=False,
            )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
