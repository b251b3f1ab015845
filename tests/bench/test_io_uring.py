"""What runs over io_uring, on a machine that allows it and on one that forbids it: found out before
anything is measured, told in one line with the reason, and no failure.
"""

import errno
import json
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from conftest import BIN
from forbidding import forbid_io_uring
from programs import may_use_io_uring, run

from switchyard.system.paths import ROOT

pytestmark = pytest.mark.skipif(not BIN.exists(), reason="the release preset is not built")

REASONS = {
    errno.EPERM: "forbidden here, as by a container's seccomp filter",
    errno.ENOSYS: "not in this kernel, or hidden by a seccomp filter",
    errno.EINVAL: "this kernel is older than 6.1",
}
ROW = "sleep/fiber_uring/tasks:1/ms:100"


def described(**options: Any) -> dict[str, Any]:
    return json.loads(run("bench_sleep", "--describe", **options).stdout)


@pytest.fixture
def built() -> None:
    if ROW not in {row["name"] for row in described()["rows"]}:
        pytest.skip("built without liburing")


@pytest.mark.parametrize("error", REASONS)
def test_the_reason_is_told_before_anything_runs(built, error: int):
    told = described(preexec_fn=partial(forbid_io_uring, error))
    assert told["lacks"] == {"io_uring": REASONS[error]}
    needs = {row["runtime"]: row["needs"] for row in told["rows"]}
    assert (needs["fiber_uring"], needs["fiber"]) == ("io_uring", None)


def test_where_it_is_allowed_nothing_is_lacking(built):
    if not may_use_io_uring():
        pytest.skip("forbidden on this machine")
    assert described()["lacks"] == {}
    done = run("bench_sleep", f"--benchmark_filter={ROW}/", "--benchmark_min_time=0.01")
    assert done.returncode == 0, done.stderr
    assert "limit reached" not in done.stdout + done.stderr


def test_a_row_by_itself_has_met_a_limit(built):
    done = run("bench_sleep", f"--benchmark_filter={ROW}/", preexec_fn=forbid_io_uring)
    assert done.returncode == 0, done.stderr
    assert f"limit reached: no io_uring: {REASONS[errno.EPERM]}" in done.stdout + done.stderr


@pytest.mark.parametrize("server", ["fiber_uring", "uring"])
def test_a_server_says_why_it_ends(built, server: str):
    done = run("echo_server", "--runtime", server, "--port", "0", preexec_fn=forbid_io_uring)
    assert done.returncode == 2
    reason = f"limit reached: no io_uring: {REASONS[errno.EPERM]}"
    assert done.stderr == f"echo_server: error: {reason}\n"
    assert done.stdout == ""


def test_a_run_leaves_the_rows_out_with_one_line(built, tmp_path: Path):
    out = tmp_path / "out"
    done = subprocess.run(
        [ROOT / "scripts" / "switchyard.sh", "run",
         "--filter", "^sleep/fiber(_uring)?/tasks:100/ms:100$",
         "--rounds", "1", "--min-time", "0.01", "--out", out],
        capture_output=True, text=True, timeout=120, check=False, preexec_fn=forbid_io_uring,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("io_uring"))
    assert line == (
        f"io_uring: {REASONS[errno.EPERM]}, its only row is left out; "
        "docs/programs.md says what it takes"
    )
    measured = json.loads((out / "sleep.json").read_text())["benchmarks"]
    assert {entry["switchyard_name"] for entry in measured} == {"sleep/fiber/tasks:100/ms:100"}
