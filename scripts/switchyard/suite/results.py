"""The results folder: one file of Google Benchmark's JSON per workload, and environment.json.

Every write replaces a whole file at once (temporary file and os.replace in the same folder), so
that a run that is stopped at any moment leaves files that can be read. Google Benchmark's own
fields stay as they were: its compare.py works on these files. Ours stand beside them.
"""

import math
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from msgspec import ValidationError, convert

from ..system.errors import BadInputError
from ..system.files import claim, read_json, write
from ..system.paths import recorded
from .catalog import Row, Workload, bare_name
from .environment import Facts

LIMIT_PREFIX = "limit reached: "
SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}
_ENVIRONMENT = "environment.json"


@dataclass(frozen=True)
class Record:
    """What one launch measured: a row in one round."""

    row: Row
    round: int
    fields: dict[str, Any]

    @property
    def problem(self) -> str | None:
        """Why there is no measurement, or None."""
        if not self.fields.get("error_occurred"):
            return None
        return str(self.fields.get("error_message") or "failed without a message")

    @property
    def is_limit(self) -> bool:
        return (self.problem or "").startswith(LIMIT_PREFIX)

    @property
    def label(self) -> str:
        """What the row says in words of its result, beside the numbers."""
        return str(self.fields.get("label", ""))

    def value(self, key: str) -> float | None:
        """A counter, or real_time in seconds; None where it was not measured."""
        number = self.fields.get(key)
        if self.problem or not isinstance(number, int | float) or not math.isfinite(number):
            return None
        return number * SECONDS[self.fields["time_unit"]] if key == "real_time" else number


