"""SIGINT, SIGTERM and SIGHUP as a state to look at, not as an exception out of nowhere.

While results are being measured a signal must never land in the middle of a write. The handler
only notes it; a wait in select() wakes through the file descriptor, and the runner stops where it
chooses.
"""

import os
import signal
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):  # noqa: N818 (not an error)
    """A signal came: what was under way counts for nothing. As text it says so to the user."""

    def __init__(self, signum: int) -> None:
        name = signal.Signals(signum).name
        super().__init__(f"interrupted by {name}: all processes are ended")
        self.signum = signum
        self.exit_code = 128 + signum


class Interrupts:
    """Context manager; `signum` is the first signal that came, or None. Ignored ones stay so."""

    def __init__(self) -> None:
        self.signum: int | None = None
        self._previous: dict[int, object] = {}

    def __enter__(self) -> "Interrupts":
        self._read, self._write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._previous_wakeup = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for signum in SIGNALS:
            # Somebody wants it to have no effect: nohup, or a shell that put us in the background.
            if signal.getsignal(signum) == signal.SIG_IGN:
                continue
            self._previous[signum] = signal.signal(signum, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for signum, handler in self._previous.items():
            signal.signal(signum, handler)
        signal.set_wakeup_fd(self._previous_wakeup)
        os.close(self._read)
        os.close(self._write)

    def fileno(self) -> int:
        """Readable once a signal has come."""
        return self._read

    def stop_if_any(self) -> None:
        """Raises Interrupted once a signal has come."""
        if self.signum:
            raise Interrupted(self.signum)

    def _note(self, signum: int, frame: FrameType | None) -> None:
        self.signum = self.signum or signum
