"""What the Google Benchmark binaries of a side have to offer, asked of the binaries themselves.

A folder that a glob matches holds other things as well, and a program that knows nothing of
--benchmark_list_tests prints what it likes. So each is asked twice, the second time for no
benchmark at all: what it prints then is no benchmark's name.
"""

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..suite.catalog import bare_name
from ..system.errors import BadInputError
from ..system.interrupts import Interrupts
from ..system.launch import Outcome, launch

LIST_TIMEOUT_S = 20.0
# Where builds of baselines are kept, in the source tree.
BASELINES = Path("build/baselines")
_NOTHING = "--benchmark_filter=^$"
# As revision.py names the folders of baselines.
_OF_ANOTHER_REVISION = re.compile(r"(^|/)baselines/[0-9a-f]{12}-[0-9a-f]{8}/")
_LIBRARY = re.compile(r"\.so(\.\d+)*$")


@dataclass(frozen=True)
class Discovery:
    """The names of each binary's benchmarks, in its order; and of each that gave none the reason.

    Binaries are relative to the root. `notes`: what is odd about names, one line each.
    """

    names: dict[str, list[str]] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def discover(root: Path, pattern: str, interrupts: Interrupts | None = None) -> Discovery:
    """Ask every executable below `root` that the glob matches. Raises BadInputError if none."""
    discovered = Discovery()
    found = list(_executables(root, pattern))
    if not found:
        raise BadInputError(f"no executable in {root} matches {pattern!r}: is it built?")
    for path in found:
        binary = str(path.relative_to(root))
        printed, problem = _ask(path, interrupts)
        if problem:
            discovered.broken[binary] = problem
            continue
        discovered.names[binary] = _names(printed)
        discovered.notes.extend(
            f"{binary}: {name} is registered {count} times, its times are taken together"
            for name, count in Counter(printed).items()
            if count > 1
        )
    return discovered


def _executables(root: Path, pattern: str) -> Iterator[Path]:
    try:
        found = sorted(root.glob(pattern))
    except (ValueError, NotImplementedError, IndexError) as error:
        raise BadInputError(f"{pattern!r} is no pattern of files below {root}: {error}") from None
    for path in found:
        if _OF_ANOTHER_REVISION.search(str(path.relative_to(root))):
            continue
        if path.is_file() and os.access(path, os.X_OK) and not _LIBRARY.search(path.name):
            yield path


def _ask(path: Path, interrupts: Interrupts | None) -> tuple[list[str], str | None]:
    """The names as printed, or the problem."""
    command = [str(path.absolute()), "--benchmark_list_tests=true"]
    outcome = launch(command, LIST_TIMEOUT_S, interrupts)
    if outcome.timed_out or outcome.code != 0:
        return [], f"does not list its benchmarks: {_why(outcome)}"
    listed = _lines(outcome)
    # That none matches is an error to some: what counts is what it prints.
    noise = _lines(launch([*command, _NOTHING], LIST_TIMEOUT_S, interrupts))
    names = [line for line in listed if line not in noise]
    if names:
        return names, None
    if listed:
        return [], f"is no Google Benchmark binary: it prints {listed[0][:60]!r} for any filter"
    return [], "lists no benchmarks"


def _lines(outcome: Outcome) -> list[str]:
    return [line for line in outcome.stdout.splitlines() if line.strip()]


def _why(outcome: Outcome) -> str:
    said = outcome.stderr.strip().splitlines()
    return f"{outcome.ending}: {said[-1][:200]}" if said else outcome.ending


def _names(printed: list[str]) -> list[str]:
    """Without what Google Benchmark appends, unless that is all that tells two of them apart."""
    whole = list(dict.fromkeys(printed))
    shared = Counter(map(bare_name, whole))
    return [name if shared[bare_name(name)] > 1 else bare_name(name) for name in whole]
