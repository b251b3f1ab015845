"""Histogram logs of others are read as the reference implementation reads them, and ours lose
nothing on the way there and back.
"""

import base64
import random
import struct
import zlib
from pathlib import Path

import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
from latency_files import FIGURES, histogram_of, latencies, write

from switchyard.compare import histograms, interchange
from switchyard.compare.histograms import Histogram
from switchyard.system.errors import BadInputError

REFERENCE = Path(__file__).parents[2] / "data" / "hdrhistogram"
SEEDS = range(40)


def log_of(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(["#[Histogram log format version 1.2]", *lines, ""]))
    return path


def interval(*values: int, tag: str = "", digits: int = 3, lowest: int = 1) -> str:
    """A line as others write them."""
    packed = HdrHistogram(lowest, 10**12, digits)
    for value in values:
        packed.record_value(value)
    return f"{f'Tag={tag},' * bool(tag)}0.5,1.0,0.001,{packed.encode().decode()}"


def parts_of(path: Path, unit: str | None = None) -> dict[str, Histogram]:
    return interchange.read(path, unit).histograms


def random_values(seed: int) -> list[int]:
    """Of any size, from nothing to hours; few or many."""
    dice = random.Random(seed)
    most = dice.choice([10, 500, 5_000, 10**6, 10**9, 10**13])
    return [dice.randint(0, dice.randint(0, most)) for _ in range(dice.choice([1, 2, 3, 30, 3000]))]


def round_trip(tmp_path: Path, values: list[int], *without: str) -> dict[str, Histogram]:
    """Through a log; `without` lines that hold such a text."""
    source = interchange.read(write(tmp_path / "a.json", values, values[:1]))
    (log,) = interchange.write(tmp_path / "a.hlog", source)
    lines = log.read_text().splitlines(keepends=True)
    log.write_text("".join(line for line in lines if not any(text in line for text in without)))
    return parts_of(log)


# Intervals are of 2 significant digits. Counts, percentiles and maxima of its authors' own test.
@pytest.mark.parametrize(
    ("name", "count", "p999", "largest", "start"),
    [
        ("jHiccup-2.0.1.logV0", 61_256, 1_510_998_015, 1_569_718_271, 1438869961.225),
        ("jHiccup-2.0.6.logV1", 65_964, 1_829_765_119, 1_888_485_375, 1438867590.285),
        ("jHiccup-2.0.7S.logV2", 48_761, 1_745_879_039, 1_796_210_687, 1441812279.474),
    ],
)
def test_logs_of_the_reference_implementation_in_each_encoding(
    name: str, count: int, p999: int, largest: int, start: float
):
    log = interchange.read(REFERENCE / f"{name}.hlog")
    (found,) = log.histograms.values()
    assert list(log.histograms) == ["latency"]
    assert found.count == count
    assert found.value_at(0.999) == pytest.approx(p999, rel=0.01)
    assert found.max == pytest.approx(largest, rel=0.01)
    assert log.span[0] == pytest.approx(start, abs=1)
    assert 20 < log.span[1] - log.span[0] < 100
    assert not log.figures


def test_tags_are_kept_apart():
    found = parts_of(REFERENCE / "tagged-Log.logV2.hlog")
    assert list(found) == ["latency", "A"]
    assert found["latency"] == found["A"]
    assert sum(part.count for part in found.values()) == 32_290


@pytest.mark.parametrize("seed", SEEDS)
def test_a_log_of_ours_gives_back_what_was_written(tmp_path: Path, seed: int):
    values = random_values(seed)
    expected = interchange.read(write(tmp_path / "b.json", values, values[:1])).histograms
    assert round_trip(tmp_path, values) == expected


@pytest.mark.parametrize("seed", SEEDS)
def test_three_significant_digits_are_left_where_the_comment_is_gone(tmp_path: Path, seed: int):
    values = random_values(seed)
    found = round_trip(tmp_path, values, "#[Switchyard")["latency"]
    expected = Histogram(**histogram_of(values))
    assert (found.count, found.buckets) == (
        expected.count, [tuple(bucket) for bucket in expected.buckets]
    )  # fmt: skip
    assert expected.min * (1 - 1 / 1024) <= found.min <= expected.min
    assert expected.max <= found.max <= expected.max * (1 + 1 / 1024)


def test_others_read_our_logs(tmp_path: Path):
    """The library's own reader, which knows nothing of our comment."""
    source = interchange.read(write(tmp_path / "a.json", latencies(1, 5_000), [7] * 9))
    (log,) = interchange.write(tmp_path / "a.hlog", source)
    reader = HistogramLogReader(log, HdrHistogram(1, 10**12, 3))
    found = [reader.get_next_interval_histogram() for _ in source.histograms]
    assert [(part.get_tag(), part.get_total_count()) for part in found] == [
        ("latency", 5_000), ("service_time", 9)
    ]  # fmt: skip
    for quantile in (0.5, 0.9, 0.99, 0.999):
        ours = source.histograms["latency"].value_at(quantile)
        assert found[0].get_value_at_percentile(100 * quantile) == pytest.approx(ours, rel=0.01)
    assert reader.get_start_time_sec() == pytest.approx(source.span[0], abs=0.001)
    assert reader.get_next_interval_histogram() is None


