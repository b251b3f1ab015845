"""Two builds are compared only if the same compiler, flags and libraries made them."""

import json
from pathlib import Path

import pytest

from switchyard.gate import cmake
from switchyard.system.errors import CandidateError

CACHE = """# This is the CMakeCache file.
//Flags used by the CXX compiler
CMAKE_CXX_FLAGS:STRING={flags}
CMAKE_BUILD_TYPE:STRING={kind}
CMAKE_CXX_COMPILER:FILEPATH=/usr/bin/c++
CMAKE_CXX_FLAGS_RELEASE:STRING={release}
CMAKE_CXX_FLAGS_DEBUG:STRING={debug}
CMAKE_TOOLCHAIN_FILE:FILEPATH={build}/toolchain.cmake
Boost_DIR:PATH={boost}
SWITCHYARD_INJECT_SLOWDOWN:STRING={injected}
//ADVANCED property for variable: CMAKE_CXX_FLAGS
CMAKE_CXX_FLAGS-ADVANCED:INTERNAL=1
CMAKE_HOME_DIRECTORY:INTERNAL={source}
CMAKE_GENERATOR:INTERNAL=Ninja
"""
USUAL = {"flags": "", "kind": "Release", "release": "-O3 -DNDEBUG", "debug": "-g",
         "boost": "/usr/lib/cmake/Boost-1.81.0", "injected": "0"}  # fmt: skip


def cmake_build(folder: Path, *, version: str = "12.2.0", library: str = "1.7.1", **more) -> Path:
    (folder / "CMakeFiles" / "3.25.1").mkdir(parents=True)
    values = USUAL | {"build": folder, "source": folder / "source"} | more
    (folder / "CMakeCache.txt").write_text(CACHE.format(**values))
    (folder / "CMakeFiles" / "3.25.1" / "CMakeCXXCompiler.cmake").write_text(
        f'set(CMAKE_CXX_COMPILER_ID "GNU")\nset(CMAKE_CXX_COMPILER_VERSION "{version}")\n'
    )
    info = {"version": "0.1.0", "boost": "1.81.0", "benchmark": library}
    (folder / "build_info.json").write_text(json.dumps(info))
    return folder


def test_builds_alike_are_accepted_wherever_they_lie(tmp_path):
    builds = cmake_build(tmp_path / "a"), cmake_build(tmp_path / "somewhere" / "else")
    assert cmake.refuse_if_different(*builds) == []


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"flags": "-march=native"}, "CMAKE_CXX_FLAGS is 'not set' in the baseline, "
                                     "'-march=native' in the candidate"),
        ({"kind": "Debug"}, "CMAKE_BUILD_TYPE is 'Release' in the baseline, 'Debug' in"),
        ({"release": "-O2"}, "CMAKE_CXX_FLAGS_RELEASE is '-O3 -DNDEBUG' in .*, '-O2' in"),
        ({"boost": "/opt/boost"}, "Boost_DIR is .*1.81.0' in the baseline, '/opt/boost' in"),
        ({"version": "13.1.0"}, "the compiler is 'GNU 12.2.0' in the baseline, 'GNU 13.1.0' in"),
        ({"library": "1.8.0"}, "the version of benchmark is '1.7.1' in .*, '1.8.0' in"),
    ],
)  # fmt: skip
def test_builds_that_differ_are_refused_with_both_values(tmp_path, more, message):
    with pytest.raises(CandidateError, match=message):
        cmake.refuse_if_different(cmake_build(tmp_path / "a"), cmake_build(tmp_path / "b", **more))


@pytest.mark.parametrize("more", [{"debug": "-g3"}, {"injected": "5"}])
def test_flags_that_are_not_in_use_and_an_injected_slowdown_may_differ(tmp_path, more):
    one, other = cmake_build(tmp_path / "a"), cmake_build(tmp_path / "b", **more)
    assert cmake.refuse_if_different(one, other) == []


def test_what_another_is_made_with_has_its_folders_in_the_place_of_our_own(tmp_path):
    """Also where they lie below our own."""
    build = cmake_build(tmp_path / "a", source=tmp_path, flags=f"-I{tmp_path}/include")
    source, other = f"{build}/kept/source", f"{build}/kept/build"
    arguments = cmake.CMakeSettings.read(build).arguments(source, other)
    assert f"-DCMAKE_CXX_FLAGS:STRING=-I{source}/include" in arguments
    assert f"-DCMAKE_TOOLCHAIN_FILE:FILEPATH={other}/toolchain.cmake" in arguments


def test_an_injected_slowdown_is_said(tmp_path):
    assert cmake.injected(cmake_build(tmp_path / "a")) == ""
    assert "5 % slower" in cmake.injected(cmake_build(tmp_path / "b", injected="5"))


def test_without_a_cache_there_is_a_note_of_which_side(tmp_path):
    cmake_build(tmp_path / "a")
    (tmp_path / "b").mkdir()
    (note,) = cmake.refuse_if_different(tmp_path / "a", tmp_path / "b")
    assert "of the candidate: whether compiler and flags" in note
    (note,) = cmake.refuse_if_different(tmp_path / "b", tmp_path / "b")
    assert "baseline and the candidate" in note


def test_the_cache_is_found_above_the_binaries_but_not_above_the_root(tmp_path):
    for name, flags in (("a", "-O2"), ("b", "-O1")):
        cmake_build(tmp_path / name / "out", flags=flags)
    binaries = ["out/bench/bin/bench_x"]
    with pytest.raises(CandidateError, match="'-O2' in the baseline, '-O1'"):
        cmake.refuse_if_different(tmp_path / "a", tmp_path / "b", binaries)
    inside = tmp_path / "a" / "out" / "bench"
    assert "no CMakeCache.txt" in cmake.refuse_if_different(inside, inside, ["bin/x"])[0]


@pytest.mark.parametrize(
    ("more", "note"),
    [
        ({"kind": "Debug"}, "without optimisation"),
        ({"kind": "Debug", "debug": "-g -O2"}, "without optimisation"),
        ({"release": "-O0"}, "without optimisation"),
        ({"flags": "-fsanitize=address,undefined"}, "sanitizers (address,undefined)"),
    ],
)
def test_builds_whose_times_mean_little_are_noted(tmp_path, more, note):
    one, other = cmake_build(tmp_path / "a", **more), cmake_build(tmp_path / "b", **more)
    assert note in cmake.refuse_if_different(one, other)[0]
