"""Whole checks with a known truth: what must be found is found, and nothing else.

Seeds are fixed, so that nothing here is left to chance. Bounds on counts are those that a correct
method breaks once in a million times.
"""

import math
import random
from dataclasses import replace

import pytest
from judging import SWAPPED, most, rows
from simulated import Check, Row, World, a_plan, mirrored, run

from switchyard.gate import document, verdicts
from switchyard.gate.model import Report, Verdict


def verdicts_of(check: Check) -> list[Verdict]:
    return [finding.verdict for finding in check.judge().values()]


@pytest.mark.parametrize(
    ("tail", "drift", "start_s"),
    [
        ("normal", 0.0, 0.0),
        ("student with 2 degrees", 1e-4, 0.0),
        ("normal", 1e-3, 0.0),
        ("one launch in ten takes many times as long", 0.0, 2.0),
    ],
)
def test_the_same_code_twice_raises_no_alarm(tail: str, drift: float, start_s: float):
    found = []
    for seed in range(6):
        world = World(rows(tail=tail), seed, drift, start_s=start_s)
        found += verdicts_of(run(a_plan(seed, budget_s=600), world))
    assert found.count(Verdict.REGRESSED) == found.count(Verdict.IMPROVED) == 0
    assert set(found) <= {Verdict.UNCHANGED, Verdict.INCONCLUSIVE}
    assert found.count(Verdict.UNCHANGED) >= 0.9 * len(found)


def test_the_interval_of_what_is_unchanged_lies_within_the_limits():
    for seed in range(3):
        found = run(a_plan(seed, budget_s=60), World(rows(ratio=1.01), seed)).judge().values()
        unchanged = [each.evidence for each in found if each.verdict == Verdict.UNCHANGED]
        assert len(unchanged) > 10
        for seen in unchanged:
            assert -math.log1p(0.05) <= seen.low < seen.high <= math.log1p(0.05)


def test_noise_far_above_the_threshold_makes_no_alarm_but_at_alpha():
    """Here the threshold itself stops nothing: the correction over all has to, at every look."""
    checks, alpha = 40, 0.25
    alarms = sum(
        bool(run(a_plan(seed, alpha=alpha, budget_s=36), World(rows(6, spread=0.4), seed)).told)
        for seed in range(checks)
    )
    assert 0 < alarms <= most(checks, alpha)


@pytest.mark.parametrize("seed", range(4))
def test_ten_per_cent_on_one_benchmark_is_found_there_and_nowhere_else(seed: int):
    world = World([*rows(15), Row("echo/slow", ratio=1.10, spread=0.03)], seed, drift=1e-4)
    check = run(a_plan(seed), world)
    found = check.judge()
    alarmed = [key for key, finding in found.items() if finding.verdict == Verdict.REGRESSED]
    assert alarmed == ["echo/slow"] == [finding.benchmark.key for finding in check.told]
    finding = found["echo/slow"]
    assert finding.evidence.estimate == pytest.approx(math.log(1.10), abs=0.03)
    assert finding.p <= check.plan.alpha
    assert check.counts["echo/slow"] < 40


@pytest.mark.parametrize("seed", range(4))
def test_swapping_the_sides_mirrors_every_verdict(seed: int):
    ratios = (1.0, 1.10, 1 / 1.10, 1.04, 1 / 1.04)
    world = World([Row(f"cpu/{ratio}", ratio, spread=0.03) for ratio in ratios], seed)
    check = run(a_plan(seed, budget_s=60), world)
    found = check.judge()
    swapped = replace(check, pairs=[mirrored(pair) for pair in check.pairs]).judge()
    for key, finding in found.items():
        assert swapped[key].verdict == SWAPPED.get(finding.verdict, finding.verdict)
        assert swapped[key].p == pytest.approx(finding.p)
        assert swapped[key].pairs_needed == finding.pairs_needed
    assert found["cpu/1.1"].verdict == Verdict.REGRESSED
    assert found[f"cpu/{1 / 1.1}"].verdict == Verdict.IMPROVED


@pytest.mark.parametrize("ratio", [1.02, 1 / 1.02])
def test_two_per_cent_is_below_what_counts(ratio: float):
    found = []
    for seed in range(4):
        world = World(rows(8, ratio=ratio, spread=0.01), seed)
        found += verdicts_of(run(a_plan(seed, budget_s=100), world))
    assert not {Verdict.REGRESSED, Verdict.IMPROVED} & set(found)
    assert found.count(Verdict.UNCHANGED) >= 0.8 * len(found)


