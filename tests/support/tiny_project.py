"""Projects whose build is a copy: one file and a CMakeLists.txt without a language, or a script."""

import subprocess
from pathlib import Path

from fakes import write_foreign

BINARIES, BUILD = "build/bench/*", "sh build.sh"

_BUILD_SH = """[ "$(cat src/time)" != broken ] || { echo no compiler today; exit 7; }
mkdir -p build/bench && sed s/10.0/$(cat src/time)/ template > build/bench/work
chmod +x build/bench/work
"""
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
    git(repository, "commit", "-qm", "a change", "--allow-empty")
    return git(repository, "rev-parse", "HEAD")


def worktrees_of(project: Path) -> int:
    return git(project, "worktree", "list", "--porcelain").count("worktree ") - 1


def commits(repository: Path) -> list[str]:
    """Their ids, the oldest first."""
    return git(repository, "rev-list", "--reverse", "HEAD").split()


def timed(folder: Path, *times: str) -> Path:
    """Somebody else's repository, with a script for its benchmark BM_work: a commit for each of
    these times, which it then takes; "broken" does not build. BUILD builds it, and BINARIES are
    what comes of that.
    """
    (folder / "src").mkdir(parents=True)
    write_foreign(folder / "template", ["BM_work"])
    (folder / ".gitignore").write_text("build/\n")
    (folder / "build.sh").write_text(_BUILD_SH)
    git(folder, "init", "-q", "-b", "main")
    for time in times:
        (folder / "src" / "time").write_text(time)
        commit(folder)
    return folder
