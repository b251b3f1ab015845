"""What the benchmark binaries say of themselves: workloads, their rows, and what each measures.

Asked of the binaries with --describe, so that no list of benchmarks is kept on this side. The same
description is stored beside the results, which can then be read without the binaries.
"""

import json
import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from msgspec import convert

from ..system.errors import BadInputError, SwitchyardError
from ..system.launch import launch
from ..system.paths import recorded

T = TypeVar("T")

_ORDER = (
    "sleep", "switch", "spawn", "echo", "echo_churn", "echo_open", "echo_capacity", "http_fetch",
    "channel", "shared_counter", "cpu", "page_fault", "scale", "blocking", "memory", "limits",
)  # fmt: skip
# What older results don't say of themselves.
_OUTSIDE_ONCE = "gevent"
# Floors and limits that no row has to name as its control: docs/workloads.md tells what they are.
_CONTROLS = frozenset((
    "context", "greenlet", "coroutine_handle", "awaitable", "self_pipe", "uring", "plain_thread",
    "plain_process",
))  # fmt: skip
_DESCRIBE_TIMEOUT_S = 20.0
_BAD_ARGUMENTS = 2  # the exit code of all programs of ours
# Google Benchmark adds what it was told about iterations and clocks to the names it prints.
_SUFFIX = r"(/(iterations|min_time|repeats):[^/]+)*(/manual_time|/real_time)?"


@dataclass(frozen=True)
class Metric:
    """The number a workload is compared by. `key`: a counter, or "real_time" (in seconds)."""

    key: str
    label: str
    unit: str
    better: str


@dataclass(frozen=True)
class Row:
    """One benchmark: a workload on a runtime with parameters.

    `needs` names a program or package that the machine may lack, `rounds` is how many rounds of a
    run launch it at most (None: all), `outside` whether it is a program that is not ours, and
    `command` what `--server` was told for it; older results don't have them.
    """

    name: str
    runtime: str
    params: dict[str, int | float | str]
    what: str
    set: str
    control: str | None
    needs: str | None = None
    rounds: int | None = None
    outside: bool | None = None
    command: str | None = None

    @property
    def is_outside(self) -> bool:
        """Whether it is an outside reference: shown, and no contender."""
        return self.runtime == _OUTSIDE_ONCE if self.outside is None else self.outside

    @property
    def is_control(self) -> bool:
        """Whether it is no model to choose, whatever other rows name as their control."""
        return self.runtime in _CONTROLS

    @property
    def column(self) -> str:
        """Where it stands in a comparison: the runtime, and its mechanism where it has several."""
        return f"{self.runtime} {self.params['via']}" if "via" in self.params else self.runtime

    @property
    def kind(self) -> tuple[str, ...]:
        """What rows have in common that differ in numbers alone."""
        words = (f"{key}:{v}" for key, v in self.params.items() if isinstance(v, str))
        return (self.runtime, *words)

    @property
    def case(self) -> tuple[tuple[str, int | float | str], ...]:
        """What it may be compared over: the parameters that aren't part of the column."""
        return tuple((key, value) for key, value in self.params.items() if key != "via")


@dataclass(frozen=True)
class Workload:
    """A benchmark binary. `binary` is None when the description comes out of a results file.

    `hardware_counters` names those that a launch with --hardware-counters gives on this machine,
    `lacks` what some of its rows need and this build or machine has not, each with the reason,
    `takes_servers` whether it has the option --server; older builds don't tell. `arguments`: with
    which it told what its rows are, and which each launch of one has to have.
    """

    name: str
    what: str
    metric: Metric
    rows: tuple[Row, ...]
    binary: Path | None = None
    hardware_counters: tuple[str, ...] = ()
    lacks: dict[str, str] = field(default_factory=dict)
    takes_servers: bool = False
    arguments: tuple[str, ...] = ()

    @classmethod
    def parse(
        cls, document: dict[str, Any], binary: Path | None = None, arguments: Sequence[str] = ()
    ) -> "Workload":
        """Raises msgspec.ValidationError, which names the place, for what is no description."""
        named = document | {"name": document.get("workload"), "binary": None, "arguments": ()}
        return replace(convert(named, cls), binary=binary, arguments=tuple(arguments))

    def document(self) -> dict[str, Any]:
        """The same as --describe printed it."""
        return {
            "workload": self.name,
            "what": self.what,
            "hardware_counters": list(self.hardware_counters),
            "metric": vars(self.metric),
            "rows": [vars(row) for row in self.rows],
        }


def exact_filter(name: str) -> str:
    """The --benchmark_filter that matches one row only, whatever is appended to its name."""
    return f"^{_escaped(name)}{_SUFFIX}$"


def filter_of(names: Iterable[str]) -> str:
    """The --benchmark_filter that matches the rows that are printed like this, and no other."""
    return f"^({'|'.join(map(_escaped, names))})$"


def _escaped(name: str) -> str:
    # Not ] and }: as POSIX has it, a backslash before these is an error.
    return re.sub(r"([.^$*+?()\[{|\\])", r"\\\1", name)


def bare_name(printed: str) -> str:
    """A row's name without what Google Benchmark appends."""
    return re.sub(_SUFFIX + "$", "", printed)


