"""Percentile files: those of others are read, and ours have the rows that the plotter expects."""

import io
import math
from pathlib import Path

import pytest
from hdrh.histogram import HdrHistogram
from latency_files import FIGURES, latencies, write

from switchyard.compare import interchange, percentile_file
from switchyard.compare.histograms import QUANTILES, Histogram
from switchyard.system.errors import BadInputError

REFERENCE = Path(__file__).parents[2] / "data" / "hdrhistogram" / "example1.txt"
# What wrk2 prints with --u_latency, but for most rows.
WRK2 = """\
Running 10s test @ http://127.0.0.1:8080/
  2 threads and 10 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     2.00ms    1.00ms   9.00ms   90.00%
  Latency Distribution (HdrHistogram - Recorded Latency)
 50.000%    1.50ms
100.000%    9.01ms

  Detailed Percentile spectrum:
       Value   Percentile   TotalCount 1/(1-Percentile)

       0.500     0.000000            1         1.00
       1.500     0.500000           50         2.00
       3.000     0.900000           90        10.00
       9.007     1.000000          100          inf
#[Mean    =        2.000, StdDeviation   =        1.000]
#[Max     =        9.000, Total count    =          100]
#[Buckets =           27, SubBuckets     =         2048]
----------------------------------------------------------

  Latency Distribution (HdrHistogram - Uncorrected Latency (measured without taking delayed starts into account))
 50.000%  100.00us

  Detailed Percentile spectrum:
       Value   Percentile   TotalCount 1/(1-Percentile)

       0.050     0.000000            2         1.00
       0.100     1.000000          100          inf
#[Mean    =        0.080, StdDeviation   =        0.010]
#[Max     =        0.100, Total count    =          100]
#[Buckets =           27, SubBuckets     =         2048]
----------------------------------------------------------
  100 requests in 10.00s, 1.00MB read
Requests/sec:     10.00
"""  # noqa: E501


def read(path: Path, text: str, unit: str | None = None) -> dict[str, Histogram]:
    path.write_text(text)
    return interchange.read(path, unit).histograms


def rows_of(text: str) -> list[list[float]]:
    """Without the last one, which has no fourth column."""
    rows = [line.split() for line in text.splitlines() if not line.startswith("#")]
    return [[float(cell) for cell in row] for row in rows[1:] if len(row) == 4]


def test_a_file_of_the_reference_implementation():
    (found,) = interchange.read(REFERENCE).histograms.values()
    assert found.count == 475_109
    assert (found.min, found.max) == (16_000, 9_428_991_000)
    for quantile, value in (
        (0.5, 11.167),
        (0.9, 40.671),
        (0.990625, 206.207),
        (0.999023, 1260.543),
    ):
        assert found.value_at(quantile) == pytest.approx(value * 1e6, rel=0.01)


def test_both_tables_of_wrk2(tmp_path: Path):
    found = read(tmp_path / "wrk.txt", WRK2)
    assert list(found) == ["latency", "service_time"]
    latency, service = found.values()
    assert (latency.count, latency.min, latency.max) == (100, 500_000, 9_007_000)
    assert (service.count, service.min, service.max) == (100, 50_000, 100_000)
    assert latency.value_at(0.5) == pytest.approx(1.5e6, rel=0.01)
    assert latency.value_at(0.7) == pytest.approx(2.25e6, rel=0.01)  # amid its range
    assert latency.value_at(0.9) == pytest.approx(3e6, rel=0.01)


def test_a_table_with_commas_and_another_unit(tmp_path: Path):
    packed, text = HdrHistogram(1, 10**9, 3), io.BytesIO()
    for value in range(1, 2000):
        packed.record_value(value)
    packed.output_percentile_distribution(text, 1, use_csv=True)
    (found,) = read(tmp_path / "a.csv", text.getvalue().decode(), "us").values()
    assert (found.count, found.min, found.max) == (1999, 1000, 1_999_000)
    assert found.value_at(0.5) == pytest.approx(1e6, rel=0.01)


