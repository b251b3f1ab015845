"""`switchyard.sh load` with the real mpirun over network namespaces as hosts: the parts add up, a
distance is found again, and whatever ends is told by its host and leaves nothing behind.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import namespaces
import pytest
from conftest import BIN, ROOT, SWITCHYARD
from living import DEADLINE_S, ours, wait_until
from namespaces import Hosts, Line

from switchyard.system.process_tree import die_with_parent

WHY_NOT = (
    "no Open MPI here" if not shutil.which("mpirun")
    else "echo_load_mpi is not built" if not (BIN / "echo_load_mpi").exists()
    else namespaces.why_none()
)  # fmt: skip
pytestmark = [pytest.mark.alone, pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)]

BYTES = 64
FAR_MS = 20.0
# Of a load that something else is to end. That is to be told within 5 s, a line that is cut within
# 10: a slow machine has some more.
LONG, SOON_S, CUT_S = "120s", 15.0, 20.0
# As a command that gives up sooner.
IMPATIENT = (sys.executable, "-c", f"""\
import sys
sys.path.insert(0, {str(ROOT / "scripts")!r})
from switchyard import cli
from switchyard.system import mpirun
mpirun.START_S = 5.0
sys.exit(cli.main(sys.argv[1:]))
""")  # fmt: skip


@dataclass
class Setting:
    """Hosts, a server on one of them, and what marks all processes of a test."""

    hosts: Hosts
    folder: Path
    server: subprocess.Popen
    server_host: str
    marker: str

    def start(
        self, on: tuple[str, ...], *arguments: str, by: tuple[str | Path, ...] = (SWITCHYARD,)
    ) -> subprocess.Popen:
        """A load from there, by an mpirun on the first of all hosts."""
        target = f"{self.hosts.address(self.server_host)}:7000"
        argv = [
            *self.hosts.inside("hub"), *by, "load", "--hosts", self.hosts.hostfile(*on),
            "--target", target, "--allow-remote", "--agent", self.hosts.agent,
            "--bytes", str(BYTES), *arguments,
        ]  # fmt: skip
        marks = {"SWITCHYARD_TEST": self.marker, "TMPDIR": str(self.hosts.temporary)}
        us = os.getpid()
        return subprocess.Popen(
            [*map(str, argv)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, **marks},
            preexec_fn=lambda: die_with_parent(us, signal.SIGTERM),
        )  # fmt: skip

    def load(self, on: tuple[str, ...], *arguments: str) -> dict:
        """What a load that went well wrote as JSON."""
        report = self.folder / "report.json"
        process = self.start(on, "--json", str(report), *arguments)
        told, errors = process.communicate(timeout=300)
        assert (process.returncode, errors) == (0, ""), told
        assert "errors: none, every reply was right" in told
        return json.loads(report.read_text())

    def pids(self, program: str) -> dict[str, int]:
        """By host, of a program that a load has started."""
        found = {}
        for host in self.hosts.hosts():
            for pid in self.hosts.processes(host):
                with contextlib.suppress(OSError):
                    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                    if Path(words[0].decode()).name == program:
                        found[host] = pid
        return found


@contextlib.contextmanager
def setting(folder: Path, server_host: str = "hub", **lines: Line | None) -> Iterator[Setting]:
    with namespaces.hosts(folder, **lines) as hosts:
        argv = [
            *hosts.inside(server_host), BIN / "echo_server", "--runtime", "epoll",
            "--host", hosts.address(server_host), "--port", "7000", "--parent", str(os.getpid()),
        ]  # fmt: skip
        server = subprocess.Popen([*map(str, argv)], stdout=subprocess.PIPE, text=True)
        assert server.stdout.readline().startswith("listening on ")
        try:
            yield Setting(hosts, folder, server, server_host, uuid.uuid4().hex)
        finally:
            server.kill()
            server.communicate()


def test_the_parts_of_four_hosts_add_up(tmp_path: Path):
    """One histogram; the ranks', the server's and the kernel's counts are the same."""
    connections, file = 7, tmp_path / "histogram.json"
    with setting(tmp_path, "served", hub=None, served=None, one=None, two=None) as here:
        report = here.load(
            ("one", "hub", "two"), "--connections", str(connections), "--duration", "1s",
            "--warmup", "100ms", "--histogram", str(file),
        )  # fmt: skip
        here.server.terminate()
        told, _ = here.server.communicate(timeout=DEADLINE_S)
        tcp = here.hosts.tcp("served")
        hosts = [here.hosts.name(host) for host in ("hub", "one", "two")]
    ranks = report["ranks"]
    # Rank 0, which writes the files, is on this host, wherever it stands in the list.
    assert [(rank["rank"], rank["host"]) for rank in ranks] == list(enumerate(hosts))
    histogram = json.loads(file.read_text())["histograms"]["latency"]
    assert histogram["count"] == sum(rank["latencies"] for rank in ranks)
    assert report["requests"] == sum(rank["requests"] for rank in ranks)
    messages = sum(rank["messages"] for rank in ranks)
    served = re.search(r"served (\d+) connections, echoed (\d+) bytes", told)
    assert served.groups() == (str(connections), str(messages * BYTES))
    assert messages > report["requests"] > 0
    # A message and its reply are a segment each; connections begin and end with some more.
    for counted in (tcp["InSegs"], tcp["OutSegs"]):
        assert messages <= counted <= 1.02 * messages + 20 * connections
    assert tcp["RetransSegs"] == 0


