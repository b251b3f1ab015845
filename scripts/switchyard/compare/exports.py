"""What a run measured, for other programs and for other texts: results.csv and results.md.

The CSV has a line for each launch and a column for each figure that any of them has, in Google
Benchmark's and our names; times in seconds. Where a row failed in some rounds, the lines of the
others say so too, so that none of them is taken for a figure. The Markdown has the answers and the
tables.
"""

import csv
import io

from ..suite.catalog import in_order
from ..suite.results import ResultsFolder
from ..system import files
from ..system.markdown import prose, table
from .answers import answers
from .comparison import compare
from .tables import Table, metric_table, secondary_tables

_FIRST = ("workload", "row", "runtime", "round", "real_time", "problem")
# What Google Benchmark counts, but says nothing of what was measured.
_LEFT_OUT = {"repetition_index", "family_index", "per_family_instance_index", "threads"}


def write_exports(folder: ResultsFolder) -> None:
    files.write(folder.path / "results.csv", as_csv(folder))
    files.write(folder.path / "results.md", as_markdown(folder))


def as_csv(folder: ResultsFolder) -> str:
    lines = []
    for kept in folder.workloads.values():
        cells = compare(kept).cells.values()
        failed = {c.row.name: f"FAILED in {c.share}" for c in cells if c.kind == "failed"}
        for record in kept.records():
            numbers = {
                key: value for key in record.fields
                if key not in _LEFT_OUT and (value := record.value(key)) is not None
            }  # fmt: skip
            numbers.pop("cpu_time", None)  # of the generator alone, and in another unit
            told = (kept.workload.name, record.row.name, record.row.runtime, record.round)
            problem = {"problem": record.problem or failed.get(record.row.name, "")}
            lines.append(numbers | dict(zip(_FIRST, told, strict=False)) | problem)
    columns = dict.fromkeys((*_FIRST, *(key for line in lines for key in line)))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def as_markdown(folder: ResultsFolder) -> str:
    # Word by word: a text of others is cut where it is too long, our own is not.
    parts = [
        f"- **{prose(a.workload)}**: {' '.join(map(prose, a.text.split()))}"
        for a in answers(folder)
    ]
    for kept in in_order(folder.workloads.values(), lambda kept: kept.workload):
        comparison = compare(kept)
        parts.append(f"\n## {prose(kept.workload.name)}")
        tables = (metric_table(kept, comparison), *secondary_tables(kept, comparison))
        parts.extend(f"\n{markdown_table(of)}" for of in tables)
    return "\n".join(["# Results", "", *parts, ""])


def markdown_table(of: Table) -> str:
    """Title, cells with what stands below them, and notes."""
    rows = [
        [" ".join(prose(text) for text in (cell.text, *cell.below)) for cell in row]
        for row in of.rows
    ]
    numbers = [i for i, kind in enumerate(of.kinds) if kind == "number"]
    lines = [f"{prose(of.title)}:", "", table([prose(name) for name in of.columns], rows, numbers)]
    return "\n".join([*lines, *(f"\n{prose(note)}" for note in of.notes)])