def test_four_per_cent_among_little_noise_is_found():
    """Below the equivalence limit, of which it is soon known that it is not reached."""
    for seed in range(4):
        check = run(a_plan(seed, budget_s=100), World(rows(8, ratio=1.04, spread=0.005), seed))
        assert set(verdicts_of(check)) == {Verdict.REGRESSED}


@pytest.mark.parametrize("seed", range(2))
def test_told_to_prove_the_threshold_it_calls_nothing_that_may_be_at_it(seed: int):
    """A change just above the threshold, as most of its estimates are."""
    plan = a_plan(seed, budget_s=100)
    without, proven = (
        verdicts_of(run(plan, World(rows(8, ratio=1.033, spread=0.01), seed)))
        for plan in (plan, replace(plan, prove_threshold=True))
    )
    assert without.count(Verdict.REGRESSED) >= 4
    assert Verdict.REGRESSED not in proven
    large = run(replace(plan, prove_threshold=True), World([Row("a", 1.1)], seed))
    assert verdicts_of(large) == [Verdict.REGRESSED]


def test_where_more_is_better_less_is_found():
    metrics = (a_plan().metrics[0], replace(a_plan().metrics[0], name="rate"))
    plan = a_plan(metrics=(metrics[0], replace(metrics[1], higher_is_better=True)), budget_s=60)
    kinds = (("less", 1 / 1.2), ("more", 1.2), ("same", 1.0))
    world = World([Row(name, counters=(("rate", ratio),)) for name, ratio in kinds], 1)
    check = run(plan, world)
    assert {key: finding.verdict.value for key, finding in check.judge().items()} == {
        "less": "unchanged", "less [rate]": "regressed", "more": "unchanged",
        "more [rate]": "improved", "same": "unchanged", "same [rate]": "unchanged",
    }  # fmt: skip
    assert [(f.benchmark.key, f.metric.name) for f in check.told] == [("less", "rate")]


@pytest.fixture(scope="module")
def mixed() -> Check:
    world = World(
        [*rows(3), Row("slow", 1.2), Row("fast", 0.8), Row("wild", 1.1, 0.5),
         Row("busy", dropped=0.5), Row("slow and busy", 1.2, dropped=0.5),
         Row("broken", fails="candidate")], seed=7,
    )  # fmt: skip
    return run(a_plan(7, budget_s=40), world)


def test_every_kind_of_benchmark_gets_its_verdict(mixed: Check):
    found = mixed.judge()
    assert {key: finding.verdict.value for key, finding in found.items()} == {
        "cpu/0": "unchanged", "cpu/1": "unchanged", "cpu/2": "unchanged", "slow": "regressed",
        "fast": "improved", "wild": "inconclusive", "busy": "inconclusive",
        "slow and busy": "regressed", "broken": "failed",
    }  # fmt: skip
    assert {finding.benchmark.key for finding in mixed.told} == {"slow", "slow and busy"}


def test_judging_again_gives_the_same(mixed: Check):
    assert mixed.judge() == mixed.judge()


def test_how_the_pairs_of_different_benchmarks_are_interleaved_does_not_matter(mixed: Check):
    by_benchmark = {b.key: iter([p for p in mixed.pairs if p.benchmark == b.key])
                    for b in mixed.benchmarks}  # fmt: skip
    order = [pair.benchmark for pair in mixed.pairs]
    random.Random(1).shuffle(order)
    assert replace(mixed, pairs=[next(by_benchmark[key]) for key in order]).judge() == mixed.judge()


def test_a_check_read_back_from_its_file_is_judged_the_same(mixed: Check, tmp_path):
    findings = list(mixed.judge().values())
    report = Report(mixed.plan, findings, mixed.pairs, facts={}, settled=[])
    document.save(report, tmp_path)
    back = document.load(tmp_path)
    assert back.findings == findings
    assert verdicts.judge(back.plan, mixed.benchmarks, back.pairs) == findings


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"threshold": 0.5}, "unchanged"),
        ({"threshold": 0.01}, "regressed"),
        ({"alpha": 1e-5}, "inconclusive"),
        ({"alpha": 0.05}, "regressed"),
        ({"prove_threshold": True, "alpha": 0.05}, "regressed"),
    ],
)
def test_a_check_can_be_judged_again_by_another_plan(mixed: Check, change: dict, expected: str):
    found = replace(mixed, plan=replace(mixed.plan, **change)).judge()["slow"]
    assert found.verdict.value == expected
    assert found.p is not None
