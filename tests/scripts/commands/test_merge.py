"""`switchyard.sh merge`: histograms of several runs become those of the whole."""

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import Cli
from latency_files import latencies, write

from switchyard.compare import histograms


def test_percentiles_of_the_whole_are_within_one_per_cent(cli: Cli, tmp_path: Path):
    parts = [latencies(1, 5_000), latencies(90_000, 15_000)]
    files = [write(tmp_path / f"{i}.json", part) for i, part in enumerate(parts)]
    done = cli("merge", *files, "--out", tmp_path / "whole.json")
    assert done.returncode == 0, done.stderr
    assert "20,000" in done.stdout
    whole = histograms.read(tmp_path / "whole.json").histograms["latency"]
    values = np.sort(np.concatenate(parts))
    for quantile in (0.01, 0.5, 0.9, 0.99, 0.999, 0.9999):
        exact = values[int(np.ceil(quantile * len(values))) - 1]
        assert whole.value_at(quantile) == pytest.approx(exact, rel=0.01)
    assert (whole.min, whole.max) == (values[0], values[-1])


def test_merging_in_steps_gives_the_same_bytes(cli: Cli, tmp_path: Path):
    a, b, c = (write(tmp_path / f"{i}.json", latencies(i * 1_000, 500)) for i in range(3))
    cli("merge", a, b, "--out", tmp_path / "ab.json")
    cli("merge", tmp_path / "ab.json", c, "--out", tmp_path / "steps.json")
    cli("merge", a, b, c, "--out", tmp_path / "once.json")
    assert (tmp_path / "steps.json").read_bytes() == (tmp_path / "once.json").read_bytes()


def test_a_percentile_with_no_value_beyond_it_is_not_told(cli: Cli, tmp_path: Path):
    done = cli("merge", write(tmp_path / "few.json", latencies(1, 500)))
    assert done.returncode == 0, done.stderr
    assert "too few values" in done.stdout
    found = histograms.read(tmp_path / "few.json").histograms["latency"]
    assert found.supports(0.99)
    assert not found.supports(0.999)


def test_draws_percentiles(cli: Cli, tmp_path: Path):
    file = write(tmp_path / "a.json", latencies(1, 2_000))
    for kind, magic in (("png", b"\x89PNG"), ("svg", b"<?xml")):
        picture = tmp_path / f"p.{kind}"
        assert cli("merge", file, "--plot", picture).returncode == 0
        assert picture.read_bytes().startswith(magic)


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (lambda path: path.unlink(), "cannot read"),
        (lambda path: path.write_text("{"), "is no JSON"),
        (lambda path: path.write_text("[]"), "is no histogram file"),
        (lambda path: path.write_text('{"format": "other"}'), "is no histogram file"),
        (lambda path: path.write_text(json.dumps({"format": histograms.FORMAT})), "is damaged"),
        (lambda path: path.write_text(path.read_text().replace('"count": 9', '"count": 8')),
         "do not add up"),
        (lambda path: write(path, [1] * 9, bytes=4_096), "bytes is 64 and 4096"),
        (lambda path: write(path, [1] * 9, loop="closed"), "loop is open and closed"),
        (lambda path: path.write_text(path.read_text().replace("[1, 1, 9]", "[1, 2, 9]")),
         "their buckets of latency overlap"),
        (lambda path: path.write_text(path.read_text().replace("[1, 1, 9]", "[1,5,8],[5,9,1]")),
         "is damaged: its buckets overlap"),
    ],
)  # fmt: skip
def test_what_can_not_be_merged_is_one_line_that_names_the_file(
    cli: Cli, tmp_path: Path, spoil, what: str
):
    good = write(tmp_path / "good.json", [1] * 9)
    bad = write(tmp_path / "bad.json", [1] * 9)
    spoil(bad)
    done = cli("merge", good, bad, "--out", tmp_path / "out.json")
    assert done.returncode == 2
    assert what in done.stderr
    assert "bad.json" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out.json").exists()


def test_a_file_named_twice_would_count_twice(cli: Cli, tmp_path: Path):
    file = write(tmp_path / "a.json", [1] * 9)
    done = cli("merge", file, tmp_path / "." / "a.json")
    assert done.returncode == 2
    assert "twice" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "what"),
    [(["--plot", "p.gif"], ".png or .svg"), (["--out", "/no/such/folder/x"], "cannot write")],
)
def test_where_nothing_can_be_written_is_named(
    cli: Cli, tmp_path: Path, arguments: list[str], what: str
):
    done = cli("merge", write(tmp_path / "a.json", [1] * 9), *arguments)
    assert done.returncode == 2
    assert what in done.stderr
