"""What intervals of ratios promise, simulated: docs/method.md shows these figures.

Log ratios are drawn from known distributions, and from the reference results: of a pair of rows
that compete there the scale, of all pairs together the shape of the deviations from their median.
"""

import re
from functools import cache
from itertools import pairwise, starmap
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from switchyard.compare.comparison import compare
from switchyard.compare.statistics import CONFIDENCE, level, paired_ratio
from switchyard.suite.results import ResultsFolder

ROOT = Path(__file__).parents[3]
ROUNDS = (3, 6, 12)
RUNS = 20_000
Draw = np.ndarray  # RUNS x rounds, about zero


@cache
def reference() -> tuple[np.ndarray, np.ndarray]:
    """Of pairs that compete in a case: mean deviations, and all deviations in times of these."""
    scales, shapes = [], []
    for kept in ResultsFolder.load(ROOT / "results" / "reference").workloads.values():
        comparison = compare(kept).measured()
        for case in comparison.cases:
            columns = comparison.contenders(case)
            for first, second in pairwise(columns):
                a, b = (comparison.cells[case, c].values for c in (first, second))
                logs = np.log([a[r] / b[r] for r in sorted(a.keys() & b.keys())])
                deviations = logs - np.median(logs)
                if len(logs) >= 6 and (scale := np.abs(deviations).mean()) > 1e-9:
                    scales.append(scale)
                    shapes.append(deviations / scale)
    return np.array(scales), np.concatenate(shapes)


