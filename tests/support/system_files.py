"""Has a program read something else in a file of /proc than what the kernel would tell."""

import subprocess
from pathlib import Path

import pytest

_MOUNT = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'


def that_reads(file: str, text: str, folder: Path) -> list[str]:
    """The beginning of a command that reads this text in the file, and nobody else does. Skips the
    test where it can't be had.
    """
    seen = folder / "seen"
    seen.write_text(f"{text}\n")
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _MOUNT, "sh",
               str(seen), file]  # fmt: skip
    try:
        done = subprocess.run(
            [*command, "cat", file], capture_output=True, text=True, timeout=300, check=False
        )
    except FileNotFoundError:
        pytest.skip("there is no unshare")
    if done.stdout != f"{text}\n":
        pytest.skip(f"no mount namespace can be made here: {done.stderr.strip()}")
    return command
