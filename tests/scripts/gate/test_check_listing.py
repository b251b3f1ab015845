"""What binaries offer, asked of whatever a glob matches: programs of Google Benchmark's, such as
keep silent or print other things as well, and programs that are none.
"""

import os
import re
import time
from pathlib import Path

import pytest
from fakes import row, write_bench, write_foreign

from switchyard.gate import discovery
from switchyard.gate.discovery import Discovery
from switchyard.suite.catalog import bare_name, exact_filter, filter_of
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
# For a stand-in: as the library says it, on the stream of errors.
SAYS_NONE = """
wanted() { for name in "${names[@]}"; do [[ $name =~ $filter ]] && return; done; false; }
wanted || echo "Failed to match any benchmarks against regex: $filter" >&2
"""


def discover(root: Path, pattern: str = "*", timeout_s: float = 30.0, **more) -> Discovery:
    return discovery.discover(root, pattern, timeout_s, **more)


def launches(folder: Path) -> tuple[str, Path]:
    """Code for a stand-in that notes each of its launches, and where."""
    return f"echo >>{folder}/launches\n", folder / "launches"


@pytest.mark.parametrize(("printed", "name"), PRINTED.items())
def test_a_filter_matches_one_row_only(tmp_path, printed, name):
    write_foreign(tmp_path / "bench", list(PRINTED))
    assert discover(tmp_path, "bench").names["bench"] == list(PRINTED)
    assert bare_name(printed) == name
    for pattern in (exact_filter(name), filter_of([printed])):
        assert [p for p in PRINTED if re.search(pattern, p)] == [printed]


def test_a_filter_of_printed_names_leaves_out_what_differs_in_its_end():
    names = ["BM/1", "BM/1/real_time", "BM/2/iterations:5", "BM/2/iterations:50"]
    wanted = [names[0], names[2]]
    assert [name for name in names if re.search(filter_of(wanted), name)] == wanted


def test_the_filter_escapes_nothing_that_posix_forbids_to_escape():
    # libstdc++ says "Invalid escape in regular expression" to \\] and \\}.
    assert exact_filter("BM[a]{2}").startswith(r"^BM\[a]\{2}(")
    assert filter_of(["BM[a]{2}", "x"]) == r"^(BM\[a]\{2}|x)$"


def test_our_own_binaries_are_listed_in_their_order(tmp_path):
    rows = ["switch/thread/tasks:2", "switch/fiber/tasks:2"]
    write_bench(tmp_path, [row(name) for name in rows])
    names = [f"{name}/manual_time" for name in rows]
    assert discover(tmp_path, "bin/bench_*").names == {"bin/bench_switch": names}


def test_a_name_registered_twice_is_told_and_counts_once(tmp_path):
    write_foreign(tmp_path / "bench", ["BM", "BM"])
    found = discover(tmp_path)
    assert found.names["bench"] == ["BM"]
    assert "BM is registered 2 times" in found.notes[0]


def test_what_can_not_be_run_is_passed_over(tmp_path):
    write_foreign(tmp_path / "bench", ["BM"])
    (tmp_path / "CMakeFiles").mkdir()
    (tmp_path / "cmake_install.cmake").write_text("")
    (tmp_path / "compile_commands.json").write_text("{}")
    write_foreign(tmp_path / "libbench.so.1", ["BM"])
    found = discover(tmp_path)
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
        ("echo $RANDOM ms; exit", "is no Google Benchmark binary: it prints '"),
        ("exec yes try again", "is no Google Benchmark binary: it prints without end"),
        ("exec sleep 1000", "does not list its benchmarks: killed after 1 s: time-out"),
    ],
)
def test_what_is_no_such_program_is_told_and_run_once_at_most(tmp_path, code, reason):
    note, noted = launches(tmp_path)
    write_foreign(tmp_path / "bad", ["BM"], note + code)
    write_foreign(tmp_path / "good", ["BM"])
    found = discover(tmp_path, timeout_s=1.0 if "sleep" in code else 30.0)
    assert found.broken["bad"].startswith(reason)
    assert list(found.names) == ["good"]
    assert noted.read_text() == "\n"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("names=()", "lists no benchmarks"),
        ('[[ $filter ]] || echo "usage: $RANDOM"; exit', "is no Google Benchmark binary: it prin"),
        ("[[ $filter ]] || kill -SEGV $$", "does not list its benchmarks: ended by SIGSEGV"),
    ],
)
def test_a_silent_program_without_a_list_is_told(tmp_path, code, reason):
    write_foreign(tmp_path / "bad", ["BM"], code)
    assert discover(tmp_path).broken["bad"].startswith(reason)


@pytest.mark.parametrize("said", ["", SAYS_NONE, SAYS_NONE.replace(">&2", "")])
def test_who_says_that_none_matches_is_one_of_them_and_so_is_who_keeps_silent(tmp_path, said):
    write_foreign(tmp_path / "bench", ["BM/1", "BM/2"], said)
    assert discover(tmp_path).names["bench"] == ["BM/1", "BM/2"]


@pytest.mark.parametrize("noise", ["using config /etc/x", "$RANDOM$RANDOM ms", "a\n$RANDOM$RANDOM"])
def test_what_a_binary_prints_beside_its_names_is_no_name(tmp_path, noise):
    """Be it the same each time or not."""
    write_foreign(tmp_path / "bench", ["BM/1", "BM/2"], SAYS_NONE + f'echo "{noise}"')
    assert discover(tmp_path).names["bench"] == ["BM/1", "BM/2"]


def test_an_exit_code_is_the_programs_own_affair(tmp_path):
    """Its number of benchmarks, say."""
    code = f"{SAYS_NONE} trap 'exit ${{#names[@]}}' EXIT"
    write_foreign(tmp_path / "bench", ["BM/1", "BM/2"], code)
    assert discover(tmp_path).names["bench"] == ["BM/1", "BM/2"]


def test_a_slow_start_has_as_long_as_any_launch_and_is_told(tmp_path):
    write_foreign(tmp_path / "slow", ["BM"], "sleep 0.6")
    write_foreign(tmp_path / "quick", ["BM"])
    found = discover(tmp_path, timeout_s=30.0)
    assert found.start_s["slow"] > max(0.6, found.start_s["quick"])
    assert "time-out" in discover(tmp_path, timeout_s=0.3).broken["slow"]


def test_arguments_of_the_users_reach_the_listing(tmp_path):
    code = '[[ $1 == --size && $2 == "big one" ]] || exit 1'
    write_foreign(tmp_path / "bench", ["BM"], code)
    assert discover(tmp_path, arguments=["--size", "big one"]).names == {"bench": ["BM"]}
    assert list(discover(tmp_path).broken) == ["bench"]


def test_a_flood_ends_soon(tmp_path):
    write_foreign(tmp_path / "flood", ["BM"], "exec yes")
    began = time.monotonic()
    assert "prints without end" in discover(tmp_path, timeout_s=60.0).broken["flood"]
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("pattern", ["bin/none_*", "", "/abs/*"])
def test_a_pattern_without_executables_is_refused(tmp_path, pattern):
    with pytest.raises(BadInputError, match=str(tmp_path)):
        discover(tmp_path, pattern)


def test_a_signal_ends_the_listing(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNNER", str(os.getpid()))
    write_foreign(tmp_path / "bench", ["BM"], "kill -TERM $RUNNER; exec sleep 1000")
    with Interrupts() as interrupts, pytest.raises(Interrupted):
        discover(tmp_path, interrupts=interrupts)
    assert interrupts.signum == 15
