"""A pair of launches: its numbers, its problems, and how alike both sides are launched."""

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import INTERRUPT, row, write_bench, write_foreign

from switchyard.gate.model import SIDES, WARM_UP, Benchmark, Metric, Pair, Plan, Sample
from switchyard.gate.sampling import Sampler
from switchyard.system.interrupts import Interrupted, Interrupts
from switchyard.system.machine import Machine

NAME, OTHER = (f"switch/fiber/via:yield/tasks:{n}" for n in (2, 4))
BENCHMARK, SECOND = (
    Benchmark(name, "bin/bench_switch", f"{name}/manual_time") for name in (NAME, OTHER)
)
PLAN = Plan(seed=1, min_time_s=0.01, timeout_s=30.0)
TIME = {"fields": {"real_time": 1}}
# Notes how it was launched.
NOTE = """
with open({file!r}, "a") as notes:
    notes.write(json.dumps([sys.argv, os.environ.get("SWITCHYARD_PADDING")]) + "\\n")
"""


@pytest.fixture
def sampler(tmp_path: Path):
    """Of a candidate whose rows do `does`, and of a baseline that does as `baseline`."""

    def made(does: dict, plan: Plan = PLAN, baseline: dict | None = None, **fields) -> Sampler:
        for side, do in (("baseline", baseline or {NAME: TIME, OTHER: TIME}), ("candidate", does)):
            write_bench(tmp_path / side, [row(NAME), row(OTHER)], do)
        return Sampler(plan, {side: tmp_path / side for side in SIDES}, None, Machine(), **fields)

    return made


@pytest.fixture
def sample(sampler):
    """What a launch gives of a candidate that does `does`."""

    def launched(does: dict, plan: Plan = PLAN) -> Sample:
        (pair,) = sampler({NAME: does}, plan).pairs(1, [BENCHMARK], "baseline")
        return pair.candidate

    return launched


def test_a_launch_gives_seconds_for_one_iteration(sample):
    given = sample({"fields": {"real_time": 250}})
    assert given.values == {"real_time": pytest.approx(250e-6)}  # fakes count us
    assert 0 < given.wall_s < 30


def test_the_metrics_are_those_asked_for_times_in_seconds_and_counters_as_they_are(sample):
    metrics = tuple(map(Metric, ("cpu_time", "p99_us", "errors")))
    does = {"fields": {"real_time": 250, "cpu_time": 100, "p99_us": 70, "errors": 0}}
    given = sample(does, replace(PLAN, metrics=metrics))
    assert given.values == {"cpu_time": pytest.approx(100e-6), "p99_us": 70, "errors": 0}


def test_a_counter_that_is_not_there_is_none_and_no_problem(sample):
    given = sample(TIME, replace(PLAN, metrics=(Metric(), Metric("p99_us"))))
    assert (list(given.values), given.problem) == (["real_time"], None)


@pytest.mark.parametrize("time", [0, -3, float("nan"), float("inf"), "much", None])
def test_what_is_no_time_is_a_problem_and_no_number(sample, time):
    given = sample({"fields": {"real_time": time}})
    assert given.values == {}
    assert "real_time" in given.problem


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "much", None])
def test_what_is_no_number_of_a_counter_is_a_problem(sample, value):
    given = sample({"fields": {"x": value}}, replace(PLAN, metrics=(Metric("x"),)))
    assert given.values == {}
    assert given.problem.startswith("reported a x of ")


@pytest.mark.parametrize(
    ("does", "reason"),
    [
        ({"error": "a wrong answer"}, "a wrong answer"),
        ({"code": "os.kill(os.getpid(), signal.SIGSEGV)"}, "ended by SIGSEGV"),
        ({"code": "sys.exit(3)"}, "exit code 3"),
        ({"code": "result['name'] = 'another'"}, "printed no result"),
        ({"code": "out.write('{'); out.flush(); os._exit(0)"}, "printed no result"),
    ],
)
def test_a_launch_that_fails_says_how(sample, does, reason):
    given = sample(TIME | does)
    assert given.values == {}
    assert reason in given.problem
    assert not given.skipped


def test_a_launch_that_hangs_is_ended(sampler):
    hangs = sampler({NAME: {"code": "time.sleep(1000)"}}, replace(PLAN, timeout_s=0.5))
    (pair,) = hangs.pairs(1, [BENCHMARK], "candidate")
    assert "time-out" in pair.candidate.problem
    assert pair.baseline.values  # which came after it


def test_a_limit_of_the_machine_is_a_skip(sample):
    given = sample({"error": "limit reached: RLIMIT_NPROC"})
    assert given.skipped
    assert "RLIMIT_NPROC" in given.problem


