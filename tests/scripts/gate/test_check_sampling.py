"""One launch of the check: its number, its problem, and what the kernel says of it."""

import json
import os
from dataclasses import replace

import pytest
from fakes import row, write_bench

from switchyard.gate.model import Benchmark, Plan, Sample, Stage
from switchyard.gate.sampling import Sampler
from switchyard.system.interrupts import Interrupted, Interrupts
from switchyard.system.machine import Machine

NAME = "switch/fiber/via:yield/tasks:2"
BENCHMARK = Benchmark(NAME, "bin/bench_switch", f"{NAME}/manual_time")
PLAN = Plan(seed=1, screen_pairs=10, min_time_s=0.01, timeout_s=30.0)


@pytest.fixture
def sample(tmp_path):
    """What a launch gives of a benchmark that does `does`."""

    def launched(does, plan=PLAN):
        for side in ("baseline", "candidate"):
            write_bench(tmp_path / side, [row(NAME)], {NAME: does})
        roots = {side: tmp_path / side for side in ("baseline", "candidate")}
        with Interrupts() as interrupts:
            return Sampler(plan, roots, interrupts, Machine()).sample("candidate", BENCHMARK)

    return launched


def test_a_launch_gives_seconds_for_one_iteration(sample):
    assert sample({"fields": {"real_time": 250}}).value == pytest.approx(250e-6)  # fakes count us


def test_the_metric_is_the_one_asked_for(sample):
    does = {"fields": {"real_time": 250, "cpu_time": 100}}
    assert sample(does, replace(PLAN, metric="cpu_time")).value == pytest.approx(100e-6)


@pytest.mark.parametrize("time", [0, -3, float("nan"), float("inf"), "much", None])
def test_what_is_no_time_is_a_problem_and_no_number(sample, time):
    given = sample({"fields": {"real_time": time}})
    assert given.value is None
    assert "real_time" in given.problem


@pytest.mark.parametrize(
    ("does", "reason"),
    [
        ({"error": "a wrong answer"}, "a wrong answer"),
        ({"code": "os.kill(os.getpid(), signal.SIGSEGV)"}, "ended by SIGSEGV"),
        ({"code": "sys.exit(3)"}, "exit code 3"),
        ({"code": "result |= {'name': 'another', 'run_name': 'another'}"}, "printed no result"),
        (
            {
                "code": "rows.append(result); json.dump({'context': {}, 'benchmarks': rows}, out)\n"
                "out.close(); os.kill(os.getpid(), signal.SIGSEGV)"
            },
            "ended by SIGSEGV",
        ),
        ({"code": "out.write('{'); out.flush(); os._exit(0)"}, "printed no result"),
    ],
)
def test_a_launch_that_fails_says_how(sample, does, reason):
    given = sample({"fields": {"real_time": 1}} | does)
    assert given.value is None
    assert reason in given.problem
    assert not given.skipped


def test_an_exit_code_takes_nothing_from_a_complete_result(sample):
    """Some programs return their number of benchmarks."""
    code = "dump = json.dump; json.dump = lambda *a: (dump(*a), out.close(), sys.exit(7))"
    assert sample({"fields": {"real_time": 250}, "code": code}).value == pytest.approx(250e-6)


def test_a_launch_has_the_users_arguments(sample):
    code = "assert sys.argv[1:3] == ['--size', 'big one']"
    plan = replace(PLAN, arguments=("--size", "big one"))
    assert sample({"fields": {"real_time": 250}, "code": code}, plan).value
    assert not sample({"fields": {"real_time": 250}, "code": code}).value


def test_a_launch_that_hangs_is_ended(sample):
    given = sample({"code": "time.sleep(1000)"}, replace(PLAN, timeout_s=0.5))
    assert "time-out" in given.problem


def test_a_limit_of_the_machine_is_a_skip(sample):
    given = sample({"error": "limit reached: RLIMIT_NPROC"})
    assert given.skipped
    assert "RLIMIT_NPROC" in given.problem


def test_a_skip_in_the_words_of_newer_google_benchmarks_is_one(sample):
    given = sample({"fields": {"skipped": True, "skip_message": "no GPU"}})
    assert (given.skipped, given.problem) == (True, "no GPU")


@pytest.mark.parametrize("name", ["skipped", "error_occurred", "skip_message", "error_message"])
def test_a_counter_that_is_called_like_a_mark_is_none(sample, name):
    assert sample({"fields": {"real_time": 50, name: 3.0}}).value == pytest.approx(50e-6)


@pytest.mark.parametrize("name", ["name", "run_name", "run_type", "real_time", "time_unit"])
def test_a_counter_that_is_called_like_a_key_of_the_library_does_not_take_its_place(sample, name):
    """Both are in the document then, the counter behind the key."""
    twice = (
        "dump = json.dump\n"
        "json.dump = lambda told, to: to.write("
        f"json.dumps(told).replace('\"marker\"', '\"{name}\"'))\n"
    )
    does = {"fields": {"real_time": 50, "marker": 3.0}, "code": twice}
    assert sample(does).value == pytest.approx(50e-6)


