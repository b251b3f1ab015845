"""What the kernel says of a pair of launches, and nothing else, may drop it."""

import json
from dataclasses import dataclass, replace

import pytest

from switchyard.gate import sampling
from switchyard.gate.model import WARM_UP, Benchmark, Pair, Plan
from switchyard.gate.sampling import Sampler
from switchyard.system.launch import Outcome

BENCHMARKS = [Benchmark(name, "bench", name) for name in ("BM_a", "BM_b")]


@dataclass
class Kernel:
    """Each reading is the next of the list, the last one for good."""

    steal: tuple[float, ...] = (0.0,)
    throttled: tuple[float, ...] = (0.0,)
    cpus: int = 2

    def steal_s(self, cpu: int | None) -> float:
        return self._next("steal")

    def throttled_s(self) -> float:
        return self._next("throttled")

    def usable_cpus(self) -> list[int]:
        return list(range(self.cpus))

    def _next(self, name: str) -> float:
        first, *rest = getattr(self, name)
        if rest:
            setattr(self, name, tuple(rest))
        return first


def an_outcome(value: float = 1.0, **more) -> Outcome:
    rows = [{"name": b.name, "real_time": value, "run_type": "iteration"} for b in BENCHMARKS]
    told = {"code": 0, "wall_s": 0.1, "involuntary": 3} | more
    out_file = json.dumps({"context": {}, "benchmarks": rows})
    return Outcome(**told, stdout="", stderr="", out_file=out_file)


@pytest.fixture
def pairs(monkeypatch: pytest.MonkeyPatch):
    """Of these outcomes, two by two: a warm-up, and rounds; launched with so many benchmarks."""

    def made(*outcomes: Outcome, cpu: int | None = 0, kernel: Kernel | None = None, rounds=(),
             together: int = 1) -> list[Pair]:  # fmt: skip
        left, rounds = list(outcomes), rounds or range(len(outcomes) // 2)
        monkeypatch.setattr(
            sampling, "launch_in_turn", lambda commands, *_, **__: [left.pop(0) for _ in commands]
        )
        monkeypatch.setattr(sampling, "exact_iterations", lambda *_: None)
        sampler = Sampler(Plan(1, cpu=cpu), dict.fromkeys(("baseline", "candidate"), SOMEWHERE),
                          None, kernel or Kernel())  # fmt: skip
        return [sampler.pairs(round_, BENCHMARKS[:together], "baseline")[0] for round_ in rounds]

    return made


SOMEWHERE = sampling.Path("/nowhere")
CALM = an_outcome()


def test_calm_launches_are_kept(pairs):
    assert [pair.dropped for pair in pairs(CALM, CALM, CALM, CALM)] == [None, None]


def test_stolen_time_drops_a_pair(pairs):
    (pair,) = pairs(CALM, CALM, kernel=Kernel(steal=(3.0, 3.02)), rounds=[1])
    assert "steal" in pair.dropped
    assert pair.steal_s == pytest.approx(0.02)
    assert pair.change("real_time") is None


def test_what_a_quota_withholds_counts_like_steal(pairs):
    (pair,) = pairs(CALM, CALM, kernel=Kernel(throttled=(3.0, 3.25)), rounds=[1])
    assert pair.steal_s == 0.25
    assert "quota" in pair.dropped


def test_what_was_taken_from_one_cpu_of_many_is_little_for_what_may_run_on_any(pairs):
    kernel = {"steal": (0.0, 0.04), "cpus": 4}
    (free,) = pairs(CALM, CALM, cpu=None, kernel=Kernel(**kernel), rounds=[1])
    (bound,) = pairs(CALM, CALM, cpu=0, kernel=Kernel(**kernel), rounds=[1])
    assert (free.dropped, free.steal_s) == (None, 0.01)
    assert bound.dropped


@pytest.mark.parametrize(
    ("wall_s", "steal_s", "is_dropped"),
    [(0.1, 0.01, False), (0.1, 0.02, True), (1.0, 0.09, False), (1.0, 0.11, True)],
)
def test_one_step_of_the_kernels_clock_is_no_proof_of_steal(pairs, wall_s, steal_s, is_dropped):
    long = an_outcome(wall_s=wall_s)
    (pair,) = pairs(long, long, kernel=Kernel(steal=(0.0, steal_s)), rounds=[1])
    assert bool(pair.dropped) == is_dropped


def test_forced_switches_drop_a_pair_of_a_pinned_benchmark_only(pairs):
    disturbed = an_outcome(involuntary=60)
    for both in ((CALM, disturbed), (disturbed, CALM)):
        assert "involuntary" in pairs(CALM, CALM, *both)[1].dropped
        assert pairs(CALM, CALM, *both, cpu=None)[1].dropped is None


@pytest.mark.parametrize("together", [1, 2])
def test_a_benchmark_that_switches_by_nature_is_measured_by_its_own_warm_up(pairs, together):
    busy = [an_outcome(involuntary=count) for count in (8000, 9000, 30_000)]
    found = pairs(busy[0], busy[0], busy[0], busy[1], busy[0], busy[2], together=together)
    assert [bool(pair.dropped) for pair in found] == [False, False, True]


def test_a_warm_up_is_dropped_for_nothing(pairs):
    (pair,) = pairs(CALM, an_outcome(involuntary=99), kernel=Kernel(steal=(0.0, 9.0)))
    assert (pair.round, pair.dropped) == (WARM_UP, None)


def test_no_time_however_odd_drops_a_pair(pairs):
    assert pairs(CALM, CALM, CALM, an_outcome(1e9))[1].dropped is None


def test_the_gap_is_what_lies_between_the_end_of_one_and_the_start_of_the_next(pairs):
    one, other = replace(CALM, started_s=50.0), replace(CALM, started_s=50.1035)
    assert pairs(one, other)[0].gap_s == pytest.approx(0.0035)


@pytest.mark.parametrize("first", ["baseline", "candidate"])
def test_the_first_of_a_pair_goes_first(monkeypatch, first):
    launched = []

    def launch_in_turn(commands, timeout_s, *_, **__):
        launched.append((commands, timeout_s))
        return [an_outcome(1.0), an_outcome(2.0)]

    monkeypatch.setattr(sampling, "launch_in_turn", launch_in_turn)
    roots = {side: sampling.Path(f"/{side}") for side in ("baseline", "candidate")}
    sampler = Sampler(Plan(1, timeout_s=7.0), roots, None, Kernel())
    one, other = sampler.pairs(4, BENCHMARKS, first)
    ((commands, timeout_s),) = launched
    assert commands[0][0] == f"/{first}/bench"
    assert getattr(one, first).values == getattr(other, first).values == {"real_time": 1e-9}
    assert one.first == first
    assert timeout_s == 14.0  # as many times as long as there are benchmarks
    assert "(BM_a|BM_b)" in commands[0][1]
