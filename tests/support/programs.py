"""Runs the programs as a user does."""

import json
import subprocess

from conftest import BIN


def run(program: str, *arguments: str, **options) -> subprocess.CompletedProcess:
    argv = [str(BIN / program), *arguments]
    return subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False, **options)


def may_use_io_uring() -> bool:
    """Whether this build and this machine let them."""
    if not (BIN / "bench_spawn").exists():
        return False
    return not json.loads(run("bench_spawn", "--describe").stdout)["lacks"]
