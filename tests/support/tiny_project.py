"""A project that is one file and a CMakeLists.txt without a language, so that a build is a copy;
and one whose benchmark takes as long as a commit says.
"""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from fakes import write_foreign

CMAKE = """cmake_minimum_required(VERSION 3.25)
project(tiny NONE)
file(APPEND "${CMAKE_BINARY_DIR}/configured" "${CMAKE_CXX_FLAGS} $ENV{CXXFLAGS}\\n")
foreach(name bench_x bench_y)
  add_custom_target(${name}
    COMMAND ${CMAKE_COMMAND} -E copy ${CMAKE_SOURCE_DIR}/source.txt
            ${CMAKE_BINARY_DIR}/bin/${name})
endforeach()
"""


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=n", "-c", "user.email=n@example.org", "-c", "init.defaultBranch=main"]
    command = ["git", "-C", str(folder), *who, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def commit(repository: Path, **files: str) -> str:
    for name, content in files.items():
        (repository / name.replace("_txt", ".txt")).write_text(content)
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "a change")
    return git(repository, "rev-parse", "HEAD")


# How the timed project is built, in out/bench; and the benchmark's name.
BUILD = "sh build.sh"
WORK = "BM_work"
_BUILD_SH = """[ "$(cat time)" != broken ] || { echo no compiler today; exit 7; }
mkdir -p out && sed "s/10\\.0/$(cat time)/" template >out/bench && chmod +x out/bench
"""


def timed_project(folder: Path, times: Sequence[str]) -> list[str]:
    """A commit for each time of its benchmark, "broken" for one that does not build; their ids."""
    write_foreign(folder / "template", [WORK])
    (folder / "build.sh").write_text(_BUILD_SH)
    (folder / ".gitignore").write_text("out/\n")
    git(folder, "init", "-q")
    shas = []
    for number, time in enumerate(times):
        (folder / "time").write_text(time)
        git(folder, "add", "-A")
        git(folder, "commit", "-qm", f"change {number}", "--allow-empty")
        shas.append(git(folder, "rev-parse", "HEAD"))
    return shas


def worktrees_of(project: Path) -> int:
    return git(project, "worktree", "list", "--porcelain").count("worktree ") - 1