def test_a_skip_in_the_words_of_newer_google_benchmarks_is_one(sample):
    given = sample({"fields": {"skipped": True, "skip_message": "no GPU"}})
    assert (given.skipped, given.problem) == (True, "no GPU")


def test_a_program_may_end_with_any_code_when_it_gave_its_numbers(sample):
    ends = "import atexit; atexit.register(os._exit, 13)"
    assert sample({"fields": {"real_time": 50}, "code": ends}).values


@pytest.mark.parametrize("name", ["skipped", "error_occurred", "skip_message", "error_message"])
def test_a_counter_that_is_called_like_a_mark_is_none(sample, name):
    given = sample({"fields": {"real_time": 50, name: 3.0}})
    assert given.values["real_time"] == pytest.approx(50e-6)


@pytest.mark.parametrize("name", ["name", "run_name", "run_type", "real_time", "time_unit"])
def test_a_counter_that_is_called_like_a_key_of_the_library_does_not_take_its_place(sample, name):
    """Both are in the document then, the counter behind the key."""
    twice = (
        "dump = json.dump\n"
        "json.dump = lambda told, to: to.write("
        f"json.dumps(told).replace('\"marker\"', '\"{name}\"'))\n"
    )
    does = {"fields": {"real_time": 50, "marker": 3.0}, "code": twice}
    assert sample(does).values["real_time"] == pytest.approx(50e-6)


MORE_ROWS = {
    "repetitions of its own count as their median":
        "rows += [result | {'real_time': 1}, result | {'real_time': 90}]",
    "aggregates are not mistaken for times":
        "rows.append(result | {'run_type': 'aggregate', 'real_time': 1})",
    "of aggregates alone the median counts":
        "rows += [result | {'run_type': 'aggregate', 'aggregate_name': name, 'real_time': t, "
        "'name': f'{row[\"name\"]}/manual_time_{name}', 'run_name': row['name'] + '/manual_time'} "
        "for name, t in (('mean', 70), ('median', 50))]; result['name'] = 'another'",
}  # fmt: skip


@pytest.mark.parametrize("what", MORE_ROWS)
def test_of_more_than_one_row(sample, what):
    given = sample({"code": f"{MORE_ROWS[what]}; result['real_time'] = 50"})
    assert given.values["real_time"] == pytest.approx(50e-6)


def test_a_launch_is_bound_to_its_cpu(sample, tmp_path):
    cpu = sorted(os.sched_getaffinity(0))[-1]
    note = tmp_path / "cpus"
    code = f"pathlib.Path({str(note)!r}).write_text(json.dumps(list(os.sched_getaffinity(0))))"
    sample(TIME | {"code": code}, replace(PLAN, cpu=cpu))
    assert json.loads(note.read_text()) == [cpu]


def test_a_signal_ends_the_launch_and_it_counts_for_nothing(sampler):
    made = sampler({NAME: {"code": INTERRUPT}})
    with Interrupts() as made.interrupts, pytest.raises(Interrupted):
        made.pairs(1, [BENCHMARK], "baseline")


def test_the_neighbours_on_its_cpu_are_counted(sample):
    """A child that competes for the same CPU forces switches on the launch."""
    cpu = sorted(os.sched_getaffinity(0))[-1]
    busy = (
        "end = time.monotonic() + 0.4\npid = os.fork()\nwhile time.monotonic() < end: pass\n"
        "if pid == 0: os._exit(0)\nos.wait()\n"
    )
    assert sample(TIME | {"code": busy}, replace(PLAN, cpu=cpu)).involuntary > 5


def notes(sampler, tmp_path: Path, plan: Plan, rounds: Sequence[int]) -> list[list]:
    """How programs were launched in these rounds: arguments, and padding of the environment."""
    file = tmp_path / "notes"
    does = {NAME: TIME | {"code": NOTE.format(file=str(file))}}
    made = sampler(does, plan, baseline=does)
    for round_ in rounds:
        made.pairs(round_, [BENCHMARK], "candidate")
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_both_sides_are_launched_alike_and_each_round_otherwise(sampler, tmp_path):
    one, other, next_one, next_other = notes(sampler, tmp_path, PLAN, (1, 2))
    assert ["/candidate/" in one[0][0], "/baseline/" in other[0][0]] == [True, True]
    assert one[0][1:] == other[0][1:] == next_one[0][1:]
    assert one[1] == other[1] == "x" * len(one[1])
    assert next_one[1] == next_other[1] == "x" * len(next_one[1])
    assert len(one[1]) != len(next_one[1])


def test_the_users_arguments_are_passed_on_to_both_sides(sampler, tmp_path):
    plan = replace(PLAN, arguments=("--size", "8"))
    for arguments, _ in notes(sampler, tmp_path, plan, [WARM_UP, 1]):
        assert arguments[arguments.index("--size") + 1] == "8"


