"""Runs `check` on made-up builds whose times vary by 1 %, so that a check takes seconds and its
verdicts don't depend on the machine that the tests run on.
"""

import contextlib
import io
import os
import shlex
import subprocess
import sys
from pathlib import Path
from unittest import mock

from fakes import row, write_bench, write_foreign

from switchyard import cli
from switchyard.gate import figure
from switchyard.system.paths import ROOT

SWITCHYARD = ROOT / "scripts" / "switchyard.sh"
FIBER = "switch/fiber/via:yield/tasks:2/placement:same"
THREAD = "switch/thread/via:futex/tasks:2/placement:same"
NAMES = [FIBER, THREAD]
GLOB = ("--binaries", "bin/bench_*")


# Within 1 % of `base`, with four decimals.
_TIME = """case $name in
    {plain}
    *) exec "${{0%/*}}/../misbehaving/bin/bench_switch" "$@" ;;
  esac
  time=$((base * (990000 + SRANDOM % 20001) / 100)) time=${{time:0:-4}}.${{time: -4}}"""


def side(folder: Path, does: dict | None = None, names=NAMES, slower: dict | None = None) -> Path:
    """A build: `slower` rows take so many times as long; `does`: what else a row does, which takes
    a program in Python. As nothing is really measured, its start is dear: launches are shared.
    """
    does, slower = does or {}, slower or {}
    bases = {name: round(100 * slower.get(name, 1)) for name in names if name not in does}
    plain = [f"{shlex.quote(name)}/*) base={base} ;;" for name, base in bases.items()]
    write_foreign(
        folder / "bin/bench_switch", [f"{name}/manual_time" for name in names],
        row_code=_TIME.format(plain="\n    ".join(plain)),
    )  # fmt: skip
    if does:
        rows = {name: {"fields": {"real_time": float(base)}} for name, base in bases.items()}
        rows |= {name: {"fields": {"real_time": 100}} | more for name, more in does.items()}
        write_bench(folder / "misbehaving", [row(name) for name in names], rows)
    return folder


def run(
    *arguments, cwd=None, figures: bool = False, command: str = "check"
) -> subprocess.CompletedProcess:
    """In this very process, in which nothing has to be loaded again; what it starts is real. A
    verdict needs no `figures`, which take as long as all launches.
    """
    argv = [command, *map(str, arguments)]
    out, err = io.StringIO(), io.StringIO()
    affinity = os.sched_getaffinity(0)
    with (
        contextlib.redirect_stdout(out), contextlib.redirect_stderr(err),
        contextlib.chdir(cwd or Path.cwd()),
        mock.patch.object(sys, "argv", [str(SWITCHYARD), *argv]),
        contextlib.nullcontext() if figures else mock.patch.object(figure, "save"),
    ):  # fmt: skip
        try:
            code = cli.main()
        except SystemExit as ended:  # of argparse
            code = ended.code
        finally:
            os.sched_setaffinity(0, affinity)  # a check leaves a CPU to what it measures
    return subprocess.CompletedProcess(argv, code, out.getvalue(), err.getvalue())


def run_process(*arguments, cwd=None, shell_prefix: str = "") -> subprocess.CompletedProcess:
    """As a user does: for what a process of its own or its environment decide."""
    argv = ["bash", "-c", f'{shell_prefix} exec "$@"', "bash", SWITCHYARD, "check", *arguments]
    return subprocess.run(
        list(map(str, argv)), capture_output=True, text=True, timeout=600, check=False, cwd=cwd
    )


def compare(
    folder: Path, *arguments, baseline=None, candidate=None, run=run
) -> subprocess.CompletedProcess:
    """A check of builds made as told, in folder/out unless the arguments say otherwise."""
    a, b = side(folder / "a", **baseline or {}), side(folder / "b", **candidate or {})
    out = ("--out", folder / "out") if "--out" not in arguments else ()
    plan = ("--min-time", "0.01", "--seed", "3", *GLOB)
    return run("--baseline-build", a, "--candidate-build", b, *plan, *out, *arguments)
