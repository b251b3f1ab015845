"""The order of a check: what it measures when, and how it keeps to its budget."""

import math
import random
from collections import Counter

import pytest

from switchyard.gate import evidence, stages, verdicts
from switchyard.gate.model import Benchmark, Evidence, Pair, Plan, Sample, Stage

NAMES = ("a", "b", "c", "d")
BENCHMARKS = [Benchmark(name, f"bin/bench_{name}", name) for name in NAMES]


class World:
    """Launches that take `wall_s`; `ratio`: how much slower a candidate is; `broken` ones fail."""

    def __init__(self, ratio=None, wall_s=0.1, noise=0.01, broken=()):
        self.ratio, self.wall_s, self.noise, self.broken = ratio or {}, wall_s, noise, broken
        self.random = random.Random(5)
        self.log: list[tuple] = []

    def measure(self, stage, round_, benchmark, first):
        self.log.append((stage, round_, benchmark.key, first))
        ratio = self.ratio.get(benchmark.key, 1.0) * math.exp(self.random.gauss(0, self.noise))
        candidate = Sample(1e-6 * ratio, wall_s=self.wall_s)
        if (stage, benchmark.key) in self.broken:
            candidate = Sample(None, "a wrong answer", wall_s=self.wall_s)
        baseline = Sample(1e-6, wall_s=self.wall_s)
        return Pair(stage, round_, benchmark.key, first, baseline, candidate)

    def counts(self, stage):
        return Counter(key for of, _, key, _ in self.log if of == stage)


def run(world, **options):
    plan = Plan(seed=options.pop("seed", 7), screen_pairs=10, **options)
    check = stages.Stages(plan, BENCHMARKS, world.measure)
    check.run()
    return check


def test_every_benchmark_is_warmed_up_and_screened_alike():
    world = World()
    run(world)
    assert world.counts(Stage.WARM_UP) == dict.fromkeys(NAMES, 1)
    assert world.counts(Stage.SCREEN) == dict.fromkeys(NAMES, 10)


def test_only_suspects_get_new_pairs_and_enough_to_be_convicted():
    world = World({"b": 1.10}, noise=0.004)
    check = run(world)
    screen = verdicts.screened(check.plan, check.pairs)
    chosen = verdicts.suspects(check.plan, screen)
    assert "b" in chosen
    assert set(world.counts(Stage.CONFIRM)) == set(chosen)
    fewest = evidence.fewest_pairs(check.plan, len(chosen))
    assert min(world.counts(Stage.CONFIRM).values()) >= fewest
    found = {
        f.benchmark.key: f.verdict for f in verdicts.judge(check.plan, BENCHMARKS, check.pairs)
    }
    assert found["b"] == "regressed"


def test_the_same_seed_gives_the_same_order_and_another_one_another():
    logs = []
    for seed in (1, 1, 2):
        world = World()
        run(world, seed=seed)
        logs.append(world.log)
    assert logs[0] == logs[1] != logs[2]


def test_a_coin_decides_who_goes_first():
    world = World()
    run(world)
    firsts = Counter(first for *_, first in world.log)
    assert min(firsts["baseline"], firsts["candidate"]) > len(world.log) // 4


def test_rounds_have_orders_of_their_own():
    world = World()
    run(world)
    orders = {
        tuple(key for of, r, key, _ in world.log if of == Stage.SCREEN and r == round_)
        for round_ in range(10)
    }
    assert len(orders) > 3


def test_the_budget_is_never_overrun():
    for budget in (0.5, 1.0, 3.0, 9.0):
        world = World(dict.fromkeys(NAMES, 1.10))
        check = run(world, budget_s=budget)
        assert check.spent_s <= budget + 1e-9
        assert check.spent_s == pytest.approx(0.2 * len(world.log))


def test_a_short_budget_screens_less_and_keeps_half_for_suspects():
    world = World(dict.fromkeys(NAMES, 1.10))
    check = run(
        world, budget_s=13.0
    )  # 0.8 s a round: 16 rounds in all, of which the warm-up is one
    assert check.plan.screen_pairs == 7
    assert world.counts(Stage.CONFIRM)


def test_too_short_a_budget_for_everyone_convicts_the_most_suspicious():
    plan = Plan(seed=1, screen_pairs=10)
    screen = {
        key: Evidence(Stage.SCREEN, 10, 0, 0.05, 0.04, 0.06, 0.02, p, 1 - p, 0.9)
        for key, p in (("a", 0.05), ("b", 0.001), ("c", 0.02))
    }
    chosen = verdicts.suspects(plan, screen)
    fewest = evidence.fewest_pairs(plan, 3)
    costs = dict.fromkeys("abc", 0.2)
    given = stages.allot(plan, chosen, screen, costs, left_s=2.5 * fewest * 0.2)
    assert set(given) == {"b", "c"}
    assert min(given.values()) >= fewest
    assert sum(given.values()) * 0.2 <= 2.5 * fewest * 0.2


def test_spare_time_goes_to_the_widest_spread():
    plan = Plan(seed=1, screen_pairs=10)
    screen = {
        key: Evidence(Stage.SCREEN, 10, 0, 0.05, 0.0, 0.1, spread, 0.01, 0.99, 0.9)
        for key, spread in (("calm", 0.005), ("wild", 0.06))
    }
    given = stages.allot(plan, ["calm", "wild"], screen, dict.fromkeys(screen, 0.1), 60.0)
    assert given["calm"] == evidence.fewest_pairs(plan, 2)
    assert given["wild"] == 60


def test_a_benchmark_that_fails_is_not_launched_again():
    world = World(broken=((Stage.WARM_UP, "c"),))
    check = run(world)
    assert [key for _, _, key, _ in world.log].count("c") == 1
    found = {f.benchmark.key: f for f in verdicts.judge(check.plan, BENCHMARKS, check.pairs)}
    assert found["c"].verdict == "failed"
    assert "a wrong answer" in found["c"].why
    assert found["a"].verdict == "unchanged"


def test_no_look_at_the_screening_ends_it_early():
    world = World(dict.fromkeys(NAMES, 3.0))  # seen after one pair
    run(world)
    assert world.counts(Stage.SCREEN) == dict.fromkeys(NAMES, 10)
