"""Google Benchmark's own protocol: one row of a binary is launched, and its results are picked out.

The runner, the check and the counting of instructions all launch through here.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..system.interrupts import Interrupts
from ..system.launch import Outcome, launch
from .catalog import bare_name, exact_filter

# What Google Benchmark prints before the first row, about the time, the machine and its own build.
_HEADER = re.compile(
    r"\d{4}-\d\d-\d\dT|Running |Run on \(|CPU Caches:|  L\d |Load Average: |\*\*\*WARNING\*\*\*"
    r"|-+$|Benchmark +Time +CPU "
)


def min_time(seconds: float) -> str:
    """The argument for how long a row is to be measured."""
    return f"--benchmark_min_time={seconds:g}"


def launch_row(
    binary: Path,
    name: str,
    arguments: Iterable[str],
    timeout_s: float,
    interrupts: Interrupts | None,
    cpu: int | None = None,
    tool: Sequence[str] = (),
) -> Outcome:
    """Run one row; its JSON is the outcome's `out_file`. `tool` is a command to run it under."""
    command = [
        *tool, str(binary), f"--benchmark_filter={exact_filter(name)}", *arguments,
        "--benchmark_out_format=json",
    ]  # fmt: skip
    return launch(command, timeout_s, interrupts, "--benchmark_out=", cpu)


def read(text: str | bytes) -> Any:  # noqa: ANN401 (whatever is in it)
    """Google Benchmark's JSON. A counter may be called like one of the library's own keys, which is
    then there twice: the library's come first. Raises ValueError and RecursionError.
    """
    return json.loads(text, object_pairs_hook=lambda pairs: dict(pairs) | dict(reversed(pairs)))


def has_mark(row: Mapping[str, Any], name: str) -> bool:
    """`skipped` or `error_occurred`: the library writes true, a counter of that name a number."""
    return row.get(name) is True


def why(outcome: Outcome) -> str:
    """How the launch ended, and the last thing the program itself said."""
    ending = "printed no result for this row" if outcome.code == 0 else outcome.ending
    by_signal = outcome.code is None or outcome.code < 0
    said = _own_lines(outcome.stderr) or ([] if by_signal else _own_lines(outcome.stdout))
    return f"{ending}: {said[-1][:300]}" if said and not outcome.timed_out else ending


def _own_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip() and not _HEADER.match(line)]


def rows_of(name: str, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of its very name, if there are any; else without what Google Benchmark appends."""
    rows = list(rows)
    launched = [row for row in rows if row.get("run_type", "iteration") == "iteration"]
    # With ReportAggregatesOnly there are no others.
    medians = [row | {"name": row["run_name"]} for row in rows if _is_median(row)]
    for kind in (launched, medians):
        exact = [row for row in kind if row["name"] == name]
        found = exact or [row for row in kind if bare_name(row["name"]) == name]
        if found:
            return found
    return []


def _is_median(row: dict[str, Any]) -> bool:
    return row.get("run_type") == "aggregate" and row.get("aggregate_name") == "median"
