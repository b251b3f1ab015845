"""Results of another time as a baseline, of `run`, of an earlier check, or Google Benchmark's own:
made into a side like any other, so that the same rules say which benchmark is which.

They were not measured beside the candidate, so that whatever changed on the machine in between
looks like a change of the code. The least that has to be the same is the machine.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from msgspec import ValidationError, convert

from ..suite.benchmark_row import has_mark, printed_name, read
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
_NOT_COUNTED = -1
_TIMES = ("real_time", "cpu_time")

# What stands in the same folders without being results.
_BESIDE = ("environment.json", "check.json", "baseline.json", "build_info.json")
_OF_A_CHECK = "candidate.json"
# For a spread.
_FEWEST_VALUES = 4
# Older libraries mark neither these nor launches.
_STATISTIC = re.compile(r"(.+)_(mean|median|stddev|cv|BigO|RMS)")
_UNKNOWN = "(stored results)"


class _Row(TypedDict):
    name: str


class _Document(TypedDict):
    """Google Benchmark's; its context is missing from what others write in its format."""

    benchmarks: list[_Row]
    context: NotRequired[dict[str, Any]]


@dataclass
class Stored:
    """What each launch gave, in seconds or as a counter has it, in the order of the files: by the
    binary, as far as it is known, and the name as printed.

    sha, dirty: of what was measured; problems: a line for each thing that is odd.
    """

    values: dict[tuple[str, str], list[float]]
    sha: str | None = None
    dirty: bool | None = None
    problems: list[str] = field(default_factory=list)


def load(
    path: Path, here: Mapping[str, Any], allow_other_machine: bool, metric: str = "real_time"
) -> Stored:
    """here: as `machine` in environment.json, `caches` as in Google Benchmark's context.

    Raises BadInputError for what is no results, and for another machine's unless that is allowed.
    """
    documents = {file: _document(file) for file in _files(path)}
    machine, git = _facts_beside(path, documents)
    values, problems = defaultdict(list), list(_differences(path, machine, documents, here))
    if problems and not allow_other_machine:
        advice = "Measure a baseline here, or --allow-other-machine"
        raise BadInputError(f"{problems[0]}. {advice}")
    for file, document in documents.items():
        binary = document["context"].get("executable") or file.stem
        if file.name == _OF_A_CHECK:  # its context is that of one binary, its rows are of all
            binary = _UNKNOWN
        for row in _launches(document["benchmarks"]):
            try:
                value = _value(row, metric)
            except ValueError as error:
                problems.append(f"{file}: {row['name']}: {error}: left out")
            else:
                of_row = str(row.get("switchyard_binary") or binary)
                values[of_row, printed_name(row)].append(value)
    if not values:
        reason = f": {problems[-1]}" if problems else ""
        raise BadInputError(f"{path} holds no {metric} of any benchmark{reason}")
    return Stored(dict(values), git.get("sha"), git.get("dirty"), problems)


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise BadInputError(f"no such results: {path} (--baseline-results)")
    # What was the candidate then is the code that today's is compared with.
    if (path / _OF_A_CHECK).is_file():
        return [path / _OF_A_CHECK]
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


