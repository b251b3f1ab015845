"""A build folder of CMake: what its cache remembers, whether two were made alike, how to make
another like it, and building.

What is compared must have been built alike: a difference of compiler, flags or libraries looks like
a change of speed and is none of the code's. What the project's own CMakeLists.txt sets is left
alone: that is part of what is under test. The cache is read and not the presets, as it is what the
compiler was really called with.
"""

import json
import os
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from ..suite.environment import build_info
from ..system.errors import BadInputError
from ..system.paths import recorded
from .build_commands import Building

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
INJECTED = "SWITCHYARD_INJECT_SLOWDOWN"
# Beside these the flags of the build type that is in use count.
_COMPARED = (
    "CMAKE_BUILD_TYPE", "CMAKE_CXX_COMPILER", "CMAKE_C_COMPILER", "CMAKE_TOOLCHAIN_FILE",
    "CMAKE_INTERPROCEDURAL_OPTIMIZATION", "CMAKE_CXX_STANDARD", "CMAKE_POSITION_INDEPENDENT_CODE",
    "BUILD_SHARED_LIBS", "Boost_DIR", "benchmark_DIR",
)  # fmt: skip
_OPTIMISED = re.compile(r"(^|\s)-O([1-3s]|fast|z)?(\s|$)")
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
        source = self["CMAKE_HOME_DIRECTORY"]
        return value.replace(str(self.source), "<source>") if source else value

    def compiler(self) -> str:
        """Its id and version, empty if CMake has not told."""
        for file in sorted(self.file.parent.glob("CMakeFiles/*/CMakeCXXCompiler.cmake")):
            said = dict(_VERSION.findall(file.read_text(errors="replace")))
            return " ".join(said[key] for key in ("ID", "VERSION") if key in said)
        return ""


def find_cache(root: Path, binaries: Iterable[str] = ()) -> Path | None:
    """In the root, or beside or above one of the binaries, not above the root."""
    folders = [root / folder for binary in binaries for folder in Path(binary).parents]
    return next((file for folder in (root, *folders) if (file := folder / CACHE).is_file()), None)


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
    names = sorted(of.entries)
    places = [
        name
        for name in names
        if _PACKAGE.fullmatch(name) and Path(of[name]).is_absolute()
        and of.entries[name][0] == "PATH" and "<" not in of.neutral(name)
    ]  # fmt: skip
    passed = [name for name in names if _PASSED_ON.fullmatch(name)]
    values = [
        f"-D{name}:{of.entries[name][0]}={of.neutral(name)}"
        for name in (*passed, *places)
        if of[name]
    ]
    return ["-G", of["CMAKE_GENERATOR"], *values, "-DSWITCHYARD_TESTS=OFF"]


def moved(of: list[str], source: Path, build: Path) -> list[str]:
    return [a.replace("<source>", str(source)).replace("<build>", str(build)) for a in of]


def build_targets(building: Building, build: Path, targets: Collection[str]) -> None:
    """Those of the targets that the project has; all that it builds by default if none is named."""
    command = ["cmake", "--build", build]
    some = []
    if targets:
        known = set(_TARGET.findall(building.step([*command, "--target", "help"])))
        some = [target for target in sorted(targets) if target in known]
        if not some:
            raise building.failed(f"{building.what} has no target {' or '.join(sorted(targets))}")
        some = ["--target", *some]
    building.step([*command, "--parallel", str(os.cpu_count() or 1), *some])


def refuse_if_different(
    baseline: Path, candidate: Path, binaries: Collection[str] = ()
) -> list[str]:
    """Raises BadInputError with every setting that differs; returns what else to know of them."""
    found = {
        side: find_cache(root, binaries)
        for side, root in (("baseline", baseline), ("candidate", candidate))
    }
    without = [side for side, file in found.items() if not file]
    if without:
        return [f"no {CACHE} of the {' and the '.join(without)}: whether compiler and flags are "
                "the same on both sides is not known"]  # fmt: skip
    one, other = (CMakeSettings.read(file) for file in found.values())
    differences = [
        f"{name} is {mine or 'not set'!r} in the baseline, {yours or 'not set'!r} in the candidate"
        for name, mine, yours in _pairs(one, other)
        if mine != yours
    ]
    if differences:
        raise BadInputError(
            f"the sides were not built alike: {'; '.join(differences)}. A difference in speed "
            "would say nothing about the code: build both with the same settings"
        )
    return _notes(one)


def injected(root: Path) -> str:
    """What to say of a build that was made slower on purpose; empty for any other."""
    file = find_cache(root)
    percent = CMakeSettings.read(file)[INJECTED] if file else ""
    return f", made {percent} % slower on purpose" if percent not in ("", "0") else ""


def _pairs(one: CMakeSettings, other: CMakeSettings) -> Iterable[tuple[str, str, str]]:
    for name in dict.fromkeys((*_COMPARED, *one.flags_in_use(), *other.flags_in_use())):
        yield name, one.neutral(name).strip(), other.neutral(name).strip()
    if one.compiler() and other.compiler():
        yield "the compiler", one.compiler(), other.compiler()
    infos = [build_info(settings.file.parent) for settings in (one, other)]
    if all(isinstance(info, dict) for info in infos):
        for library in ("boost", "benchmark"):
            if all(library in info for info in infos):
                mine, yours = (json.dumps(info[library]).strip('"') for info in infos)
                yield f"the version of {library}", mine, yours


def _notes(settings: CMakeSettings) -> list[str]:
    flags = " ".join(settings[name] for name in settings.flags_in_use())
    sanitizer = re.search(r"-fsanitize=(\S+)", flags)
    if sanitizer:
        return [f"built with sanitizers ({sanitizer[1]}): their cost is in every time"]
    kind = settings["CMAKE_BUILD_TYPE"]
    if kind.lower() == "debug" or (kind and not _OPTIMISED.search(flags)):
        return [f"built without optimisation ({kind}): times say little about what is released"]
    return []
