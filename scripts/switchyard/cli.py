"""The command line: `switchyard <run|plot|report|compare|check|bisect|...>`, all in COMMANDS.

One module of commands/ per subcommand, each with add_arguments(parser) and main(args) -> exit code.
Only the one that is asked for is loaded: all of them together take longer than most of them run.
Errors of our own end here as one line on stderr.
"""

import argparse
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType

from . import __version__
from .system import errors

# Each with the first line of its module.
COMMANDS = {
    "run": "Measure: run the benchmarks in shuffled rounds, keep the results, print the comparison",
    "plot": "Draw the figures of a results folder, as PNG and SVG",
    "report": "Write what a results folder holds as one HTML file that needs nothing but itself",
    "compare": "Compare results folders: several machines, kernels, compilers or commits side by "
    "side",
    "check": "Check whether the candidate is slower than the baseline; the exit code says",
    "bisect": "Find the commit that made a benchmark slower; nothing of the repository is touched",
    "validate": "Validate our figures against other instruments: perf, wrk, GNU time, the kernel's "
    "counters",
    "merge": "Add up latency histograms of several load generators or runs: percentiles of "
    "the whole",
    "load": "Load an echo server from several machines at once: one result, one histogram",
    "list": "List every benchmark with a line on what it measures",
    "doctor": "Tell what in this machine's state spoils or limits a run, and what to do about it",
}


class _Subcommand(argparse.ArgumentParser):
    """Asks its module for the arguments when it has some to parse, and not before. What is behind
    -- are the `arguments` of programs, for a command that has a default for these.
    """

    command = ""

    def parse_known_args(
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        _module(self.command).add_arguments(self)
        args, behind = list(args or ()), []
        if "--" in args and self.get_default("arguments") is not None:
            place = args.index("--")
            args, behind = args[:place], args[place + 1 :]
        known, unknown = super().parse_known_args(args, namespace)
        if behind:
            known.arguments = behind
        return known, unknown


def _module(command: str) -> ModuleType:
    return import_module(f".commands.{command}", __package__)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="switchyard",
        description="Compares processes, threads and coroutines on the same workloads.",
    )
    parser.add_argument("--version", action="version", version=f"switchyard {__version__}")
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", parser_class=_Subcommand
    )
    for name, summary in COMMANDS.items():
        commands.add_parser(name, help=summary, description=summary + ".").command = name
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    try:
        return _module(args.command).main(args)
    except errors.SwitchyardError as error:
        code = errors.report(error)
    # A path that the user gave: below a folder that is closed to us, too long, gone, in a circle.
    except OSError as error:
        if not error.filename:
            raise
        code = errors.report(errors.BadInputError(f"{error.filename}: {error.strerror}"))
    return 2 if args.command in errors.VERDICTS else code
