"""Has a command run where the kernel refuses it a call, as a container's seccomp filter does."""

import ctypes
import errno
import struct

_IO_URING_SETUP = 425  # on every architecture
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
_LOAD_WORD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ERRNO, _ALLOW = 0x00050000, 0x7FFF0000


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def forbid_io_uring(error: int = errno.EPERM) -> None:
    """In this process and all that it starts, for good: the preexec_fn of a child."""
    instructions = b"".join(
        struct.pack("HBBI", *one)
        for one in (
            (_LOAD_WORD, 0, 0, 0),  # the number of the call
            (_JUMP_IF_EQUAL, 0, 1, _IO_URING_SETUP),
            (_RETURN, 0, 0, _ERRNO | error),
            (_RETURN, 0, 0, _ALLOW),
        )
    )
    held = ctypes.create_string_buffer(instructions)
    program = _Program(4, ctypes.addressof(held))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    asked = (
        (_PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), ctypes.c_ulong(0)),
        (_PR_SET_SECCOMP, ctypes.c_ulong(_SECCOMP_MODE_FILTER), ctypes.byref(program)),
    )
    for option, value, further in asked:
        if prctl(option, value, further, ctypes.c_ulong(0), ctypes.c_ulong(0)) != 0:
            raise OSError(ctypes.get_errno(), "no seccomp filter")
