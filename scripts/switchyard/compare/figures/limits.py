"""How many tasks or connections there can be at once, and what stands in the way of more."""

import math
import textwrap

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...suite.results import ResultsFolder
from ..comparison import Comparison
from ..drawing import new_figure
from ..palette import label, look
from .axes import log_axis
from .data import Params, keep, measured, values
from .marks import draw_dot


def limits_reached(folder: ResultsFolder) -> Figure | None:
    comparison = measured(folder, "limits")
    if not comparison:
        return None
    endings = folder.workloads["limits"].labels()
    climbs = [_highest(comparison, what) for what in reversed(values(comparison, "of"))]
    shown = [keep(comparison, lambda params, climb=climb: params == climb) for climb in climbs]
    columns = [name for name in comparison.columns if any(name in part.columns for part in shown)]
    figure, axes = new_figure(
        "How many there can be at once, and what ends the climb", [1.0] * len(climbs), sharey=True
    )
    for ax, climb, part in zip(axes, climbs, shown, strict=True):
        _dots(ax, part, columns, endings)
        most = f", at most {climb['most']:,}" if "most" in climb else ""
        ax.set(title=f"{climb['of']}{most}", xlabel="at once (log scale)")
    axes[0].set_yticks(range(len(columns)), [label(name) for name in columns])
    axes[0].set_ylim(-0.6, len(columns) - 0.4)
    return figure


def _highest(comparison: Comparison, what: str) -> Params:
    """The parameters of the climb with the highest cap: the one without any, if it was made."""
    climbs = [dict(case) for case, _ in comparison.cells if dict(case)["of"] == what]
    return max(climbs, key=lambda climb: climb.get("most", math.inf))


def _dots(ax: Axes, comparison: Comparison, columns: list[str], endings: dict[str, str]) -> None:
    """A dot for each runtime with its ending beside it, on the side where there is more room."""
    highest = max(cell.summary.high for cell in comparison.cells.values())
    ax.set_xlim(1, max(2 * highest, 10))
    for (_, column), cell in comparison.cells.items():
        y, reached = columns.index(column), cell.summary.median
        style = look(column)
        draw_dot(ax, cell.summary, y, style.colour, style.marker)
        ax.annotate(
            textwrap.fill(endings.get(cell.row.name, ""), 36), (reached, y), xytext=(0, 8),
            textcoords="offset points", fontsize=7.5, color="#444444",
            ha="right" if reached * reached > highest else "left",
        )  # fmt: skip
    log_axis(ax.xaxis, "n")
