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
from ..system.files import read_json
from .discovery import Discovery
from .model import Benchmark, Finding, Metric, Verdict

# In environment.json and check.json. Not the host's name: every job of a CI service has another.
_MACHINE = {name: name for name in ("cpu_model", "cpu_count", "kernel", "virtualisation")}
# Google Benchmark knows no model, so that the name has to do. Its mhz_per_cpu is the frequency of
# the moment on many machines, which is no sign of another one.
_CONTEXT = {"host_name": "host", "num_cpus": "cpu_count"}
_NOT_COUNTED = -1

# What stands in the same folders without being results.
_BESIDE = ("environment.json", "check.json", "baseline.json", "build_info.json")
_OF_A_CHECK = "candidate.json"
# For a spread.
_FEWEST_VALUES = 4
# Older libraries mark neither these nor launches.
_STATISTIC = re.compile(r"(.+)_(mean|median|stddev|cv|BigO|RMS)")

# By the binary, as far as it is known, and the name as printed.
Values = Mapping[tuple[str, str], list[float]]


class _Row(TypedDict):
    name: str


class _Document(TypedDict):
    """Google Benchmark's; its context is missing from what others write in its format."""

    benchmarks: list[_Row]
    context: NotRequired[dict[str, Any]]


@dataclass
class Stored:
    """What each launch gave, in seconds or as a counter has it, in the order of the files.

    sha, dirty: of what was measured; problems: a line for each thing that is odd.
    """

    values: Values
    sha: str | None = None
    dirty: bool | None = None
    problems: list[str] = field(default_factory=list)


def load(
    path: Path, here: Mapping[str, Any], allow_other_machine: bool, metric: str = "real_time"
) -> Stored:
    """here: as `machine` in environment.json.

    Raises BadInputError for what is no results, and for another machine's unless that is allowed.
    """
    documents = {file: _document(file) for file in _files(path)}
    machine, git = _facts_beside(documents)
    values, problems = defaultdict(list), list(_differences(path, machine, documents, here))
    if problems and not allow_other_machine:
        raise BadInputError(f"{problems[0]}. Measure a baseline here, or --allow-other-machine")
    for file, document in documents.items():
        binary = document["context"].get("executable") or file.stem
        for row in _launches(document["benchmarks"]):
            of_row = str(row.get("switchyard_binary") or binary)
            measured = values[of_row, printed_name(row)]  # it was there then, whatever it gave
            is_lost = has_mark(row, "error_occurred") or has_mark(row, "skipped")
            if is_lost or not (metric in row or Metric(metric).is_time):
                continue
            try:
                measured.append(_value(row, Metric(metric)))
            except ValueError as error:
                problems.append(f"{file}: {row['name']}: {error}: left out")
    if not any(values.values()):
        reason = f": {problems[-1]}" if problems else ""
        raise BadInputError(f"{path} holds no {metric} of any benchmark{reason}")
    return Stored(dict(values), git.get("sha"), git.get("dirty"), problems)


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise BadInputError(f"no such results: {path} (--baseline-results)")
    # What was the candidate then is the code that today's is compared with.
    files = list(path.glob(_OF_A_CHECK)) or [
        file for file in sorted(path.glob("*.json")) if file.name not in _BESIDE
    ]
    if not files:
        raise BadInputError(f"{path} holds no results: there is no .json file of a benchmark in it")
    return files


def _document(file: Path) -> dict[str, Any]:
    document = read_json(file, read)
    try:
        convert(document, _Document)
    except ValidationError:
        raise BadInputError(
            f"{file} is not in Google Benchmark's format (--benchmark_out_format=json)"
        ) from None
    return {"context": {}} | document


