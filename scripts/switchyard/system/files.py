"""Files that are there whole or not at all, however a program ends; and folders for them."""

import contextlib
import json
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

from .errors import BadInputError, SwitchyardError


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file beside `path` to write to; it takes that name when all went well. Raises OSError."""
    part = path.with_name(f".{path.name}.part")
    try:
        yield part
        part.replace(path)
    finally:
        with contextlib.suppress(OSError):  # a read-only disk says so once, when it is written to
            part.unlink(missing_ok=True)


@contextlib.contextmanager
def writing(path: Path, failed: type[SwitchyardError] = SwitchyardError) -> Iterator[Path]:
    """The same, where what can't be written is an error of ours."""
    try:
        with replacing(path) as part:
            yield part
    except OSError as error:
        raise failed(f"cannot write {path}: {error.strerror}") from None


def write(
    path: Path,
    content: bytes | str | dict[str, Any],
    failed: type[SwitchyardError] = SwitchyardError,
) -> None:
    """Replace a file as a whole; an object becomes JSON."""
    if isinstance(content, dict):
        content = json.dumps(content, indent=1) + "\n"
    with writing(path, failed) as part:
        # Names of files may have bytes that are no UTF-8.
        is_text = isinstance(content, str)
        part.write_bytes(content.encode(errors="backslashreplace") if is_text else content)


def read_json(path: Path, parse: Callable[[bytes], Any] = json.loads) -> Any:  # noqa: ANN401
    """Whatever is in it. Raises BadInputError for what can't be read, or is no JSON."""
    try:
        return parse(path.read_bytes())
    except OSError as error:
        raise BadInputError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise BadInputError(f"{path} is no JSON, or not all of it: {error}") from None


def claim(folder: Path, name: str, holds: str, others: Collection[str] = ()) -> Path:
    """The folder, with a file of this name that was not there: two at once can't both have it. Else
    it `holds` something already. Nor may it have any of the others. Raises BadInputError.
    """
    if not (folder / name).exists():  # which tells more than what lies beside it
        expect_free(folder, others)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).touch(exist_ok=False)
    except FileExistsError:
        what = f"{folder} holds {holds} already" if folder.is_dir() else f"{folder} is no folder"
        raise BadInputError(f"{what}: choose another --out DIR") from None
    except OSError as error:
        raise BadInputError(f"cannot write to {folder}: {error.strerror}") from None
    return folder


def expect_free(folder: Path, names: Collection[str]) -> None:
    """Raises BadInputError if it has any of them."""
    for name in names:
        if (folder / name).exists():
            raise BadInputError(f"{folder} holds {name} already: choose another --out DIR")


def now() -> str:
    """UTC, as it stands in documents."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def now_in_names() -> str:
    """UTC, for the names of folders, which sort by it."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