def test_repetitions_of_its_own_count_as_their_median(sample):
    more = (
        "rows += [result | {'real_time': 1}, result | {'real_time': 90}]; result['real_time'] = 50"
    )
    assert sample({"code": more}).value == pytest.approx(50e-6)


def test_aggregates_are_not_mistaken_for_times(sample):
    more = (
        "rows.append(result | {'run_type': 'aggregate', 'real_time': 1}); result['real_time'] = 50"
    )
    assert sample({"code": more}).value == pytest.approx(50e-6)


def test_of_aggregates_alone_the_median_counts(sample):
    only = (
        "rows += [result | {'run_type': 'aggregate', 'aggregate_name': name, 'real_time': t, "
        "'name': f'{row[\"name\"]}/manual_time_{name}', 'run_name': row['name'] + '/manual_time'} "
        "for name, t in (('mean', 70), ('median', 50))]; "
        "result |= {'name': 'another', 'run_name': 'another'}"
    )
    assert sample({"code": only}).value == pytest.approx(50e-6)


def test_a_launch_is_bound_to_its_cpu(sample, tmp_path):
    cpu = sorted(os.sched_getaffinity(0))[-1]
    note = tmp_path / "cpus"
    code = f"pathlib.Path({str(note)!r}).write_text(json.dumps(list(os.sched_getaffinity(0))))"
    sample({"fields": {"real_time": 1}, "code": code}, replace(PLAN, cpu=cpu))
    assert json.loads(note.read_text()) == [cpu]


def test_a_signal_ends_the_launch_and_it_counts_for_nothing(sample):
    from fakes import INTERRUPT

    with pytest.raises(Interrupted):
        sample({"code": INTERRUPT})


def test_the_neighbours_on_its_cpu_are_counted(sample):
    """A child that competes for the same CPU forces switches on the launch."""
    cpu = sorted(os.sched_getaffinity(0))[-1]
    busy = (
        "end = time.monotonic() + 0.4\npid = os.fork()\nwhile time.monotonic() < end: pass\n"
        "if pid == 0: os._exit(0)\nos.wait()\n"
    )
    given = sample({"fields": {"real_time": 1}, "code": busy}, replace(PLAN, cpu=cpu))
    assert given.involuntary > 5


class Scripted(Sampler):
    """Samples as a list says."""

    def __init__(self, samples, cpu=0):
        super().__init__(replace(PLAN, cpu=cpu), {}, None, Machine())
        self.samples = list(samples)

    def sample(self, side, benchmark):
        return self.samples.pop(0)


def pairs(*samples, cpu=0):
    sampler = Scripted(samples, cpu)
    stages = [Stage.WARM_UP] + [Stage.SCREEN] * (len(samples) // 2 - 1)
    return [sampler.pair(stage, 0, BENCHMARK, "baseline") for stage in stages]


CALM = Sample(1.0, wall_s=0.1, involuntary=3)


def test_steal_drops_a_pair_on_either_side():
    stolen = replace(CALM, steal_s=0.02)
    assert "steal" in pairs(stolen, CALM)[0].dropped
    assert "steal" in pairs(CALM, stolen)[0].dropped
    assert pairs(CALM, CALM)[0].dropped is None


def test_what_a_quota_withholds_counts_like_steal(sample, monkeypatch):
    readings = iter([3.0, 3.25])
    monkeypatch.setattr(Machine, "throttled_s", lambda _: next(readings))
    monkeypatch.setattr(Machine, "steal_s", lambda *_: 1.0)
    held = sample({"fields": {"real_time": 1}})
    assert held.steal_s == 0.25
    assert "quota" in pairs(replace(held, wall_s=1.0), CALM)[0].dropped


def test_one_step_of_the_kernels_clock_is_no_proof_of_steal():
    assert pairs(replace(CALM, steal_s=0.01), CALM)[0].dropped is None
    long = replace(CALM, wall_s=1.0)
    assert pairs(replace(long, steal_s=0.04), long)[0].dropped is None
    assert pairs(replace(long, steal_s=0.06), long)[0].dropped


def test_forced_switches_drop_a_pair_of_a_pinned_benchmark_only():
    disturbed = replace(CALM, involuntary=60)
    assert "involuntary" in pairs(CALM, CALM, CALM, disturbed)[1].dropped
    assert pairs(CALM, CALM, CALM, disturbed, cpu=None)[1].dropped is None


def test_a_benchmark_that_switches_by_nature_is_measured_by_its_own_warm_up():
    busy = replace(CALM, involuntary=8000)
    assert pairs(busy, busy, busy, replace(busy, involuntary=9000))[1].dropped is None
    assert pairs(busy, busy, busy, replace(busy, involuntary=30_000))[1].dropped


def test_no_time_however_odd_drops_a_pair():
    assert pairs(CALM, CALM, CALM, replace(CALM, value=1e9))[1].dropped is None


@pytest.mark.parametrize("first", ["baseline", "candidate"])
def test_the_first_of_a_pair_goes_first(first):
    sampler = Scripted([replace(CALM, value=1.0), replace(CALM, value=2.0)])
    pair = sampler.pair(Stage.SCREEN, 4, BENCHMARK, first)
    assert getattr(pair, first).value == 1.0
    assert pair.first == first