def _describe(binary: Path, arguments: Sequence[str] = ()) -> Workload:
    outcome = launch([str(binary), *arguments, "--describe"], _DESCRIBE_TIMEOUT_S)
    if outcome.code != 0:
        reason = (outcome.stderr.strip().splitlines() or [outcome.ending])[-1]
        if arguments and outcome.code == _BAD_ARGUMENTS:
            raise BadInputError(reason.removeprefix(f"{binary.name}: error: "))
        raise SwitchyardError(f"{binary.name} --describe failed ({outcome.ending}): {reason}")
    try:
        return Workload.parse(json.loads(outcome.stdout), binary, arguments)
    except (ValueError, AttributeError) as error:
        raise SwitchyardError(f"{binary.name} --describe: not as expected: {error}") from None


def _binaries(build: Path) -> list[Path]:
    found = (build / "bin").glob("bench_*")
    return sorted(path for path in found if os.access(path, os.X_OK))


def load(build: Path, servers: Sequence[str] = ()) -> list[Workload]:
    """All workloads of a build folder, in the order in which they are told; those about servers
    also with rows of these `servers`, NAME=COMMAND each. BadInputError for what is none.
    """
    binaries = _binaries(build)
    if not binaries:
        raise BadInputError(
            f"no benchmark binaries in {recorded(build)}/bin: build them with scripts/run.sh or "
            "`cmake --preset release && cmake --build --preset release`, or name --build DIR"
        )
    workloads = [_describe(path) for path in binaries]
    if servers:
        workloads = _with_servers(workloads, servers)
    return in_order(workloads, lambda workload: workload)


def _with_servers(workloads: Sequence[Workload], servers: Sequence[str]) -> list[Workload]:
    """The binaries themselves know what a server can be called and whether its program is there,
    but of their own rows only.
    """
    if not any(workload.takes_servers for workload in workloads):
        raise BadInputError("--server: no benchmark of this build takes a server; build it anew")
    known = {row.runtime for workload in workloads for row in workload.rows}
    if taken := [name for each in servers if (name := each.partition("=")[0]) in known]:
        raise BadInputError(
            f"--server: {taken[0]!r} is a row of the suite; take another name for your server"
        )
    arguments = [f"--server={each}" for each in servers]
    return [
        _describe(workload.binary, arguments) if workload.takes_servers else workload
        for workload in workloads
    ]


def in_order(items: Iterable[T], workload_of: Callable[[T], Workload]) -> list[T]:
    """Sorted by the order in which the workloads are told; unknown ones by name at the end."""
    places = {name: place for place, name in enumerate(_ORDER)}
    by_name = sorted(items, key=lambda item: workload_of(item).name)
    return sorted(by_name, key=lambda item: places.get(workload_of(item).name, len(places)))


def expression(pattern: str | None) -> re.Pattern[str]:
    """Of --filter; without one, that matches all. Raises BadInputError."""
    try:
        return re.compile(pattern or "")
    except re.error as error:
        raise BadInputError(f"--filter {pattern!r} is no regular expression: {error}") from None


def select(
    workloads: Iterable[Workload],
    *,
    size: str,
    pattern: str | None = None,
    runtimes: str | None = None,
) -> list[Workload]:
    """Only the rows that a run's options ask for; raises BadInputError when none is left. `size` is
    quick, full, or smoke: one row of each kind.
    """
    workloads, wanted = list(workloads), expression(pattern)
    names = _known_runtimes(workloads, runtimes)

    def chosen(rows: Iterable[Row]) -> list[Row]:
        rows = [
            row
            for row in rows
            if row.runtime in names and wanted.search(row.name)
            and (size != "quick" or row.set == "quick")
        ]  # fmt: skip
        return _one_of_each_kind(rows) if size == "smoke" else rows

    selected = with_rows(workloads, chosen)
    if not selected:
        hint = " (rows of the full set need --full)" if size == "quick" else ""
        raise BadInputError(f"no benchmark matches; `switchyard.sh list` names all{hint}")
    return selected


def with_rows(
    workloads: Iterable[Workload], chosen: Callable[[Iterable[Row]], list[Row]]
) -> list[Workload]:
    """Those of which any row is chosen, with these rows alone."""
    left = (replace(workload, rows=tuple(chosen(workload.rows))) for workload in workloads)
    return [workload for workload in left if workload.rows]


def _one_of_each_kind(rows: list[Row]) -> list[Row]:
    """The first, of the quick set where that has one. What a full run launches once only goes to
    the edge of the machine: it is left out where a workload has anything else.
    """
    cheap = [row for row in rows if row.set == "quick" or row.rounds != 1]
    firsts: dict[tuple[str, ...], Row] = {}
    for row in sorted(cheap or rows, key=lambda row: row.set != "quick"):
        firsts.setdefault(row.kind, row)
    return list(firsts.values())


def _known_runtimes(workloads: list[Workload], wanted: str | None) -> set[str]:
    known = list(dict.fromkeys(row.runtime for workload in workloads for row in workload.rows))
    if wanted is None:
        return set(known)
    names = [name.strip() for name in wanted.split(",") if name.strip()]
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        what = f"unknown runtime {unknown[0]!r}" if unknown else "--runtimes names none"
        raise BadInputError(f"{what}; known: {', '.join(known)}")
    return set(names)
