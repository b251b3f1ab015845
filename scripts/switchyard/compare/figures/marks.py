"""What stands for a measurement: lines over a parameter and dots by mechanism, with intervals."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from matplotlib.axes import Axes

from ..comparison import Comparison
from ..drawing import has_lines
from ..palette import label, look
from ..statistics import Summary
from .axes import log_axis
from .data import Params

DARK = "#444444"  # what is no runtime: ideals, and what a mark means
IDEAL = {"color": DARK, "linestyle": (0, (1, 2))}


def draw_lines(
    ax: Axes, comparison: Comparison, x_name: str, where: Params,
    columns: Iterable[str] | None = None, places: Sequence[str] = (), fewest: int = 1,
) -> bool:  # fmt: skip
    """A line for each column: its medians over a parameter, which is a number or one of `places`.

    Columns with fewer points are left out. Without any line the panel is hidden, and this False.
    """
    for column in comparison.columns if columns is None else columns:
        points = []
        for (case, name), cell in comparison.cells.items():
            params = dict(case)
            if name == column and x_name in params and where.items() <= params.items():
                x = places.index(str(params[x_name])) if places else params[x_name]
                points.append((x, cell.summary))
        if len(points) >= fewest:
            draw_points(ax, points, column)
    return has_lines(ax)


def draw_points(ax: Axes, points: list[tuple[float, Summary]], column: str) -> None:
    """Medians at these places along the x axis, with their intervals, in the look of a column."""
    points = sorted(points, key=lambda point: point[0])
    style = look(column)
    summaries = [summary for _, summary in points]
    ax.errorbar(
        [x for x, _ in points],
        [s.median for s in summaries],
        yerr=[[s.median - s.low for s in summaries], [s.high - s.median for s in summaries]],
        color=style.colour, marker=style.marker, markersize=style.size, linestyle=style.line,
        capsize=2.5, elinewidth=1, label=label(column),
    )  # fmt: skip


@dataclass(frozen=True)
class Dot:
    """A measurement in the row of its column; hollow when it was made across cores."""

    column: str
    placement: str
    summary: Summary


def dots_of(
    comparison: Comparison, wanted: Callable[[Params, str], bool] = lambda params, column: True
) -> list[Dot]:
    """One for each cell whose parameters and column are wanted."""
    return [
        Dot(column, str(dict(case).get("placement")), cell.summary)
        for (case, column), cell in comparison.cells.items()
        if wanted(dict(case), column)
    ]


def draw_dot(
    ax: Axes, summary: Summary, y: float, colour: str, marker: str = "o", filled: bool = True,
    size: float = 7,
) -> None:  # fmt: skip
    """A median with its interval along the x axis."""
    ax.errorbar(
        summary.median, y,
        xerr=[[summary.median - summary.low], [summary.high - summary.median]],
        color=colour, marker=marker, markerfacecolor=colour if filled else "white",
        markersize=size, capsize=3, elinewidth=1, linestyle="none",
    )  # fmt: skip


def draw_dots(
    axes: Sequence[Axes], groups: Sequence[Sequence[Dot]], unit: str, x_label: str,
    best: Callable = min,
) -> None:  # fmt: skip
    """A group of dots in each of these panels, which have a row per column, the best at the bottom.

    Filled is what was measured on one core, hollow what was across cores. Names of rows and what
    filled and hollow mean stand at the first panel.
    """
    medians = defaultdict(list)
    for dot in chain(*groups):
        medians[dot.column].append(dot.summary.median)
    order = sorted(medians, key=lambda column: best(medians[column]), reverse=best is max)
    for ax, dots in zip(axes, groups, strict=True):
        for dot in dots:
            y, filled = order.index(dot.column), dot.placement != "cross"
            draw_dot(ax, dot.summary, y, look(dot.column).colour, filled=filled)
    for ax in axes:  # only now, when what shares an axis is all there
        log_axis(ax.xaxis, unit)
        ax.set_xlabel(x_label)
    name_rows(axes[0], order)
    _tell_placements(axes[0], {dot.placement for dot in chain(*groups)})


def name_rows(ax: Axes, columns: Sequence[str]) -> None:
    ax.set_yticks(range(len(columns)), [label(column) for column in columns])
    ax.set_ylim(-0.6, len(columns) - 0.4)


def tell_mark(ax: Axes, text: str, marker: str, filled: bool, size: float) -> None:
    """What a mark means, for the legend."""
    face = DARK if filled else "white"
    ax.plot([], [], marker, color=DARK, markerfacecolor=face, markersize=size, label=text)


def _tell_placements(ax: Axes, placements: set[str]) -> None:
    """Below the axes, as far as the label of the x axis reaches, however tall they are."""
    for placement, text in (("same", "same core"), ("cross", "across two cores")):
        if placement in placements:
            tell_mark(ax, text, "o", placement == "same", 7)
    below = -0.52 / (ax.figure.get_figheight() - 1.4)
    ax.legend(loc="upper left", bbox_to_anchor=(-0.02, below), ncols=2, handletextpad=0.2)
