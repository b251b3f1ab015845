"""Builds both sides from their sources: the baseline in a worktree, the candidate where it is.

A baseline is built with the candidate's own settings and kept, so that the next check against the
same commit begins at once. What is half built is never taken for built: a stamp is written last.
Whatever became of an earlier worktree (half made, deleted by hand, locked by a git that was killed)
is cleared away first, as it would stand in the way of every check to come. What one check has in
use is locked, so that no other takes it away.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal

from rich.console import Console

from ..suite import environment
from ..system import files
from ..system.errors import BadInputError, CandidateError, SwitchyardError
from ..system.git import git
from ..system.interrupts import Interrupts
from ..system.launch import launch
from ..system.paths import recorded, state_folder
from .cmake import BUILD_TIMEOUT_S, BUILD_VARIABLES, Building, CMakeSettings, injected
from .model import Side

_KEPT = 4
_STAMP = "built.json"
# What says that a folder was made by a check, which may change and remove it: others may lie in the
# same place, and a name is no proof.
_MARK, _MARKED = ".gitignore", "# Made by a check of Switchyard, which may remove it.\n*\n"


@dataclass(frozen=True)
class Builder:
    """Builds revisions of a repository: by `command`, run in the source tree, which is then the
    side's root; otherwise CMake does. Its methods raise Interrupted, and when one does not build
    SwitchyardError, of a candidate CandidateError. What it built stays as long as it is in use
    itself: `held`.
    """

    repository: Path
    console: Console
    interrupts: Interrupts | None = None
    command: str | None = None
    held: list[IO] = field(default_factory=list)

    def revision(
        self, ref: str, candidate_build: Path, targets: Collection[str],
        label: Literal["baseline", "candidate"] = "baseline",
    ) -> Side:  # fmt: skip
        """Check out and build `ref` with the settings of candidate_build, or take what an earlier
        check built. Raises BadInputError for a ref that can't be used.
        """
        sha = self.resolve(ref)
        settings = None if self.command else CMakeSettings.read(candidate_build)
        facts = self._facts(sha, settings)
        digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:8]
        cache = state_folder(self.repository) / "baselines"
        folder = cache / f"{sha[:12]}-{digest}"
        source = folder / "source"
        root = source if self.command else folder / "build"
        short = sha[:7] if sha.startswith(ref) else ref
        building = self._building(label, f"the {label} {short}", folder / "build.log")
        with self._locked(cache):
            claim(folder)
            is_new = not _is_built(folder, sha, targets)
            # Also an old one: a compiler or a library may have been upgraded since. But not under
            # the hands of a check that measures it.
            is_due = is_new or not _is_held(folder)
            if is_due:
                (folder / _STAMP).unlink(missing_ok=True)
            if is_new:
                self._say(f"building {building.what} ({sha[:12]}) in {recorded(folder)}")
                self._check_out(folder, sha)
                if settings:
                    project = str(source / (self._below(settings.source) or ""))
                    arguments = settings.arguments(project, str(root))
                    building.step(["cmake", "-S", project, "-B", root, *arguments])
            if is_due:
                self._build(building, root, targets)
                files.write(folder / _STAMP, facts | {"targets": sorted(targets)})
            self.held.append(hold(folder, fcntl.LOCK_SH))
            self._prune(cache)
        said = f"commit {sha[:7]}" if sha.startswith(ref) else f"{ref} (commit {sha[:7]})"
        return Side(label, root, said, sha, dirty=False)

    def candidate(self, build: Path, targets: Collection[str]) -> Side:
        """Bring the working tree's build up to date: a stale one would be the wrong candidate."""
        build = build.resolve()
        self._say(f"building the candidate in {recorded(build)}")
        if not self.command:
            source, here = CMakeSettings.read(build).source, recorded(build)
            if self._below(source) is None:  # of a tree that was copied
                why = f"{here} was configured for {source}, not {self.repository}"
                raise BadInputError(f"{why}: configure it again")
        kept = state_folder(self.repository)
        with self._locked(kept / "baselines"):
            log = kept / "candidate.log"
            log.unlink(missing_ok=True)
            self._build(self._building("candidate", "the candidate", log), build, targets)
        state = environment.git_state(self.repository)
        what = f"commit {state['sha'][:7]}" if state["sha"] else recorded(build)
        return Side("candidate", build, what + injected(build), state["sha"], state["dirty"])

    def resolve(self, ref: str) -> str:
        """The commit that a ref names: 40 hex digits. Raises BadInputError with advice."""
        shallow = git(self.repository, "rev-parse", "--is-shallow-repository")
        if shallow.code != 0:
            why = f"{self.repository}: {shallow.complaint}"
            raise BadInputError(f"{ref!r} needs a git repository: {why}")
        name = f"{ref}^{{commit}}"
        found = git(self.repository, "rev-parse", "--verify", "--end-of-options", name)
        if found.code == 0:
            return found.stdout.strip()
        advice = f"`git -C {self.repository} log --oneline --all` shows what there is"
        if shallow.stdout.strip() == "true":
            advice = (
                "this clone is shallow: `git fetch --unshallow` gets the rest (in GitHub's "
                "workflows fetch-depth: 0 of actions/checkout)"
            )
        raise BadInputError(f"{ref!r} names no commit: {advice}")

    @contextlib.contextmanager
    def _locked(self, cache: Path) -> Iterator[None]:
        """One check at a time builds in a cache. The kernel gives it back when a check dies."""
        try:
            cache.mkdir(exist_ok=True)
            file = (cache / ".lock").open("a")
        except OSError as error:
            raise BadInputError(f"cannot write to {cache}: {error.strerror}") from None
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._say(f"waiting for another check that builds in {cache}")
                # In a fork, which shares the lock with us and can be ended while it waits.
                waited = launch(
                    lambda: fcntl.flock(file, fcntl.LOCK_EX) or "", BUILD_TIMEOUT_S, self.interrupts
                )
                if waited.code != 0:
                    late = f"another check has held {cache}/.lock for an hour: is it alive?"
                    raise SwitchyardError(late) from None
            yield

    def _say(self, line: str) -> None:
        self.console.print(line, soft_wrap=True)

    def _building(self, label: str, what: str, log: Path) -> Building:
        failed = CandidateError if label == "candidate" else SwitchyardError
        return Building(what, log, self._say, self.interrupts, failed)

    def _build(self, building: Building, root: Path, targets: Collection[str]) -> None:
        if self.command:  # in the environment of the moment, which both sides have
            script = 'cd "$1" && eval "$2"'
            building.step(["sh", "-c", script, "sh", root, self.command], without=())
        else:
            building.targets(root, targets)

    def _facts(self, sha: str, candidate: CMakeSettings | None) -> dict[str, Any]:
        """All that a build of the baseline depends on."""
        if candidate:  # an upgraded compiler makes another build, also behind the same path
            arguments, versions = candidate.arguments(), candidate.versions()
            return {"sha": sha, "arguments": arguments, "versions": versions}
        set_here = {name: os.environ.get(name) for name in BUILD_VARIABLES}
        return {"sha": sha, "command": self.command, "environment": set_here}

    def _below(self, folder: Path) -> Path | None:
        """Where the project lies in its repository, if it does."""
        folder, repository = folder.resolve(), self.repository.resolve()
        return folder.relative_to(repository) if folder.is_relative_to(repository) else None

    def _check_out(self, folder: Path, sha: str) -> None:
        """A worktree that is intact may stay, and what is built of it already."""
        source = folder / "source"
        if not _is_intact(source, sha):
            self.remove(source)
            shutil.rmtree(folder / "build", ignore_errors=True)
            arguments = ("worktree", "add", "--detach", source, sha)
            made = git(self.repository, *arguments, interrupts=self.interrupts)
            if made.code != 0:
                raise SwitchyardError(f"cannot check out {sha[:12]} to {source}: {made.complaint}")
        (folder / "build.log").unlink(missing_ok=True)

    def remove(self, worktree: Path) -> None:
        """The folder, and all that git knows of it; nothing if there is neither."""
        # The folder first: git removes one that is damaged once that is gone. --force twice: also
        # one that is locked. Not `prune`, which forgets worktrees of the user's that are on a disk
        # which is away.
        shutil.rmtree(worktree, ignore_errors=True)
        git(self.repository, "worktree", "remove", "--force", "--force", worktree)

    def _prune(self, cache: Path) -> None:
        """Keep the newest, and those in use; what has no stamp is half built and worth nothing."""

        def used_at(folder: Path) -> float:
            return max((stamp.stat().st_mtime for stamp in folder.glob(_STAMP)), default=0.0)

        ours = filter(_is_marked, cache.iterdir())
        for folder in sorted(ours, key=used_at, reverse=True)[_KEPT:]:
            with contextlib.suppress(BlockingIOError), hold(folder, fcntl.LOCK_EX):
                self.remove(folder / "source")
                shutil.rmtree(folder / "build", ignore_errors=True)  # the mark last
                shutil.rmtree(folder, ignore_errors=True)


