"""What is launched: copies of both sides, alike in all but their bytes, and made anew."""

import os
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from fakes import write_foreign

from switchyard.gate.copies import expect_executable, fresh_copies
from switchyard.gate.model import Benchmark, Side
from switchyard.system.errors import BadInputError, SwitchyardError

BINARIES = ["bin/bench_x", "bin/bench_y"]
BENCHMARKS = [Benchmark(f"{binary}/{n}", binary, "BM") for binary in BINARIES for n in (1, 2)]


@pytest.fixture
def both(tmp_path: Path) -> list[Side]:
    roots = {
        "baseline": tmp_path / "a much longer name than the other",
        "candidate": tmp_path / "c",
    }
    for root in roots.values():
        for binary in BINARIES:
            write_foreign(root / binary, [f"BM_{root.name}"])
        (root / "bin/server").write_text(root.name)
        (root / "lib").mkdir()
        (root / "lib/library.so").write_text(root.name)
    return [Side(label, root, "a build") for label, root in roots.items()]


def test_the_roots_are_of_one_length_and_have_the_sides_binaries(both, tmp_path):
    with fresh_copies(both, BENCHMARKS, tmp_path, seed=1) as copies:
        roots = copies.roots
        assert len(str(roots["baseline"])) == len(str(roots["candidate"]))
        for side in both:
            for binary in BINARIES:
                copy, original = roots[side.label] / binary, side.root / binary
                assert copy.read_bytes() == original.read_bytes()
                assert not copy.samefile(original)


def test_what_lies_beside_a_binary_is_found_from_its_copy(both, tmp_path):
    with fresh_copies(both, BENCHMARKS, tmp_path, seed=1) as copies:
        for side in both:
            root = copies.roots[side.label]
            assert (root / "bin/server").samefile(side.root / "bin/server")
            assert (root / "bin/../lib/library.so").read_text() == side.root.name


def test_a_copy_can_be_run(both, tmp_path):
    with fresh_copies(both, BENCHMARKS, tmp_path, seed=1) as copies:
        command = [copies.roots["candidate"] / BINARIES[0], "--benchmark_list_tests=true"]
        assert subprocess.check_output(command, text=True) == "BM_c\n"


def test_each_round_has_files_of_its_own(both, tmp_path):
    with fresh_copies(both, BENCHMARKS, tmp_path, seed=1) as copies:
        file = copies.roots["baseline"] / BINARIES[0]
        with file.open() as before:  # open, or its number could be given to the next
            copies.renew(BENCHMARKS)
            assert file.stat().st_ino != os.fstat(before.fileno()).st_ino
        assert file.read_bytes() == (both[0].root / BINARIES[0]).read_bytes()


def test_what_is_launched_no_more_is_copied_no_more(both, tmp_path):
    with fresh_copies(both, BENCHMARKS, tmp_path, seed=1) as copies:
        files = [copies.roots["baseline"] / binary for binary in BINARIES]
        before = [file.stat().st_ino for file in files]
        copies.renew(BENCHMARKS[:1])
        assert [file.stat().st_ino == ino for file, ino in zip(files, before, strict=True)] == [
            False, True
        ]  # fmt: skip


def test_chance_decides_which_side_is_copied_first(both, tmp_path, monkeypatch):
    copied = []
    copy = shutil.copy2
    monkeypatch.setattr("shutil.copy2", lambda a, b: copied.append(a) or copy(a, b))
    with fresh_copies(both, BENCHMARKS[:2], tmp_path, seed=1) as copies:
        for _ in range(20):
            copies.renew(BENCHMARKS[:2])
    firsts = [source.parents[1].name for source in copied[::2]]
    assert 4 < firsts.count("c") < 17


def test_they_are_gone_also_after_an_error(both, tmp_path):
    with pytest.raises(KeyboardInterrupt), fresh_copies(both, BENCHMARKS, tmp_path, 1) as copies:
        raise KeyboardInterrupt
    assert not copies.roots["baseline"].parent.exists()
    assert (both[0].root / BINARIES[0]).exists()


def test_a_binary_that_is_gone_meanwhile_is_told(both, tmp_path):
    with (
        pytest.raises(SwitchyardError, match=r"cannot copy bin/bench_y of the candidate"),
        fresh_copies(both, BENCHMARKS, tmp_path, 1) as copies,
    ):
        (both[1].root / BINARIES[1]).unlink()
        copies.renew(BENCHMARKS)


def test_a_folder_that_can_not_be_written_to_is_told(both):
    with (
        pytest.raises(SwitchyardError, match="cannot copy binaries"),
        fresh_copies(both, BENCHMARKS, Path("/proc"), 1),
    ):
        pass


def test_a_disk_that_is_mounted_noexec_is_told_before_anything_is_built(tmp_path, monkeypatch):
    expect_executable(tmp_path / "not/there/yet")
    asked = []
    mounted = SimpleNamespace(f_flag=os.ST_NOEXEC | os.ST_NODEV)
    monkeypatch.setattr(os, "statvfs", lambda path: asked.append(path) or mounted)
    with pytest.raises(BadInputError, match=r"mounted noexec.*choose another --out DIR"):
        expect_executable(tmp_path / "not/there/yet")
    assert asked == [tmp_path]
