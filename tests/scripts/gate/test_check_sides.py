"""The two sides of a check: what both have, under which names, and which binaries are the same."""

import os
from pathlib import Path

import pytest
from fakes import write_foreign

from switchyard.gate import discovery, prepare
from switchyard.gate.discovery import Discovery
from switchyard.gate.model import Side, Verdict
from switchyard.system.errors import BadInputError


def one(names: list[str], binary: str = "bin/a", **more) -> Discovery:
    return Discovery({binary: names}, **more)


def test_what_only_one_side_has_is_a_finding():
    both, findings, problems = discovery.match(
        one(["old", "same"]), one(["same", "new"]), None, None
    )
    assert [benchmark.key for benchmark in both] == ["same"]
    assert {f.benchmark.name: (f.verdict, f.why) for f in findings} == {
        "new": (Verdict.MISSING, "only in the candidate: new"),
        "old": (Verdict.MISSING, "only in the baseline: gone"),
    }
    assert problems == []


def test_a_candidate_whose_binary_broke_has_failed():
    broken = Discovery(broken={"bin/a": "does not list its benchmarks: ended by SIGSEGV"})
    _, findings, problems = discovery.match(one(["BM"]), broken, None, None)
    assert [finding.verdict for finding in findings] == [Verdict.FAILED]
    assert "ended by SIGSEGV" in findings[0].why
    assert problems == ["candidate: bin/a does not list its benchmarks: ended by SIGSEGV"]


def test_a_baseline_whose_binary_broke_keeps_from_comparing():
    _, findings, _ = discovery.match(
        Discovery(broken={"bin/a": "crashed"}), one(["BM"]), None, None
    )
    assert [finding.verdict for finding in findings] == [Verdict.SKIPPED]


def test_what_is_broken_on_both_sides_is_told_once_and_skipped():
    """Though it may say something else each time."""
    sides = [one(["BM"], broken={"bin/tool": f"prints '{n} ms'"}) for n in (12, 13)]
    _, findings, problems = discovery.match(*sides, None, None)
    assert [(f.benchmark.key, f.verdict, f.why) for f in findings] == [
        ("bin/tool", Verdict.SKIPPED, "prints '13 ms' (on both sides)")
    ]
    assert problems == []


@pytest.mark.parametrize(
    ("before", "after", "compared"),
    [
        (["BM/1/real_time"], ["BM/1/real_time"], {"BM/1": "BM/1/real_time"}),
        (["BM", "BM/real_time"], ["BM", "BM/real_time"], {n: n for n in ("BM", "BM/real_time")}),
        # The name that is left is the same on both sides, whatever became of its sibling.
        (
            ["BM/iterations:1000", "BM/iterations:9"], ["BM/iterations:9"],
            {"BM/iterations:9": "BM/iterations:9"},
        ),
        # What is called iterations may be an argument, and then they are two benchmarks.
        (["BM/iterations:1000"], ["BM/iterations:9"], {}),
    ],
)  # fmt: skip
def test_a_benchmark_is_one_name_on_both_sides(before, after, compared):
    """Without what is appended, unless that tells it from any other of either side."""
    for sides in ((before, after), (after, before)):
        both, findings, _ = discovery.match(*map(one, sides), None, None)
        assert {benchmark.key: benchmark.name for benchmark in both} == compared
        alone = {finding.benchmark.name for finding in findings}
        assert alone == {*before, *after} - set(compared.values())
        assert all(f.benchmark.key == f.benchmark.name for f in findings)


def test_binaries_that_share_a_name_are_told_apart_by_key():
    shared = Discovery({"a/x": ["BM", "only"], "b/y": ["BM"], "c/y": ["BM"]})
    keys = [benchmark.key for benchmark in discovery.match(shared, shared, None, None)[0]]
    assert keys == ["x:BM", "only", "b/y:BM", "c/y:BM"]


def test_a_benchmark_that_moved_to_another_binary_is_two_findings():
    _, findings, _ = discovery.match(one(["BM"], "a"), one(["BM"], "b"), None, None)
    assert [finding.benchmark.key for finding in findings] == ["a:BM", "b:BM"]


@pytest.mark.parametrize(
    ("pattern", "key"),
    [
        ("^x/", "x/1"), ("^x/1$", "x/1"), ("^x/1/manual_time$", "x/1"),
        ("^b:y$", "b:y"), ("a:", "a:y"),
    ],
)  # fmt: skip
def test_the_filter_chooses_by_the_key_and_by_the_name_as_printed(pattern, key):
    sides = Discovery({"bin/a": ["x/1/manual_time", "y/manual_time"], "bin/b": ["y/manual_time"]})
    both, _, _ = discovery.match(sides, sides, pattern, None)
    assert [benchmark.key for benchmark in both] == [key]


