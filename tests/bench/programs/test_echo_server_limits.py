"""A server that has no room to serve says so before it announces itself, or ends."""

import resource
import subprocess

import pytest
from conftest import BIN
from programs import may_use_io_uring

pytestmark = pytest.mark.skipif(not BIN.exists(), reason="the release preset is not built")


@pytest.mark.skipif(not may_use_io_uring(), reason="io_uring can't be used here")
def test_a_server_without_room_for_its_buffers_does_not_announce_itself():
    most = 60_000 * 1024  # of address space: the buffers that connections share take more
    done = subprocess.run(
        [BIN / "echo_server", "--runtime", "fiber_uring", "--port", "0"],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (most, most)),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stdout == ""
    assert "bytes of address space to be had" in done.stderr
