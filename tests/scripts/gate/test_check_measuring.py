"""The order of a check: what it measures when, until when, and how it keeps to its budget."""

from collections import Counter

import pytest
from judging import rows
from simulated import STEAL, Check, Row, World, a_plan, run

from switchyard.gate import verdicts
from switchyard.gate.measuring import Measuring
from switchyard.gate.model import WARM_UP, Finding, Metric, Verdict

WILD = 0.5  # a spread that leaves everything undecided


def verdict_before_its_last_pair(check: Check, key: str) -> Verdict:
    """By what was known a round before a benchmark's last one."""
    last = max(pair.round for pair in check.pairs if pair.benchmark == key)
    known = [pair for pair in check.pairs if pair.round < last]
    findings = verdicts.judge(check.plan, check.benchmarks, known)
    return next(found.verdict for found in findings if found.benchmark.key == key)


def launched(world: World, round_: int) -> list[tuple[str, ...]]:
    return [names for of, names, _ in world.log if of == round_]


def test_every_benchmark_is_warmed_up_once_and_measured_until_it_is_decided():
    world = World([*rows(3), Row("slow", 1.2), Row("fast", 0.8), Row("calm", spread=0.002)], 1)
    check = run(a_plan(), world)
    assert sorted(launched(world, WARM_UP)) == sorted((row.name,) for row in world.rows)
    found = check.judge()
    assert found["slow"].verdict == Verdict.REGRESSED
    assert found["fast"].verdict == Verdict.IMPROVED
    assert {found[key].verdict for key in ("cpu/0", "cpu/1", "calm")} == {Verdict.UNCHANGED}
    for key in found:
        assert verdict_before_its_last_pair(check, key) == Verdict.INCONCLUSIVE
    assert len(set(check.counts.values())) > 1


def test_a_round_has_each_open_benchmark_once_in_an_order_of_its_own():
    world = World(rows(4, spread=WILD), 1)
    run(a_plan(budget_s=16), world)
    rounds = [launched(world, round_) for round_ in range(1, 15)]
    assert all(sorted(names) == sorted((row.name,) for row in world.rows) for names in rounds)
    assert len(set(map(tuple, rounds))) > 6


def test_the_same_seed_gives_the_same_order_and_another_one_another():
    logs = []
    for seed in (1, 1, 2):
        logs.append(World(rows(4), 5).log)
        world = World(rows(4), 5, log=logs[-1])
        run(a_plan(seed), world)
    assert logs[0] == logs[1] != logs[2]


def test_a_coin_decides_who_goes_first():
    world = World(rows(4, spread=WILD), 1)
    run(a_plan(budget_s=30), world)
    firsts = Counter(first for *_, first in world.log)
    assert min(firsts["baseline"], firsts["candidate"]) > len(world.log) // 4


@pytest.mark.parametrize("budget_s", [0.5, 1.0, 3.0, 9.0])
def test_the_budget_is_never_overrun_and_used_up_by_what_is_undecided(budget_s: float):
    world = World(rows(4, spread=WILD), 1)
    check = run(a_plan(budget_s=budget_s), world)
    assert check.spent_s == pytest.approx(0.2 * len(world.log))
    assert budget_s - 0.2 < check.spent_s + 1e-9 <= budget_s + 2e-9


def test_what_still_fits_is_measured_though_another_does_not():
    class Uneven(World):
        def measure(self, round_, benchmarks, first):
            self.launch_s = 1.0 if benchmarks[0].key == "dear" else 0.1
            return super().measure(round_, benchmarks, first)

    check = run(
        a_plan(budget_s=7.6), Uneven([Row("dear", spread=WILD), Row("cheap", spread=WILD)], 1)
    )
    assert check.counts["cheap"] > check.counts["dear"] + 2


def test_when_nothing_fits_any_more_nothing_more_is_prepared_or_judged():
    rounds = []
    world = World([Row("wild", spread=WILD)], 1)
    run(a_plan(budget_s=2), world, before_round=lambda _: rounds.append(len(world.log)))
    assert rounds == list(range(len(world.log)))