def test_the_gap_between_two_launches_is_measured(sampler):
    (pair,) = sampler({NAME: TIME}).pairs(1, [BENCHMARK], "candidate")
    assert pair.first == "candidate"
    assert 0 < pair.gap_s < 1


def test_a_shared_launch_gives_each_benchmark_its_own_numbers_and_its_share_of_the_time(sampler):
    two = {name: {"fields": {"real_time": time}} for name, time in ((NAME, 10), (OTHER, 20))}
    shared = sampler(two).pairs(3, [BENCHMARK, SECOND], "baseline")
    assert [(pair.round, pair.benchmark) for pair in shared] == [(3, NAME), (3, OTHER)]
    assert [pair.candidate.values["real_time"] for pair in shared] == pytest.approx([1e-5, 2e-5])
    assert shared[0].candidate.wall_s == shared[1].candidate.wall_s
    (alone,) = sampler(two).pairs(3, [BENCHMARK], "baseline")
    assert shared[0].candidate.wall_s < alone.candidate.wall_s


def test_of_a_shared_launch_only_what_fails_has_the_problem_unless_all_is_lost(sampler):
    wrong = sampler({NAME: TIME, OTHER: {"error": "wrong"}})
    good, bad = wrong.pairs(1, [BENCHMARK, SECOND], "baseline")
    assert (good.problem, bad.candidate.problem) == (False, "wrong")
    crash = sampler({NAME: TIME, OTHER: {"code": "os.kill(os.getpid(), signal.SIGSEGV)"}})
    both = crash.pairs(1, [BENCHMARK, SECOND], "baseline")
    assert ["SIGSEGV" in pair.candidate.problem for pair in both] == [True, True]


@pytest.mark.parametrize(
    ("help_", "warm", "later"),
    [
        ("[--benchmark_min_time=`<integer>x` OR `<float>s` ]", "=0.01", "--benchmark_min_time=10x"),
        ("--describe  --iterations N", "=0.01", "--iterations=10"),
        ("[--benchmark_min_time=<min_time>]", "=0.01", "--benchmark_min_time=0.01"),
    ],
)
def test_iterations_are_those_of_the_warm_up_where_a_program_can_be_told(
    tmp_path, help_, warm, later
):
    log = tmp_path / "log"
    code = f"echo \"$*\" >>{log}; [[ $1 == --help ]] && echo '{help_}' && exit"
    for side in SIDES:
        write_foreign(tmp_path / side / "bench", ["BM_x", "BM_y"], code)
    x, y = (Benchmark(name, "bench", name) for name in ("BM_x", "BM_y"))
    sampler = Sampler(PLAN, {side: tmp_path / side for side in SIDES}, None, Machine())
    for round_, some in ((WARM_UP, [x]), (WARM_UP, [y]), (1, [x]), (1, [x, y])):
        sampler.pairs(round_, some, "baseline")
    said = log.read_text().splitlines()
    assert said.count("--help") == 1
    launched = [line for line in said if line != "--help"]
    assert all(warm in line for line in launched[:4])
    assert all(later in line for line in launched[4:6])
    assert all(warm in line for line in launched[6:])  # of several: each has a number of its own


def test_stored_values_stand_beside_the_launches_as_long_as_there_are_any(sampler):
    made = sampler({NAME: TIME}, stored={NAME: [5.0, 6.0]})
    pairs = [pair for round_ in range(4) for pair in made.pairs(round_, [BENCHMARK], "baseline")]
    assert [pair.baseline.values.get("real_time") for pair in pairs] == [None, 5.0, 6.0, None]
    assert all(pair.candidate.values for pair in pairs)
    assert not any(pair.problem or pair.gap_s for pair in pairs)


def test_what_google_benchmark_says_of_each_side_is_kept(sampler):
    made = sampler({NAME: TIME})
    (pair,) = made.pairs(1, [BENCHMARK], "baseline")
    context = {"date": "2026-01-01", "num_cpus": 2}
    assert made.contexts == {"baseline": context, "candidate": context}
    assert pair.candidate.row["name"] == BENCHMARK.name


def test_a_pair_that_counts_has_a_change():
    both = [Sample({"real_time": time}) for time in (1.0, 1.1)]
    pair = Pair(1, "a", "baseline", *both)
    assert pair.change("real_time") == pytest.approx(0.0953, abs=1e-4)
    assert pair.change("p99_us") is None
    for lost in ({"dropped": "steal"}, {"round": WARM_UP}, {"candidate": Sample(problem="no")}):
        assert replace(pair, **lost).change("real_time") is None
