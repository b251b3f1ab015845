"""The real climbs under limits that are lowered for them: each is named rightly, a climb that ends
there is a result, nothing is left behind, and the rows after it still run.
"""

import json
import os
import pwd
import resource
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from conftest import BIN
from living import ours
from system_files import that_reads

# Only where nothing was built at all: a program that is missing from a build is a failure.
pytestmark = pytest.mark.skipif(not BIN.exists(), reason="the release preset is not built")

MOST = 512
TASKS = "limits/(process|thread|fiber)/of:tasks/iter"


def climbs(
    pattern: str, before: Callable[[], None] | None = None, most: int = MOST,
    under: Iterable[str] = (), **options: Any,
) -> dict[str, dict]:  # fmt: skip
    """What the rows of this pattern gave, by name up to the runtime and what was counted. `under`
    is a command to run them under.
    """
    argv = [*under, str(BIN / "bench_limits"), f"--most={most}", "--benchmark_format=json",
            f"--benchmark_filter={pattern}"]  # fmt: skip
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False,
                          preexec_fn=before, **options)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads(done.stdout)["benchmarks"]
    assert not any(row.get("error_occurred") for row in rows), rows
    return {"/".join(row["name"].split("/")[1:3]): row for row in rows}


def ending(row: dict) -> tuple[float, float, str]:
    return row["reached"], row["limit_reached"], row["label"]


AT_THE_CAP = (MOST, 0, f"no limit up to {MOST}")


def test_address_space_bounds_what_shares_one_process():
    def lower():
        resource.setrlimit(resource.RLIMIT_AS, (64 << 20, 64 << 20))

    rows = climbs(TASKS, lower)
    for name in ("thread/of:tasks", "fiber/of:tasks"):
        reached, met, why = ending(rows[name])
        assert (met, why) == (1, "RLIMIT_AS: 80 % of 64 MiB")
        assert 64 <= reached < MOST
    assert ending(rows["process/of:tasks"]) == AT_THE_CAP


def test_open_files_bound_connections_and_the_next_rows_still_run():
    def lower():
        resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))

    rows = climbs("limits/fiber/of:(connections|tasks)/iter", lower)
    assert ending(rows["fiber/of:connections"]) == (64, 1, "RLIMIT_NOFILE: 100")
    assert ending(rows["fiber/of:tasks"]) == AT_THE_CAP


def test_processes_of_a_user_are_bounded():
    """As a user whom the kernel holds to it: root may exceed the limit."""
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        pytest.skip("there is no user nobody")
    if os.geteuid() != 0:
        pytest.skip("only root can run it as another user")
    if any(not path.stat().st_mode & 1 for path in (BIN, *BIN.parents)):
        pytest.skip("nobody may not enter the folder of the build")

    def lower():
        resource.setrlimit(resource.RLIMIT_NPROC, (100, 100))

    rows = climbs(TASKS, lower, user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[])
    for name in ("process/of:tasks", "thread/of:tasks"):
        assert ending(rows[name]) == (64, 1, "RLIMIT_NPROC: 80 % of 100")
    assert ending(rows["fiber/of:tasks"]) == AT_THE_CAP


@pytest.fixture
def small_cgroup() -> Iterator[Path]:
    """A control group below this one with room for a hundred tasks."""
    lines = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    found = [(names, path) for _, names, path in lines if "pids" in names.split(",") or not names]
    roots = {"": "/sys/fs/cgroup"}
    names, path = max(found, default=("", "/"))  # version 1 where it has the controller
    group = Path(roots.get(names, f"/sys/fs/cgroup/{names}") + path) / f"switchyard-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    try:
        try:
            (group / "pids.max").write_text("100")
        except OSError as error:
            pytest.skip(f"no control group can bound tasks here: {error}")
        yield group
    finally:
        for _ in range(100):  # the last of its processes may still be leaving
            with suppress(OSError):
                group.rmdir()
                break
            time.sleep(0.05)


def test_a_control_group_bounds_tasks(small_cgroup: Path):
    def enter():
        (small_cgroup / "cgroup.procs").write_text(str(os.getpid()))

    rows = climbs(TASKS, enter)
    for name in ("process/of:tasks", "thread/of:tasks"):
        assert ending(rows[name]) == (64, 1, "the cgroup's pids.max: 80 % of 100")
    assert ending(rows["fiber/of:tasks"]) == AT_THE_CAP


@pytest.fixture
def with_sysctl(tmp_path: Path) -> Callable[[str, str], list[str]]:
    """Gives the beginning of a command that reads this value in /proc/sys, and nobody else does."""

    def command(name: str, value: str) -> list[str]:
        return that_reads(f"/proc/sys/{name.replace('.', '/')}", value, tmp_path)

    return command


@pytest.mark.alone  # the tasks of the whole machine count, those of other tests too
@pytest.mark.parametrize("name", ["kernel.pid_max", "kernel.threads-max"])
def test_tasks_of_the_machine_are_bounded(name: str, with_sysctl):
    taken = int(Path("/proc/loadavg").read_text().split("/")[1].split()[0])
    total = int((taken + 384) / 0.8)  # room for 256, and not for 512, whatever else comes or goes
    rows = climbs(TASKS, under=with_sysctl(name, str(total)))
    for task in ("process/of:tasks", "thread/of:tasks"):
        reached, met, why = ending(rows[task])
        assert (met, why) == (1, f"{name}: 80 % of {total}")
        assert 32 <= reached < MOST
    assert ending(rows["fiber/of:tasks"]) == AT_THE_CAP


def test_mappings_bound_threads(with_sysctl):
    rows = climbs(TASKS, under=with_sysctl("vm.max_map_count", "1000"))
    reached, met, why = ending(rows["thread/of:tasks"])
    assert (met, why) == (1, "vm.max_map_count: 80 % of 1000")
    assert 64 <= reached < MOST  # two for each, and what the allocator maps for them
    assert ending(rows["process/of:tasks"]) == AT_THE_CAP
    assert ending(rows["fiber/of:tasks"]) == AT_THE_CAP


def test_ports_bound_connections_and_the_next_rows_still_run(with_sysctl):
    lowered = with_sysctl("net.ipv4.ip_local_port_range", "40000 40099")
    rows = climbs("limits/fiber/of:(connections|tasks)/iter", under=lowered)
    named = "net.ipv4.ip_local_port_range: 80 % of 100"
    assert ending(rows["fiber/of:connections"]) == (64, 1, named)
    assert ending(rows["fiber/of:tasks"]) == AT_THE_CAP


def test_nothing_is_left_behind():
    marker = f"switchyard-test-{os.getpid()}-{time.monotonic_ns()}"
    environment = os.environ | {"SWITCHYARD_TEST_MARKER": marker}
    rows = climbs("limits/process/of:connections/iter", most=32, env=environment)
    assert ending(rows["process/of:connections"]) == (32, 0, "no limit up to 32")
    assert ours(marker) == []
