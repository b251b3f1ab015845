"""Builds both sides from their sources: the baseline in a worktree, the candidate where it is.

A baseline is built with the candidate's own settings and kept, so that the next check against the
same commit begins at once. What is half built is never taken for built: a stamp is written last.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

from rich.console import Console

from ..suite import environment
from ..system.errors import BadInputError
from ..system.interrupts import Interrupts
from ..system.paths import ROOT, recorded
from . import build_commands, cmake, settings, worktrees
from .document import write_json
from .sides import Side

_KEPT = 4
_STAMP = "built.json"
# What says that a folder was made by a check, which may change and remove it: others may lie in the
# same place. The name alone is no proof, nor is a stamp, but older checks left nothing else.
_NAME = re.compile(r"[0-9a-f]{12}-[0-9a-f]{8}")
_MARK, _MARKED = ".gitignore", "# Made by a check of Switchyard, which may remove it.\n*\n"


def build_baseline(
    ref: str,
    candidate_build: Path,
    targets: Collection[str],
    cache: Path,
    console: Console,
    interrupts: Interrupts | None,
    repository: Path = ROOT,
    build_command: str | None = None,
) -> Side:
    """Check out and build `ref`, or take what an earlier check built.

    With build_command that builds it, in the worktree, which is then the side's root; otherwise
    CMake does, with the settings of candidate_build. Raises BadInputError for a ref that can't be
    used, SwitchyardError when it does not build, and Interrupted.
    """
    sha = worktrees.resolve(repository, ref)
    facts = _facts(sha, candidate_build, build_command)
    folder = cache.resolve() / f"{sha[:12]}-{_digest(facts)}"
    source = folder / "source"
    root = source if build_command else folder / "build"
    what = f"the baseline {ref}"
    with worktrees.locked(cache, console, interrupts):
        log = folder / "build.log"
        _claim(folder)
        is_new = not _is_built(folder, sha, targets)
        if is_new:
            console.print(f"building {what} ({sha[:12]}) in {recorded(folder)}", soft_wrap=True)
            _check_out(folder, sha, repository, interrupts)
        (folder / _STAMP).unlink(missing_ok=True)
        if is_new and not build_command:
            project = source / _below(cmake.read_build(candidate_build).source, repository)
            moved = cmake.moved(facts["arguments"], project, root)
            configure = ["cmake", "-S", project, "-B", root, *moved]
            build_commands.build(what, configure, log, interrupts)
        # Also an old one: a compiler or a library may have been upgraded since.
        if build_command:
            _run_command(what, build_command, source, log, interrupts)
        else:
            cmake.build_targets(what, root, targets, log, interrupts)
        write_json(folder / _STAMP, facts | {"targets": sorted(targets)})
        _prune(cache.resolve(), folder, repository)
    said = f"commit {sha[:7]}" if sha.startswith(ref) else f"{ref} (commit {sha[:7]})"
    return Side("baseline", root, said, sha, dirty=False)


def build_candidate(
    build: Path,
    targets: Collection[str],
    console: Console,
    interrupts: Interrupts | None,
    repository: Path = ROOT,
    build_command: str | None = None,
) -> Side:
    """Bring the working tree's build up to date: a stale one would be the wrong candidate.

    With build_command `build` is the source tree that it is run in, and the root.
    """
    build = build.resolve()
    console.print(f"building the candidate in {recorded(build)}", soft_wrap=True)
    if build_command:
        _run_command("the candidate", build_command, build, None, interrupts)
    else:
        _refuse_another_source(cmake.read_build(build).source, repository, build)
        cmake.build_targets("the candidate", build, targets, None, interrupts)
    state = environment.git_state(repository)
    what = f"commit {state['sha'][:7]}" if state["sha"] else f"{recorded(build)}"
    what += settings.injected(build)
    return Side("candidate", build, what, state["sha"], state["dirty"])


def _refuse_another_source(source: Path, repository: Path, build: Path) -> None:
    """A copied tree has a build folder that still belongs to the original."""
    if not source.resolve().is_relative_to(repository.resolve()):
        raise BadInputError(
            f"{recorded(build)} was configured for {source}, not {repository}: configure it again"
        )


def _facts(sha: str, candidate_build: Path, build_command: str | None) -> dict[str, Any]:
    """All that a build of the baseline depends on."""
    if build_command:
        set_here = {name: os.environ.get(name) for name in build_commands.BUILD_VARIABLES}
        return {"sha": sha, "command": build_command, "environment": set_here}
    of_candidate = cmake.read_build(candidate_build)
    # An upgraded compiler makes another build, also behind the same path.
    arguments, compiler = cmake.arguments(of_candidate), of_candidate.compiler()
    return {"sha": sha, "arguments": arguments, "compiler": compiler}


def _digest(facts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:8]


def _below(folder: Path, repository: Path) -> Path:
    """Where the project lies in its repository."""
    folder, repository = folder.resolve(), repository.resolve()
    return folder.relative_to(repository) if folder.is_relative_to(repository) else Path()


def _is_built(folder: Path, sha: str, targets: Collection[str]) -> bool:
    try:
        built = json.loads((folder / _STAMP).read_bytes())
        enough = set(targets) <= set(built["targets"]) if targets else not built["targets"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return enough and worktrees.is_intact(folder / "source", sha)


def _claim(folder: Path) -> None:
    """Make it, and mark it as a check's. Raises BadInputError if it is somebody else's."""
    try:
        if folder.exists() and set(folder.iterdir()) - {folder / _MARK} and not _is_ours(folder):
            raise BadInputError(f"{folder} was not made by a check: move it out of the way")
        folder.mkdir(exist_ok=True)
        (folder / _MARK).write_text(_MARKED)
    except OSError as error:
        raise BadInputError(f"cannot write to {folder}: {error.strerror}") from None


def _is_ours(folder: Path) -> bool:
    mark = folder / _MARK
    is_marked = mark.is_file() and mark.read_bytes() == _MARKED.encode()
    return bool(_NAME.fullmatch(folder.name)) and (is_marked or (folder / _STAMP).is_file())


def _check_out(folder: Path, sha: str, repository: Path, interrupts: Interrupts | None) -> None:
    """A worktree that is intact may stay, and what is built of it already."""
    source = folder / "source"
    if not worktrees.is_intact(source, sha):
        worktrees.remove(repository, source)
        shutil.rmtree(folder / "build", ignore_errors=True)
        worktrees.add(repository, source, sha, interrupts)
    (folder / "build.log").unlink(missing_ok=True)


def _run_command(
    what: str, command: str, folder: Path, log: Path | None, interrupts: Interrupts | None
) -> None:
    """In the environment of the moment, which both sides have."""
    in_folder = ["sh", "-c", 'cd "$1" && eval "$2"', "sh", folder, command]
    build_commands.build(what, in_folder, log, interrupts, without=())


def _prune(cache: Path, current: Path, repository: Path) -> None:
    """Keep the newest; what has no stamp is half built and worth nothing."""

    def used_at(folder: Path) -> float:
        stamp = folder / _STAMP
        return stamp.stat().st_mtime if stamp.exists() else 0.0

    others = [path for path in cache.iterdir() if path != current and _is_ours(path)]
    for folder in sorted(others, key=used_at, reverse=True)[_KEPT - 1 :]:
        worktrees.remove(repository, folder / "source")
        shutil.rmtree(folder / "build", ignore_errors=True)  # the mark last
        shutil.rmtree(folder, ignore_errors=True)
