"""launch_in_turn(): the next starts when nothing of the one before is left, however it ended."""

import itertools
import os
import sys

import pytest

from switchyard.system.interrupts import Interrupted, Interrupts
from switchyard.system.launch import children, launch_in_turn

PYTHON = (sys.executable, "-ISs", "-c")
SAYS_PARENT = (*PYTHON, "import os; print(os.getppid())")
KILLS_KEEPER = (*PYTHON, "import os, time; os.kill(os.getppid(), 9); time.sleep(1000)")
# To the runner, the parent of its parent.
SIGNALS_RUNNER = (*PYTHON, """import os, signal, time
stat = open(f"/proc/{os.getppid()}/stat").read()
os.kill(int(stat.rpartition(")")[2].split()[1]), signal.SIGTERM)
time.sleep(1000)
""")  # fmt: skip
# A child that ignores signals and a daemon in a session of its own, all with a mark.
LEAVES_MUCH = (*PYTHON, """import os, signal, time
for is_daemon in (False, True):
    if os.fork() == 0:
        for s in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP): signal.signal(s, signal.SIG_IGN)
        if is_daemon:
            os.setsid()
            if os.fork(): os._exit(0)
        time.sleep(1000)
time.sleep(0.3)
""", "leaves" + "-much")  # fmt: skip
LISTS_MARKED = (*PYTHON, """import pathlib
mark, found = "leaves" "-much", []
for entry in pathlib.Path("/proc").iterdir():
    try:
        words = (entry / "cmdline").read_text().split("\\0")
    except (OSError, ValueError):
        continue
    found += [entry.name] * (words[-2:-1] == [mark])
print(found)
""")  # fmt: skip


def test_each_has_an_outcome_of_its_own_in_their_order():
    says = "import sys; open(sys.argv[2][5:], 'w').write(sys.argv[1]); sys.exit(int(sys.argv[1]))"
    outcomes = launch_in_turn([(*PYTHON, says, code) for code in "345"], 30, out_option="--to=")
    assert [outcome.code for outcome in outcomes] == [3, 4, 5]
    assert [outcome.out_file for outcome in outcomes] == ["3", "4", "5"]
    for one, other in itertools.pairwise(outcomes):
        assert one.started_s + one.wall_s <= other.started_s


def test_one_keeper_runs_all_and_is_no_other_process_than_ours():
    first, second = launch_in_turn([SAYS_PARENT, SAYS_PARENT], 30)
    assert first.stdout == second.stdout
    assert int(first.stdout) != os.getpid()


def test_all_are_started_with_the_very_same_words_and_environment(monkeypatch):
    monkeypatch.setenv("BENCHMARK_FILTER", "x")
    says = (*PYTHON, "import os, sys; print(sys.argv, sorted(os.environ.items()))")
    first, second = launch_in_turn([says] * 2, 30, None, "--to=", variables={"PADDING": "xxx"})
    assert first.stdout == second.stdout
    assert "'PADDING', 'xxx'" in first.stdout
    assert "BENCHMARK_FILTER" not in first.stdout
    assert "PADDING" not in os.environ


def test_nothing_of_the_first_is_left_when_the_second_starts():
    first, second = launch_in_turn([LEAVES_MUCH, LISTS_MARKED], 30)
    assert (first.code, second.stdout) == (0, "[]\n")


@pytest.mark.parametrize("which", [0, 1])
def test_a_time_out_of_one_takes_nothing_from_the_other(which: int):
    before = children()  # servers that other tests use
    commands = [SAYS_PARENT, SAYS_PARENT]
    commands[which] = ("sleep", "1000")
    outcomes = launch_in_turn(commands, 1.0)
    late, other = outcomes[which], outcomes[1 - which]
    assert (late.timed_out, late.code) == (True, None)
    assert (other.timed_out, other.code) == (False, 0)
    assert late.started_s > 0
    assert children() == before


def test_a_program_that_is_missing_takes_nothing_from_the_other():
    missing, other = launch_in_turn([("/nowhere/bench",), SAYS_PARENT], 30)
    assert (missing.code, other.code) == (127, 0)
    assert "cannot start /nowhere/bench" in missing.stderr


@pytest.mark.parametrize("which", [0, 1])
def test_a_signal_ends_both(which: int, tmp_path):
    before = children()
    note = tmp_path / "second"
    commands = [("true",), ("touch", str(note))]
    commands[which] = SIGNALS_RUNNER
    with Interrupts() as interrupts, pytest.raises(Interrupted):
        launch_in_turn(commands, 30, interrupts)
    assert not note.exists()
    assert children() == before


@pytest.mark.parametrize("which", [0, 1])
def test_a_killed_keeper_takes_its_command_with_it_and_not_the_other(which: int):
    before = children()
    commands = [SAYS_PARENT, SAYS_PARENT]
    commands[which] = KILLS_KEEPER
    outcomes = launch_in_turn(commands, 30)
    assert outcomes[which].ending == "ended together with its keeper"
    assert outcomes[1 - which].code == 0
    assert children() == before
