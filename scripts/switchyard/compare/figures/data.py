"""What of a results folder can be drawn; what was not measured is an empty comparison."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ...suite.catalog import Metric, Row, Workload
from ...suite.results import ResultsFolder, WorkloadResults
from ..comparison import Comparison, compare

Params = dict[str, Any]


def measured(
    folder: ResultsFolder, workload: str, key: str | None = None,
    wanted: Callable[[Row], bool] = lambda _: True,
) -> Comparison:  # fmt: skip
    """By its metric or a counter, without what is not wanted, was not measured, or is zero."""
    nothing = WorkloadResults(Workload(workload, "", Metric("", "", "", ""), ()))
    return keep(compare(folder.workloads.get(workload, nothing), key).measured(), wanted)


def keep(comparison: Comparison, wanted: Callable[[Row], bool]) -> Comparison:
    """Only of such rows, and values above zero."""
    cells = {
        at: cell
        for at, cell in comparison.cells.items()
        if cell.summary.median > 0 and wanted(cell.row)
    }
    return replace(comparison, cells=cells)


def scaled(comparison: Comparison, factor: Callable[[Row], float]) -> Comparison:
    """Each value times what `factor` says for its row."""
    cells = {
        at: replace(cell, values={r: v * factor(cell.row) for r, v in cell.values.items()})
        for at, cell in comparison.cells.items()
    }
    return replace(comparison, cells=cells)


def values(comparison: Comparison, name: str, **where: float | str) -> list:
    """The values that a parameter takes in the cases with these other parameters, in order."""
    cases = [dict(case) for case, _ in comparison.cells]
    return sorted({case[name] for case in cases if name in case and where.items() <= case.items()})


def usual(row: Row) -> bool:
    """Without what has figures of its own: placements other than same and cross, working sets."""
    usual_places = (None, "same", "cross")
    return row.params.get("placement") in usual_places and "working_set" not in row.params
