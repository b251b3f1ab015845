"""Other revisions of a repository, checked out beside the working tree and never in its place.

Whatever became of an earlier worktree (half made, deleted by hand, locked by a git that was killed)
is cleared away first, as it would stand in the way of every check to come.
"""

import contextlib
import fcntl
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from ..system.errors import BadInputError, SwitchyardError
from ..system.interrupts import Interrupts
from .build_commands import BUILD_TIMEOUT_S, git, last_line

_POLL_S = 0.2


def resolve(repository: Path, ref: str) -> str:
    """The commit that a ref names: 40 hex digits. Raises BadInputError with advice."""
    inside = git(repository, "rev-parse", "--git-dir")
    if inside.code != 0:
        raise BadInputError(
            f"--baseline {ref} needs a git repository: {repository}: {last_line(inside)}"
        )
    found = git(repository, "rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}")
    if found.code == 0:
        return found.stdout.strip()
    advice = f"`git -C {repository} log --oneline --all` shows what there is"
    if git(repository, "rev-parse", "--is-shallow-repository").stdout.strip() == "true":
        advice = (
            "this clone is shallow: `git fetch --unshallow` gets the rest (in GitHub's workflows "
            "fetch-depth: 0 of actions/checkout)"
        )
    raise BadInputError(f"--baseline {ref!r} names no commit: {advice}")


def add(repository: Path, folder: Path, sha: str, interrupts: Interrupts | None) -> None:
    """A fresh worktree in place of whatever is there."""
    remove(repository, folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = git(repository, "worktree", "add", "--detach", folder, sha, interrupts=interrupts)
    if made.code != 0:
        raise SwitchyardError(f"cannot check out {sha[:12]} to {folder}: {last_line(made)}")


def is_intact(folder: Path, sha: str) -> bool:
    """Whether this is a worktree of that commit without any change."""
    if not (folder / ".git").is_file():
        return False
    head = git(folder, "rev-parse", "--verify", "HEAD")
    changed = git(folder, "status", "--porcelain", "--untracked-files=no")
    return head.stdout.strip() == sha and changed.code == 0 and not changed.stdout


def remove(repository: Path, folder: Path) -> None:
    """The folder, and all that git knows of it; nothing if there is neither."""
    # --force twice: also one that is locked. Not `prune`, which forgets worktrees of the user's
    # that are on a disk which is away; git removes one that is damaged once its folder is gone.
    git(repository, "worktree", "remove", "--force", "--force", folder)
    shutil.rmtree(folder, ignore_errors=True)
    git(repository, "worktree", "remove", "--force", "--force", folder)


@contextlib.contextmanager
def locked(cache: Path, console: Console, interrupts: Interrupts | None) -> Iterator[None]:
    """One check at a time builds in a cache. The kernel gives the lock back when a check dies."""
    try:
        with contextlib.suppress(FileExistsError):  # or it may be the user's, with files of theirs
            cache.mkdir(parents=True)
            (cache / ".gitignore").write_text("*\n")  # a project may not ignore its build folder
        file = (cache / ".lock").open("a")
    except OSError as error:
        raise BadInputError(f"cannot write to {cache}: {error.strerror}") from None
    with file:
        _wait_for_lock(file.fileno(), cache, console, interrupts)
        yield


def _wait_for_lock(fd: int, cache: Path, console: Console, interrupts: Interrupts | None) -> None:
    end = time.monotonic() + BUILD_TIMEOUT_S
    told = False
    while True:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        if not told:
            console.print(f"waiting for another check that builds in {cache}", soft_wrap=True)
            told = True
        if interrupts:
            interrupts.stop_if_any()
        if time.monotonic() > end:
            raise SwitchyardError(f"another check has held {cache}/.lock for an hour: is it alive?")
        time.sleep(_POLL_S)
