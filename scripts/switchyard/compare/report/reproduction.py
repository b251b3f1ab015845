"""The commands that measure a run, a workload or a single row of it again.

Rounds, seed and minimum time are those of the run; --full only lifts the choice of rows, so that a
row of either set can be named.
"""

import re
import shlex
from dataclasses import dataclass
from typing import Any

from ...suite.results import ResultsFolder, WorkloadResults
from ...system.paths import RELEASE_BUILD, recorded


@dataclass(frozen=True)
class Command:
    """`name`: the row, or what else it measures; `what`: in words."""

    name: str
    what: str
    line: str


@dataclass(frozen=True)
class Recipe:
    """`code`: how to get at the build; `whole`: the run; and each workload, itself and its rows."""

    code: list[str]
    whole: str
    workloads: dict[str, tuple[str, list[Command]]]


def recipe_of(folder: ResultsFolder, workloads: list[WorkloadResults]) -> Recipe:
    run = folder.environment.get("run") or {}
    rounds = run.get("rounds_done") or _most_rounds(workloads)

    def again(*choice: str) -> str:
        argv = ["scripts/switchyard.sh", "run", *choice, "--rounds", str(rounds)]
        argv += _same(run)
        return shlex.join(argv)

    by_workload = {
        kept.workload.name: (
            again("--full", "--filter", f"^{re.escape(kept.workload.name)}/"),
            [
                Command(name, what, again("--full", "--filter", f"^{re.escape(name)}$"))
                for name, what in _measured(kept).items()
            ],
        )
        for kept in workloads
    }
    return Recipe(_code(folder.environment), again(*_choice(run)), by_workload)


def _same(run: dict[str, Any]) -> list[str]:
    """What makes it the same measurement, as far as the run tells."""
    options = run.get("options") or {}
    argv = []
    if run.get("seed") is not None:
        argv += ["--seed", str(run["seed"])]
    if run.get("min_time_s") is not None:
        argv += ["--min-time", f"{run['min_time_s']:g}"]
    build = options.get("build")
    return argv + (["--build", str(build)] if build not in (None, recorded(RELEASE_BUILD)) else [])


def _choice(run: dict[str, Any]) -> list[str]:
    """Which rows the run was asked for."""
    options = run.get("options") or {}
    argv = ["--full"] if options.get("full") else []
    for name in ("filter", "runtimes"):
        argv += [f"--{name}", str(options[name])] if options.get(name) else []
    return argv


def _code(environment: dict[str, Any]) -> list[str]:
    git, python = environment.get("git") or {}, environment.get("python") or {}
    gevent = " --gevent" if "gevent" in python else ""
    checkout = [shlex.join(["git", "checkout", str(git["sha"])])] if git.get("sha") else []
    return [
        *checkout, f"scripts/setup.sh{gevent}",
        "cmake --preset release && cmake --build --preset release",
    ]  # fmt: skip


def _measured(kept: WorkloadResults) -> dict[str, str]:
    """Name and description of the rows that got a launch, as the workload tells them."""
    launched = {record.row.name for record in kept.records()}
    return {row.name: row.what for row in kept.workload.rows if row.name in launched}


def _most_rounds(workloads: list[WorkloadResults]) -> int:
    return max((len({r.round for r in kept.records()}) for kept in workloads), default=1)
