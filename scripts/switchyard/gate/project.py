"""switchyard.toml: what a project says of its checks, once, and not on every command line.

`[check]` holds defaults for the options of `check` by their long names; they go through the same
parser as a command line, which alone knows what is right. `[[threshold]]` has the threshold of
single benchmarks, `[[accept]]` those that may be slower until some day, and why.
"""

import argparse
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any

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


def repository_of(folder: Path) -> Path:
    """The top folder of the repository that it is in; itself if that can't be told."""
    asked = git(folder, "rev-parse", "--show-toplevel")
    top = Path(asked.stdout.rstrip("\n"))
    return top if asked.code == 0 and top.is_dir() else folder  # git's word may be no UTF-8


def read(repository: Path, parser: argparse.ArgumentParser) -> Project:
    """`parser` knows the options, and does not exit. Relative folders are below the file's own.
    Raises BadInputError with the file's name for whatever is wrong in it.
    """
    file = repository / FILE_NAME
    try:
        found = convert(tomllib.loads(file.read_bytes().decode()), _File)
        for entry in (*found.threshold, *found.accept):
            re.compile(entry.pattern)
        options = _options(found.check, parser)
    except FileNotFoundError:
        return Project(file, {})
    except OSError as error:
        raise BadInputError(f"cannot read {file}: {error.strerror}") from None
    except re.error as error:
        wrong = f"name {error.pattern!r} is no regular expression: {error}"
        raise BadInputError(f"{file}: {wrong}") from None
    except (ValueError, ValidationError, argparse.ArgumentError) as error:
        raise BadInputError(f"{file}: {error}") from None
    folders = {name: repository / path for name, path in options.items() if isinstance(path, Path)}
    thresholds = tuple((entry.pattern, entry.percent / 100) for entry in found.threshold)
    return Project(file, options | folders, thresholds, tuple(found.accept))


def _options(
    table: dict[str, _Scalar | list[_Scalar]], parser: argparse.ArgumentParser
) -> dict[str, Any]:
    """As on a command line, where a list is an option that is there several times."""
    arguments = [
        f"--no-{key}" if value is False else f"--{key}" if value is True else f"--{key}={value}"
        for key, values in table.items()
        for value in (values if isinstance(values, list) else [values])
    ]
    if there := [key for key in ("replay", "bisect-run") if key in table]:
        raise ValueError(f"[check] has {there[0]}, which is for a command line alone")
    known, unknown = parser.parse_known_args(arguments)
    if unknown:
        raise ValueError(f"[check] has {unknown[0]}, which is no option of check")
    return {name: value for name, value in vars(known).items() if value is not None}


def why_accepted(accepted: Iterable[Accepted], today: date, found: Finding) -> str | None:
    """Why this regression is, whatever direction is worse; None if it isn't."""
    size = abs(percent(found.evidence.estimate))
    for entry in accepted:
        is_meant = re.search(entry.pattern, found.benchmark.key) and today <= entry.until
        if is_meant and (entry.most is None or size <= entry.most):
            return f"{entry.reason} (until {entry.until})"
    return None
