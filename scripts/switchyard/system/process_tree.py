"""Who is whose child, and that none is left behind.

A process that has made itself a subreaper becomes the parent of every orphan below it, so "kill my
children and reap until there are none" ends only when all descendants are gone. See prctl(2).
"""

import contextlib
import ctypes
import os
import signal
from collections.abc import Collection

import psutil

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36

# Loaded here, long before any fork: dlopen between fork and exec would not be safe.
_libc = ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"prctl({option}): {os.strerror(code)}")


def become_subreaper() -> None:
    """From now on orphaned descendants become children of this process."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(parent: int, signum: int) -> None:
    """Have the kernel send signum to this process when `parent` ends; exit if it already has."""
    _prctl(_PR_SET_PDEATHSIG, signum)
    if os.getppid() != parent:
        os._exit(128 + signum)


def children() -> list[int]:
    """The direct children of this process, zombies included.

    Finding them takes a look at every process of the machine, some milliseconds: only if the kernel
    says that there are any.
    """
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return []
    return [child.pid for child in psutil.Process().children()]


def kill_and_reap_children(bystanders: Collection[int] = ()) -> set[int]:
    """Kill and reap all descendants of this subreaper, except children in `bystanders`. Returns
    those that belong to another user, as what `sudo` starts: nobody waits for them.

    Each round ends one generation, whose own children then come to us.
    """
    foreign: set[int] = set()
    while ours := set(children()) - set(bystanders) - foreign:
        for child in ours:
            try:
                os.kill(child, signal.SIGKILL)
            except ProcessLookupError:
                pass
            except PermissionError:
                foreign.add(child)
        for child in ours:
            with contextlib.suppress(ChildProcessError):
                if os.waitpid(child, os.WNOHANG if child in foreign else 0)[0]:
                    foreign.discard(child)
    return foreign
