"""Shows how far a check is: which stage, how many of its pairs, how long it still takes."""

from rich.console import Console

from ..suite.progress import ProgressBar
from .model import Benchmark


class CheckProgress(ProgressBar):
    """Context manager; the stages' Watcher."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._stage = ""
        self._pairs = 0

    def stage(self, name: str, pairs: int) -> None:
        """A stage begins, of this many pairs."""
        self._stage, self._pairs = name, pairs

    def pair(self, benchmark: Benchmark, done: int, seconds_left: float | None) -> None:
        """A pair is about to be measured, after `done` others of the stage."""
        plain = f"{self._stage}: pair {done + 1} of {self._pairs}"
        self.show(self._stage, done, self._pairs, seconds_left, benchmark.key, plain)
