"""How a side was built, as CMake remembers it; what is compared must have been built alike.

A difference of compiler, flags or libraries looks like a change of speed and is none of the code's.
What the project's own CMakeLists.txt sets is left alone: that is part of what is under test.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path

from ..suite.environment import build_info
from ..system.errors import BadInputError
from .cmake import CACHE, CMakeSettings, find_cache

INJECTED = "SWITCHYARD_INJECT_SLOWDOWN"
# Beside these the flags of the build type that is in use count.
_COMPARED = (
    "CMAKE_BUILD_TYPE", "CMAKE_CXX_COMPILER", "CMAKE_C_COMPILER", "CMAKE_TOOLCHAIN_FILE",
    "CMAKE_INTERPROCEDURAL_OPTIMIZATION", "CMAKE_CXX_STANDARD", "CMAKE_POSITION_INDEPENDENT_CODE",
    "BUILD_SHARED_LIBS", "Boost_DIR", "benchmark_DIR",
)  # fmt: skip
_OPTIMISED = re.compile(r"(^|\s)-O([1-3s]|fast|z)?(\s|$)")


def refuse_if_different(baseline: Path, candidate: Path, binaries: Iterable[str] = ()) -> list[str]:
    """Raises BadInputError with every setting that differs; returns what else to know of them."""
    binaries = list(binaries)
    files = [find_cache(root, binaries) for root in (baseline, candidate)]
    if None in files:
        without = [
            name for name, file in zip(("baseline", "candidate"), files, strict=True) if not file
        ]
        return [f"no {CACHE} of the {' and the '.join(without)}: whether compiler and flags are "
                "the same on both sides is not known"]  # fmt: skip
    one, other = (CMakeSettings.read(file) for file in files)
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