def _launches(rows: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Without statistics, which older libraries do not mark: they stand behind a name that is there
    without them.
    """
    names = {row["name"] for row in rows}
    for row in rows:
        of = None if "run_type" in row else _STATISTIC.fullmatch(row["name"])
        is_statistic = of and any(name == of[1] or name.startswith(f"{of[1]}/") for name in names)
        if row.get("run_type", "iteration") == "iteration" and not is_statistic:
            yield row


def _value(row: dict[str, Any], metric: Metric) -> float:
    """Raises ValueError for what can't be compared."""
    number, unit = row.get(metric.name), row.get("time_unit", "ns")
    scale = SECONDS.get(str(unit), math.nan) if metric.is_time else 1.0
    if isinstance(number, int | float) and math.isfinite(number * scale) and number * scale > 0:
        return number * scale
    what = "time" if metric.is_time else "number above nothing"
    raise ValueError(f"a {metric.name} of {number!r} {unit!s} is no {what}")


def _facts_beside(files: Collection[Path]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Of the machine and of the code, as a run or a check has them in a file beside the results."""
    is_of_check = _OF_A_CHECK in {file.name for file in files}
    file = next(iter(files)).with_name("check.json" if is_of_check else "environment.json")
    if not file.is_file():
        return {}, {}
    document = read_json(file)
    try:
        if is_of_check:
            facts = document["facts"]
            document = {"machine": facts["machine"], "git": facts["sides"]["candidate"]}
        return dict(document.get("machine") or {}), dict(document.get("git") or {})
    except (AttributeError, KeyError, TypeError, ValueError):
        raise BadInputError(f"{file} holds no facts of a run or a check") from None


def _differences(
    path: Path, machine: Mapping[str, Any], documents: Mapping[Path, dict[str, Any]],
    here: Mapping[str, Any],
) -> Iterator[str]:  # fmt: skip
    """What is known of both machines and not the same, one line for each that differs: of the one
    that is told beside the results, else of each file's.
    """
    of_files = [(file, document["context"], _CONTEXT) for file, document in documents.items()]
    told = [(path, machine, _MACHINE)] if machine else of_files
    files: dict[str, list[Path]] = defaultdict(list)
    for file, facts, names in told:
        given = {ours: facts[name] for name, ours in names.items() if name in facts}
        there = {name: fact for name, fact in given.items() if fact != _NOT_COUNTED}
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


def as_side(stored: Stored, candidate: Discovery) -> tuple[Discovery, Values]:
    """What was measured, as if the candidate's binaries had listed it; and the values by binary and
    name.
    """
    told = Counter(name for _, name in stored.values)
    values = defaultdict(list)
    for (of, name), measured in stored.values.items():
        binary = _binary(of, name if told[name] == 1 else None, candidate)
        values[binary, _spelling(name, candidate.names.get(binary, ()), told)] += measured
    names = {binary: [name for of, name in values if of == binary] for binary, _ in values}
    broken = {binary: why for binary, why in candidate.broken.items() if binary not in names}
    return Discovery(names, broken), dict(values)


def _binary(of: str, name: str | None, candidate: Discovery) -> str:
    """The candidate's that is called like the one it was measured `of`, or that has a benchmark of
    this name. Else it is none of them.
    """

    def likeness(binary: str) -> tuple[bool, ...]:
        mine, theirs = Path(binary), Path(of)
        names = map(bare_name, candidate.names.get(binary, ()))
        return (
            f"/{of}".endswith(f"/{binary}"), mine.name == theirs.name, mine.stem == theirs.stem,
            name is not None and bare_name(name) in names,
        )  # fmt: skip

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
    values: Values, benchmarks: Collection[Benchmark]
) -> tuple[dict[str, list[float]], list[Finding]]:
    """The values by key of those benchmarks that have enough for a spread; and what has not."""
    why = f"the stored results have fewer than {_FEWEST_VALUES} values of it"
    by_key = {each.key: values[each.binary, each.name] for each in benchmarks}
    few = [each for each in benchmarks if len(by_key[each.key]) < _FEWEST_VALUES]
    for each in few:
        del by_key[each.key]
    return by_key, [Finding(each, Verdict.SKIPPED, why) for each in few]