def test_the_gate_set_has_names_without_what_is_appended():
    sides = one(["x/1/manual_time"]), one(["x/1/real_time"])
    both, findings, _ = discovery.match(*sides, None, ["x/1"])
    assert both == []
    assert {finding.why for finding in findings} == {
        "only in the candidate: new", "only in the baseline: gone",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "wanted", "message"),
    [
        ("nothing", None, "matches none of the 2 benchmarks"),
        ("y", ["x"], "matches none of the gate set; --set all has 1"),
        ("(", None, r"'\(' is no regular expression"),
    ],
)
def test_a_filter_that_chooses_nothing_is_refused(pattern, wanted, message):
    with pytest.raises(BadInputError, match=message):
        discovery.match(one(["x", "y"]), one(["x", "y"]), pattern, wanted)


def test_wanted_names_that_neither_side_has_are_told():
    both, findings, _ = discovery.match(one(["x", "y"]), one(["x", "y"]), None, ["x", "gone"])
    assert [benchmark.name for benchmark in both] == ["x"]
    (gone,) = findings
    assert (gone.benchmark.name, gone.verdict) == ("gone", Verdict.MISSING)


def write_elf(binary: Path, content: str = "") -> Path:
    """What looks like machine code."""
    binary.parent.mkdir(parents=True, exist_ok=True)
    binary.write_bytes(b"\x7fELF" + content.encode())
    binary.chmod(0o755)
    return binary


def two_sides(tmp_path: Path) -> list[Side]:
    roots = {
        "baseline": tmp_path / "a much longer name than the other",
        "candidate": tmp_path / "c",
    }
    for root in roots.values():
        write_elf(root / "bench")
    return [Side(label, root, "a build") for label, root in roots.items()]


def test_identical_are_binaries_of_the_same_bytes(tmp_path):
    baseline, candidate = two_sides(tmp_path)
    for folder, bytes_ in (("same", "1"), ("other", "2")):
        write_elf(baseline.root / folder / "bench", "1")
        write_elf(candidate.root / folder / "bench", bytes_)
    binaries = ["same/bench", "other/bench", "same/bench"]
    assert prepare.identical(baseline.root, candidate.root, binaries) == ["same/bench"]


def test_a_binary_is_not_identical_if_a_program_beside_it_differs(tmp_path):
    baseline, candidate = two_sides(tmp_path)
    for side, code in ((baseline, "1"), (candidate, "2")):
        write_elf(side.root / "bin/bench")
        write_foreign(side.root / "bin/server", ["BM_x"], code)
    assert prepare.identical(baseline.root, candidate.root, ["bin/bench"]) == []


def test_a_binary_is_not_identical_if_a_plugin_beside_it_differs(tmp_path):
    baseline, candidate = two_sides(tmp_path)
    for side, text in ((baseline, "1"), (candidate, "2")):
        (side.root / "plugin.so.1").write_text(text)
    assert prepare.identical(baseline.root, candidate.root, ["bench"]) == []


def test_a_script_is_not_identical_whatever_its_bytes_are(tmp_path):
    baseline, candidate = two_sides(tmp_path)
    for side in (baseline, candidate):
        write_foreign(side.root / "script", ["BM_x"])
    assert prepare.identical(baseline.root, candidate.root, ["script", "bench"]) == ["bench"]


def test_a_binary_is_not_identical_if_a_library_of_the_project_differs(tmp_path, monkeypatch):
    baseline, candidate = two_sides(tmp_path)
    below = [side.root / "bin" for side in (baseline, candidate)]
    for side in (baseline, candidate):
        write_elf(side.root / "bin/bench")
        (side.root / "lib").mkdir()
        (side.root / "lib/work.so").write_text("same")
    ldd = tmp_path / "tools/ldd"
    ldd.parent.mkdir()
    ldd.write_text(
        '#!/bin/sh\nd=$(dirname "$1")\n[ "${d##*/}" = bin ] && d=$d/..\n'
        'echo "work.so => $d/lib/work.so (0x7f)"; echo "libc.so.6 => /lib/libc.so.6 (0x1)"'
    )
    ldd.chmod(0o755)
    monkeypatch.setenv("PATH", f"{ldd.parent}:{os.environ['PATH']}")
    assert prepare.identical(baseline.root, candidate.root, ["bench"]) == ["bench"]
    assert prepare.identical(*below, ["bench"]) == ["bench"]
    (candidate.root / "lib/work.so").write_text("other")
    assert prepare.identical(baseline.root, candidate.root, ["bench"]) == []
    assert prepare.identical(*below, ["bench"]) == []  # also one that lies above the root


def test_a_build_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(BadInputError, match=r"no such folder: .*none"):
        prepare.of_build("baseline", tmp_path / "none")
