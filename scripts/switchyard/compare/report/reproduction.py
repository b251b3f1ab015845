"""The commands that measure a run, a workload or a single row of it again.

Rounds, seed and minimum time are those of the run; --full and --smoke beside them only choose rows,
and --full lets one of either set be named.
"""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from ...suite.catalog import Row
from ...suite.results import ResultsFolder, WorkloadResults

# As it is recorded where it is not named.
_USUAL_BUILD = "build/release"


@dataclass(frozen=True)
class Recipe:
    """Command lines. `code`: how to get at the build; `whole`: the run; and each workload, itself
    and its rows.
    """

    code: list[str]
    whole: str
    workloads: dict[str, tuple[str, list[tuple[Row, str]]]]


def recipe_of(folder: ResultsFolder, workloads: list[WorkloadResults]) -> Recipe:
    run = folder.environment.get("run") or {}
    options = run.get("options") or {}
    most = max((len({r.round for r in kept.records()}) for kept in workloads), default=1)
    min_time, build = run.get("min_time_s"), options.get("build")
    same = {
        "rounds": run.get("rounds_done") or most,
        "seed": run.get("seed"),
        "min-time": None if min_time is None else f"{min_time:g}",
        "build": None if build == _USUAL_BUILD else build,
    }

    def again(size: Sequence[str], **choice: str | None) -> str:
        """A line with the options that have a value."""
        told = [(f"--{key}", str(v)) for key, v in (choice | same).items() if v is not None]
        return shlex.join(["scripts/switchyard.sh", "run", *size, *chain(*told)])

    by_workload = {}
    for kept in workloads:
        launched = {record.row.name for record in kept.records()}
        by_workload[kept.workload.name] = (
            again(["--full"], filter=f"^{re.escape(kept.workload.name)}/"),
            [
                (row, again(["--full"], filter=f"^{re.escape(row.name)}$"))
                for row in kept.workload.rows
                if row.name in launched
            ],
        )
    size = [f"--{name}" for name in ("full", "smoke") if options.get(name)]
    chosen = {name: options.get(name) or None for name in ("filter", "runtimes")}
    return Recipe(_code(folder.environment), again(size, **chosen), by_workload)


def _code(environment: dict[str, Any]) -> list[str]:
    git, python = environment.get("git") or {}, environment.get("python") or {}
    gevent = " --gevent" if "gevent" in python else ""
    checkout = [shlex.join(["git", "checkout", str(git["sha"])])] if git.get("sha") else []
    return [
        *checkout, f"scripts/setup.sh{gevent}",
        "cmake --preset release && cmake --build --preset release",
    ]  # fmt: skip
