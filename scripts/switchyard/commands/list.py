"""List every benchmark with a line on what it measures.

The binaries are asked, so the list is what would run, not what somebody once wrote down.
"""

import argparse
import json

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from ..suite import catalog, needs, options
from ..system.terminal import plain_console


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    options.add_build(parser)


def main(args: argparse.Namespace) -> int:
    workloads = catalog.load(options.build_of(args))
    if args.json:
        print(json.dumps([workload.document() for workload in workloads], indent=1))
        return 0
    console = plain_console()
    for workload in workloads:
        _print_workload(console, workload)
    return 0


def _print_workload(console: Console, workload: catalog.Workload) -> None:
    console.print(Text(workload.name, style="bold"))
    console.print(Text(workload.what, style="italic"))
    metric = workload.metric
    console.print(Text(f"compared by {metric.label} [{metric.unit}], {metric.better} is better"))
    for row in workload.rows:
        control = "control: " if row.control is None and _has_control(workload) else ""
        console.print(Text(f"  {row.name}  [{row.set}]{_needed(workload, row)}"), soft_wrap=True)
        console.print(Padding(Text(control + row.what, style="dim"), (0, 0, 0, 6)))
    console.print()


def _needed(workload: catalog.Workload, row: catalog.Row) -> str:
    if row.needs is None:
        return ""
    why = needs.lack(workload, row)
    return f" [needs {row.needs}{f': {why}' if why else ''}]"


def _has_control(workload: catalog.Workload) -> bool:
    return any(row.control for row in workload.rows)
