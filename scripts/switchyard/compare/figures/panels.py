"""A figure of panels in rows and columns, each with a line per runtime over the same parameter.

What was not measured leaves no trace: panels without a line are hidden, and the axes' labels move
to the outermost panels that are there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure

from ..comparison import Comparison
from ..drawing import has_lines, new_figure, with_legend
from .axes import parameter_axis
from .data import Params, values
from .marks import draw_line


@dataclass(frozen=True)
class Panel:
    """What of a comparison it shows, and lines of its own besides: label and height."""

    comparison: Comparison
    where: Params
    title: str = ""
    y_label: str = ""
    marks: dict[str, float] = field(default_factory=dict)


def widths(x_values: Sequence[list], width: float = 1.0) -> list[float]:
    """Panels with a single point need less room than those with lines."""
    return [width if len(found) > 1 else 0.4 for found in x_values]


def draw_panels(
    title: str,
    grid: list[list[Panel]],
    x: tuple[str, str],
    y_axis: Callable[[Axis], None],
    width: float = 1.0,
    sharey: str = "row",
) -> Figure | None:
    """`x`: the parameter along the x axis, and how the axis calls it. None without any line."""
    x_name, x_label = x
    x_values = [
        sorted({v for panel in column for v in values(panel.comparison, x_name, **panel.where)})
        for column in zip(*grid, strict=True)
    ]
    shares = widths(x_values, width)
    figure, axes = new_figure(title, shares, len(grid), sharex="col", sharey=sharey)
    placed = list(zip(product(range(len(grid)), range(len(x_values))), axes, strict=True))
    for (row, column), ax in placed:
        panel = grid[row][column]
        for name in panel.comparison.columns:
            draw_line(ax, panel.comparison, name, x_name, panel.where)
        if has_lines(ax):
            for text, height in panel.marks.items():
                ax.axhline(height, color="#444444", linestyle=(0, (1, 2)), label=text)
            ax.set_title(_broken(panel.title, int(46 * shares[column])))
    shown = [(at, ax) for at, ax in placed if ax.get_visible()]
    for (_, column), ax in shown:  # only now, when what shares an axis is all there
        parameter_axis(ax.xaxis, x_values[column])
        y_axis(ax.yaxis)
    for ax in {column: ax for (_, column), ax in shown}.values():
        _label(ax, "x", x_label)
    for (row, column), ax in {at[0]: (at, ax) for at, ax in reversed(shown)}.values():
        _label(ax, "y", grid[row][column].y_label)
    return with_legend(figure, axes)


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
