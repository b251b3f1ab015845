"""switchyard.toml: what a project says of its checks, once, and not on every command line.

`[check]` holds defaults for the options of `check` by their long names; they go through the same
parser as a command line, which alone knows what is right. `[[threshold]]` has the threshold of
single benchmarks, `[[accept]]` those that may be slower until some day, and why.
"""

import argparse
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, NoReturn

from msgspec import Meta, Struct, ValidationError, convert, field

from ..system.errors import BadInputError
from ..system.git import git
from .model import Finding, percent

FILE_NAME = "switchyard.toml"
_Text = Annotated[str, Meta(min_length=1)]
_Scalar = bool | int | float | str


class Accepted(Struct, frozen=True, forbid_unknown_fields=True):
    """A regression that fails no check until the end of a day. pattern: a regular expression for
    the benchmark's key; most: how large it may be, in per cent, None for any size.
    """

    pattern: _Text = field(name="name")
    reason: _Text
    until: date
    most: Annotated[float, Meta(gt=0)] | None = None


class _Threshold(Struct, forbid_unknown_fields=True):
    pattern: _Text = field(name="name")
    percent: Annotated[float, Meta(gt=0, le=100)]


class _File(Struct, forbid_unknown_fields=True):
    check: dict[str, _Scalar | list[_Scalar]] = {}
    threshold: list[_Threshold] = []
    accept: list[Accepted] = []


@dataclass(frozen=True)
class Project:
    """`options` of check, by the names that argparse gives them; `thresholds` as a plan has them.
    All is empty without a file.
    """

    file: Path
    options: dict[str, Any]
    thresholds: tuple[tuple[str, float], ...] = ()
    accepted: tuple[Accepted, ...] = ()


class Reader(argparse.ArgumentParser):
    """Of the file: what it refuses is an error of ours, and no word may be shortened."""

    def __init__(self) -> None:
        super().__init__(add_help=False, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        raise BadInputError(message)


def repository_of(folder: Path) -> Path:
    """The top folder of the repository that it is in; itself if that can't be told."""
    asked = git(folder, "rev-parse", "--show-toplevel")
    return Path(asked.stdout.rstrip("\n")) if asked.code == 0 else folder


def read(repository: Path, reader: Reader) -> Project:
    """`reader` knows the options. Relative folders are below the file's own. Raises BadInputError
    with the file's name for whatever is wrong in it.
    """
    file = repository / FILE_NAME
    try:
        found = convert(tomllib.loads(file.read_bytes().decode()), _File)
        _expect_expressions(entry.pattern for entry in (*found.threshold, *found.accept))
        options = vars(reader.parse_args(list(_arguments(found.check, reader))))
    except FileNotFoundError:
        return Project(file, {})
    except OSError as error:
        raise BadInputError(f"cannot read {file}: {error.strerror}") from None
    except (ValueError, ValidationError, BadInputError) as error:
        raise BadInputError(f"{file}: {error}") from None
    return Project(
        file,
        {
            k: repository / v if isinstance(v, Path) else v
            for k, v in options.items()
            if v is not None
        },
        tuple((entry.pattern, entry.percent / 100) for entry in found.threshold),
        tuple(found.accept),
    )


def _arguments(table: dict[str, _Scalar | list[_Scalar]], reader: Reader) -> Iterator[str]:
    """As they would stand on a command line: a list is an option that is there several times."""
    for key, values in table.items():
        for value in values if isinstance(values, list) else [values]:
            option = f"--no-{key}" if value is False else f"--{key}"
            argument = option if isinstance(value, bool) else f"{option}={value}"
            if reader.parse_known_args([argument])[1]:
                raise BadInputError(f"[check] {key} is no option of check ({argument})")
            yield argument


def _expect_expressions(patterns: Iterable[str]) -> None:
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            raise BadInputError(f"name {pattern!r} is no regular expression: {error}") from None


def accepted_by(
    accepted: Iterable[Accepted], key: str, change: float, today: date
) -> Accepted | None:
    """The first by which a regression of this size is accepted; `change` is its logarithm, above 0
    whatever direction is worse.
    """
    for entry in accepted:
        is_meant = re.search(entry.pattern, key) and today <= entry.until
        if is_meant and (entry.most is None or percent(change) <= entry.most):
            return entry
    return None


def why_accepted(accepted: Iterable[Accepted], today: date, found: Finding) -> str | None:
    """In words, if this regression is."""
    change = found.metric.sign * found.evidence.estimate
    entry = accepted_by(accepted, found.benchmark.key, change, today)
    return f"{entry.reason} (until {entry.until})" if entry else None
