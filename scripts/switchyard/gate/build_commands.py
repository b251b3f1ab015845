"""Runs git, cmake and a project's own build command so that nothing of them outlives the check.

Through the same keeper as benchmarks: a signal, a time-out or the end of the check ends compilers
and their children too. The environment is the caller's without what would mislead them.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..system.errors import SwitchyardError
from ..system.interrupts import Interrupts
from ..system.launch import Outcome, launch

BUILD_TIMEOUT_S = 3600.0
GIT_TIMEOUT_S = 600.0
# CMake reads them when it configures, which for the candidate was some time ago: its cache counts.
BUILD_VARIABLES = (
    "CC", "CXX", "CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS", "CMAKE_GENERATOR", "CMAKE_BUILD_TYPE",
    "CMAKE_TOOLCHAIN_FILE", "CMAKE_INSTALL_PREFIX",
)  # fmt: skip
# A git hook, where a check may well be run, sets GIT_DIR and others, which would mislead git; make
# names a job server that is not handed on.
_MISLEADING = (
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR",
    "GIT_PREFIX", "GIT_NAMESPACE", "GIT_QUARANTINE_PATH", "MAKEFLAGS", "MFLAGS",
)  # fmt: skip
_LAST_LINES = 15


def run(
    command: Sequence[str | Path],
    timeout_s: float,
    interrupts: Interrupts | None = None,
    without: Sequence[str] = BUILD_VARIABLES,
) -> Outcome:
    """To its end, whatever its exit code is; `without` some of the environment's variables.

    Raises Interrupted, and SwitchyardError if there is no such program.
    """
    name = str(command[0])
    program = shutil.which(name)
    if not program:
        raise SwitchyardError(f"{name} is needed, but not installed (or not in PATH)")
    argv = [program, *map(str, command[1:])]
    return launch(argv, timeout_s, interrupts, without=(*_MISLEADING, *without))


def git(folder: Path, *arguments: str | Path, interrupts: Interrupts | None = None) -> Outcome:
    # Hooks are for people: what they do on a checkout has no place in a measurement.
    command = ["git", "-C", folder, "-c", "core.hooksPath=/dev/null", *arguments]
    return run(command, GIT_TIMEOUT_S, interrupts)


@dataclass(frozen=True)
class Building:
    """`what` is built in steps: what each says goes to the log, and its last lines to the error."""

    what: str
    log: Path | None
    interrupts: Interrupts | None

    def step(
        self, command: Sequence[str | Path], without: Sequence[str] = BUILD_VARIABLES
    ) -> Outcome:
        """Raises Interrupted, and SwitchyardError unless it ends well."""
        outcome = run(command, BUILD_TIMEOUT_S, self.interrupts, without)
        output = (outcome.stdout + outcome.stderr).strip()
        if self.log:
            try:
                with self.log.open("a") as file:
                    file.write(f"$ {' '.join(map(str, command))}\n{output}\n")
            except OSError as error:
                raise SwitchyardError(f"cannot write {self.log}: {error.strerror}") from None
        if outcome.code != 0:
            last = "\n".join(output.splitlines()[-_LAST_LINES:])
            where = f"; the whole log: {self.log}" if self.log else ""
            raise SwitchyardError(f"cannot build {self.what}: {outcome.ending}{where}\n{last}")
        return outcome


def last_line(outcome: Outcome) -> str:
    """The reason that a command gave for its failure."""
    return (outcome.stderr.strip().splitlines() or [outcome.ending])[-1]
