"""The files of a check: check.json while it runs, all others at its end, and the figure last.

check.json holds all that was measured and decided, so that it can be judged again: model.Report,
described in schema.json (JSON Schema), and a file is read back only if it fits. Files are replaced
as a whole: one that is there is complete, though the check in it may not be.
"""

import json
from pathlib import Path
from typing import Any

from msgspec import convert, to_builtins

from ..system import files, packages
from ..system.errors import BadInputError
from . import google_benchmark, junit, markdown
from .model import SIDES, Report

FORMAT = "switchyard-check/2"
FILE_NAME = "check.json"
_SUMMARY, _JUNIT = "summary.md", "junit.xml"
_OTHERS = (_SUMMARY, _JUNIT, *(f"{side}.json" for side in SIDES), "check.png", "check.svg")


def expect_free(folder: Path) -> None:
    """Before anything is built. Raises BadInputError where create() would."""
    files.expect_free(folder, (FILE_NAME, *_OTHERS))


def create(folder: Path) -> Path:
    """The folder, empty of an earlier check and of what would be written over. Or BadInputError."""
    return files.claim(folder, FILE_NAME, "a check", _OTHERS)


def to_document(report: Report) -> dict[str, Any]:
    """Without Google Benchmark's own rows, which have files of their own."""
    document = {"format": FORMAT} | to_builtins(report) | {"spent_s": round(report.spent_s, 3)}
    for pair in document["pairs"]:
        for side in SIDES:
            del pair[side]["row"]
    return document


def save(report: Report, folder: Path) -> None:
    files.write(folder / FILE_NAME, to_document(report))


def write_all(report: Report, folder: Path) -> None:
    """All but the figure. Raises SwitchyardError."""
    files.write(folder / _SUMMARY, markdown.markdown(report))
    files.write(folder / _JUNIT, junit.junit_xml(report))
    for side, made in google_benchmark.documents(report).items():
        files.write(folder / f"{side}.json", made)
    save(report, folder)


def draw(report: Report, folder: Path) -> None:
    """Raises SwitchyardError where pictures can't be drawn."""
    packages.need("pictures")
    # Only here: loading matplotlib takes longer than a launch.
    from . import figure

    figure.save(report, folder)


def load(path: Path) -> Report:
    """Of a check's folder, or the file itself."""
    file = path / FILE_NAME if path.is_dir() else path
    try:
        return _report(json.loads(file.read_bytes(), parse_constant=_refuse))
    except OSError as error:
        raise BadInputError(f"cannot read {file}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadInputError(f"{file} is no {FILE_NAME} of a check: {str(error)[:200]}") from None


def _report(document: Any) -> Report:  # noqa: ANN401 (whatever is in the file)
    """Raises ValueError, KeyError and TypeError for what is no document of ours."""
    if document["format"] != FORMAT:
        raise TypeError(f"its format is {document['format']!r}, not {FORMAT!r}")
    report = convert(document, Report)
    if unknown := sorted(document.keys() - to_document(report).keys()):
        raise TypeError(f"nobody knows its {unknown[0]}")
    known = {finding.benchmark.key for finding in report.findings}
    if strange := [pair.benchmark for pair in report.pairs if pair.benchmark not in known]:
        raise TypeError(f"a pair of {strange[0]!r}, of which there is no finding")
    return report


def _refuse(constant: str) -> None:
    """NaN and infinities, which Python's parser takes for numbers."""
    raise ValueError(f"{constant} is no number")