def _launches(rows: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Those that measured something; without statistics, which older libraries do not mark: they
    stand behind a name that is there without them.
    """
    names = {row["name"] for row in rows}
    for row in rows:
        of = None if "run_type" in row else _STATISTIC.fullmatch(row["name"])
        is_statistic = of and any(name == of[1] or name.startswith(f"{of[1]}/") for name in names)
        lost = has_mark(row, "error_occurred") or has_mark(row, "skipped")
        if row.get("run_type", "iteration") == "iteration" and not (is_statistic or lost):
            yield row


def _value(row: dict[str, Any], metric: str) -> float:
    """Raises ValueError for what can't be compared."""
    number, unit = row.get(metric), row.get("time_unit", "ns")
    scale = SECONDS.get(str(unit), math.nan) if metric in _TIMES else 1.0
    if isinstance(number, int | float) and math.isfinite(number * scale) and number * scale > 0:
        return number * scale
    what = "time" if metric in _TIMES else "number above nothing"
    raise ValueError(f"a {metric} of {number!r} {unit!s} is no {what}")


def _facts_beside(path: Path, files: Collection[Path]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Of the machine and of the code, as a run or a check has them in a file beside the results."""
    folder = path if path.is_dir() else path.parent
    run, check = (_beside(folder / name) for name in ("environment.json", "check.json"))
    if check and _OF_A_CHECK in {file.name for file in files}:
        return _part(check, "facts", "machine"), _part(check, "facts", "sides", "candidate")
    return _part(run, "machine"), _part(run, "git")


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


def _differences(
    path: Path, machine: Mapping[str, Any], documents: Mapping[Path, dict[str, Any]],
    here: Mapping[str, Any],
) -> Iterator[str]:  # fmt: skip
    """What is known of both machines and not the same, one line for each that differs: of the one
    that is told beside the results, else of each file's.
    """
    told = {path: {name: machine[name] for name in _MACHINE if name in machine}}
    if not machine:
        told = {file: _of_context(document["context"]) for file, document in documents.items()}
    files: dict[str, list[Path]] = defaultdict(list)
    for file, there in told.items():
        different = [
            f"{name} {known} there, {here[name]} here"
            for name, known in there.items()
            if name in here and known != here[name]
        ]
        if different or not there:
            files["; ".join(different) or "it does not say of which it is"].append(file)
    for why, those in files.items():
        more = f" (and {len(those) - 1} more)" if len(those) > 1 else ""
        yield f"{those[0]}{more} is not of this machine: {why}"


def _of_context(context: Mapping[str, Any]) -> dict[str, Any]:
    told = {ours: context.get(key) for key, ours in _CONTEXT.items()}
    return {name: fact for name, fact in told.items() if fact not in (None, _NOT_COUNTED)}


def as_side(
    stored: Stored, candidate: Discovery
) -> tuple[Discovery, dict[tuple[str, str], list[float]]]:
    """What was measured, as if the candidate's binaries had listed it; and the values by binary and
    name.
    """
    told = Counter(name for _, name in stored.values)
    values, names = defaultdict(list), defaultdict(list)
    for (of, name), measured in stored.values.items():
        binary = _binary(of, name if told[name] == 1 else None, candidate)
        values[binary, _spelling(name, candidate.names.get(binary, ()), told)] += measured
    for binary, name in values:
        names[binary].append(name)
    broken = {binary: why for binary, why in candidate.broken.items() if binary not in names}
    return Discovery(dict(names), broken), dict(values)


def _binary(of: str, name: str | None, candidate: Discovery) -> str:
    """The candidate's that is called like the one it was measured `of`, or that has a benchmark of
    this name. Else it is none of them.
    """

    def likeness(binary: str) -> tuple[bool, ...]:
        mine, theirs = Path(binary), Path(of)
        names = map(bare_name, candidate.names.get(binary, ()))
        return (
            f"/{of}".endswith(f"/{binary}"),
            mine.name == theirs.name,
            mine.stem == theirs.stem,
            name is not None and bare_name(name) in names,
        )

    likeliest = max([*candidate.names, *candidate.broken], key=likeness, default=of)
    return likeliest if any(likeness(likeliest)) else of


def _spelling(name: str, listed: Sequence[str], told: Collection[str]) -> str:
    """As the candidate has it, where one of the two has nothing appended: older libraries and their
    users say less.
    """
    bare = bare_name(name)
    alike = [o for o in listed if bare_name(o) == bare and bare in (o, name) and o not in told]
    return alike[0] if len(alike) == 1 and name not in listed else name


def enough(
    values: Mapping[tuple[str, str], list[float]], benchmarks: Collection[Benchmark]
) -> tuple[dict[str, list[float]], list[Finding]]:
    """The values by key of those benchmarks that have enough for a spread; and what has not."""
    by_key, lost = {}, []
    for benchmark in benchmarks:
        measured = values[benchmark.binary, benchmark.name]
        if len(measured) < _FEWEST_VALUES:
            why = f"the stored results have fewer than {_FEWEST_VALUES} times of it"
            lost.append(Finding(benchmark, Verdict.SKIPPED, why))
        else:
            by_key[benchmark.key] = measured
    return by_key, lost
