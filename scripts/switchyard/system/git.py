"""Git, asked of a repository as it is: nothing that a caller exported, and no hook, comes between.

A git hook, where a check may well be run, sets GIT_DIR and others, which would mislead git.
"""

from pathlib import Path

from .interrupts import Interrupts
from .launch import Outcome, launch

_TIMEOUT_S = 600.0
MISLEADING = (
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR",
    "GIT_PREFIX", "GIT_NAMESPACE", "GIT_QUARANTINE_PATH",
)  # fmt: skip


def git(folder: Path, *arguments: str | Path, interrupts: Interrupts | None = None) -> Outcome:
    """Raises Interrupted."""
    # Hooks are for people: what they do on a checkout has no place in a measurement.
    command = ["git", "-C", folder, "-c", "core.hooksPath=/dev/null", *arguments]
    return launch(list(map(str, command)), _TIMEOUT_S, interrupts, without=MISLEADING)
