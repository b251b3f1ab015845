"""What of a results folder can be drawn."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ...suite.results import ResultsFolder
from ..comparison import Cell, Comparison, compare

Params = dict[str, Any]


def measured(folder: ResultsFolder, workload: str, key: str | None = None) -> Comparison | None:
    """The comparison without what was not measured, or is zero; None when nothing is left."""
    results = folder.workloads.get(workload)
    if not results:
        return None
    return keep(compare(results, key).measured(), lambda _: True)


def keep(comparison: Comparison, wanted: Callable[[Params], bool]) -> Comparison | None:
    """Only cases with such parameters and values above zero; None when nothing is left."""
    cells = {
        (case, column): cell
        for (case, column), cell in comparison.cells.items()
        if cell.summary.median > 0 and wanted(dict(case))
    }
    return replace(comparison, cells=cells) if cells else None


def scaled(comparison: Comparison, factor: Callable[[Params], float]) -> Comparison:
    """Each summary times what `factor` says for its parameters."""

    def times(cell: Cell, by: float) -> Cell:
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
