"""One launch: a benchmark binary runs one of its rows, and what came out becomes result rows.

Whatever goes wrong, there is a row that says so: a launch that hangs, dies or prints nonsense never
just goes missing. Rows are Google Benchmark's, with our own keys beside its.
"""

import json
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..system.interrupts import Interrupts
from ..system.launch import Outcome
from ..system.machine import Machine
from .benchmark_row import launch_row, min_time
from .catalog import Row, Workload, bare_name
from .results import LIMIT_PREFIX

# What Google Benchmark prints before the first row, about the time, the machine and its own build.
_HEADER = re.compile(
    r"\d{4}-\d\d-\d\dT|Running |Run on \(|CPU Caches:|  L\d |Load Average: |\*\*\*WARNING\*\*\*"
    r"|-+$|Benchmark +Time +CPU "
)


@dataclass(frozen=True)
class Measurement:
    """What a launch gave."""

    context: dict[str, Any]
    rows: list[dict[str, Any]]
    wall_s: float
    timed_out: bool = False


def measure(
    workload: Workload,
    row: Row,
    round_: int,
    min_time_s: float,
    timeout_s: float,
    interrupts: Interrupts,
    options: Iterable[str] = (),
) -> Measurement:
    """`options` are further ones of the binary's own. Raises Interrupted."""
    started_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    load = Machine().load_average()
    arguments = [min_time(min_time_s), *options]
    outcome = launch_row(workload.binary, row.name, arguments, timeout_s, interrupts)
    conditions = {"loadavg": load, "frequency_mhz": Machine().frequency_mhz()}
    context, rows = _parse(outcome, row)
    for result in rows:
        message = result.get("error_message", "") if result.get("error_occurred") else ""
        result |= {
            "repetition_index": round_,
            "round": round_,
            "switchyard_name": row.name,
            "started_at": started_at,
            "launch_s": round(outcome.wall_s, 4),
            **{name: value for name, value in conditions.items() if value is not None},
        }
        if message.startswith(LIMIT_PREFIX):
            result["limit_reached"] = 1
    return Measurement(context, rows, outcome.wall_s, timed_out=outcome.timed_out)


def _parse(outcome: Outcome, row: Row) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Google Benchmark's context and our row's results, or a row with the reason why not."""
    try:
        document = json.loads(outcome.out_file)
        context, printed = document["context"], document["benchmarks"]
        rows = [result for result in printed if bare_name(result["name"]) == row.name]
    except (ValueError, KeyError, TypeError):
        return {}, [_error_row(row, why(outcome))]
    failed = any(result.get("error_occurred") for result in rows)
    if not rows or (outcome.code != 0 and not failed):
        return context, [_error_row(row, why(outcome))]
    return context, rows


def why(outcome: Outcome) -> str:
    """How the launch ended, and the last thing the program itself said."""
    ending = "printed no result for this row" if outcome.code == 0 else outcome.ending
    by_signal = outcome.code is None or outcome.code < 0
    said = _own_lines(outcome.stderr) or ([] if by_signal else _own_lines(outcome.stdout))
    return f"{ending}: {said[-1][:300]}" if said and not outcome.timed_out else ending


def _own_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip() and not _HEADER.match(line)]


def _error_row(row: Row, message: str) -> dict[str, Any]:
    """As Google Benchmark writes a row that called SkipWithError."""
    return {
        "name": row.name, "run_name": row.name, "run_type": "iteration",
        "repetitions": 1, "repetition_index": 0, "threads": 1,
        "error_occurred": True, "error_message": message,
        "iterations": 0, "real_time": 0.0, "cpu_time": 0.0, "time_unit": "ns",
    }  # fmt: skip
