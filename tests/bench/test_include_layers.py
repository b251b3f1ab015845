"""Dependencies between the rooms of the C++ sources point one way: a workload builds on programs,
harness, load and runtimes, and nothing of these on a workload, nor any of them on tests. Nor does a
workload build on another, but for `scale`, which has others' work done on more CPUs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'\s*#\s*include\s*"((?:bench|runtimes|tests|scripts)/[^"]+)"')

# Which paths a file may include, by where it lies: the first prefix that fits decides. A workload
# is any other folder of bench/.
LAYERS = {
    "runtimes/": ("runtimes/",),
    "bench/load/": ("bench/load/", "runtimes/support/"),
    "bench/harness/": ("bench/harness/", "runtimes/concepts.hpp", "runtimes/support/"),
    "bench/scale/": ("bench/", "runtimes/"),
    "bench/programs/": ("bench/programs/", "bench/harness/", "bench/load/", "runtimes/"),
}


def allowed_from(path: str) -> tuple[str, ...]:
    for place, allowed in LAYERS.items():
        if path.startswith(place):
            return allowed
    workload = "/".join(path.split("/")[:2]) + "/"
    return (workload, *LAYERS["bench/programs/"])


def may_include(path: str, included: str) -> bool:
    """echo and http are two protocols: what both need lies in programs/ itself."""
    if not included.startswith(allowed_from(path)):
        return False
    ours, theirs = path.split("/"), included.split("/")
    both_programs = ours[:2] == theirs[:2] == ["bench", "programs"]
    return not both_programs or len(theirs) == 3 or ours[2] == theirs[2]


def sources() -> Iterator[Path]:
    for folder in ("bench", "runtimes"):
        yield from (p for p in (ROOT / folder).rglob("*") if p.suffix in (".cpp", ".hpp"))


def test_includes_point_one_way() -> None:
    wrong = []
    seen = 0
    for source in sources():
        path = source.relative_to(ROOT).as_posix()
        for number, line in enumerate(source.read_text().splitlines(), start=1):
            if found := INCLUDE.match(line):
                seen += 1
                if not may_include(path, found[1]):
                    wrong.append(f"{path}:{number}: includes {found[1]}")
    assert seen > 100, "the sources were not found"
    assert not wrong, "\n" + "\n".join(wrong)


def test_a_wrong_direction_is_noticed() -> None:
    assert not may_include("runtimes/fiber.hpp", "bench/harness/usage.hpp")
    assert not may_include("bench/load/generator.cpp", "bench/harness/usage.hpp")
    assert not may_include("bench/harness/usage.cpp", "runtimes/process.hpp")
    assert not may_include("bench/programs/echo/servers.cpp", "bench/programs/http/url.hpp")
    assert not may_include("bench/memory/bench_memory.cpp", "bench/echo/echo_rows.hpp")
    assert not may_include("bench/echo/bench_echo.cpp", "tests/support/running_server.hpp")
    assert may_include("bench/echo/bench_echo.cpp", "bench/programs/echo/servers.hpp")
