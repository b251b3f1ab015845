"""Builds: what CMake remembers of one, whether two were made alike, how to make another like it;
and the steps of building, which may also be a command of the project's own.

What is compared must have been built alike: a difference of compiler, flags or libraries looks like
a change of speed and is none of the code's. What the project's own CMakeLists.txt sets is left
alone: that is part of what is under test. The cache is read and not the presets, as it is what the
compiler was really called with.
"""

import os
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..suite.environment import build_info
from ..system import git
from ..system.errors import BadInputError, CandidateError, SwitchyardError
from ..system.interrupts import Interrupted, Interrupts
from ..system.launch import launch
from ..system.paths import recorded
from .model import SIDES

BUILD_TIMEOUT_S = 3600.0
# CMake reads them when it configures, which for the candidate was some time ago: its cache counts.
BUILD_VARIABLES = (
    "CC", "CXX", "CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS", "CMAKE_GENERATOR", "CMAKE_BUILD_TYPE",
    "CMAKE_TOOLCHAIN_FILE", "CMAKE_INSTALL_PREFIX",
)  # fmt: skip
# Make names a job server that is not handed on.
_MISLEADING = (*git.MISLEADING, "MAKEFLAGS", "MFLAGS")
_LAST_LINES = 15
_CACHE = "CMakeCache.txt"
_ENTRY = re.compile(r'^"?([^#/"\n][^:="\n]*)"?:([A-Z]+)=(.*)$', re.MULTILINE)
_COMPILER = re.compile(r'set\(CMAKE_CXX_COMPILER_(?:ID|VERSION) "([^"]+)"\)')
# How things are compiled and linked: compared, and what the baseline is configured with.
_SETTING = re.compile(
    r"CMAKE_(BUILD_TYPE|(C|CXX)_(COMPILER|STANDARD)|INTERPROCEDURAL_OPTIMIZATION"
    r"|POSITION_INDEPENDENT_CODE|TOOLCHAIN_FILE"
    r"|(C|CXX|(EXE|SHARED|MODULE|STATIC)_LINKER)_FLAGS(_(?P<of_type>[A-Z]+))?)|BUILD_SHARED_LIBS"
)
_INJECTED = "SWITCHYARD_INJECT_SLOWDOWN"
_OPTIMISED = re.compile(r"(^|\s)-O([1-3s]|fast|z)?(\s|$)")
_TARGET = re.compile(r"^(?:\.\.\. )?([\w.+-]+)(?=:|\s|$)", re.MULTILINE)


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
        """What it printed, `without` some of the environment's variables. Raises Interrupted, and
        `failed` unless it ends well and in time.
        """

        def tell(seconds: float) -> None:
            self.say(f"building {self.what}: {seconds / 60:.0f} min so far, log: {self.log}")

        words, without = list(map(str, command)), (*_MISLEADING, *without)
        # Straight to the file, where it can be followed, and is there whatever ends it.
        to_log = ["sh", "-c", 'exec "$@" >>"$0" 2>&1', str(self.log), *words]
        try:
            with self.log.open("ab") as file:
                file.write(f"$ {' '.join(words)}\n".encode(errors="replace"))
                begun = file.tell()
            outcome = launch(to_log, BUILD_TIMEOUT_S, self.interrupts, without=without, tell=tell)
            output = self.log.read_bytes()[begun:].decode(errors="replace").strip()
        except OSError as error:
            raise SwitchyardError(f"cannot write {self.log}: {error.strerror}") from None
        except Interrupted as interrupted:
            if not interrupted.is_deadline:
                raise
            late = f"{self.what} was not built before the --deadline; the log: {self.log}"
            raise self.failed(late) from None
        if outcome.code != 0:
            last = "\n".join(output.splitlines()[-_LAST_LINES:])
            raise self.failed(
                f"cannot build {self.what}: {outcome.ending}; the whole log: {self.log}\n{last}"
            )
        return output

    def targets(self, build: Path, targets: Collection[str]) -> None:
        """Those of CMake's targets that it has; all that it builds by default if none is named."""
        command = ["cmake", "--build", build, "--parallel", str(os.cpu_count() or 1)]
        if targets:
            known = set(_TARGET.findall(self.step([*command, "--target", "help"])))
            if not known.intersection(targets):
                raise self.failed(f"{self.what} has no target {' or '.join(sorted(targets))}")
            command += ["--target", *sorted(known.intersection(targets))]
        self.step(command)


