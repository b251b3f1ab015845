"""What the gevent originals share: arguments, where they run, what they used, and their figures.

They are programs of their own, by hand or started for a benchmark, which then gives --cpus and
--parent and takes one line of JSON. Errors are one line on stderr; exit code 2 for bad arguments,
1 for a failure, as for all programs of the suite.
"""

import argparse
import ctypes
import json
import os
import platform
import resource
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

import gevent
import greenlet

_PR_SET_PDEATHSIG = 1  # prctl(2)


class Parser(argparse.ArgumentParser):
    """--help, --version, one line on what is wrong, and the options that every program has."""

    def __init__(self, program: str, description: str) -> None:
        super().__init__(prog=program, description=description, allow_abbrev=False)
        self.add_argument("--version", action="version", version=f"{program}: {_versions()}")
        self.add_argument(
            "--cpus", type=_cpus, metavar="LIST", help="CPUs to run on, such as 0 or 0,2-3"
        )
        self.add_argument(
            "--parent", type=int, metavar="PID", help="end when this process, the parent, ends"
        )

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message} (see --help)\n")


def run(parser: Parser, body: Callable[[argparse.Namespace], int]) -> NoReturn:
    """Parse, settle down as --cpus and --parent ask, run `body`, and exit with its code."""
    args = parser.parse_args()
    try:
        if args.parent is not None:
            _die_with(args.parent)
        if args.cpus is not None:
            _bind_to(args.cpus, parser)
        code = body(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    except Exception as error:  # whatever it is, it ends here as one line
        print(f"{parser.prog}: error: {error or type(error).__name__}", file=sys.stderr)
        code = 1
    sys.exit(code)


def whole_number(lowest: int, highest: int | None = None) -> Callable[[str], int]:
    """A type for arguments."""
    bounds = f"of at least {lowest}" if highest is None else f"from {lowest} to {highest}"

    def parse(text: str) -> int:
        if text.isdecimal() and lowest <= int(text) and (highest is None or int(text) <= highest):
            return int(text)
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number {bounds}")

    return parse


@dataclass(frozen=True)
class Usage:
    """Of this process so far: CPU time, that of the kernel in it, switches and page faults."""

    cpu_s: float
    system_s: float
    voluntary_switches: int
    involuntary_switches: int
    page_faults: int

    @classmethod
    def now(cls) -> "Usage":
        used = resource.getrusage(resource.RUSAGE_SELF)
        return cls(
            used.ru_utime + used.ru_stime, used.ru_stime, used.ru_nvcsw, used.ru_nivcsw,
            used.ru_minflt + used.ru_majflt,
        )  # fmt: skip

    def figures_since(self) -> dict[str, float]:
        now, before = asdict(Usage.now()), asdict(self)
        return {name: now[name] - before[name] for name in before}


def print_figures(figures: dict[str, float]) -> None:
    """What a benchmark reads: one line of JSON."""
    print(json.dumps(figures), flush=True)


def pss_bytes() -> int:
    """Proportional set size of this process without unchanged pages of files (proc(5))."""
    lines = (line.split() for line in Path("/proc/self/smaps_rollup").read_text().splitlines())
    kib = {words[0]: int(words[1]) for words in lines if words[0] in ("Pss:", "Pss_File:")}
    return (kib["Pss:"] - kib["Pss_File:"]) * 1024


def raise_open_files() -> None:
    """The soft limit on open files to the hard one, without complaint."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _versions() -> str:
    return (
        f"gevent {gevent.__version__}, greenlet {greenlet.__version__}, "
        f"Python {platform.python_version()}"
    )


def _cpus(text: str) -> set[int]:
    """ "0,2-3" as {0, 2, 3}."""
    cpus: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        try:
            some = range(int(first), int(last or first) + 1)
        except ValueError:
            raise argparse.ArgumentTypeError(f"'{part}' is no CPU number or range") from None
        if not some:
            raise argparse.ArgumentTypeError(f"'{part}' runs backwards")
        cpus.update(some)
    return cpus


def _bind_to(cpus: set[int], parser: Parser) -> None:
    try:
        os.sched_setaffinity(0, cpus)
        missing = cpus - os.sched_getaffinity(0)
    except (OSError, OverflowError):
        missing = cpus
    if missing:
        parser.error(f"CPU {min(missing)} can't be used: it is offline, absent or not for us")


def _die_with(parent: int) -> None:
    # Not SIGTERM, which a server that has been stopped would not see.
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "ask for a signal at the parent's end")
    if os.getppid() != parent:
        raise RuntimeError("the parent has ended already")
