"""Intervals and ratios: what they promise, checked against known distributions and by hand."""

import numpy as np
import pytest
from scipy import stats

from switchyard.compare.statistics import Finding, Summary, finding, paired_ratio, summarize


def test_interval_is_the_one_between_order_statistics():
    # From the binomial distribution: for 6 values min..max, for 10 the 2nd..9th (Conover, 3.2).
    six, ten = summarize([3, 1, 6, 2, 5, 4]), summarize(list(range(1, 11)))
    assert (six.median, six.low, six.high, six.is_range) == (3.5, 1, 6, False)
    assert (ten.median, ten.low, ten.high) == (5.5, 2, 9)


@pytest.mark.parametrize("count", [6, 7, 20, 101])
def test_interval_is_that_of_the_quantile_test_for_ties_too(count: int):
    values = np.random.default_rng(count).integers(0, 9, count).astype(float)
    expected = stats.quantile_test(values, q=4, p=0.5).confidence_interval(0.95)
    summary = summarize(values)
    assert (summary.low, summary.high) == (expected.low, expected.high)


def test_interval_covers_the_true_median_in_95_percent_of_runs():
    generator = np.random.default_rng(1)
    true_median = np.log(2)
    hits = 0
    for sample in generator.exponential(size=(400, 10)):
        summary = summarize(sample)
        hits += summary.low <= true_median <= summary.high
    assert 0.95 <= hits / 400 <= 1.0


def test_few_values_give_their_range_and_say_so():
    summary = summarize([2.0, 1.0, 4.0])
    assert (summary.median, summary.low, summary.high, summary.is_range) == (2, 1, 4, True)
    assert summary.noise == pytest.approx(0.75)


def test_ratio_is_taken_within_rounds():
    # The machine is half as fast in round 1: medians of all rounds would give a wrong ratio.
    reference = {0: 100.0, 1: 50.0, 2: 100.0}
    ratio = paired_ratio({0: 90.0, 1: 45.0, 2: 90.0}, reference)
    assert (ratio.median, ratio.low, ratio.high) == pytest.approx((0.9, 0.9, 0.9))
    assert paired_ratio({1: 45.0}, reference).median == pytest.approx(0.9)
    assert paired_ratio({7: 45.0}, reference) is None
    assert paired_ratio({0: 45.0}, {0: 0.0}) is None


def test_interval_of_a_ratio_is_that_of_the_rounds_ratios():
    """The machine slows down sixfold: the times overlap widely, the ratios do not."""
    reference = {round_: 100.0 * (round_ + 1) for round_ in range(6)}
    values = {r: by * reference[r] for r, by in enumerate((1.1, 1.2, 1.3, 1.15, 1.25, 1.2))}
    ratio = paired_ratio(values, reference)
    assert ratio.median == pytest.approx(1.2)
    logs = np.log((1.1, 1.2, 1.3, 1.15, 1.25, 1.2))
    expected = stats.ttest_1samp(logs, 0).confidence_interval(0.95)
    assert (ratio.low, ratio.high) == pytest.approx(np.exp(tuple(expected)))
    assert ratio.p == pytest.approx(stats.ttest_1samp(logs, 0).pvalue)
    assert finding(ratio) is Finding.BETTER


@pytest.mark.parametrize(
    ("low", "high", "shown"),
    [(1.01, 1.2, True), (0.8, 0.99, True), (0.9, 1.1, False), (1.0, 1.2, False), (0.8, 1.0, False)],
)  # fmt: skip
def test_a_difference_is_shown_where_an_interval_excludes_1(low, high, shown):
    said = finding(Summary((low + high) / 2, low, high, 6, p=0.05 if shown else 0.06))
    assert (said in (Finding.BETTER, Finding.WORSE)) == shown


def test_the_same_ratio_in_all_rounds_is_a_difference_unless_it_is_1():
    ones = dict.fromkeys(range(4), 2.0)
    assert finding(paired_ratio(dict.fromkeys(range(4), 3.0), ones)) is Finding.BETTER
    assert finding(paired_ratio(ones, ones)) is Finding.SAME
    assert finding(paired_ratio(dict.fromkeys(range(2), 3.0), ones)) is Finding.TOO_FEW
