"""The two sides of a check: what binaries offer, what both have, and paths of equal length."""

import os
import re
from pathlib import Path

import pytest
from fakes import row, write_bench, write_foreign

from switchyard.gate import discovery, prepare
from switchyard.gate.discovery import Discovery, discover
from switchyard.gate.model import Side, Verdict
from switchyard.suite.catalog import exact_filter
from switchyard.system.errors import BadInputError
from switchyard.system.interrupts import Interrupted, Interrupts

# Google Benchmark's parts in its order: arguments, min_time, min_warmup_time, iterations,
# repeats, kind of time, threads.
PRINTED = {
    "BM/8/manual_time": "BM/8",
    "BM/16/iterations:5/real_time": "BM/16",
    "BM/min_time:0.100/repeats:3": "BM",
    "BM/2/min_time:0.100/min_warmup_time:0.500/real_time": (
        "BM/2/min_time:0.100/min_warmup_time:0.500"
    ),
    "BM/process_time/real_time": "BM/process_time",
    "BM/real_time/threads:4": "BM/real_time/threads:4",
    'BM_map<int, std::less<>>/"a b"/x:-1': 'BM_map<int, std::less<>>/"a b"/x:-1',
    "-BM(.*)[a]{2}|^$+?\\": "-BM(.*)[a]{2}|^$+?\\",
    "größe/μs": "größe/μs",
}


def one(names: list[str], binary: str = "bin/a", **more) -> Discovery:
    return Discovery({binary: names}, **more)


@pytest.mark.parametrize(("printed", "name"), PRINTED.items())
def test_names_lose_what_google_benchmark_appends_and_match_one_row_only(tmp_path, printed, name):
    write_foreign(tmp_path / "bench", list(PRINTED))
    names = discover(tmp_path, "bench").names["bench"]
    assert name in names
    assert [p for p in PRINTED if re.search(exact_filter(name), p)] == [printed]


def test_the_filter_escapes_nothing_that_posix_forbids_to_escape():
    # libstdc++ says "Invalid escape in regular expression" to \\] and \\}.
    assert exact_filter("BM[a]{2}").startswith(r"^BM\[a]\{2}(")


def test_our_own_binaries_are_listed_in_their_order(tmp_path):
    rows = ["switch/thread/tasks:2", "switch/fiber/tasks:2"]
    write_bench(tmp_path, [row(name) for name in rows])
    assert discover(tmp_path, "bin/bench_*").names == {"bin/bench_switch": rows}


def test_a_suffix_stays_where_it_alone_tells_two_benchmarks_apart(tmp_path):
    write_foreign(tmp_path / "bench", ["BM/1", "BM/1/real_time", "BM/2/real_time"])
    assert discover(tmp_path, "*").names["bench"] == ["BM/1", "BM/1/real_time", "BM/2"]


def test_a_name_registered_twice_is_told_and_counts_once(tmp_path):
    write_foreign(tmp_path / "bench", ["BM", "BM"])
    found = discover(tmp_path, "*")
    assert found.names["bench"] == ["BM"]
    assert "BM is registered 2 times" in found.notes[0]


def test_what_can_not_be_run_is_passed_over(tmp_path):
    write_foreign(tmp_path / "bench", ["BM"])
    (tmp_path / "CMakeFiles").mkdir()
    (tmp_path / "cmake_install.cmake").write_text("")
    (tmp_path / "compile_commands.json").write_text("{}")
    write_foreign(tmp_path / "libbench.so.1", ["BM"])
    found = discover(tmp_path, "*")
    assert (list(found.names), found.broken) == (["bench"], {})


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("kill -SEGV $$", "does not list its benchmarks: ended by SIGSEGV"),
        (
            "echo no such option >&2; exit 1",
            "does not list its benchmarks: exit code 1: no such option",
        ),
        ("echo hello; exit", "is no Google Benchmark binary: it prints 'hello'"),
        ("names=()", "lists no benchmarks"),
        ("exec sleep 1000", "does not list its benchmarks: killed after 1 s: time-out"),
    ],
)
def test_a_binary_that_gives_no_list_is_told_and_the_others_count(
    tmp_path, monkeypatch, code, reason
):
    if "sleep" in code:
        monkeypatch.setattr(discovery, "LIST_TIMEOUT_S", 1.0)
    write_foreign(tmp_path / "bad", ["BM"], code)
    if "sleep" not in code:
        write_foreign(tmp_path / "good", ["BM"])
    found = discover(tmp_path, "*")
    assert found.broken["bad"].startswith(reason)
    assert list(found.names) == ([] if "sleep" in code else ["good"])


def test_what_a_binary_prints_beside_its_names_is_no_name(tmp_path):
    write_foreign(tmp_path / "bench", ["BM"], "echo using config /etc/x")
    assert discover(tmp_path, "*").names["bench"] == ["BM"]


@pytest.mark.parametrize("pattern", ["bin/none_*", "", "/abs/*"])
def test_a_pattern_without_executables_is_refused(tmp_path, pattern):
    with pytest.raises(BadInputError, match=str(tmp_path)):
        discover(tmp_path, pattern)


def test_a_signal_ends_the_listing(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNNER", str(os.getpid()))
    write_foreign(tmp_path / "bench", ["BM"], "kill -TERM $RUNNER; exec sleep 1000")
    with Interrupts() as interrupts, pytest.raises(Interrupted):
        discover(tmp_path, "*", interrupts)
    assert interrupts.signum == 15


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


def test_what_is_broken_alike_on_both_sides_is_told_once():
    tool = one(["BM"], broken={"bin/tool": "lists no benchmarks"})
    assert discovery.match(tool, tool, None, None)[2] == [
        "bin/tool lists no benchmarks (on both sides)"
    ]


def test_binaries_that_share_a_name_are_told_apart_by_key():
    shared = Discovery({"a/x": ["BM", "only"], "b/y": ["BM"], "c/y": ["BM"]})
    keys = [benchmark.key for benchmark in discovery.match(shared, shared, None, None)[0]]
    assert keys == ["x:BM", "only", "b/y:BM", "c/y:BM"]


def test_a_benchmark_that_moved_to_another_binary_is_two_findings():
    _, findings, _ = discovery.match(one(["BM"], "a"), one(["BM"], "b"), None, None)
    assert [finding.benchmark.key for finding in findings] == ["a:BM", "b:BM"]


def test_the_filter_chooses_by_name():
    both, _, _ = discovery.match(one(["x/1", "y/1"]), one(["x/1", "y/1"]), "^x/", None)
    assert [benchmark.name for benchmark in both] == ["x/1"]


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
