"""Standard streams that can neither be missing nor stop a run.

With a stream closed (`>&-`) the next file opened would get its number and be written to by chance,
so /dev/null takes the free numbers. A reader that went away (`| head`) or a full disk must cost
nothing but the text: writes that fail are dropped, and the first error is kept for the end. What
the locale has no letter for becomes a question mark.
"""

import io
import os
import sys
from typing import TextIO


class LenientFile(io.FileIO):
    """Drops everything from the first failed write on; `error` is that failure, or None."""

    error: OSError | None = None

    def write(self, data: bytes) -> int | None:
        if self.error is None:
            try:
                return super().write(data)
            except OSError as error:
                self.error = error
        return len(data)


def make_safe() -> LenientFile:
    """Fill the free ones of 0 to 2, replace sys.stdout and sys.stderr; returns stdout's file."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(fd, True)
    os.close(fd)
    stdout = LenientFile(1, "w", closefd=False)
    sys.stdout = _text(stdout, sys.stdout)
    sys.stderr = _text(LenientFile(2, "w", closefd=False), sys.stderr, line_buffering=True)
    return stdout


def _text(file: LenientFile, before: TextIO | None, line_buffering: bool = False) -> TextIO:
    errors = before.errors if before else "backslashreplace"
    return io.TextIOWrapper(
        io.BufferedWriter(file),
        encoding=before.encoding if before else None,
        errors="replace" if errors == "strict" else errors,
        line_buffering=line_buffering or file.isatty(),
    )
