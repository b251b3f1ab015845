"""The command line: `switchyard.sh <run|plot|report|check|validate|merge|list|doctor>`.

One module per subcommand, each with add_arguments(parser) and main(args) -> exit code. Errors of
our own end here as one line on stderr.
"""

import argparse
from collections.abc import Sequence

from . import __version__
from .commands import check, doctor, merge, plot, report, run, validate
from .commands import list as list_command
from .system import errors

COMMANDS = {
    "run": run, "plot": plot, "report": report, "check": check, "validate": validate,
    "merge": merge, "list": list_command, "doctor": doctor,
}  # fmt: skip


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="switchyard",
        description="Compares processes, threads and coroutines on the same workloads.",
    )
    parser.add_argument("--version", action="version", version=f"switchyard {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        summary = (module.__doc__ or "").splitlines()[0].rstrip(".")
        module.add_arguments(commands.add_parser(name, help=summary, description=summary + "."))
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    try:
        return COMMANDS[args.command].main(args)
    except errors.SwitchyardError as error:
        return errors.report(error)