def reference_like(chance: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
    scales, shapes = reference()
    scale = chance.choice(scales, (*size[:-1], 1))
    return scale * chance.choice(shapes, size) * chance.choice([-1, 1], size)


DRAWS = {
    "normal": lambda chance, size: chance.standard_normal(size),
    "t with 3 degrees": lambda chance, size: chance.standard_t(3, size),
    "one in ten 8 times as far off": lambda chance, size: (
        chance.standard_normal(size) * np.where(chance.random(size) < 0.1, 8, 1)
    ),
    "the reference results": reference_like,
}


def student(logs: Draw) -> tuple[np.ndarray, np.ndarray]:
    """As paired_ratio takes it: a test below says so."""
    count = logs.shape[1]
    reach = stats.t.ppf((1 + CONFIDENCE) / 2, count - 1) * logs.std(1, ddof=1) / np.sqrt(count)
    return logs.mean(1) - reach, logs.mean(1) + reach


def extremes(logs: Draw) -> tuple[np.ndarray, np.ndarray]:
    return logs.min(1), logs.max(1)


def order(logs: Draw) -> tuple[np.ndarray, np.ndarray]:
    """Between two of the values, where there are enough; else the extremes."""
    count = logs.shape[1]
    if count < 6:
        return extremes(logs)
    ranks = stats.quantile_test(np.arange(count), q=0, p=0.5).confidence_interval(CONFIDENCE)
    return np.sort(logs)[:, int(ranks.low)], np.sort(logs)[:, int(ranks.high)]


def bootstrap(logs: Draw) -> tuple[np.ndarray, np.ndarray]:
    """Percentiles of the medians of 200 resamples; of fewer runs, as it takes so long."""
    logs = logs[:2_000]
    picks = np.random.default_rng(5).integers(logs.shape[1], size=(200, logs.shape[1]))
    medians = np.median(logs[:, picks], axis=2)
    return np.quantile(medians, 0.025, axis=1), np.quantile(medians, 0.975, axis=1)


METHODS = {
    "Student's of the logarithms": student, "order statistics": order,
    "smallest to largest": extremes, "bootstrap of the median": bootstrap,
}  # fmt: skip


def coverage(method: str, draw: str, rounds: int) -> float:
    low, high = METHODS[method](DRAWS[draw](np.random.default_rng(rounds), (RUNS, rounds)))
    return float(np.mean((low <= 0) & (high >= 0)))


@pytest.mark.parametrize("rounds", ROUNDS)
@pytest.mark.parametrize("draw", DRAWS)
def test_intervals_of_95_percent_cover_93_to_98_percent(draw: str, rounds: int):
    """To 97 in the mean of the distributions: heavy tails make them wider than they need to be."""
    assert 0.93 <= coverage("Student's of the logarithms", draw, rounds) <= 0.98
    mean = np.mean([coverage("Student's of the logarithms", each, rounds) for each in DRAWS])
    assert 0.93 <= mean <= 0.97


def test_the_simulated_interval_is_the_one_that_is_shown():
    logs = reference_like(np.random.default_rng(1), (50, 6))
    for of_one, low, high in zip(logs, *student(logs), strict=True):
        shown = paired_ratio(dict(enumerate(np.exp(of_one))), dict.fromkeys(range(6), 1.0))
        assert np.log([shown.low, shown.high]) == pytest.approx([low, high])
        assert (shown.p <= 1 - CONFIDENCE) == (low > 0 or high < 0)


@pytest.mark.parametrize("rounds", ROUNDS)
def test_without_a_difference_at_most_5_percent_of_runs_say_ahead(rounds: int):
    """Of 60 cases with three contenders each, as a run has them."""
    chance = np.random.default_rng(rounds)
    runs, alarms = 400, 0
    for _ in range(runs):
        rows = reference_like(chance, (60, 3, rounds))
        pairs = (rows[:, i] - rows[:, j] for i, j in ((0, 1), (0, 2), (1, 2)))
        logs = np.concatenate(list(pairs))
        error = logs.std(1, ddof=1) / np.sqrt(rounds)
        ps = 2 * stats.t.sf(np.abs(logs.mean(1)) / error, rounds - 1)
        alarms += ps.min() <= (1 - CONFIDENCE) / len(ps)
    assert stats.binomtest(alarms, runs, 1 - CONFIDENCE, "greater").pvalue > 0.01


def test_holm_rejects_what_its_first_step_does_and_more():
    ones = dict.fromkeys(range(6), 1.0)
    clear, tie = ([1.5, 1.52, 1.49, 1.51, 1.5, 1.48], [0.9, 1.1, 1.0, 1.05, 0.95, 1.02])
    weaker = [1.2, 1.3, 1.25, 1.1, 1.22, 1.27]
    ratios = [paired_ratio(dict(enumerate(values)), ones) for values in (clear, weaker, tie)]
    assert [ratio.p <= level(ratios) for ratio in ratios] == [True, True, False]
    assert level([]) == level([ratios[2]]) == 0


def test_four_hundred_times_is_a_difference_in_six_rounds_whatever_the_noise():
    """Among 300 others that are none, with the noise of the reference's noisier quarter."""
    chance = np.random.default_rng(6)
    scale = np.quantile(reference()[0], 0.75)
    ones = dict.fromkeys(range(6), 1.0)
    values = [np.exp(scale * chance.standard_t(3, 6)) for _ in range(320)]
    ratios = [paired_ratio(dict(enumerate(400 * v)), ones) for v in values[:20]]
    ratios += [paired_ratio(dict(enumerate(v)), ones) for v in values[20:]]
    shown = level(ratios)
    assert all(ratio.p <= shown for ratio in ratios[:20])


def test_the_documented_coverage_is_the_simulated_one():
    text = (ROOT / "docs" / "method.md").read_text()
    for method in METHODS:
        (line,) = re.findall(rf"^\| {re.escape(method)} \|(.*)\|$", text, re.MULTILINE)
        said = [float(number) for number in line.split("|")]
        draws = ("normal", "one in ten 8 times as far off", "the reference results")
        found = starmap(coverage, [(method, draw, n) for draw in draws for n in ROUNDS])
        assert said == pytest.approx([100 * share for share in found], abs=1.5), line


if __name__ == "__main__":  # the lines of the table
    for name in METHODS:
        draws = ("normal", "one in ten 8 times as far off", "the reference results")
        shares = [100 * coverage(name, draw, n) for draw in draws for n in ROUNDS]
        print(f"| {name} |", " | ".join(f"{share:.0f}" for share in shares), "|")
