"""A project that is one file and a CMakeLists.txt without a language, so that a build is a copy."""

import subprocess
from pathlib import Path

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


def worktrees_of(project: Path) -> int:
    return git(project, "worktree", "list", "--porcelain").count("worktree ") - 1
