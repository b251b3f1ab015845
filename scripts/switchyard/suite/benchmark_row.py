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
from .results import LIMIT_PREFIX

# What Google Benchmark prints before the first row, about the time, the machine and its own build.
_HEADER = re.compile(
    r"\d{4}-\d\d-\d\dT|Running |Run on \(|CPU Caches:|  L\d |Load Average: |\*\*\*WARNING\*\*\*"
    r"|-+$|Benchmark +Time +CPU "
)


def min_time(seconds: float) -> str:
    """The argument for how long a row is to be measured."""
    return f"--benchmark_min_time={seconds:g}"


class NoRowsError(Exception):
    """Why a launch gave no numbers; `skipped`: the benchmark itself said that it can't run here."""

    def __init__(self, problem: str, skipped: bool = False) -> None:
        super().__init__(problem)
        self.skipped = skipped


def exact_iterations(
    binary: Path, timeout_s: float, interrupts: Interrupts | None = None
) -> str | None:
    """The argument that tells how many, with {} in place of the number; None if there is none. Only
    its program's --help tells which way it knows.
    """
    said = launch([str(binary), "--help"], timeout_s, interrupts).stdout
    if "`<integer>x`" in said:  # Google Benchmark 1.8
        return "--benchmark_min_time={}x"
    # Our own.
    return "--iterations={}" if "--describe" in said and "--iterations" in said else None


def command_for(binary: Path, names: Sequence[str], arguments: Iterable[str]) -> list[str]:
    """The launch of these rows, as the program prints them. Its JSON goes where the argument that
    is appended says.
    """
    return [
        str(binary), f"--benchmark_filter={exact_filter(*names)}", *arguments,
        "--benchmark_out_format=json",
    ]  # fmt: skip


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
    command = [*tool, *command_for(binary, [name], arguments)]
    return launch(command, timeout_s, interrupts, "--benchmark_out=", cpu)


def rows_in(
    outcome: Outcome, name: str, is_alone: bool = True
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Google Benchmark's context and the rows of a benchmark, one for each repetition; is_alone:
    nothing else was launched. Some programs end with the number of their benchmarks: what they
    wrote counts, unless a signal or a time-out ended them. Raises NoRowsError.
    """
    if outcome.timed_out or outcome.code is None or outcome.code < 0:
        raise NoRowsError(why(outcome))
    try:
        document = read(outcome.out_file)
        context, rows = document["context"], rows_of(name, document["benchmarks"], is_alone)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise NoRowsError(why(outcome)) from None
    for row in rows:
        if has_mark(row, "skipped"):  # since Google Benchmark 1.8
            raise NoRowsError(row.get("skip_message") or "no reason given", skipped=True)
        if has_mark(row, "error_occurred"):
            message = row.get("error_message") or "failed without a message"
            raise NoRowsError(message, skipped=message.startswith(LIMIT_PREFIX))
    if not rows:
        raise NoRowsError(why(outcome))
    return context, rows


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


def rows_of(
    name: str, rows: Iterable[dict[str, Any]], is_alone: bool = True
) -> list[dict[str, Any]]:
    """Those of its very name, if there are any; else without what Google Benchmark appends, unless
    others were launched with it.
    """
    rows = list(rows)
    launched = [row for row in rows if row.get("run_type", "iteration") == "iteration"]
    # With ReportAggregatesOnly there are no others.
    medians = [row | {"name": row["run_name"]} for row in rows if _is_median(row)]
    for kind in (launched, medians):
        exact = [row for row in kind if row["name"] == name]
        bare = bare_name(name)
        found = exact or [row for row in kind if is_alone and bare_name(row["name"]) == bare]
        if found:
            return found
    return []


def _is_median(row: dict[str, Any]) -> bool:
    return row.get("run_type") == "aggregate" and row.get("aggregate_name") == "median"
