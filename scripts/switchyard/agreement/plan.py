"""What a validation was asked for, and where on the machine it is measured."""

import argparse
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..system.errors import BadInputError
from ..system.machine import Machine
from ..system.paths import RELEASE_BUILD, recorded

ROUNDS = 12
_MOST_ROUNDS = 1_000
_A_DAY_S = 86_400
_PROGRAMS = ("bench_switch", "bench_http_fetch", "http_origin", "echo_server", "echo_load")
_EXIT_CODES = """\
exit codes: 0 all that could be compared agrees, 1 something differs, 2 bad arguments, a program
failed, or nothing could be compared, 3 something is unclear, 128 + N ended by signal N"""


@dataclass(frozen=True)
class Plan:
    """`cpu` is where it is measured, `other_cpu` where a server's client is; `options` is all
    of the command line, as it stands in the results.
    """

    build: Path
    rounds: int
    budget_s: float | None
    seed: int
    cpu: int
    other_cpu: int
    out: Path | None = None
    options: dict[str, Any] = field(default_factory=dict)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EXIT_CODES
    parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="N", help=f"default {ROUNDS}")
    parser.add_argument("--budget", type=float, metavar="S", help="seconds of measuring at most")
    parser.add_argument(
        "--cpu", type=int, metavar="N",
        help="where it is measured (default: the last); a server's client runs on another",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, metavar="N", help="of the order of launches")
    parser.add_argument("--out", type=Path, metavar="DIR", help="the folder for the results")
    parser.add_argument(
        "--build", type=Path, default=RELEASE_BUILD, metavar="DIR", help="default: build/release"
    )


def plan(args: argparse.Namespace, machine: Machine) -> Plan:
    """Raises BadInputError."""
    for name, value, most in (
        ("--rounds", args.rounds, _MOST_ROUNDS), ("--budget", args.budget, _A_DAY_S),
    ):  # fmt: skip
        if value is not None and not 0 < value <= most:
            raise BadInputError(f"{name} must be above 0 and at most {most}, not {value}")
    if args.seed is not None and not 0 <= args.seed < 2**63:
        raise BadInputError(f"--seed must be 0 or more, not {args.seed}")
    if not any((args.build / "bin" / name).exists() for name in _PROGRAMS):
        raise BadInputError(f"no programs in {args.build}/bin: build them with scripts/run.sh")
    seed = random.SystemRandom().randrange(2**31) if args.seed is None else args.seed
    options = {k: recorded(v) if isinstance(v, Path) else v for k, v in vars(args).items()}
    cpus = _cpus(args.cpu, machine)
    return Plan(args.build, args.rounds, args.budget, seed, *cpus, args.out, options)


def _cpus(wanted: int | None, machine: Machine) -> tuple[int, int]:
    """The CPU to measure on, and one of another core, else another one, else the same."""
    usable = machine.usable_cpus()
    cpu = usable[-1] if wanted is None else wanted
    if cpu not in usable:
        raise BadInputError(f"--cpu {cpu}: want one of {', '.join(map(str, usable))}")
    others = [other for other in usable if other != cpu]
    same_core = machine.siblings_of(cpu)
    apart = [other for other in others if other not in same_core]
    return cpu, (apart or others or [cpu])[0]
