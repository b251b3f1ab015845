"""The files of a check: check.json while it runs, all others at its end, and the figure last."""

import sys
from pathlib import Path

from ..system.errors import BadInputError
from . import document, google_benchmark, junit, markdown
from .model import SIDES, Report

_SUMMARY, _JUNIT = "summary.md", "junit.xml"
_OTHERS = (_SUMMARY, _JUNIT, *(f"{side}.json" for side in SIDES), "check.png", "check.svg")
_MOST_OF_A_REASON = 300


def create(folder: Path) -> Path:
    """The folder, empty of an earlier check and of what would be written over. Or BadInputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInputError(f"cannot write to {folder}: {error.strerror}") from None
    try:
        (folder / document.FILE_NAME).touch(exist_ok=False)  # two checks at once can't both have it
    except FileExistsError:
        raise BadInputError(f"{folder} holds a check already: choose another --out DIR") from None
    except OSError as error:
        raise BadInputError(f"cannot write to {folder}: {error.strerror}") from None
    there = [name for name in _OTHERS if (folder / name).exists()]
    if there:
        (folder / document.FILE_NAME).unlink()
        raise BadInputError(f"{folder} holds {there[0]} already: choose another --out DIR")
    return folder


def save(report: Report, folder: Path) -> None:
    document.write_json(folder / document.FILE_NAME, document.to_document(report))


def write_all(report: Report, folder: Path) -> None:
    """check.json says that the check is complete. A figure that can't be drawn costs no more than
    itself. Raises SwitchyardError.
    """
    document.write(folder / _SUMMARY, markdown.markdown(report))
    document.write(folder / _JUNIT, junit.junit_xml(report))
    for side, made in google_benchmark.documents(report).items():
        document.write_json(folder / f"{side}.json", made)
    save(report, folder)
    try:
        # Only here: loading matplotlib takes longer than a launch.
        from . import figure

        figure.save(report, folder)
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:_MOST_OF_A_REASON]
        print(f"check: no figure: {reason}", file=sys.stderr)
