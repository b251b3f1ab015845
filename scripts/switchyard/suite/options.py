"""The options that commands share, and what is recorded of those that measure in rounds."""

import argparse
import random
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..system.errors import BadInputError
from ..system.files import now
from ..system.paths import RELEASE_BUILD, recorded

# Beyond these it is a slip of the hand, and select() takes no time-out of centuries.
MOST_ROUNDS = 10_000
A_DAY_S = 86_400


def add_build(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--build", type=Path, default=RELEASE_BUILD, metavar="DIR", help="default: build/release"
    )


def build_of(args: argparse.Namespace) -> Path:
    """Raises BadInputError where none is named and there is no checkout that has one."""
    if args.build is None:
        raise BadInputError(
            f"{args.command} needs Switchyard's own benchmarks: start it in a checkout that has "
            "them built, or name a build with --build DIR"
        )
    return args.build


def add_results(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "dir", nargs="?", type=Path, metavar="DIR", help="results folder (default: the newest)"
    )


def add_rounds(parser: argparse.ArgumentParser, rounds: str, default: int | None = None) -> None:
    """What is asked of measuring in rounds; `rounds` is the help for their number."""
    parser.add_argument("--rounds", type=int, default=default, metavar="N", help=rounds)
    parser.add_argument("--budget", type=float, metavar="S", help="seconds of measuring at most")
    parser.add_argument("--seed", type=int, metavar="N", help="of the order of launches")
    parser.add_argument("--out", type=Path, metavar="DIR", help="the folder for the results")
    add_build(parser)


def refuse_beyond(most: Mapping[str, tuple[float | None, float]]) -> None:
    """By option its value and the most it may be. Raises BadInputError for one out of range."""
    for name, (value, limit) in most.items():
        if value is not None and not 0 < value <= limit:
            raise BadInputError(f"{name} must be above 0 and at most {limit}, not {value}")


def seed_of(args: argparse.Namespace) -> int:
    return args.seed if args.seed is not None else random.SystemRandom().randrange(2**31)


def of_command(args: argparse.Namespace) -> dict[str, Any]:
    """The command line, as it stands in results."""
    values = {key: recorded(v) if isinstance(v, Path) else v for key, v in vars(args).items()}
    return {"command": shlex.join(["switchyard.sh", *sys.argv[1:]]), "options": values}


def facts(asked: dict[str, Any], seed: int, rounds: int, budget_s: float | None) -> dict[str, Any]:
    """Of measuring that is about to begin; `asked` is of_command()."""
    return asked | {
        "seed": seed, "rounds_wanted": rounds, "budget_s": budget_s,
        "started_at": now(), "ended_at": None,
    }  # fmt: skip
