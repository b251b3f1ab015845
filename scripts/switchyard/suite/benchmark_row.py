"""Google Benchmark's own protocol: rows of a binary are launched, and their results picked out.

The runner, the check and the counting of instructions all launch through here. A row is found by
the name that it prints; what the library appends to names is only overlooked where nothing else was
launched, as a number of iterations that a launch is told becomes part of the name.
"""

import functools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..system.interrupts import Interrupts
from ..system.launch import Outcome, launch
from ..system.surroundings import GO_VARIABLES, GOOGLE_BENCHMARK_VARIABLES
from .catalog import bare_name, exact_filter, filter_of
from .results import LIMIT_PREFIX

# What Google Benchmark prints before the first row, about the time, the machine and its own build.
_HEADER = re.compile(
    r"\d{4}-\d\d-\d\dT|Running |Run on \(|CPU Caches:|  L\d |Load Average: |\*\*\*WARNING\*\*\*"
    r"|-+$|Benchmark +Time +CPU "
)
_OWN_ITERATIONS = "--iterations="


class NoRowsError(Exception):
    """Why a launch told nothing; `skipped`: the benchmark itself said that it can't run here."""

    def __init__(self, problem: str, skipped: bool = False) -> None:
        super().__init__(problem)
        self.skipped = skipped


def min_time(seconds: float) -> str:
    """The argument for how long a row is to be measured."""
    return f"--benchmark_min_time={seconds:g}"


def exact_iterations(
    binary: Path,
    timeout_s: float,
    interrupts: Interrupts | None = None,
    arguments: Sequence[str] = (),
) -> str | None:
    """The argument for how often, with {} in place of the number; None where there is none. Only
    the program's --help tells which way it knows.
    """
    said = launch([str(binary), *arguments, "--help"], timeout_s, interrupts).stdout
    if "`<integer>x`" in said:  # Google Benchmark 1.8
        return "--benchmark_min_time={}x"
    is_own = "--describe" in said and _OWN_ITERATIONS.rstrip("=") in said
    return f"{_OWN_ITERATIONS}{{}}" if is_own else None


def command_for(
    binary: Path, names: Sequence[str], arguments: Iterable[str], tool: Sequence[str] = ()
) -> list[str]:
    """To measure the rows that print these names, but for the file at the end. `tool` is a command
    to run it under.
    """
    arguments = list(arguments)
    if len(names) == 1 and any(each.startswith(_OWN_ITERATIONS) for each in arguments):
        return _command(binary, exact_filter(bare_name(names[0])), arguments, tool)
    return _command(binary, filter_of(names), arguments, tool)


def _command(
    binary: Path, pattern: str, arguments: Iterable[str], tool: Sequence[str] = ()
) -> list[str]:
    return [
        *tool, str(binary), *arguments, f"--benchmark_filter={pattern}",
        "--benchmark_out_format=json",
    ]  # fmt: skip


def launch_row(
    binary: Path,
    name: str,
    arguments: Iterable[str],
    timeout_s: float,
    interrupts: Interrupts | None,
    cpu: int | None = None,
) -> Outcome:
    """Run one row, whatever is appended to its name; its JSON is the outcome's `out_file`."""
    command = _command(binary, exact_filter(name), arguments)
    without = (*GOOGLE_BENCHMARK_VARIABLES, *GO_VARIABLES)
    return launch(command, timeout_s, interrupts, "--benchmark_out=", cpu, without=without)


def read(text: str | bytes) -> Any:  # noqa: ANN401 (whatever is in it)
    """Google Benchmark's JSON. A counter may be called like one of the library's own keys, which is
    then there twice: the library's come first. Raises ValueError and RecursionError.
    """
    return json.loads(text, object_pairs_hook=lambda pairs: dict(pairs) | dict(reversed(pairs)))


# A launch is asked for each of its rows in turn.
_read_once = functools.lru_cache(maxsize=2)(read)


def has_mark(row: Mapping[str, Any], name: str) -> bool:
    """`skipped` or `error_occurred`: the library writes true, a counter of that name a number."""
    return row.get(name) is True


def rows_in(
    outcome: Outcome, name: str, is_alone: bool = True
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Google Benchmark's context and the rows of this name, one for each repetition. `is_alone`: no
    other was launched. An exit code is the program's own affair: its number of benchmarks, say.
    Raises NoRowsError.
    """
    try:
        document = _read_once(outcome.out_file)
        context, rows = document["context"], rows_of(name, document["benchmarks"], is_alone)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise NoRowsError(why(outcome)) from None
    for row in rows:
        if has_mark(row, "skipped"):  # since Google Benchmark 1.8
            raise NoRowsError(row.get("skip_message") or "no reason given", skipped=True)
        if has_mark(row, "error_occurred"):
            message = row.get("error_message") or "failed without a message"
            raise NoRowsError(message, skipped=message.startswith(LIMIT_PREFIX))
    if not rows or outcome.was_killed:
        raise NoRowsError(why(outcome))
    return context, rows


def rows_of(
    name: str, rows: Iterable[dict[str, Any]], is_alone: bool = True
) -> list[dict[str, Any]]:
    """Those of its very name; if there are none and it `is_alone`, without what is appended."""
    rows = list(rows)
    launched = [row for row in rows if row.get("run_type", "iteration") == "iteration"]
    # With ReportAggregatesOnly there are no others.
    medians = [row for row in rows if row.get("aggregate_name") == "median"]
    for kind in (launched, medians):
        exact = [row for row in kind if printed_name(row) == name]
        alike = [row for row in kind if bare_name(printed_name(row)) == bare_name(name)]
        if found := exact or alike * is_alone:
            return found
    return []


def printed_name(row: Mapping[str, Any]) -> str:
    """Of the benchmark; a row of statistics has their name behind it. Older libraries say no more
    than that.
    """
    return row.get("run_name", row["name"])


def why(outcome: Outcome) -> str:
    """How the launch ended, and the last thing the program itself said."""
    ending = "printed no result for this row" if outcome.code == 0 else outcome.ending
    said = _own_lines(outcome.stderr) or ([] if outcome.was_killed else _own_lines(outcome.stdout))
    by_us = outcome.timed_out or outcome.flooded
    return f"{ending}: {said[-1][:300]}" if said and not by_us else ending


def _own_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip() and not _HEADER.match(line)]
