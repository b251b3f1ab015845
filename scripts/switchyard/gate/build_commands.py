"""Runs git, cmake and a project's own build command so that nothing of them outlives the check.

Through the same keeper as benchmarks: a signal, a time-out or the end of the check ends compilers
and their children too. The environment is the caller's without what would mislead them.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..system.errors import SwitchyardError
from ..system.interrupts import Interrupted, Interrupts
from ..system.launch import Outcome, Tell, launch

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
    tell: Tell = lambda _: None,
) -> Outcome:
    """To its end, whatever its exit code is; `without` some of the environment's variables.

    Raises Interrupted, and SwitchyardError if there is no such program.
    """
    argv = [_find(command[0]), *map(str, command[1:])]
    return launch(argv, timeout_s, interrupts, without=(*_MISLEADING, *without), tell=tell)


def _find(program: str | Path) -> str:
    if path := shutil.which(program):
        return path
    raise SwitchyardError(f"{program} is needed, but not installed (or not in PATH)")


def git(folder: Path, *arguments: str | Path, interrupts: Interrupts | None = None) -> Outcome:
    # Hooks are for people: what they do on a checkout has no place in a measurement.
    command = ["git", "-C", folder, "-c", "core.hooksPath=/dev/null", *arguments]
    return run(command, GIT_TIMEOUT_S, interrupts)


@dataclass(frozen=True)
class Building:
    """`what` is built in steps, whose output goes to the log. Its last lines are in the error if
    one `failed`, and `say` hears each minute that it is still being built.
    """

    what: str
    log: Path
    say: Callable[[str], None]
    interrupts: Interrupts | None = None
    failed: type[SwitchyardError] = SwitchyardError

    def step(self, command: Sequence[str | Path], without: Sequence[str] = BUILD_VARIABLES) -> str:
        """What it printed. Raises Interrupted, and `failed` unless it ends well and in time."""

        def tell(seconds: float) -> None:
            self.say(f"building {self.what}: {seconds / 60:.0f} min so far, log: {self.log}")

        # Straight to the file, where it can be followed, and is there whatever ends it.
        to_log = ["sh", "-c", 'exec "$@" >>"$0" 2>&1', self.log, _find(command[0]), *command[1:]]
        try:
            with self.log.open("ab") as file:
                file.write(f"$ {' '.join(map(str, command))}\n".encode(errors="replace"))
                begun = file.tell()
            outcome = run(to_log, BUILD_TIMEOUT_S, self.interrupts, without, tell)
            output = self.log.read_bytes()[begun:].decode(errors="replace").strip()
        except OSError as error:
            raise SwitchyardError(f"cannot write {self.log}: {error.strerror}") from None
        except Interrupted as interrupted:
            if not interrupted.is_deadline:
                raise
            raise self.failed(
                f"{self.what} was not built before the --deadline; the log: {self.log}"
            ) from None
        if outcome.code != 0:
            last = "\n".join(output.splitlines()[-_LAST_LINES:])
            raise self.failed(
                f"cannot build {self.what}: {outcome.ending}; the whole log: {self.log}\n{last}"
            )
        return output


def last_line(outcome: Outcome) -> str:
    """The reason that a command gave for its failure."""
    return (outcome.stderr.strip().splitlines() or [outcome.ending])[-1]
