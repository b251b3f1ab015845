"""The figure of a workload that has none of its own: what it is compared by, over the parameter
that takes most values of those that every row has, with a panel for each case of the others;
where none takes several, a dot for each row.
"""

from matplotlib.figure import Figure

from ...suite.results import ResultsFolder
from ..comparison import split_parameters
from .layout import draw_panels
from .panels import Across, Dots, Lines, Mark, Params, keep, measured

_ABREAST = 3


def overview(folder: ResultsFolder, workload: str) -> Figure | None:
    comparison = measured(folder, workload)
    metric, cases = comparison.workload.metric, [dict(case) for case in comparison.cases]
    taken = {
        name: list(dict.fromkeys(case[name] for case in cases))
        for name in split_parameters(comparison.cases)[1]
        if all(name in case for case in cases)
    }
    taken = {name: found for name, found in taken.items() if len(found) > 1}
    x = max(taken, key=lambda name: len(taken[name]), default="")
    linear = metric.better == "higher"
    label = metric.label if linear else f"{metric.label} (log scale)"
    if not x:
        case = _title(cases[0]) if len(cases) == 1 else ""
        dots = Dots({Mark(marker=""): comparison}, comparison.columns[::-1], label, case)
        return draw_panels(f"{workload}: {metric.label}", [[dots]] if cases else [], metric.unit)
    is_number = all(isinstance(value, int | float) for value in taken[x])
    places = {} if is_number else {str(value): str(value) for value in taken[x]}
    across = Across(x, f"{x} (log scale)" if is_number else x, places=places)
    others = [_without(case, x) for case in cases]
    panels = []
    for where in (other for at, other in enumerate(others) if other not in others[:at]):
        here = keep(comparison, lambda row, where=where: _without(dict(row.case), x) == where)
        panels.append(Lines(here, across, title=_title(where), y_label=label))
    abreast = min(len(panels), _ABREAST)
    panels += [Lines(comparison, across, columns=())] * (-len(panels) % abreast)
    grid = [panels[at : at + abreast] for at in range(0, len(panels), abreast)]
    return draw_panels(f"{workload}: {metric.label} by {x}", grid, metric.unit, linear=linear)


def _without(case: Params, name: str) -> Params:
    return {other: value for other, value in case.items() if other != name}


def _title(case: Params) -> str:
    return ", ".join(f"{name}:{value}" for name, value in case.items())
