"""The files of a check: check.json while it runs, all others at its end."""

from pathlib import Path

from ..system.errors import BadInputError, SwitchyardError
from . import document, google_benchmark, junit, markdown
from .model import Report


def create(folder: Path) -> Path:
    """The folder, empty of an earlier check. Raises BadInputError."""
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
    return folder


def save(report: Report, folder: Path) -> None:
    document.write_json(folder / document.FILE_NAME, document.to_document(report))


def write_all(report: Report, folder: Path) -> None:
    """check.json last: it says that the check is complete. Raises SwitchyardError."""
    # Only here: loading matplotlib takes longer than a launch.
    from . import figure

    document.write(folder / "summary.md", markdown.markdown(report))
    document.write(folder / "junit.xml", junit.junit_xml(report))
    for side, made in google_benchmark.documents(report).items():
        document.write_json(folder / f"{side}.json", made)
    try:
        figure.save(report, folder)
    except OSError as error:
        raise SwitchyardError(f"cannot write the plot to {folder}: {error.strerror}") from None
    save(report, folder)
