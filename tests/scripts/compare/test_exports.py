"""results.csv and results.md: every launch, and every table, for other programs and texts."""

import csv
import io
from pathlib import Path

import made_up
import pytest
from fakes import row
from test_comparison import results

from switchyard.compare.answers import answers
from switchyard.compare.exports import as_csv, as_markdown
from switchyard.suite.results import ResultsFolder


def test_the_csv_has_a_line_for_each_launch_with_times_in_seconds():
    folder = made_up.folder(Path("none"), 2)
    lines = list(csv.DictReader(io.StringIO(as_csv(folder))))
    records = [record for kept in folder.workloads.values() for record in kept.records()]
    assert len(lines) == len(records)
    for line, record in zip(lines, records, strict=True):
        assert line["row"] == record.row.name
        assert int(line["round"]) == record.round
        if "real_time" in record.fields:
            assert float(line["real_time"]) == pytest.approx(record.value("real_time"))
        assert line["problem"] == ""


def test_the_csv_names_what_went_wrong():
    folder = made_up.folder(Path("none"), 1, lambda row: row["name"].startswith("spawn/fiber"))
    folder.workloads["spawn"].benchmarks[0] |= {
        "error_occurred": True, "error_message": 'wrong, "very"\nwrong',
    }  # fmt: skip
    first, *_ = csv.DictReader(io.StringIO(as_csv(folder)))
    assert (first["problem"], first["real_time"]) == ('wrong, "very"\nwrong', "")


def test_no_line_of_a_row_that_failed_is_taken_for_a_figure():
    folder = made_up.folder(Path("none"), 3, lambda row: row["name"] == "spawn/fiber/tasks:1")
    folder.workloads["spawn"].benchmarks[1] |= {
        "error_occurred": True, "error_message": "wrong answer",
    }  # fmt: skip
    lines = list(csv.DictReader(io.StringIO(as_csv(folder))))
    told = ["FAILED in 1 of 3 rounds", "wrong answer", "FAILED in 1 of 3 rounds"]
    assert [line["problem"] for line in lines] == told
    assert [bool(line["real_time"]) for line in lines] == [True, False, True]


def test_a_long_sentence_is_told_to_its_end():
    rows = [(row(f"spawn/runtime{i}/tasks:100"), [10.0 + i, 11.0 + i]) for i in range(40)]
    folder = ResultsFolder(Path("none"), {"spawn": results(*rows)}, {})
    (answer,) = answers(folder)
    assert len(answer.text) > 1000
    told = as_markdown(folder).splitlines()[2]
    assert told == f"- **spawn**: {answer.text}"


def test_the_markdown_has_the_answers_and_all_tables_and_no_markup_of_the_data():
    folder = made_up.folder(Path("none"))
    folder.workloads["spawn"].benchmarks[0] |= {
        "error_occurred": True, "error_message": "a|b *c* <d>",
    }  # fmt: skip
    text = as_markdown(folder)
    assert text.count("\n## ") == len(made_up.WORKLOADS)
    assert "- **spawn**: a task created and joined: fiber" in text
    assert r"a\|b \*c\* \<d\>" in text
    assert "\nprocess/of:tasks: kernel.pid\\_max: 80 % of 32768" in text
    heads = [line for line in text.splitlines() if line.startswith("|--") or "|--:" in line]
    assert len(heads) >= len(made_up.WORKLOADS)