def test_rows_are_those_of_the_reference_implementation(tmp_path: Path):
    """The plotter holds files against each other row by row: percentiles have to be the same."""
    values = latencies(1, 20_000)
    source = interchange.read(write(tmp_path / "a.json", values))
    ours = rows_of(percentile_file.text_of("latency", source.histograms["latency"], {}))
    pairs = list(zip(ours, rows_of(REFERENCE.read_text()), strict=False))
    assert len(pairs) > 60
    for mine, other in pairs:
        assert mine[1] == pytest.approx(other[1], abs=1e-6)
        assert mine[3] == pytest.approx(other[3], abs=0.01)
    values.sort()
    for value, percentile, count, _ in ours:
        exact = values[max(math.ceil(percentile * len(values)) - 1, 0)] / 1e6
        assert exact <= value <= exact * (1 + 1 / 64)
        assert count == sum(other <= value * 1e6 for other in values) or percentile == 0


def test_the_footer_tells_mean_deviation_and_counts(tmp_path: Path):
    source = interchange.read(write(tmp_path / "a.json", [10**6] * 50 + [3 * 10**6] * 50))
    *_, mean, largest, buckets = percentile_file.text_of(
        "latency", source.histograms["latency"], {}
    ).splitlines()
    assert float(mean.split()[2].rstrip(",")) == pytest.approx(2, rel=0.01)
    assert float(mean.split()[-1].rstrip("]")) == pytest.approx(1, rel=0.02)
    assert largest == "#[Max     =     3.000000, Total count    =          100]"
    assert buckets == "#[Buckets =           16, SubBuckets     =          128]"


def test_a_file_of_ours_gives_back_its_percentiles_and_what_it_is_of(tmp_path: Path):
    values, service = latencies(1, 30_000), latencies(9, 5_000)
    source = interchange.read(write(tmp_path / "a.json", values, service))
    source.figures = FIGURES
    paths = interchange.write(tmp_path / "a.hgrm", source)
    assert [path.name for path in paths] == ["a.latency.hgrm", "a.service_time.hgrm"]
    for path, (name, expected) in zip(paths, source.histograms.items(), strict=True):
        file = interchange.read(path)
        assert file.figures == FIGURES
        found = file.histograms[name]
        assert (found.count, found.min, found.max) == (expected.count, expected.min, expected.max)
        for quantile in (0.1, *QUANTILES.values()):
            assert found.value_at(quantile) == pytest.approx(expected.value_at(quantile), rel=0.02)


@pytest.mark.parametrize("values", [[], [0], [5], [5, 5, 5], [0, 10**12]])
def test_few_values_and_none(tmp_path: Path, values: list[int]):
    source = interchange.read(write(tmp_path / "a.json", values))
    (path, _) = interchange.write(tmp_path / "a.hgrm", source)
    found = interchange.read(path).histograms["latency"]
    expected = source.histograms["latency"]
    assert (found.count, found.min, found.max) == (expected.count, expected.min, expected.max)


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("       3.000     0.900000           90", "       1.000     0.900000           90",
         "line 14: less than in the row above"),
        ("0.900000           90", "0.900000           40", "line 14: less than in the row above"),
        ("0.900000           90", "0.900000", "line 14: this is no row"),
        ("       3.000", "         nan", "line 14: this is no row"),
        ("       3.000", "         inf", "line 14: this is no row"),
        ("       0.500", "      -0.500", "line 12: this is no row"),
        ("Total count    =          100", "Total count    =          101",
         "its rows count 100 values, and it tells of 101"),
        ("1.000000          100          inf", "", "line 15: this is no row"),
        (WRK2[WRK2.index("       9.007"):], "", "ends before 100 %"),
        (WRK2[WRK2.index("#[Mean"):WRK2.index("-----")], "", "line 16: this is no row"),
        (WRK2[WRK2.index("       0.500"):], WRK2[WRK2.index("       Value"):],
         "the table above has no end"),
        (WRK2[WRK2.index("       Value"):], "", "holds no table of percentiles"),
    ],
)  # fmt: skip
def test_what_is_damaged_is_named_with_its_line(tmp_path: Path, old: str, new: str, what: str):
    assert old in WRK2
    with pytest.raises(BadInputError) as error:
        read(tmp_path / "bad.hgrm", WRK2.replace(old, new, 1))
    assert what in str(error.value)
    assert "bad.hgrm" in str(error.value)
