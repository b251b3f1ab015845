"""What mpirun is told of the machine that it is on."""

import socket
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from switchyard.system import mpirun

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
