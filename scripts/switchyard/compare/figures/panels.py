"""Figures of several panels: lines over the same parameter, and dots with lines beside them.

What was not measured leaves no trace: panels without a line are hidden, and the axes' labels move
to the outermost panels that are there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..comparison import Comparison
from ..drawing import new_figure, with_legend
from .axes import linear_axis, log_axis, parameter_axis
from .data import Params, values
from .marks import IDEAL, Dot, draw_dots, draw_lines


@dataclass(frozen=True)
class Panel:
    """What of a comparison it shows, and lines of its own besides: label and height."""

    comparison: Comparison
    where: Params
    title: str = ""
    y_label: str = ""
    marks: dict[str, float] = field(default_factory=dict)


def draw_panels(
    title: str, grid: list[list[Panel]], x: tuple[str, str], unit: str, *,
    linear: bool = False, width: float = 1.0, sharey: str = "row",
) -> Figure | None:  # fmt: skip
    """`x`: the parameter along the x axis, and how the axis calls it; `unit`: of the y axis.

    None without any line.
    """
    if not any(grid):
        return None
    x_name, x_label = x
    x_values = [
        sorted({v for panel in column for v in values(panel.comparison, x_name, **panel.where)})
        for column in zip(*grid, strict=True)
    ]
    # Panels with a single point need less room than those with lines.
    shares = [width if len(found) > 1 else 0.4 for found in x_values]
    figure, axes = new_figure(title, shares, len(grid), sharex="col", sharey=sharey)
    placed = list(zip(product(range(len(grid)), range(len(x_values))), axes, strict=True))
    for (row, column), ax in placed:
        panel = grid[row][column]
        if draw_lines(ax, panel.comparison, x_name, panel.where):
            for text, height in panel.marks.items():
                ax.axhline(height, label=text, **IDEAL)
            ax.set_title(_broken(panel.title, int(46 * shares[column])))
    shown = [(at, ax) for at, ax in placed if ax.get_visible()]
    for (_, column), ax in shown:  # only now, when what shares an axis is all there
        parameter_axis(ax.xaxis, x_values[column])
        (linear_axis if linear else log_axis)(ax.yaxis, unit)
    for ax in {column: ax for (_, column), ax in shown}.values():
        _label(ax, "x", x_label)
    for (row, column), ax in {at[0]: (at, ax) for at, ax in reversed(shown)}.values():
        _label(ax, "y", grid[row][column].y_label)
    return with_legend(figure, axes)


@dataclass(frozen=True)
class Lines:
    """Of a cost over the number of tasks on one core: where they are ticked, and of whom."""

    title: str
    x_label: str
    counts: Sequence[int]
    columns: Sequence[str]


def draw_cost(
    title: str, comparison: Comparison, what: str, dots: tuple[str, list[Dot]],
    lines: Lines | None, height: float = 3.2,
) -> Figure | None:  # fmt: skip
    """Times (`what` says of what): dots by mechanism, with a title, and lines by count beside them.

    Either may be missing; None without both.
    """
    dots_title, found = dots
    widths = [1.15] * bool(found) + [1.0] * bool(lines)
    if not widths:
        return None
    figure, axes = new_figure(title, widths, height=height)
    if found:
        draw_dots(axes[:1], [found], "s", f"{what} (log scale)")
        axes[0].set_title(dots_title)
    if lines and draw_lines(axes[-1], comparison, "tasks", {"placement": "same"}, lines.columns):
        parameter_axis(axes[-1].xaxis, lines.counts)
        log_axis(axes[-1].yaxis, "s")
        axes[-1].set(title=lines.title, xlabel=lines.x_label, ylabel=f"{what} (log scale)")
    return with_legend(figure, axes[bool(found) :]) or (figure if found else None)


def _broken(title: str, length: int) -> str:
    """On several lines where it is longer, broken after commas only."""
    lines: list[str] = []
    for clause in title.split(", "):
        if lines and len(lines[-1]) + 2 + len(clause) <= length:
            lines[-1] += f", {clause}"
        else:
            lines.append(clause)
    return ",\n".join(lines)


def _label(ax: Axes, which: str, text: str) -> None:
    """An axis label, and the numbers beside it that sharing an axis may have hidden."""
    ax.set(**{f"{which}label": text})
    ax.tick_params(axis=which, **{f"label{'bottom' if which == 'x' else 'left'}": True})
