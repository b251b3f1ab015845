"""What is said of single rows, and how far a run came when it is read back."""

from pathlib import Path

import made_up

from switchyard.compare.advice import notes_of, warnings_of
from switchyard.compare.comparison import compare
from switchyard.suite.results import ResultsFolder, Tally
from switchyard.suite.warnings import held_up

EPOLL, FIBER, THREAD = (f"echo/{name}/connections:64/bytes:64" for name in
                        ("epoll", "fiber", "thread"))  # fmt: skip


def echo(**of_rows: dict[str, float]):
    """Three servers; `of_rows`: counters of all rounds of a runtime."""
    kept = made_up.results("echo", keep=lambda row: row["name"] in (EPOLL, FIBER, THREAD))
    for fields in kept.benchmarks:
        fields |= of_rows.get(fields["name"].split("/")[1], {})
    return kept


def test_a_row_is_said_to_be_saturated_stolen_from_or_noisy():
    kept = echo(epoll={"load_cpu_percent": 99.0}, thread={"steal_percent": 2.5})
    for fields, speed in zip(
        (f for f in kept.benchmarks if f["name"] == FIBER), (1, 2, 3, 4, 5, 6), strict=True
    ):
        fields["ops_per_s"] = 1e5 * speed
    assert notes_of(compare(kept), kept.records()) == {
        EPOLL: ["load generator saturated (99 % of its CPU)"],
        THREAD: ["2.5 % steal"],
        FIBER: ["noise 71 %"],
    }
    assert held_up(kept.records()) == {EPOLL}


def test_a_row_is_said_to_be_throttled_or_on_one_core():
    kept = echo(epoll={"throttled_percent": 3.2, "ends_share_a_core": 0.0},
                thread={"ends_share_a_core": 1.0})  # fmt: skip
    notes = notes_of(compare(kept), kept.records())
    assert (notes[EPOLL], notes[THREAD]) == (["3 % throttled"],
                                             ["both ends on one core"])  # fmt: skip


def test_a_row_of_which_nothing_is_to_be_said_has_no_notes():
    kept = echo()
    assert notes_of(compare(kept), kept.records()) == {}
    assert held_up(kept.records()) == set()


def test_what_the_load_generator_added_is_told_by_its_share_of_the_same_percentile():
    kept = echo(fiber={"late_p99_us": 30.0, "unread_p99_us": 15.0, "p99_us": 90.0},
                thread={"unread_p50_us": 15.0, "p50_us": 60.0},
                epoll={"late_p99_us": 30.0, "p99_us": 300.0, "p50_us": 30.0})  # fmt: skip
    assert notes_of(compare(kept), kept.records()) == {
        FIBER: ["load generator late (up to 50 % of the latency)"],
        THREAD: ["load generator late (up to 25 % of the latency)"],
    }
    (warning,) = warnings_of(ResultsFolder(Path(), {"echo": kept}), Tally(rounds=6), 6)
    assert f"{FIBER} (up to 50 % of the latency)" in warning.what


def test_one_round_in_which_the_load_generator_was_late_changes_no_median():
    kept = echo(fiber={"late_p99_us": 3.0, "p99_us": 90.0})
    kept.benchmarks[0] |= {"late_p99_us": 80.0, "p99_us": 90.0}
    assert notes_of(compare(kept), kept.records()) == {}


def test_a_row_that_a_quota_held_up_is_marked():
    kept = echo(fiber={"throttled_percent": 40.0}, thread={"throttled_percent": 0.4})
    assert notes_of(compare(kept), kept.records()) == {FIBER: ["40 % throttled"]}
    (warning,) = warnings_of(ResultsFolder(Path(), {"echo": kept}), Tally(rounds=6), 6)
    assert f"a CPU quota held launches up: {FIBER} (40 % of the time)" in warning.what


def test_what_spoiled_the_machine_of_a_run_is_warned_of():
    machine = {"usable_cpus": [0, 1], "cpu_count": 2, "cpu_quota": 0.5, "clocksource": "tsc"}
    folder = ResultsFolder(Path(), {"echo": echo()})
    folder.environment = {"machine": machine}
    (warning,) = warnings_of(folder, Tally(rounds=6), 6)
    assert warning.what == "CPU quota: 0.5 of 2 CPUs"
    assert "cpu.max" in warning.advice


def test_the_worst_round_counts():
    kept = echo()
    kept.benchmarks[0]["steal_percent"] = 7.0
    assert list(notes_of(compare(kept), kept.records()).values()) == [["7.0 % steal"]]


def test_a_tally_that_was_kept_is_read_back():
    tally = Tally(7, 2, 1.5, True, None, ["a", "b"])
    assert Tally.from_facts({"rounds_wanted": 6} | tally.facts()) == tally
    interrupted = Tally(7, 2, 1.5, False, 15, ["a"])
    facts = {"rounds_wanted": 6, "complete": False}
    assert Tally.from_facts(facts | interrupted.facts()) == interrupted


def test_older_results_tell_that_a_run_was_cut_short(tmp_path):
    def warnings(**facts) -> str:
        tally = Tally.from_facts(facts)
        folder = ResultsFolder(tmp_path, {"echo": echo()})
        return " ".join(found.what for found in warnings_of(folder, tally, facts["rounds_wanted"]))

    done = {"rounds_wanted": 6, "rounds_done": 6, "complete": True, "never_launched": []}
    assert warnings(**done) == ""
    assert "2 of 6 rounds fitted into the budget" in warnings(**done | {"rounds_done": 2})
    killed = {"rounds_wanted": 6, "rounds_done": 2, "complete": False}
    assert warnings(**killed) == "interrupted in round 3 of 6"
    left = done | {"rounds_done": 0, "complete": False, "never_launched": ["a"]}
    assert "1 rows never got a launch: a" in warnings(**left)
