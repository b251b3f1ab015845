"""What an older build left at the same path on another host must not load with the others, though
its version may be the same.
"""

import re
import shutil
from pathlib import Path

import pytest
import ranks

pytestmark = pytest.mark.skipif(not ranks.IS_THERE, reason=ranks.LACKS)


def test_a_rank_of_another_build_is_refused_by_name(tmp_path: Path):
    other = Path(shutil.copy2(ranks.PROGRAM, tmp_path))
    with other.open("ab") as program:
        program.write(b"\0")
    load = ranks.run(tmp_path, 2, "--port", "1", ":", "-n", "1", str(other), "--port", "1")
    assert load.code == 2
    assert load.stdout == ""
    assert re.search(
        r"^echo_load_mpi: error: rank 2 on \S+ has build \d+, rank 0 on \S+ has build \d+$",
        load.stderr, re.MULTILINE,
    )  # fmt: skip


def test_a_copy_is_the_same_build(tmp_path: Path):
    other = shutil.copy2(ranks.PROGRAM, tmp_path)
    with ranks.server() as server:
        common = ["--port", server.port, "--connections", "4", "--warmup", "0s"]
        common += ["--duration", "300ms"]
        load = ranks.run(tmp_path, 1, *common, ":", "-n", "1", str(other), *common)
    assert load.code == 0, load.stderr