@dataclass(frozen=True)
class CMakeSettings:
    """The entries of a build folder's cache: name to (type, value)."""

    build: Path
    entries: dict[str, tuple[str, str]]

    @classmethod
    def read(cls, build: Path) -> "CMakeSettings":
        """Raises BadInputError."""
        try:
            found = _ENTRY.findall((build / _CACHE).read_text(errors="replace"))
        except OSError as error:
            raise BadInputError(
                f"{recorded(build)} is no build folder of CMake ({_CACHE}: {error.strerror}): make "
                "one with scripts/run.sh or `cmake --preset release && cmake --build --preset "
                "release`"
            ) from None
        return cls(build, {name: (kind, value) for name, kind, value in found})

    @classmethod
    def find(cls, root: Path, binaries: Iterable[str] = ()) -> "CMakeSettings | None":
        """In the root, or beside or above one of the binaries, not above the root."""
        above = (root / folder for binary in binaries for folder in Path(binary).parents)
        return next((cls.read(b) for b in (root, *above) if (b / _CACHE).is_file()), None)

    def __getitem__(self, name: str) -> str:
        """Its value; empty when it isn't set, which means the same to CMake."""
        return self.entries.get(name, ("", ""))[1]

    @property
    def source(self) -> Path:
        return Path(self["CMAKE_HOME_DIRECTORY"])

    def in_use(self) -> list[str]:
        """Settings, without the flags of other build types."""
        kind = self["CMAKE_BUILD_TYPE"].upper()
        found = filter(None, map(_SETTING.fullmatch, sorted(self.entries)))
        return [match[0] for match in found if match["of_type"] in (None, kind)]

    def moved(self, name: str, source: str = "<source>", build: str = "<build>") -> str:
        """Its value, with other folders in the place of its own."""
        value = self[name].replace(str(self.build), "<build>")
        if self["CMAKE_HOME_DIRECTORY"]:
            value = value.replace(str(self.source), "<source>")
        return value.replace("<source>", source).replace("<build>", build)

    def arguments(self, *folders: str) -> list[str]:
        """For cmake, to make another like it: generator, settings, and places of packages that it
        did not build itself; `folders` as for moved().
        """
        values = [
            f"-D{name}:{kind}={self.moved(name, *folders)}"
            for name, (kind, value) in sorted(self.entries.items())
            if value and (_SETTING.fullmatch(name) or name == "CMAKE_PREFIX_PATH" or (
                name.endswith("_DIR") and kind == "PATH" and Path(value).is_absolute()
                and "<" not in self.moved(name)
            ))
        ]  # fmt: skip
        return ["-G", self["CMAKE_GENERATOR"], *values, "-DSWITCHYARD_TESTS=OFF"]

    def versions(self) -> dict[str, str]:
        """Of compiler and libraries, as far as CMake has told of them."""
        info, known = build_info(self.build), {}
        for file in sorted(self.build.glob("CMakeFiles/*/CMakeCXXCompiler.cmake")):
            if found := _COMPILER.findall(file.read_text(errors="replace")):
                known["the compiler"] = " ".join(found)
        for name in ("boost", "benchmark"):
            if isinstance(info, dict) and name in info:
                known[f"the version of {name}"] = str(info[name])
        return known


def refuse_if_different(
    baseline: Path, candidate: Path, binaries: Collection[str] = ()
) -> list[str]:
    """Raises CandidateError with every setting that differs; returns what else to know of them."""
    one, other = (CMakeSettings.find(root, binaries) for root in (baseline, candidate))
    without = [side for side, found in zip(SIDES, (one, other), strict=True) if not found]
    if without:
        return [f"no {_CACHE} of the {' and the '.join(without)}: whether compiler and flags are "
                "the same on both sides is not known"]  # fmt: skip
    names = dict.fromkeys((*one.in_use(), *other.in_use(), "Boost_DIR", "benchmark_DIR"))
    pairs = [(name, one.moved(name).strip(), other.moved(name).strip()) for name in names]
    known, also_known = one.versions(), other.versions()
    pairs += [(what, known[what], also_known[what]) for what in known if what in also_known]
    differences = [
        f"{name} is {mine or 'not set'!r} in the baseline, {yours or 'not set'!r} in the candidate"
        for name, mine, yours in pairs
        if mine != yours
    ]
    if differences:
        raise CandidateError(
            f"the sides were not built alike: {'; '.join(differences)}. A difference in speed "
            "would say nothing about the code: build both with the same settings"
        )
    return _notes(one)


def injected(root: Path) -> str:
    """What to say of a build that was made slower on purpose; empty for any other."""
    settings = CMakeSettings.find(root)
    percent = settings[_INJECTED] if settings else ""
    return f", made {percent} % slower on purpose" if percent not in ("", "0") else ""


def _notes(settings: CMakeSettings) -> list[str]:
    flags = " ".join(settings[name] for name in settings.in_use())
    sanitizer = re.search(r"-fsanitize=(\S+)", flags)
    if sanitizer:
        return [f"built with sanitizers ({sanitizer[1]}): their cost is in every time"]
    kind = settings["CMAKE_BUILD_TYPE"]
    if kind.lower() == "debug" or (kind and not _OPTIMISED.search(flags)):
        return [f"built without optimisation ({kind}): times say little about what is released"]
    return []
