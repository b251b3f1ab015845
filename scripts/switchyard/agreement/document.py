"""validate.json, with every pair of a validation and what was concluded from it."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..system.errors import BadInputError, SwitchyardError
from ..system.files import replacing
from .model import Finding
from .rounds import Rounds

FORMAT = "switchyard-validate/1"
FILE_NAME, ENVIRONMENT, TABLE = "validate.json", "environment.json", "TABLE.md"


def create(folder: Path) -> Path:
    """The folder, empty of an earlier validation and of what it would write over. Raises
    BadInputError.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any((folder / name).exists() for name in (ENVIRONMENT, TABLE)):
            raise FileExistsError
        (folder / FILE_NAME).touch(exist_ok=False)
    except FileExistsError:
        raise BadInputError(f"{folder} holds results already: choose another --out DIR") from None
    except OSError as error:
        raise BadInputError(f"cannot write results to {folder}: {error.strerror}") from None
    return folder


def save(folder: Path, rounds: Rounds, complete: bool = False) -> None:
    """Raises SwitchyardError."""
    write(folder / FILE_NAME, {
        "format": FORMAT,
        "complete": complete,
        "rounds_done": rounds.done,
        "spent_s": round(rounds.spent_s, 3),
        "comparisons": [
            _comparison(finding) | {"pairs": [
                asdict(pair) | {"ratio": pair.ratio}
                for pair in rounds.pairs[finding.comparison.key]
            ]}
            for finding in rounds.findings()
        ],
    })  # fmt: skip


def _comparison(finding: Finding) -> dict[str, Any]:
    document = asdict(finding)
    comparison = document.pop("comparison")
    told_by = {side: comparison.pop(side) for side in ("ours", "theirs")}
    return comparison | {"told_by": told_by} | document


def write(path: Path, content: dict[str, Any] | str) -> None:
    """Replace a file as a whole. Raises SwitchyardError."""
    text = content if isinstance(content, str) else json.dumps(content, indent=1) + "\n"
    try:
        with replacing(path) as part:
            part.write_text(text)
    except OSError as error:
        raise SwitchyardError(f"cannot write {path}: {error.strerror}") from None
