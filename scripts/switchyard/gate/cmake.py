"""A build folder of CMake: what its cache remembers, how to make another like it, and building.

The cache is read and not the presets, as it is what the compiler was really called with.
"""

import os
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from ..system.errors import BadInputError, SwitchyardError
from ..system.interrupts import Interrupts
from ..system.paths import recorded
from . import build_commands

CACHE = "CMakeCache.txt"
_ENTRY = re.compile(r'^"?([^#/"][^:="]*)"?:([A-Z]+)=(.*)$')
_FLAGS = ("CMAKE_CXX_FLAGS", "CMAKE_C_FLAGS", "CMAKE_EXE_LINKER_FLAGS",
          "CMAKE_SHARED_LINKER_FLAGS")  # fmt: skip
_VERSION = re.compile(r'set\(CMAKE_CXX_COMPILER_(ID|VERSION) "([^"]*)"\)')
# What the baseline is configured with, beside the places of packages: of the candidate's cache.
_PASSED_ON = re.compile(
    r"CMAKE_(BUILD_TYPE|(C|CXX)_COMPILER|(C|CXX)_STANDARD|(C|CXX)_FLAGS(_[A-Z]+)?"
    r"|(EXE|SHARED|MODULE|STATIC)_LINKER_FLAGS(_[A-Z]+)?|INTERPROCEDURAL_OPTIMIZATION"
    r"|POSITION_INDEPENDENT_CODE|TOOLCHAIN_FILE|PREFIX_PATH)|BUILD_SHARED_LIBS"
)
_PACKAGE = re.compile(r"\w+_DIR")
_TARGET = re.compile(r"^(?:\.\.\. )?([\w.+-]+)(?=:|\s|$)", re.MULTILINE)


@dataclass(frozen=True)
class CMakeSettings:
    """The cache's entries: name to (type, value)."""

    file: Path
    entries: dict[str, tuple[str, str]]

    @classmethod
    def read(cls, file: Path) -> "CMakeSettings":
        """Raises BadInputError."""
        try:
            lines = file.read_text(errors="replace").splitlines()
        except OSError as error:
            raise BadInputError(f"cannot read {file}: {error.strerror}") from None
        found = (match.groups() for line in lines if (match := _ENTRY.match(line)))
        return cls(file, {name: (kind, value) for name, kind, value in found})

    def __getitem__(self, name: str) -> str:
        """Its value; empty when it isn't set, which means the same to CMake."""
        return self.entries.get(name, ("", ""))[1]

    @property
    def source(self) -> Path:
        return Path(self["CMAKE_HOME_DIRECTORY"])

    def flags_in_use(self) -> tuple[str, ...]:
        kind = self["CMAKE_BUILD_TYPE"].upper()
        return (*_FLAGS, *(f"{name}_{kind}" for name in _FLAGS)) if kind else _FLAGS

    def neutral(self, name: str) -> str:
        """Its value without the names of its own folders."""
        value = self[name].replace(str(self.file.parent), "<build>")
        return (
            value.replace(str(self.source), "<source>") if self["CMAKE_HOME_DIRECTORY"] else value
        )

    def compiler(self) -> str:
        """Its id and version, empty if CMake has not told."""
        for file in sorted(self.file.parent.glob("CMakeFiles/*/CMakeCXXCompiler.cmake")):
            said = dict(_VERSION.findall(file.read_text(errors="replace")))
            return " ".join(said[key] for key in ("ID", "VERSION") if key in said)
        return ""


def find_cache(root: Path, binaries: Iterable[str] = ()) -> Path | None:
    """In the root, or beside or above one of the binaries, not above the root."""
    folders = [root]
    for binary in binaries:
        above = (root / binary).parents
        folders += [folder for folder in above if folder.is_relative_to(root)]
    return next((file for folder in folders if (file := folder / CACHE).is_file()), None)


def read_build(build: Path) -> CMakeSettings:
    file = build / CACHE
    if not file.is_file():
        raise BadInputError(
            f"{recorded(build)} is no build folder of CMake: make one with scripts/run.sh or "
            "`cmake --preset release && cmake --build --preset release`"
        )
    return CMakeSettings.read(file)


def arguments(of: CMakeSettings) -> list[str]:
    """For cmake: generator and settings, with <source> and <build> for the candidate's folders."""
    passed = [name for name in sorted(of.entries) if _PASSED_ON.fullmatch(name)]
    places = [
        name
        for name in sorted(of.entries)
        if _PACKAGE.fullmatch(name) and Path(of[name]).is_absolute()
        and of.entries[name][0] == "PATH" and "<" not in of.neutral(name)
    ]  # fmt: skip
    kinds = {name: of.entries[name][0] for name in (*passed, *places)}
    values = [f"-D{name}:{kind}={of.neutral(name)}" for name, kind in kinds.items() if of[name]]
    return ["-G", of["CMAKE_GENERATOR"], *values, "-DSWITCHYARD_TESTS=OFF"]


def moved(of: list[str], source: Path, build: Path) -> list[str]:
    return [a.replace("<source>", str(source)).replace("<build>", str(build)) for a in of]


def build_targets(
    what: str,
    build: Path,
    targets: Collection[str],
    log: Path | None,
    interrupts: Interrupts | None,
) -> None:
    """Those of the targets that the project has; all that it builds by default if none is named."""
    command = ["cmake", "--build", build, "--parallel", str(os.cpu_count() or 1)]
    if targets:
        told = build_commands.build(
            what, ["cmake", "--build", build, "--target", "help"], log, interrupts
        )
        known = set(_TARGET.findall(told.stdout))
        known_here = [target for target in sorted(targets) if target in known]
        if not known_here:
            raise SwitchyardError(f"{what} has no target {' or '.join(sorted(targets))}")
        command += ["--target", *known_here]
    build_commands.build(what, command, log, interrupts)
