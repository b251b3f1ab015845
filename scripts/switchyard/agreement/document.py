"""validate.json, with every pair of a validation and what was concluded from it."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..system import files
from .model import Finding
from .rounds import Rounds

FORMAT = "switchyard-validate/1"
FILE_NAME, ENVIRONMENT, TABLE = "validate.json", "environment.json", "TABLE.md"


def create(folder: Path) -> Path:
    """The folder, empty of an earlier validation and of what it would write over. Raises
    BadInputError.
    """
    return files.claim(folder, FILE_NAME, "results", (ENVIRONMENT, TABLE))


def save(folder: Path, rounds: Rounds, complete: bool = False) -> None:
    """Raises SwitchyardError."""
    files.write(folder / FILE_NAME, {
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
