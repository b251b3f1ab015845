"""SIGINT, SIGTERM, SIGHUP and a deadline as a state to look at, not as an exception out of nowhere.

While results are being measured a signal must never land in the middle of a write. The handler
only notes it; a wait in select() wakes through the file descriptor, and the runner stops where it
chooses. The end of the time that there is comes as a signal too, and ends what runs just as well.
"""

import math
import os
import signal
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_OUT_OF_TIME = signal.SIGALRM


class Interrupted(Exception):  # noqa: N818 (not an error)
    """A signal came: what was under way counts for nothing. As text it says so to the user.
    is_deadline: nobody sent it, the time is over.
    """

    def __init__(self, signum: int) -> None:
        self.signum = signum
        self.is_deadline = signum == _OUT_OF_TIME
        name = signal.Signals(signum).name
        why = "the deadline is over" if self.is_deadline else f"interrupted by {name}"
        super().__init__(f"{why}: all processes are ended")
        self.exit_code = 2 if self.is_deadline else 128 + signum


class Interrupts:
    """Context manager; `signum` is the first signal that came, or None. Ignored ones stay so.
    deadline_s: how much time there is from its beginning, None for any.
    """

    def __init__(self, deadline_s: float | None = None) -> None:
        self.signum: int | None = None
        self._deadline_s = deadline_s
        self._previous: dict[int, object] = {}

    def __enter__(self) -> "Interrupts":
        self._read, self._write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._previous_wakeup = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for signum in SIGNALS:
            # Somebody wants it to have no effect: nohup, or a shell that put us in the background.
            if signal.getsignal(signum) == signal.SIG_IGN:
                continue
            self._previous[signum] = signal.signal(signum, self._note)
        if self._deadline_s is not None:
            self._previous[_OUT_OF_TIME] = signal.signal(_OUT_OF_TIME, self._note)
            signal.setitimer(signal.ITIMER_REAL, self._deadline_s)  # no child inherits it
        return self

    def __exit__(self, *_: object) -> None:
        if self._deadline_s is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for signum, handler in self._previous.items():
            signal.signal(signum, handler)
        signal.set_wakeup_fd(self._previous_wakeup)
        os.close(self._read)
        os.close(self._write)

    def fileno(self) -> int:
        """Readable once a signal has come."""
        return self._read

    @property
    def left_s(self) -> float:
        """Until the deadline."""
        return math.inf if self._deadline_s is None else signal.getitimer(signal.ITIMER_REAL)[0]

    def stop_if_any(self) -> None:
        """Raises Interrupted once a signal has come."""
        if self.signum:
            raise Interrupted(self.signum)

    def _note(self, signum: int, frame: FrameType | None) -> None:
        self.signum = self.signum or signum
