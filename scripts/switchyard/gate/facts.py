"""What a check says of itself: its two sides, its machine, how to repeat it, where it is kept."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import __version__
from ..suite import environment
from ..system.files import now, now_in_names
from ..system.machine import Machine
from ..system.paths import RESULTS
from .model import Report
from .prepare import Prepared


def collect(prepared: Prepared, machine: Machine) -> dict[str, Any]:
    return {
        "switchyard": __version__,
        "command": command(sys.argv[1:]),
        "started_at": now(),
        "sides": {
            side.label: {
                "what": side.what, "sha": side.sha, "dirty": side.dirty,
                "build": environment.build_info(side.root),
            }
            for side in prepared.sides
        },
        "identical": prepared.identical,
        "machine": environment.machine_facts(machine),
    }  # fmt: skip


def command(arguments: Sequence[str]) -> str:
    """To repeat it: without --out, whose folder is taken."""
    kept, skip = [], False
    for argument in arguments:
        if not skip and argument != "--out" and not argument.startswith("--out="):
            kept.append(argument)
        skip = argument == "--out" and not skip
    return shlex.join(["scripts/switchyard.sh", *kept])


def announcement(report: Report, prepared: Prepared, folder: Path) -> str:
    """Before the first launch: what is compared with what, and how."""
    plan = report.plan
    changed = ", with changes that are not committed"
    lines = [f"{side.label}: {side.what}{changed if side.dirty else ''}" for side in prepared.sides]
    where = "free to move" if plan.cpu is None else f"bound to CPU {plan.cpu}"
    count = len(prepared.benchmarks)
    lines += [
        f"{count} benchmark{'s'[: count != 1]}, at most {plan.budget_s:g} s of measuring, "
        f"launches {where}, seed {plan.seed}",
        *(f"note: {problem}" for problem in prepared.problems),
        *(f"note: {finding.benchmark.key}: {finding.why}" for finding in prepared.settled),
        f"check: {folder}",
    ]
    return "\n".join(lines)


def new_folder(prepared: Prepared) -> Path:
    """Sorts by time; says what was compared. Not there yet."""
    names = "-vs-".join(side.sha[:7] if side.sha else side.label for side in prepared.sides[::-1])
    first = RESULTS / "checks" / f"{now_in_names()}-{names}"
    folder, number = first, 1
    while folder.exists():
        number += 1
        folder = first.with_name(f"{first.name}-{number}")
    return folder
