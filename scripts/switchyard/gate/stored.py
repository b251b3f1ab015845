"""Results of another time as a baseline: of `run`, of an earlier check, or plain Google Benchmark;
and which of its times belong to which benchmark of the candidate.

They were not measured beside the candidate, so that whatever changed on the machine in between
looks like a change of the code. The least that has to be the same is the machine.
"""

import math
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from msgspec import ValidationError, convert

from ..suite.benchmark_row import has_mark, read
from ..suite.catalog import bare_name
from ..suite.results import SECONDS
from ..system.errors import BadInputError
from .discovery import Discovery
from .model import Benchmark, Finding, Verdict

# In environment.json and check.json. Not the host's name: every job of a CI service has another.
_MACHINE = ("cpu_model", "cpu_count", "kernel", "virtualisation")
# Google Benchmark knows no model, so that the name has to do. Its mhz_per_cpu is the frequency of
# the moment on many machines, which is no sign of another one.
_CONTEXT = {"host_name": "host", "num_cpus": "cpu_count", "caches": "caches"}

# What stands in the same folders without being results.
_BESIDE = ("environment.json", "check.json", "baseline.json", "build_info.json")
# For a spread.
_FEWEST_TIMES = 4
_STORED = "(stored results)"


class _Row(TypedDict):
    name: str


class _Document(TypedDict):
    """Google Benchmark's; its context is missing from what others write in its format."""

    benchmarks: list[_Row]
    context: NotRequired[dict[str, Any]]


@dataclass
class Stored:
    """Seconds per iteration of each launch, by the benchmark's name, in the order of the files.

    Where binaries share a name it is there once for each, as "binary:name". facts: `machine` as in
    environment.json, as far as it is known, `sha` and `dirty`; problems: a line for each thing that
    could not be used.
    """

    times: dict[str, list[float]]
    facts: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def load(
    path: Path,
    machine_facts: Mapping[str, Any],
    allow_other_machine: bool,
    metric: str = "real_time",
) -> Stored:
    """machine_facts: as `machine` in environment.json, `caches` as in Google Benchmark's context.

    Raises BadInputError for what is no results, and for another machine's unless that is allowed.
    """
    stored = Stored({})
    documents = {file: _document(file) for file in _files(path)}
    stored.facts = _facts(path, documents)
    different = _differences(stored.facts, machine_facts)
    if different:
        line = f"{path} is not of this machine: {'; '.join(different)}"
        if not allow_other_machine:
            raise BadInputError(f"{line}. Measure a baseline here, or --allow-other-machine")
        stored.problems.append(line)
    by_binary: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for file, document in documents.items():
        binary = Path(str(document["context"].get("executable") or file.stem)).name
        for name, row in _rows(document):
            try:
                seconds = _seconds(row, metric)
            except ValueError as error:
                stored.problems.append(f"{file}: {name}: {error}: left out")
            else:
                by_binary[name][binary].append(seconds)
    stored.times = {
        f"{binary}:{name}" if len(of_binaries) > 1 else name: values
        for name, of_binaries in by_binary.items()
        for binary, values in of_binaries.items()
    }
    if not stored.times:
        reason = f": {stored.problems[-1]}" if stored.problems else ""
        raise BadInputError(f"{path} holds no {metric} of any benchmark{reason}")
    return stored


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise BadInputError(f"no such results: {path} (--baseline-results)")
    # What was the candidate then is the code that today's is compared with.
    if (path / "candidate.json").is_file():
        return [path / "candidate.json"]
    files = [file for file in sorted(path.glob("*.json")) if file.name not in _BESIDE]
    if not files:
        raise BadInputError(f"{path} holds no results: there is no .json file of a benchmark in it")
    return files


def _document(file: Path) -> dict[str, Any]:
    document = _json(file)
    try:
        convert(document, _Document)
    except ValidationError:
        raise BadInputError(
            f"{file} is not in Google Benchmark's format (--benchmark_out_format=json)"
        ) from None
    return {"context": {}} | document


