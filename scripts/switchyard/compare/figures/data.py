"""What of a results folder can be drawn; what was not measured is an empty comparison."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ...suite.catalog import Metric, Workload
from ...suite.results import ResultsFolder, WorkloadResults
from ..comparison import Comparison, Measured, compare

Params = dict[str, Any]


def measured(
    folder: ResultsFolder, workload: str, key: str | None = None,
    wanted: Callable[[Params], bool] = lambda _: True,
) -> Comparison:  # fmt: skip
    """By its metric or a counter, without what is not wanted, was not measured, or is zero."""
    nothing = WorkloadResults(Workload(workload, "", Metric("", "", "", ""), ()))
    return keep(compare(folder.workloads.get(workload, nothing), key).measured(), wanted)


def keep(comparison: Comparison, wanted: Callable[[Params], bool]) -> Comparison:
    """Only cases with such parameters, and values above zero."""
    cells = {
        (case, column): cell
        for (case, column), cell in comparison.cells.items()
        if cell.summary.median > 0 and wanted(dict(case))
    }
    return replace(comparison, cells=cells)


def scaled(comparison: Comparison, factor: Callable[[Params], float]) -> Comparison:
    """Each summary times what `factor` says for its parameters."""

    def times(cell: Measured, by: float) -> Measured:
        s = cell.summary
        by_it = replace(s, median=s.median * by, low=s.low * by, high=s.high * by)
        return replace(cell, summary=by_it)

    cells = {at: times(cell, factor(dict(at[0]))) for at, cell in comparison.cells.items()}
    return replace(comparison, cells=cells)


def values(comparison: Comparison, name: str, **where: float | str) -> list:
    """The values that a parameter takes in the cases with these other parameters, in order."""
    cases = [dict(case) for case, _ in comparison.cells]
    return sorted({case[name] for case in cases if name in case and where.items() <= case.items()})


def usual(params: Params) -> bool:
    """Without what has figures of its own: placements other than same and cross, working sets."""
    return params.get("placement") in (None, "same", "cross") and "working_set" not in params