def test_a_distance_is_found_again_by_the_rank_that_is_set_apart(tmp_path: Path):
    line = Line(FAR_MS, FAR_MS)
    with setting(tmp_path, hub=None, near=None, far=line) as here:
        report = here.load(
            ("far", "near"), "--probe", "10", "--rate", "10", "--connections", "1",
            "--duration", "3s", "--warmup", "100ms",
        )  # fmt: skip
    (near,) = report["ranks"]
    added_ms = (report["probe"]["p50_us"] - near["p50_us"]) / 1e3
    assert added_ms == pytest.approx(2 * FAR_MS, rel=0.05)
    assert abs(near["clock_offset_us"]) <= near["clock_bound_us"]
    assert near["clock_bound_us"] == pytest.approx(FAR_MS * 1e3, rel=0.2), "half the way and back"


def test_a_way_that_is_longer_than_the_way_back_deceives_a_clock_within_its_bound(tmp_path: Path):
    line = Line(2 * FAR_MS, 0)
    with setting(tmp_path, hub=None, far=line) as here:
        report = here.load(
            ("hub", "far"), "--rate", "50", "--connections", "2", "--duration", "1s",
            "--warmup", "100ms",
        )  # fmt: skip
    far = report["ranks"][1]
    assert 0.9 * FAR_MS * 1e3 <= abs(far["clock_offset_us"]) <= far["clock_bound_us"]


def test_lost_packets_cost_time_and_no_reply(tmp_path: Path):
    with setting(tmp_path, hub=None, far=Line(1, 1, lost=0.05)) as here:
        report = here.load(
            ("hub", "far"), "--rate", "200", "--connections", "100", "--duration", "2s",
            "--warmup", "100ms",
        )  # fmt: skip
        tcp = here.hosts.tcp("far")
    near, far = report["ranks"]
    assert near["due"] == far["due"] == 200
    assert far["latencies"] == 200, "also those that come late"
    assert far["p99_us"] > 100e3 > near["p50_us"], "the kernel sends again after 200 ms"
    assert tcp["RetransSegs"] > 0


def ended(process: subprocess.Popen, here: Setting, within_s: float = SOON_S) -> str:
    """What it said in the end; it did so soon, and no process of it is left."""
    begun = time.monotonic()
    _, errors = process.communicate(timeout=within_s)
    print(f"told after {time.monotonic() - begun:.1f} s: {errors}")
    assert process.returncode == 1
    wait_until(lambda: not ours(here.marker), "nothing is left on any host")
    print(f"nothing left after {time.monotonic() - begun:.1f} s")
    return errors


