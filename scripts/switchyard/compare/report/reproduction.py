"""The commands that measure a run, a workload or a single row of it again.

Rounds, seed and minimum time are those of the run; --full and --smoke beside them only choose rows.
A workload is measured with the rows that the run chose of it. For a row --full lets one of either
set be named.
"""

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from ...suite import needs
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

    def again(size: Sequence[str], rows: Iterable[Row], **choice: str | None) -> str:
        """A line with the options that have a value, and the servers that these rows are about."""
        told = [(f"--{key}", str(v)) for key, v in (choice | same).items() if v is not None]
        commands = {row.runtime: row.command for row in rows if row.command}
        told += [("--server", f"{name}={command}") for name, command in commands.items()]
        return shlex.join(["scripts/switchyard.sh", "run", *size, *chain(*told)])

    size = [f"--{name}" for name in ("full", "smoke") if options.get(name)]
    chosen = {name: options.get(name) or None for name in ("filter", "runtimes")}
    rows = [row for kept in workloads for row in kept.workload.rows]
    by_workload = {}
    for kept in workloads:
        name, launched = kept.workload.name, {record.row.name for record in kept.records()}
        measured = [row for row in kept.workload.rows if row.name in launched]
        is_full = any(row.set != "quick" for row in measured)
        again_of_all = again(
            ["--smoke"] if options.get("smoke") else ["--full"] * is_full,
            # A server that --runtimes names has to be known, whoever has rows of it.
            rows if chosen["runtimes"] else kept.workload.rows,
            filter=_within(name, chosen["filter"]), runtimes=chosen["runtimes"],
        )  # fmt: skip
        by_workload[name] = (
            again_of_all,
            [
                (row, again(["--full"], [row], filter=f"^{re.escape(row.name)}$"))
                for row in measured
            ],
        )
    return Recipe(_code(folder.environment), again(size, rows, **chosen), by_workload)


def _within(workload: str, pattern: str | None) -> str:
    """The --filter of those rows of a workload that another --filter lets through."""
    if not pattern:
        return f"^{re.escape(workload)}/"
    flags = re.match(r"(\(\?[a-zA-Z]+\))?", pattern)[0]  # they have to be the first
    return f"{flags}^(?={re.escape(workload)}/).*(?:{pattern.removeprefix(flags)})"


def _code(environment: dict[str, Any]) -> list[str]:
    git = environment.get("git") or {}
    there = {**(environment.get("python") or {}), **(environment.get("programs") or {})}
    outside = "".join(f" --{name}" for name in needs.ADDED_BY_SETUP if name in there)
    checkout = [shlex.join(["git", "checkout", str(git["sha"])])] if git.get("sha") else []
    return [
        *checkout, f"scripts/setup.sh{outside}",
        "cmake --preset release && cmake --build --preset release",
    ]  # fmt: skip
