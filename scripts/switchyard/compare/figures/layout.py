"""The one way in which figures are drawn: panels in a grid, whose axes are shared.

What was not measured leaves no trace: panels without a line are hidden, and the axes' labels move
to the outermost panels that are there. Of more lines than an eye can follow each family gets panels
of its own, on the same axes, with what all are held against in each.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, product

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .. import palette
from ..drawing import new_figure, with_legend
from .panels import Dots, Lines

MOST_LINES = 7  # in a panel
_NARROW, _LOW = 0.75, 2.8  # panels of which there are many

Grid = Sequence[Sequence[Lines | Dots]]


def is_crowded(panel: Lines | Dots) -> bool:
    return isinstance(panel, Lines) and panel.lines > MOST_LINES


def draw_panels(
    title: str, grid: Grid, unit: str, *, linear: bool = False,
    height: float = 3.2, sharex: str = "col", sharey: str = "row", handles: Sequence[Line2D] = (),
) -> Figure | None:  # fmt: skip
    """`unit`: of what was measured; `handles`: for the legend, beside the panels' own. None when
    nothing was measured for any panel.
    """
    if not any(grid):
        return None
    if any(map(is_crowded, chain(*grid))) and len(families := _families(grid)) > 1:
        grid, sharex, sharey = _by_family(grid, families, sharex, sharey)
        height = min(height, _LOW)
    shares = [max(panel.share for panel in column) for column in zip(*grid, strict=True)]
    figure, axes = new_figure(title, shares, len(grid), height=height, sharex=sharex, sharey=sharey)
    shown = []
    for (row, column), ax in zip(product(range(len(grid)), range(len(shares))), axes, strict=True):
        panel = grid[row][column]
        panel.draw(ax, unit)
        ax.set_visible(bool(ax.containers))
        if ax.get_visible():
            ax.set_title(_broken(panel.title, int(46 * shares[column])))
            shown.append((row, column, panel, ax))
    for _, _, panel, ax in shown:  # only now, when what shares an axis is all there
        panel.scale(ax, unit, linear)
    for panel, ax in {column: found for _, column, *found in shown}.values():
        _label(ax, "x", panel.x_label)
    # Where panels of a row have axes of their own, each has its label.
    has_own = sharey in ("none", "col")
    leaders = {(row, has_own and at): found for row, at, *found in reversed(shown)}
    for panel, ax in leaders.values():
        _label(ax, "y", panel.y_label)
    figure.rounds = set().union(*(panel.counts for _, _, panel, _ in shown))
    figure.note = ""  # what stands below it before all others have to say
    return with_legend(figure, axes, handles)


def _families(grid: Grid) -> list[str]:
    """Those that have a line in it, if lines are all that is in it."""
    panels = list(chain(*grid))
    if not all(isinstance(panel, Lines) for panel in panels):
        return []
    found = {palette.family(column) for panel in panels for column in panel.points}
    return [name for name in palette.FAMILIES if name in found]


def _by_family(
    grid: Grid, families: Sequence[str], sharex: str, sharey: str
) -> tuple[Grid, str, str]:
    """A row of all panels for each family; a single panel's stand abreast, four in two rows, or
    their titles would not fit. And which axes are shared: what shared one still does, and each
    panel with its like of the other families.
    """
    panels = [panel for panel in chain(*grid) if panel.points]
    rows = [_of_family(panels, name) for name in families]
    if len(panels) == 1:
        abreast = [panel for (panel,) in rows]
        if len(rows) < 4:
            return [abreast], "all", "all"
        wide = [replace(panel, least_share=_NARROW) for panel in abreast]
        return [wide[:2], wide[2:]], "all", "all"
    return rows, sharex, "all" if len(grid) == 1 else sharey.replace("row", "col")


def _of_family(panels: Sequence[Lines], name: str) -> list[Lines]:
    """The first that is there has its name as well. Where only what all are held against was
    measured there is none.
    """
    made = []
    for panel in panels:
        columns = [column for column in panel.points if palette.family(column) in (name, None)]
        is_there = any(map(palette.family, columns))
        titles = [name] * (is_there and not any(each.points for each in made)) + [panel.title]
        made.append(replace(
            panel, columns=columns if is_there else (), width=min(panel.width, _NARROW),
            title=", ".join(filter(None, titles)),
        ))  # fmt: skip
    return made


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