@pytest.mark.parametrize("what", ["rank", "mpirun", "server", "daemon", "line"])
def test_whatever_ends_is_told_by_its_host_and_leaves_nothing(tmp_path: Path, what: str):
    with setting(tmp_path, hub=None, near=None, far=None) as here:
        process = here.start(("hub", "near", "far"), "--connections", "6", "--duration", LONG,
                             "--warmup", "0s")  # fmt: skip
        try:
            wait_until(lambda: len(here.pids("echo_load_mpi")) == 3, "the ranks run")
            wait_until(lambda: here.hosts.tcp("far")["OutSegs"] > 1000, "they load")
            if what == "rank":
                os.kill(here.pids("echo_load_mpi")["far"], signal.SIGKILL)
            elif what == "mpirun":
                os.kill(here.pids("mpirun")["hub"], signal.SIGKILL)
            elif what == "server":
                here.server.kill()
            elif what == "daemon":
                os.kill(here.pids("orted")["far"], signal.SIGKILL)
            else:
                here.hosts.call("hub", "ip link set far down")
            said = ended(process, here, CUT_S if what == "line" else SOON_S)
        finally:
            process.kill()
            process.communicate()
        far = here.hosts.name("far")
        # Nobody is there to remove those of a daemon that is killed.
        left = {file.relative_to(here.hosts.temporary).parts[0] for file in here.hosts.files()}
        assert left == ({f"ompi.{far}.0"} if what == "daemon" else set())
    if what == "server":  # ranks notice it one by one
        assert re.fullmatch(r"(echo_load_mpi: error: rank \d on sy\d+-\w+: .*\n)+", said)
    else:
        assert said.removeprefix("switchyard: error: ").removesuffix("\n") == {
            "rank": f"rank 2 on {far} was ended by SIGKILL",
            "mpirun": "mpirun was ended by SIGKILL; all ranks end with it",
            "daemon": f"the connection to {far} is lost",
            "line": f"the connection to {far} is lost",
        }[what]  # fmt: skip


def test_a_host_that_does_not_let_us_in_is_named(tmp_path: Path):
    with setting(tmp_path, hub=None, near=None) as here:
        here.hosts.agent.write_text("#!/bin/sh\necho Permission denied >&2\nexit 255\n")
        process = here.start(("hub", "near"), "--duration", LONG)
        said = ended(process, here)
        near = here.hosts.name("near")
        assert here.hosts.files() == []
    assert said == (
        f"Permission denied\nswitchyard: error: no daemon of Open MPI on {near}: exit code 255\n"
    )


def test_a_host_whose_daemon_can_not_connect_back_is_named(tmp_path: Path):
    """The login works, and nothing else does: mpirun would wait for it without an end."""
    with setting(tmp_path, hub=None, far=None) as here:
        here.hosts.call("hub", "ip link set far down")
        said = ended(here.start(("hub", "far"), "--duration", LONG, by=IMPATIENT), here)
        far = here.hosts.name("far")
        assert here.hosts.files() == []
    assert said.startswith(
        f"switchyard: error: no rank has begun within 5 s: Open MPI waits for its daemons on {far},"
    )
    assert len(said.splitlines()) == 1


def test_ranks_share_nothing_in_the_memory_of_their_host(tmp_path: Path):
    """In /dev/shm it would stay when mpirun is killed."""
    with setting(tmp_path, hub=None) as here:
        process = here.start(("hub",), "--connections", "4", "--duration", LONG,
                             "--mpirun-options", "--oversubscribe -n 2")  # fmt: skip
        try:
            wait_until(lambda: here.hosts.tcp("hub")["OutSegs"] > 1000, "they load")
            maps = [
                Path(f"/proc/{pid}/maps").read_text()
                for pid in here.hosts.processes("hub")
                if "echo_load_mpi" in Path(f"/proc/{pid}/cmdline").read_text()
            ]
            assert len(maps) == 3, "two ranks and mpirun"
            assert not any("/dev/shm" in mapped for mapped in maps)
        finally:
            process.terminate()
            process.communicate(timeout=DEADLINE_S)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_ends_the_ranks_of_all_hosts(tmp_path: Path, signum: signal.Signals):
    with setting(tmp_path, hub=None, far=None) as here:
        process = here.start(("hub", "far"), "--connections", "2", "--duration", LONG)
        wait_until(lambda: len(here.pids("echo_load_mpi")) == 2, "the ranks run")
        process.send_signal(signum)
        _, errors = process.communicate(timeout=SOON_S)
        if signum == signal.SIGTERM:
            assert process.returncode == 128 + signum
            assert "interrupted by SIGTERM: all processes are ended" in errors
        wait_until(lambda: not ours(here.marker), "nothing is left on any host")
        left = [file.name for file in here.hosts.temporary.iterdir()]
    if signum == signal.SIGTERM:
        assert left == []
    else:  # the folder for files, emptied unless mpirun took longer than its grace
        assert [name.partition("-")[0] for name in left] == ["switchyard"]


def test_arguments_that_make_no_sense_are_told_once(tmp_path: Path):
    with setting(tmp_path, hub=None, far=None) as here:
        process = here.start(("hub", "far"), "--connections", "none")
        _, errors = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 2
    assert len(errors.splitlines()) == 1
    assert "--connections" in errors
