"""`switchyard.sh merge` with files of other programs, and for these."""

from pathlib import Path

import pytest
from conftest import Cli
from latency_files import latencies, write

from switchyard.compare import interchange

REFERENCE = Path(__file__).parents[2] / "data" / "hdrhistogram"
JHICCUP = REFERENCE / "jHiccup-2.0.7S.logV2.hlog"


def test_logs_add_up_to_the_same_as_json(cli: Cli, tmp_path: Path):
    """And a mixture of both: bit for bit, with the largest and the smallest."""
    a, b = (write(tmp_path / f"{i}.json", latencies(i * 1_000, 800)) for i in range(2))
    for file in (a, b):
        assert cli("merge", file, "--out", file.with_suffix(".hlog")).returncode == 0
    logs = a.with_suffix(".hlog"), b.with_suffix(".hlog")
    wholes = []
    for name, files in {"json": (a, b), "logs": logs, "both": (a, logs[1])}.items():
        done = cli("merge", *files, "--out", tmp_path / f"{name}.json")
        assert done.returncode == 0, done.stderr
        assert "does not tell" not in done.stdout
        wholes += [(tmp_path / f"{name}.json").read_bytes()]
    assert wholes[0] == wholes[1] == wholes[2]


def test_what_a_log_of_others_does_not_tell_is_said(cli: Cli, tmp_path: Path):
    ours = write(tmp_path / "ours.json", latencies(1, 239))
    done = cli("merge", ours, JHICCUP, "--only", "latency", "--out", tmp_path / "w.json")
    assert done.returncode == 0, done.stderr
    assert "49,000" in done.stdout
    told = " ".join(done.stdout.split())
    assert "2.0.7S.logV2.hlog does not tell its loop or the size of its messages" in told
    assert "ours.json does not" not in told
    whole = interchange.read(tmp_path / "w.json")
    assert whole.figures == {"loop": None, "bytes": None}
    assert cli("merge", tmp_path / "w.json", JHICCUP).returncode == 0


def test_files_side_by_side_are_not_added(cli: Cli, tmp_path: Path):
    ours = write(tmp_path / "our_run.json", latencies(1, 239), loop="closed")
    other = write(tmp_path / "other.json", latencies(1, 239))
    picture = tmp_path / "p.svg"
    done = cli("merge", "--apart", ours, other, JHICCUP, "--plot", picture)
    assert done.returncode == 0, done.stderr
    text = "".join(part.strip() for part in done.stdout.splitlines())
    assert "3 files side by side" in done.stdout
    assert "48,761" in text
    assert "49," not in text
    assert "our_run.json: service time" in picture.read_text()
    assert cli("merge", "--apart", ours, "--out", tmp_path / "x").returncode == 2


def test_percentiles_are_a_file_for_each_histogram(cli: Cli, tmp_path: Path):
    file = write(tmp_path / "a.json", latencies(1, 500))
    done = cli("merge", file, "--out", tmp_path / "w.hgrm")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.glob("*.hgrm")) == [
        "w.latency.hgrm", "w.service_time.hgrm"
    ]  # fmt: skip
    assert "w.service_time.hgrm" in "".join(done.stdout.split("\n"))
    done = cli("merge", file, "--only", "service_time", "--out", tmp_path / "one.hgrm")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "one.hgrm").exists()
    assert "wrote" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["ours.json", JHICCUP], "--only NAME takes one that both have"),
        ([JHICCUP, "--only", "READ"], "has no histogram READ, but latency"),
        ([JHICCUP, JHICCUP], "jHiccup-2.0.7S.logV2.hlog is named twice"),
        (["ours.json", "--unit", "us"], "ours.json tells that it has ns"),
        (["empty.hlog"], "empty.hlog holds no interval"),
        (["empty.hgrm"], "empty.hgrm holds no table"),
        (["empty.txt"], "empty.txt is no JSON"),
        (["miles.json"], "miles.json has its values in miles"),
        (["strange.json", "--out", "w.hlog"], "w.hlog can't name a histogram 'a b'"),
    ],
)
def test_what_can_not_be_read_or_written_is_one_line(
    cli: Cli, tmp_path: Path, monkeypatch, arguments: list, what: str
):
    monkeypatch.chdir(tmp_path)
    ours = write(tmp_path / "ours.json", [1, 2])
    for name in ("empty.hlog", "empty.hgrm", "empty.txt"):
        (tmp_path / name).touch()
    (tmp_path / "miles.json").write_text(ours.read_text().replace('"ns"', '"miles"'))
    (tmp_path / "strange.json").write_text(ours.read_text().replace("latency", "a b"))
    done = cli("merge", *arguments)
    assert done.returncode == 2
    assert what in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "w.hlog").exists()
