"""What mpirun is told, what is made of what it says, and how long it is waited for."""

import socket
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from switchyard.system import mpirun
from switchyard.system.interrupts import Interrupts
from switchyard.system.streaming import stream

LOOPBACK = SimpleNamespace(family=socket.AF_INET, address="127.0.0.1")
LINK = SimpleNamespace(family=socket.AF_PACKET, address="00:00:00:00:00:00")
NETWORK = SimpleNamespace(family=socket.AF_INET, address="10.0.0.1")


@pytest.mark.parametrize(
    ("addresses", "has"),
    [({"lo": [LOOPBACK, LINK]}, False), ({"lo": [LOOPBACK], "eth0": [LINK, NETWORK]}, True)],
)
def test_a_network_is_one_beside_loopback(monkeypatch, addresses, has: bool):
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: addresses)
    assert mpirun.has_network() == has


def test_ranks_of_one_host_share_memory_in_the_folder_that_is_removed(tmp_path: Path):
    """Open MPI has no TCP over loopback between ranks, and a host may have no other network."""
    told = mpirun.variables(tmp_path, is_local=True)
    assert "OMPI_MCA_btl" not in told
    assert told["OMPI_MCA_btl_vader_backing_directory"] == told["TMPDIR"] == str(tmp_path)
    elsewhere = mpirun.variables(tmp_path, is_local=False)
    assert (elsewhere["OMPI_MCA_btl"], elsewhere["TMPDIR"]) == ("self,tcp", str(tmp_path))


def test_the_hosts_that_mpirun_waits_for_are_named():
    complaints = mpirun.Complaints()
    for host in ("near", "far", "near"):
        assert complaints.feed(f"switchyard: a daemon is asked for on {host}\n") == ""
    assert "Open MPI waits for its daemons on near, far, which" in complaints.why_none_begins()
    assert not complaints.has_begun
    assert complaints.feed("[1,0]<stderr>:switchyard: a rank is on near\n") == ""
    assert complaints.has_begun


def test_what_has_begun_may_take_any_time():
    told = []
    with Interrupts() as interrupts:
        outcome = stream(
            ["sh", "-c", "echo up; sleep 0.3; echo late"], interrupts,
            lambda where, line: told.append((where, line)), {}, 1.0, lambda: True, 0.0,
        )  # fmt: skip
    assert (outcome.code, outcome.timed_out) == (0, False)
    assert told == [(1, "up\n"), (1, "late\n")]
