"""launch(): what it gives back, and whom it kills and whom it does not."""

import errno
import os
import re
import signal
import subprocess
import sys

import pytest

from switchyard.system.errors import SwitchyardError
from switchyard.system.launch import launch
from switchyard.system.process_tree import children, kill_and_reap_children

PYTHON = (sys.executable, "-ISs", "-c")


def test_gives_back_exit_code_and_all_output():
    script = (
        "import sys; print('x' * 1_000_000); sys.stderr.write('oops');"
        "open(sys.argv[1].removeprefix('--to='), 'w').write('kept'); sys.exit(3)"
    )
    outcome = launch([*PYTHON, script], 30, out_option="--to=")
    assert (outcome.code, outcome.stderr, outcome.out_file) == (3, "oops", "kept")
    assert len(outcome.stdout) == 1_000_001
    assert not outcome.timed_out


def test_a_function_is_called_in_a_process_of_its_own():
    outcome = launch(lambda: f"{os.getpid()} {os.getsid(0)}", 30)
    pid, session = map(int, outcome.out_file.split())
    assert (outcome.code, pid) == (0, session)
    assert pid != os.getpid()


def test_command_has_a_session_of_its_own_and_no_input():
    script = "import os, sys; print(os.getsid(0) == os.getpid(), sys.stdin.read() == '')"
    assert launch([*PYTHON, script], 30).stdout.split() == ["True", "True"]


def test_command_starts_with_signals_as_usual():
    script = (
        "import signal; print(signal.pthread_sigmask(0, ()), "
        "[line for line in open('/proc/self/status') if line.startswith('SigIgn')])"
    )
    # Python itself ignores SIGPIPE (bit 12) and SIGXFSZ (bit 24) once it has started; under nohup
    # SIGHUP (bit 0) is ignored for all.
    printed = launch([*PYTHON, script], 30).stdout
    assert printed.startswith("set()")
    assert int(printed.split("\\t")[1].split("\\n")[0], 16) & ~1 == 0x1001000


def test_command_and_its_children_are_bound_and_scheduled_as_told():
    script = """import os
if os.fork():
    os.wait()
else:
    print(os.sched_getaffinity(0), os.sched_getscheduler(0) == os.SCHED_BATCH)
"""
    cpus = os.sched_getaffinity(0)
    bound = launch([*PYTHON, script], 30, cpu=min(cpus), batch=True).stdout
    assert bound == f"{{{min(cpus)}}} True\n"
    assert launch([*PYTHON, script], 30).stdout == f"{cpus} False\n"


@pytest.mark.parametrize("everything", ["", "xx_YY.UTF-8"])
def test_a_decimal_comma_is_for_nobody_and_the_other_categories_stay(monkeypatch, everything):
    """LC_ALL stands above the others, LANG below."""
    for name, value in (("LANG", "aa_AA"), ("LC_CTYPE", "bb_BB"), ("LC_NUMERIC", "cc_CC")):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LC_ALL", everything)
    printed = launch(["sh", "-c", "env"], 30).stdout.splitlines()
    told = {line for line in printed if line.startswith(("LANG=", "LC_"))}
    others = {"LANG=xx_YY.UTF-8"} if everything else {"LANG=aa_AA", "LC_CTYPE=bb_BB"}
    assert told == {"LC_NUMERIC=C", *others}
    assert os.environ["LC_NUMERIC"] == "cc_CC"


def test_switches_of_children_are_counted_too():
    script = """import os, time
if os.fork():
    os.wait()
else:
    for _ in range(200): time.sleep(0.0001)
"""
    assert launch([*PYTHON, script], 30).voluntary >= 200


def test_time_out_kills_all_that_was_started():
    script = "import os, time\nfor _ in range(5): os.fork()\ntime.sleep(1000)"
    before = children()  # servers that other tests use
    outcome = launch([*PYTHON, script], 1)
    assert outcome.timed_out
    assert "time-out" in outcome.ending
    assert children() == before


def test_what_belongs_to_another_user_is_named_and_not_waited_for(monkeypatch, capsys):
    """As what `sudo` starts: the kernel lets us neither kill it nor have it die with its parent."""
    before, kill = set(children()), os.kill

    def refuse(pid: int, signum: int) -> None:
        if signum == signal.SIGKILL:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        kill(pid, signum)

    monkeypatch.setattr(os, "kill", refuse)
    script = "import os, time\nif not os.fork(): time.sleep(1000)\n"
    for rest in ("time.sleep(1000)", "os._exit(0)"):
        outcome = launch([*PYTHON, script + rest], 1)
        assert outcome.timed_out == ("sleep" in rest)
    told = capsys.readouterr().err
    while left := set(children()) - before:
        for pid in left:
            kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    named = re.findall(r"^switchyard: PID \d+ can't be ended: it is another user's$", told, re.M)
    assert len(named) >= 2  # of each launch one, and its child where that became ours in time
    # What has ended is reaped, whoever's it was.
    ended = subprocess.Popen(["/bin/true"])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    assert kill_and_reap_children(before) == set()
    assert set(children()) <= before


def test_who_prints_without_end_is_ended_and_not_all_of_it_is_read():
    outcome = launch(["yes"], 60, most_output=1_000_000)
    assert outcome.flooded
    assert outcome.was_killed
    assert "prints without end" in outcome.ending
    assert len(outcome.stdout) == 1_000_000


def test_of_much_output_the_beginning_is_read():
    script = "import sys; sys.stderr.write('begins' + 'x' * 2_000_000)"
    outcome = launch([*PYTHON, script], 30, most_output=1_000_000)
    assert outcome.stderr[:6] == "begins"
    assert len(outcome.stderr) == 1_000_000


def test_files_of_its_own_are_no_output(tmp_path):
    script = "import sys, time; open(sys.argv[1], 'w').write('x' * 2_000_000); time.sleep(0.2)"
    outcome = launch([*PYTHON, script, str(tmp_path / "own")], 30, most_output=1_000_000)
    assert (outcome.code, outcome.flooded) == (0, False)
    assert (tmp_path / "own").stat().st_size == 2_000_000


def test_children_that_were_there_before_are_spared():
    with subprocess.Popen(["sleep", "1000"]) as bystander:
        assert launch(["/bin/true"], 30).code == 0
        assert bystander.poll() is None
        bystander.kill()


def test_missing_program_is_told_by_name():
    outcome = launch(["/nowhere/bench"], 30)
    assert outcome.code == 127
    assert "cannot start /nowhere/bench: No such file" in outcome.stderr


def test_process_limit_is_a_clear_error(monkeypatch):
    def refuse():
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(os, "fork", refuse)
    with pytest.raises(SwitchyardError, match=r"cannot start a process: .*ulimit -u"):
        launch(["/bin/true"], 30)


def test_command_has_our_environment_but_for_google_benchmarks_flags(monkeypatch):
    for name in ("BENCHMARK_OUT", "BENCHMARK_FILTER", "BENCHMARK_FORMAT", "BENCHMARK_DATA"):
        monkeypatch.setenv(name, "x")
    script = "import os; print([name for name in os.environ if name.startswith('BENCHMARK_')])"
    assert launch([*PYTHON, script], 30).stdout == "['BENCHMARK_DATA']\n"
    assert launch([*PYTHON, script], 30, without=()).stdout.count("BENCHMARK_") == 4