def _is_built(folder: Path, sha: str, targets: Collection[str]) -> bool:
    try:
        built = json.loads((folder / _STAMP).read_bytes())["targets"]
    except (OSError, ValueError, KeyError, TypeError):  # a disk that was full, say
        return False
    return set(targets) <= set(built) and _is_intact(folder / "source", sha)


def _is_intact(folder: Path, sha: str) -> bool:
    """Whether this is a worktree of that commit without any change."""
    if not (folder / ".git").is_file():
        return False
    state = git(folder, "status", "--porcelain=v2", "--branch", "--untracked-files=no")
    lines = state.stdout.splitlines()
    return f"# branch.oid {sha}" in lines and all(line.startswith("# ") for line in lines)


def claim(folder: Path) -> None:
    """Make it, and mark it as a check's. Raises BadInputError if it is somebody else's."""
    try:
        if folder.exists() and set(folder.iterdir()) - {folder / _MARK} and not _is_marked(folder):
            raise BadInputError(f"{folder} was not made by a check: move it out of the way")
        folder.mkdir(exist_ok=True)
        (folder / _MARK).write_text(_MARKED)
    except OSError as error:
        raise BadInputError(f"cannot write to {folder}: {error.strerror}") from None


def _is_marked(folder: Path) -> bool:
    mark = folder / _MARK
    return mark.is_file() and mark.read_bytes() == _MARKED.encode()


def _is_held(folder: Path) -> bool:
    try:
        hold(folder, fcntl.LOCK_EX).close()
    except BlockingIOError:
        return True
    return False


def hold(folder: Path, how: int) -> IO:
    """Its mark, locked until that is closed. Raises BlockingIOError if another is in the way."""
    mark = (folder / _MARK).open("rb")
    try:
        fcntl.flock(mark, how | fcntl.LOCK_NB)
    except BlockingIOError:
        mark.close()
        raise
    return mark