@dataclass
class WorkloadResults:
    """One `<workload>.json`. `hardware`: by row, counters that a launch of their own counted."""

    workload: Workload
    context: dict[str, Any] = field(default_factory=dict)
    benchmarks: list[dict[str, Any]] = field(default_factory=list)
    hardware: dict[str, dict[str, float]] = field(default_factory=dict)

    @cached_property
    def _rows(self) -> dict[str, Row]:
        return {row.name: row for row in self.workload.rows}

    def records(self) -> Iterator[Record]:
        for fields in self.benchmarks:
            row = self._rows.get(fields.get("switchyard_name") or bare_name(fields["name"]))
            if row and fields.get("run_type", "iteration") == "iteration":
                yield Record(row, fields.get("round", 0), fields | self.hardware.get(row.name, {}))

    def labels(self) -> dict[str, str]:
        """By row, what it said last in words."""
        return {record.row.name: record.label for record in self.records() if record.label}

    def has_measurement(self) -> bool:
        return any(not record.problem for record in self.records())

    def add(self, context: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        if not self.context:
            self.context = context
            if "executable" in context:
                self.context["executable"] = recorded(context["executable"])
        self.benchmarks.extend(rows)
        rounds = max((row["round"] for row in self.benchmarks), default=0) + 1
        for row in self.benchmarks:
            row["repetitions"] = rounds

    def document(self) -> dict[str, Any]:
        return {
            "context": self.context,
            "switchyard": self.workload.document(),
            "hardware": self.hardware,
            "benchmarks": self.benchmarks,
        }


@dataclass
class Tally:
    """How far a run came: counted while it goes on, kept beside its results, and read back.

    `interrupted_by`: the signal's number. `dropped`: rows left out so that the others get all their
    rounds within the budget. `failures`: of each failed row the last reason. `cut_off`: the row
    whose launch met the end of the budget, with its seconds.
    `counted`: rows whose hardware events were counted, of those that were to be, which is known
    once all rounds are done.
    """

    launches: int = 0
    rounds: int = 0
    spent_s: float = 0.0
    out_of_budget: bool = False
    interrupted_by: int | None = None
    never_launched: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    to_be_counted: int = 0
    counted: int = 0
    cut_off: dict[str, float] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        """What is kept of it in environment.json."""
        return {
            "rounds_done": self.rounds,
            "launches": self.launches,
            "measured_s": round(self.spent_s, 3),
            "out_of_budget": self.out_of_budget,
            "interrupted_by": self.interrupted_by,
            "never_launched": self.never_launched,
            "dropped": self.dropped,
            "cut_off": self.cut_off,
            "hardware_wanted": self.to_be_counted,
            "hardware_counted": self.counted,
        }

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> "Tally":
        """From the `run` in environment.json, also of a version that did not keep all of this."""
        left = [str(name) for name in facts.get("never_launched") or []]
        done, wanted = facts.get("rounds_done") or 0, facts.get("rounds_wanted") or 0
        interrupted_by = facts.get("interrupted_by")
        cut_off = facts.get("cut_off") or {}
        if not (interrupted_by or left or cut_off or facts.get("complete", True)):
            interrupted_by = signal.SIGKILL  # it could not even say that it ended
        return cls(
            launches=facts.get("launches") or 0,
            rounds=done,
            spent_s=facts.get("measured_s") or 0.0,
            out_of_budget=not interrupted_by and facts.get("out_of_budget", done < wanted),
            interrupted_by=interrupted_by,
            never_launched=left,
            dropped=[str(name) for name in facts.get("dropped") or []],
            to_be_counted=facts.get("hardware_wanted") or 0,
            counted=facts.get("hardware_counted") or 0,
            cut_off=cut_off,
        )


class _Launched(TypedDict):
    name: str
    round: NotRequired[int]
    run_type: NotRequired[str]
    switchyard_name: NotRequired[str]


class _Document(TypedDict):
    """A file as document() has it."""

    context: dict[str, Any]
    switchyard: dict[str, Any]
    hardware: NotRequired[dict[str, dict[str, float]]]
    benchmarks: list[_Launched]


@dataclass
class ResultsFolder:
    """A folder of results, being written or read back."""

    path: Path
    workloads: dict[str, WorkloadResults] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def create(cls, path: Path) -> "ResultsFolder":
        others = ("plots", "report.html", "results.csv", "results.md")
        there = [file.name for file in path.glob("*.json")]
        folder = cls(claim(path, _ENVIRONMENT, "results", (*others, *there)))
        # If the folder can't be written to, it was badly chosen.
        write(path / _ENVIRONMENT, folder.environment, BadInputError)
        return folder

    def add(self, workload: Workload, context: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        """Add what a launch measured, and write it and the environment."""
        kept = self.workloads.setdefault(workload.name, WorkloadResults(workload))
        kept.add(context, rows)
        self._write_results(kept)

    def add_hardware(self, workload: Workload, row: Row, launched: list[dict[str, Any]]) -> bool:
        """Add what a launch for the hardware counters counted of this row, and write it; whether
        there was anything.
        """
        counted = {
            key: result[key]
            for result in launched
            for key in workload.hardware_counters
            if key in result and not result.get("error_occurred")
        }
        if counted:
            kept = self.workloads[workload.name]
            kept.hardware[row.name] = counted
            self._write_results(kept)
        return bool(counted)

    def _write_results(self, kept: WorkloadResults) -> None:
        write(self.path / f"{kept.workload.name}.json", kept.document())
        self.write_environment()

    def write_environment(self) -> None:
        write(self.path / _ENVIRONMENT, self.environment)

    @classmethod
    def load(cls, path: Path) -> "ResultsFolder":
        """Read a folder back; also one of a run that was interrupted. Raises BadInputError."""
        if not path.is_dir():
            raise BadInputError(f"no such results folder: {path}")
        folder = cls(path)
        for file in sorted(path.glob("*.json")):
            document = _read(file)
            try:
                if file.name == _ENVIRONMENT:
                    convert(document, Facts)
                    folder.environment = document
                    continue
                kept = _usable(document)
            except KeyError as error:
                raise BadInputError(f"{_foreign(file)}: no or unknown {error}") from None
            except ValidationError as error:
                raise BadInputError(f"{_foreign(file)}: {error}") from None
            folder.workloads[kept.workload.name] = kept
        if not folder.workloads:
            raise BadInputError(f"nothing was measured in {path}: no <workload>.json in it")
        return folder


def _usable(document: dict[str, Any]) -> WorkloadResults:
    """Raises ValidationError or KeyError for what no launch can have written."""
    convert(document, _Document)
    workload = Workload.parse(document["switchyard"])
    hardware = document.get("hardware", {})
    for name, counters in hardware.items():
        if set(counters) - set(workload.hardware_counters):
            raise ValidationError(f"'hardware' of {name} is {counters!r}")
    kept = WorkloadResults(workload, document["context"], document["benchmarks"], hardware)
    for record in kept.records():
        record.value("real_time")
    return kept


def newest(results: Path) -> Path:
    """The results folder that was begun last; their names begin with the time."""
    found = sorted(path.parent for path in results.glob(f"2*/{_ENVIRONMENT}"))
    if not found:
        raise BadInputError(f"no results in {results} yet: measure with scripts/run.sh first")
    return found[-1]


def _read(file: Path) -> dict[str, Any]:
    document = read_json(file)
    if not isinstance(document, dict):
        raise BadInputError(_foreign(file))
    return document


def _foreign(file: Path) -> str:
    return f"{file} holds no results of switchyard run"
