"""Validate our figures against other instruments: perf, wrk, GNU time, the kernel's counters."""

import argparse

from ..suite import options
from ..system.errors import BadInputError
from ..system.machine import Machine

_ROUNDS = 12
_PROGRAMS = ("bench_switch", "bench_http_fetch", "http_origin", "echo_server", "echo_load")
_EXIT_CODES = """\
exit codes: 0 all that could be compared agrees, 1 something differs, 2 bad arguments, a program
failed, or nothing could be compared, 3 something is unclear, 128 + N ended by signal N"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EXIT_CODES
    options.add_rounds(parser, f"default {_ROUNDS}", _ROUNDS)
    parser.add_argument(
        "--cpu", type=int, metavar="N",
        help="where it is measured (default: the last); a server's client runs on another",
    )  # fmt: skip


def main(args: argparse.Namespace) -> int:
    options.refuse_beyond({
        "--rounds": (args.rounds, options.MOST_ROUNDS), "--budget": (args.budget, options.A_DAY_S),
    })  # fmt: skip
    seed = options.seed_of(args)
    if not 0 <= seed < 2**63:
        raise BadInputError(f"--seed must be 0 or more, not {seed}")
    build = options.build_of(args)
    if not any((build / "bin" / name).exists() for name in _PROGRAMS):
        raise BadInputError(f"no programs in {build}/bin: build them with scripts/run.sh")
    cpus, asked = _cpus(args.cpu), options.of_command(args)
    # Statistics take a second to load: only for options that make sense.
    from ..agreement.validation import Plan, validate

    return validate(Plan(build, args.rounds, args.budget, seed, *cpus, args.out, asked))


def _cpus(wanted: int | None) -> tuple[int, int]:
    """The CPU to measure on, and one of another core, else another one, else the same."""
    machine = Machine()
    usable = machine.usable_cpus()
    cpu = usable[-1] if wanted is None else wanted
    if cpu not in usable:
        raise BadInputError(f"--cpu {cpu}: want one of {', '.join(map(str, usable))}")
    others = [other for other in usable if other != cpu]
    same_core = machine.siblings_of(cpu)
    apart = [other for other in others if other not in same_core]
    return cpu, (apart or others or [cpu])[0]
