"""Runs `check` on made-up builds whose times vary by 1 %, so that a check takes seconds and its
verdicts don't depend on the machine that the tests run on.
"""

import subprocess
from pathlib import Path

from fakes import row, write_bench

from switchyard.system.paths import ROOT

SWITCHYARD = ROOT / "scripts" / "switchyard.sh"
FIBER = "switch/fiber/via:yield/tasks:2/placement:same"
THREAD = "switch/thread/via:futex/tasks:2/placement:same"
NAMES = [FIBER, THREAD]
GLOB = ("--binaries", "bin/bench_*")


def side(folder: Path, does: dict | None = None, names=NAMES, slower: dict | None = None) -> Path:
    """A build: `slower` rows take so many times as long; `does`: what else a row does."""
    noisy = "result['real_time'] *= random.uniform(0.99, 1.01)\n"
    rows = {
        name: {"fields": {"real_time": 100 * (slower or {}).get(name, 1)}, "code": noisy}
        for name in names
    }
    for name, more in (does or {}).items():
        rows[name] = rows[name] | more
    write_bench(folder, [row(name) for name in names], rows)
    return folder


def run(*arguments, cwd=None, shell_prefix: str = "") -> subprocess.CompletedProcess:
    argv = [str(SWITCHYARD), "check", *map(str, arguments)]
    if shell_prefix:
        argv = ["bash", "-c", f'{shell_prefix} exec "$@"', "bash", *argv]
    return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False, cwd=cwd)
