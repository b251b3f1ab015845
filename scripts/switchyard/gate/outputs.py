"""The files of a check: check.json while it runs, all others at its end."""

from pathlib import Path

from ..system import files
from ..system.errors import SwitchyardError
from . import document, google_benchmark, junit, markdown
from .model import Report


def create(folder: Path) -> Path:
    """The folder, empty of an earlier check. Raises BadInputError."""
    return files.claim(folder, document.FILE_NAME, "a check")


def save(report: Report, folder: Path) -> None:
    document.write_json(folder / document.FILE_NAME, document.to_document(report))


def write_all(report: Report, folder: Path) -> None:
    """check.json last: it says that the check is complete. Raises SwitchyardError."""
    # Only here: loading matplotlib takes longer than a launch.
    from . import figure

    files.write(folder / "summary.md", markdown.markdown(report))
    files.write(folder / "junit.xml", junit.junit_xml(report))
    for side, made in google_benchmark.documents(report).items():
        document.write_json(folder / f"{side}.json", made)
    try:
        figure.save(report, folder)
    except OSError as error:
        raise SwitchyardError(f"cannot write the plot to {folder}: {error.strerror}") from None
    save(report, folder)