def _json(file: Path) -> Any:  # noqa: ANN401 (whatever is in the file)
    try:
        return read(file.read_bytes())
    except OSError as error:
        raise BadInputError(f"cannot read {file}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise BadInputError(f"{file} is no JSON, or not all of it: {error}") from None


def _rows(document: dict[str, Any]) -> Iterable[tuple[str, dict[str, Any]]]:
    """What was measured, without aggregates; names as a check has them."""
    for row in document["benchmarks"]:
        lost = has_mark(row, "error_occurred") or has_mark(row, "skipped")
        if row.get("run_type", "iteration") == "iteration" and not lost:
            yield row.get("switchyard_name") or bare_name(row["name"]), row


def _seconds(row: dict[str, Any], metric: str) -> float:
    """Raises ValueError for what is no time."""
    number, unit = row.get(metric), row.get("time_unit", "ns")
    if isinstance(number, int | float) and isinstance(unit, str) and unit in SECONDS:
        value = number * SECONDS[unit]
        if math.isfinite(value) and value > 0:
            return value
    raise ValueError(f"a {metric} of {number!r} {unit!s} is no time")


def _facts(path: Path, documents: Mapping[Path, dict[str, Any]]) -> dict[str, Any]:
    folder = path if path.is_dir() else path.parent
    environment, check = (_beside(folder / name) for name in ("environment.json", "check.json"))
    machine, git = _part(environment, "machine"), _part(environment, "git")
    if check and "candidate.json" in {file.name for file in documents}:
        machine = _part(check, "facts", "machine")
        git = _part(check, "facts", "sides", "candidate")
    facts = {key: git.get(key) for key in ("sha", "dirty")}
    if machine:
        return facts | {"machine": machine}
    context = next(iter(documents.values()))["context"]
    known = {ours: context[key] for key, ours in _CONTEXT.items() if context.get(key) is not None}
    return facts | {"machine": known, "by_context": True}


def _beside(file: Path) -> dict[str, Any]:
    """A document of ours; empty without one."""
    document = _json(file) if file.is_file() else {}
    if not isinstance(document, dict):
        raise BadInputError(f"{file} holds no facts of a run or a check")
    return document


def _part(document: dict[str, Any], *names: str) -> dict[str, Any]:
    for name in names:
        part = document.get(name)
        document = part if isinstance(part, dict) else {}
    return document


def _differences(facts: dict[str, Any], here: Mapping[str, Any]) -> list[str]:
    """What is known of both and not the same."""
    names = _CONTEXT.values() if facts.get("by_context") else _MACHINE
    there = facts["machine"]
    if not any(name in there for name in names):
        return ["it does not say of which it is"]
    return [
        f"{name} {there[name]} there, {here[name]} here"
        for name in names
        if name in there and name in here and there[name] != here[name]
    ]


def match(
    stored: Mapping[str, list[float]],
    benchmarks: Sequence[Benchmark],
    candidate: Discovery,
    pattern: str | None,
    wanted: Collection[str] | None,
) -> tuple[dict[str, list[float]], list[Finding]]:
    """The times of the benchmarks that have enough, by key; and what can't be compared.

    benchmarks: of the candidate, chosen by pattern and wanted already.
    """
    times: dict[str, list[float]] = {}
    lost, known = [], set()
    for benchmark in benchmarks:
        names = _names_of(benchmark)
        known |= set(names)
        there = next((stored[name] for name in names if name in stored), [])
        if len(there) >= _FEWEST_TIMES:
            times[benchmark.key] = there
        elif there:
            why = f"the stored results have fewer than {_FEWEST_TIMES} times of it"
            lost.append(Finding(benchmark, Verdict.SKIPPED, why))
        else:
            lost.append(Finding(benchmark, Verdict.MISSING, "only in the candidate: new"))
    gone = [
        _gone(key, candidate)
        for key in stored
        if key not in known and re.search(pattern or "", key) and (wanted is None or key in wanted)
    ]
    return times, lost + gone


def _names_of(benchmark: Benchmark) -> tuple[str, str, str]:
    """How stored results may call it: where binaries share a name, with the binary's before it."""
    return benchmark.key, f"{Path(benchmark.binary).stem}:{benchmark.name}", benchmark.name


def _gone(key: str, candidate: Discovery) -> Finding:
    """Not there any more, or in a binary that is broken and can't say so."""
    benchmark = Benchmark(key, _STORED, key)
    broken = "; ".join(f"{binary} {reason}" for binary, reason in candidate.broken.items())
    if broken:
        return Finding(benchmark, Verdict.FAILED, f"not in the candidate; {broken}")
    return Finding(benchmark, Verdict.MISSING, "only in the baseline: gone")
