"""Compare results folders: several machines, kernels, compilers or commits side by side.

First what differs in their environments, then a table for each workload, with the ratio to the
first folder and its 95 % interval; rows that one of them lacks are named.
"""

import argparse
from pathlib import Path

from rich.text import Text

from ..system import packages
from ..system.errors import BadInputError
from ..system.terminal import stdout_console

_LONGEST = 60  # of a fact


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dirs", nargs="+", type=Path, metavar="DIR", help="results folders")
    parser.add_argument("--plot", type=Path, metavar="DIR", help="draw a figure per workload there")


def main(args: argparse.Namespace) -> int:
    return _compare(args.dirs, args.plot)


def _compare(paths: list[Path], plots: Path | None) -> int:
    packages.need("pictures")
    # Only here: loading scipy takes longer than the other commands.
    from ..compare.side_by_side import side_by_side
    from ..compare.terminal import print_table

    found, console = side_by_side(paths), stdout_console()
    console.print(Text(f"compared: {', '.join(found.names)}", style="bold"))
    for name, texts in found.environments().items():
        told = " | ".join(t if len(t) <= _LONGEST else f"{t[:_LONGEST]}..." for t in texts)
        console.print(Text(f"  {name}: {told}"), soft_wrap=True)
    for workload in found.workloads():
        print_table(console, workload, found.table(workload), has_room=True)
    if plots:
        _draw(found, plots)
    return 0


def _draw(found: object, plots: Path) -> None:
    from ..compare import drawing

    drawing.use_style()
    figures = {workload: found.figure(workload) for workload in found.workloads()}
    caption = f"In times of {found.names[0]}; bars: 95 % intervals of 3 or more independent rounds."
    try:
        plots.mkdir(parents=True, exist_ok=True)
        for workload, figure in figures.items():
            if figure:
                drawing.save(figure, caption, plots, f"compare_{workload}")
    except OSError as error:
        raise BadInputError(f"cannot write to {plots}: {error.strerror}") from None
    print(f"plots: {sum(map(bool, figures.values()))} figures in {plots}")