def test_a_log_keeps_figures_span_and_an_empty_histogram(tmp_path: Path):
    source = interchange.read(write(tmp_path / "a.json", [5, 6], [], seconds=2.5))
    assert source.span[1] - source.span[0] == pytest.approx(2.5)
    source.figures = FIGURES
    (log,) = interchange.write(tmp_path / "a.hlog", source)
    found = interchange.read(log)
    assert found.figures == FIGURES
    assert found.span == pytest.approx(source.span, abs=0.002)
    assert found.histograms["service_time"] == Histogram(0, 0, 0, [])
    again = tmp_path / "two.hlog"
    again.write_text(log.read_text() * 2)
    assert interchange.read(again).histograms["latency"].count == 4


def test_intervals_add_up_in_their_own_precision(tmp_path: Path):
    log = log_of(
        tmp_path / "a.hdr", interval(1000, 2000), interval(3000, digits=2), interval(),
        interval(10**6, lowest=1000, digits=5), "", "# a comment", interval(9, tag="READ"),
    )  # fmt: skip
    found = parts_of(log)
    assert {name: part.count for name, part in found.items()} == {"latency": 4, "READ": 1}
    assert found["latency"].min == 1000
    assert found["latency"].max == pytest.approx(10**6, rel=0.001)


def test_values_are_in_the_unit_that_is_asked_for(tmp_path: Path):
    log = log_of(tmp_path / "a.hlog", interval(150, 150, 1200))
    assert parts_of(log)["latency"].max == 1200
    found = parts_of(log, "us")["latency"]
    assert (found.min, found.max) == (150_000, 1_200_000)
    assert found.value_at(0.5) == pytest.approx(150_000, rel=0.01)


@pytest.mark.parametrize(
    ("lines", "begun"),
    [
        (["#[StartTime: 1441812279.474 (seconds since epoch), Wed]"], 1441812279.974),
        (["#[BaseTime: 1000000000.0 (seconds since epoch)]"], 1000000000.5),
        (["#[StartTime: 2.0 (seconds since epoch)]"], 0.5),
        ([], 0.5),
    ],
)
def test_times_are_relative_as_the_format_has_it(tmp_path: Path, lines: list[str], begun: float):
    log = log_of(tmp_path / "a.hlog", *lines, interval(5))
    assert interchange.read(log).span == (begun, begun + 1)


def packed(data: bytes, cookie: int = 0x1C849304) -> str:
    content = zlib.compress(data)
    return base64.b64encode(struct.pack(">II", cookie, len(content)) + content).decode()


WHOLE = interval(*range(1, 5000, 7)).rpartition(",")[2]
HEADER = struct.Struct(">IIIIQQd")
TOO_LONG = HEADER.pack(0x1C849381, 8, 0, 3, 1, 9, 1) + bytes(10**6)
ODD_WORDS = HEADER.pack(0x1C8493E1, 14, 0, 3, 1, 9, 1) + bytes(14)
SHIFTED = HEADER.pack(0x1C849313, 1, 5, 3, 1, 9**9, 1) + b"\x02"


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (f"0.1,1.0,2.0,{WHOLE[:40]}", "line 2 is damaged (22 bytes of"),
        (f"0.1,1.0,2.0,{WHOLE[:-5]}", "line 2 is damaged"),
        (f"0.1,1.0,2.0,{WHOLE[:30]}!{WHOLE[31:]}", "line 2 is damaged"),
        (f"0.1,1.0,2.0,{WHOLE[:60]}AAAA{WHOLE[64:]}", "line 2 is damaged"),
        ("0.1,1.0,2.0,HIST", "line 2 is damaged"),
        (f"0.1,1.0,2.0,{packed(b'')}", "line 2 is damaged"),
        (f"0.1,1.0,2.0,{packed(b'x' * 50)}", "line 2 is damaged"),
        (f"0.1,1.0,2.0,{packed(b'', 0x0C72124F)}", "floating-point values are not supported"),
        (f"0.1,1.0,2.0,{packed(b'', 0x12345678)}", "its encoding is unknown"),
        (f"0.1,1.0,2.0,{packed(TOO_LONG, 0x1C849302)}", "125000 counts of"),
        (f"0.1,1.0,2.0,{packed(SHIFTED)}", "shifted values are not supported"),
        (f"0.1,1.0,2.0,{packed(ODD_WORDS, 0x1C849302)}", "its counts have 14 bytes each"),
        (f"{'9' * 400},1.0,2.0,{WHOLE}", "line 2 is damaged (its time is out of range)"),
        ("0.1,1.0,HISTFAAAAA", "line 2: this is no interval"),
        ("what is this", "line 2: this is no interval"),
        ("", "holds no interval"),
        ('#[Switchyard: {"unit": "miles"}]', "has its values in miles"),
        ("#[Switchyard: {]", "is damaged"),
    ],
)  # fmt: skip
def test_what_is_damaged_is_named_with_its_line(tmp_path: Path, line: str, what: str):
    log = log_of(tmp_path / "bad.hlog", line)
    with pytest.raises(BadInputError) as error:
        interchange.read(log)
    assert what in str(error.value)
    assert "bad.hlog" in str(error.value)
    assert "\n" not in str(error.value)


def test_logs_of_runs_that_were_not_alike_do_not_become_one(tmp_path: Path):
    texts = []
    for size in (64, 128):
        source = interchange.read(write(tmp_path / "a.json", [5, 6], bytes=size))
        texts += [interchange.write(tmp_path / "a.hlog", source)[0].read_text()]
    both = tmp_path / "both.hlog"
    both.write_text("".join(texts))
    with pytest.raises(BadInputError, match=r"both.hlog holds logs that are not alike"):
        interchange.read(both)


def test_a_bucket_is_that_of_the_load_generator():
    for value in (0, 127, 128, 12_345, 2**40 + 1):
        row = histogram_of([value])["buckets"][0]
        assert histograms.bucket_of(value) == tuple(row[:2])