def test_without_a_budget_it_ends_all_the_same(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("switchyard.gate.measuring._MOST_ROUNDS", 20)
    assert run(a_plan(), World([Row("wild", spread=WILD)], 1)).counts == {"wild": 21}


def test_a_regression_is_told_at_once_and_once_with_its_interval():
    world = World([Row("slow", 1.3), Row("slower", 1.3), Row("wild", spread=WILD)], 1)
    when: list[tuple[str, int]] = []

    def told(finding: Finding) -> None:
        when.append((finding.benchmark.key, max(round_ for round_, *_ in world.log)))
        assert 0 < finding.evidence.low < finding.evidence.estimate < finding.evidence.high

    check = run(a_plan(budget_s=20), world, told=told)
    assert sorted(key for key, _ in when) == ["slow", "slower"]
    for key, round_ in when:
        assert round_ == max(pair.round for pair in check.pairs if pair.benchmark == key)
    assert max(pair.round for pair in check.pairs) > max(round_ for _, round_ in when)


def test_told_to_fail_fast_it_ends_with_the_round_that_proved_the_first_regression():
    world = World([Row("slow", 1.3), Row("wild", spread=WILD)], 1)
    check = run(a_plan(fail_fast=True, budget_s=60), world)
    assert [finding.benchmark.key for finding in check.told] == ["slow"]
    assert check.counts["slow"] == check.counts["wild"] < 20
    assert check.judge()["wild"].verdict == Verdict.INCONCLUSIVE


def test_a_gain_does_not_end_what_is_to_fail_fast():
    world = World([Row("fast", 0.7), Row("wild", spread=WILD)], 1)
    check = run(a_plan(fail_fast=True, budget_s=20), world)
    assert check.told == ()
    assert check.counts["wild"] > check.counts["fast"]


def test_a_benchmark_is_open_until_all_of_its_metrics_are_decided():
    row = Row("a", ratio=1.3, spread=0.03, counters=(("bytes", 1.0), ("slowly", 1.04)))
    plan = a_plan(metrics=tuple(map(Metric, ("real_time", "bytes", "slowly"))), budget_s=60)
    check = run(plan, World([row], 3))
    found = check.judge()
    assert found["a"].verdict == Verdict.REGRESSED
    assert found["a [bytes]"].verdict == Verdict.UNCHANGED
    told = [(finding.metric.name, finding.evidence.pairs) for finding in check.told]
    assert told[0][0] == "real_time"
    assert told[0][1] < found["a"].evidence.pairs
    assert len(told) == len(dict(told))


def shared(world: World) -> set[tuple[str, ...]]:
    return {names for _, names, _ in world.log if len(names) > 1}


def test_a_dear_start_is_shared_by_all_that_are_open():
    world = World([*rows(3, spread=WILD), Row("slow", 1.3)], 1, start_s=2.0)
    check = run(a_plan(budget_s=100), world)
    every = ("cpu/0", "cpu/1", "cpu/2", "slow")
    # The first alone, which tells what measuring one takes, then all together.
    assert launched(world, WARM_UP) == [("cpu/0",), every]
    assert shared(world) == {every, every[:3]}
    assert launched(world, 1) == [every]
    assert check.judge()["slow"].verdict == Verdict.REGRESSED
    assert [(pair.round, pair.benchmark) for pair in check.pairs[:5]] == [
        (0, "cpu/0"), *((0, key) for key in every)
    ]  # fmt: skip


def test_a_cheap_start_is_not_shared():
    world = World(rows(3), 1, start_s=0.01)
    run(a_plan(), world)
    assert shared(world) == set()


def test_launches_are_shared_within_a_binary_only():
    world = World([*rows(2), *(Row(f"b/{n}", binary="bin/b") for n in range(2))], 1, start_s=2.0)
    run(a_plan(), world)
    assert shared(world) == {("cpu/0", "cpu/1"), ("b/0", "b/1")}
    assert sorted(launched(world, WARM_UP)[:2]) == [("b/0",), ("cpu/0",)]


def test_a_benchmark_may_be_called_like_its_binary():
    world = World([Row("sort", binary="sort"), Row("sort/8", binary="sort")], 1, start_s=2.0)
    check = run(a_plan(), world)
    assert shared(world) == {("sort", "sort/8")}
    assert {found.verdict for found in check.judge().values()} == {Verdict.UNCHANGED}


def test_a_crash_in_a_shared_launch_splits_it_and_takes_nothing_from_the_others():
    world = World([*rows(2), Row("crash", crashes=True)], 1, start_s=2.0)
    check = run(a_plan(), world)
    found = check.judge()
    assert found["crash"].verdict == Verdict.FAILED
    assert "SIGSEGV" in found["crash"].why
    assert {found[key].verdict for key in ("cpu/0", "cpu/1")} == {Verdict.UNCHANGED}
    assert check.counts["crash"] == 1
    # Each has a warm-up of its own, which tells how it is by itself.
    assert {("cpu/1",), ("crash",)} <= set(launched(world, WARM_UP))
    assert len(shared(world)) == 1
    assert not any(pair.problem for pair in check.pairs if pair.benchmark != "crash")


def test_a_crash_in_a_later_round_splits_it_too():
    class Later(World):
        def measure(self, round_, benchmarks, first):
            made = super().measure(round_, benchmarks, first)
            self._rows["late"] = Row("late", crashes=round_ >= 2)
            return made

    world = Later([*rows(2, spread=WILD), Row("late", spread=WILD)], 1, start_s=2.0)
    check = run(a_plan(budget_s=100), world)
    assert check.judge()["late"].verdict == Verdict.FAILED
    assert max(round_ for round_, names, _ in world.log if len(names) > 1) == 3
    assert min(check.counts[key] for key in ("cpu/0", "cpu/1")) > 6


@pytest.mark.parametrize("start_s", [0.0, 2.0])
@pytest.mark.parametrize("how", [{"fails": "candidate"}, {"skips": "baseline"}, {"fails": "both"}])
def test_a_benchmark_that_fails_is_not_launched_again(how: dict, start_s: float):
    world = World([*rows(2), Row("bad", **how)], 1, start_s=start_s)
    check = run(a_plan(), world)
    assert check.counts["bad"] == 1
    assert sum("bad" in names for _, names, _ in world.log) == 1
    assert check.judge()["cpu/0"].verdict == Verdict.UNCHANGED


def test_dropped_pairs_are_made_up_for():
    check = run(a_plan(), World([Row("a"), Row("busy", spread=0.04, dropped=0.15)], 1))
    kept = [pair for pair in check.pairs if pair.benchmark == "busy" and not pair.dropped]
    assert len(kept) < check.counts["busy"]
    assert check.judge()["busy"].verdict == Verdict.UNCHANGED
    assert {pair.dropped for pair in check.pairs} == {None, STEAL}


def test_stored_values_are_looked_at_only_when_all_is_measured():
    world = World([Row("slow", 3.0), Row("a"), Row("bad", fails="candidate")], 1)
    check = run(a_plan(fail_fast=True), world, launches=20)
    assert check.counts == {"slow": 21, "a": 21, "bad": 1}
    assert check.told == ()
    assert check.judge()["slow"].verdict == Verdict.REGRESSED


def test_before_each_round_it_says_what_is_open_and_after_each_what_is_known():
    world = World([Row("slow", 1.3), Row("wild", spread=WILD)], 1)
    still_open, known = [], []

    def before_round(benchmarks) -> None:
        still_open.append({benchmark.key for benchmark in benchmarks})

    run(
        a_plan(budget_s=20), world,
        before_round=before_round, after_round=lambda: known.append(len(world.log)),
    )  # fmt: skip
    assert still_open[0] == still_open[5] == {"slow", "wild"}
    assert still_open[-1] == {"wild"}
    assert known == sorted(known)
    assert known[-1] == len(world.log)


def test_what_was_measured_is_good_at_any_moment():
    world = World(rows(2), 1)
    measuring = Measuring(a_plan(), world.benchmarks, world.measure)

    def interrupted(*_: object) -> None:
        if len(world.log) == 7:
            raise KeyboardInterrupt

    measuring.show = interrupted
    with pytest.raises(KeyboardInterrupt):
        measuring.run()
    assert len(measuring.pairs) == 7
    assert measuring.spent_s == pytest.approx(7 * 0.2)
