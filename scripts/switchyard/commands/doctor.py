"""Tell what in this machine's state spoils or limits a run, and what to do about it.

What is looked at is in suite/readiness.py; here it is printed. Exit code 1 only when a run is
impossible.
"""

import argparse

from rich.text import Text

from ..suite import options
from ..suite.findings import LIMIT, OK, WARN
from ..suite.readiness import examine
from ..system.machine import Machine
from ..system.terminal import plain_console

_COLOURS = {OK: "green", WARN: "yellow", LIMIT: "red"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    options.add_build(parser)


def main(args: argparse.Namespace) -> int:
    console = plain_console()
    findings = list(examine(Machine(), args.build))
    for finding in findings:
        line = Text(f"{finding.level:<5} ", style=_COLOURS[finding.level])
        line.append(f"{finding.subject}: {finding.what}", style="default")
        console.print(line)
        if finding.advice:
            console.print(Text(f"      {finding.advice}", style="dim"))
    fatal = [finding for finding in findings if finding.fatal]
    for finding in fatal:
        console.print(Text(f"A run is impossible: {finding.subject}: {finding.what}", style="bold"))
    return 1 if fatal else 0
