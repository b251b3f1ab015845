"""Runs the programs as a user does."""

import subprocess

from conftest import BIN


def run(program: str, *arguments: str, **options) -> subprocess.CompletedProcess:
    argv = [str(BIN / program), *arguments]
    return subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False, **options)
