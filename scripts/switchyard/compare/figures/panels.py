"""What figures are made of (layout.py): panels, each of which says what it shows.

What was measured is picked out as comparisons, empty ones of what was not. Lines are medians over a
parameter, Dots are medians in a row per column.
"""

import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.lines import Line2D

from ...suite.catalog import Metric, Row, Workload
from ...suite.results import ResultsFolder, WorkloadResults
from ...system import units
from .. import drawing
from ..comparison import Comparison, compare
from ..palette import label, look
from ..statistics import Summary
from .axes import linear_axis, log_axis, parameter_axis

Params = dict[str, Any]
DARK = "#444444"  # what is no runtime: ideals, and what a mark means
_IDEAL = {"color": DARK, "linestyle": (0, (1, 2))}


def measured(
    folder: ResultsFolder, workload: str, key: str | None = None,
    wanted: Callable[[Row], bool] = lambda _: True,
) -> Comparison:  # fmt: skip
    """By its metric or a counter, without what is not wanted, was not measured, or is zero."""
    nothing = WorkloadResults(Workload(workload, "", Metric("", "", "", ""), ()))
    return keep(compare(folder.workloads.get(workload, nothing), key).measured(), wanted)


def keep(comparison: Comparison, wanted: Callable[[Row], bool]) -> Comparison:
    """Only of such rows, and of values whose intervals lie above zero: a difference of two noisy
    figures may be none.
    """
    cells = {
        at: cell
        for at, cell in comparison.cells.items()
        if cell.summary.low > 0 and wanted(cell.row)
    }
    return replace(comparison, cells=cells)


def scaled(comparison: Comparison, factor: Callable[[Row], float]) -> Comparison:
    """Each value times what `factor` says for its row."""
    cells = {
        at: replace(cell, values={r: v * factor(cell.row) for r, v in cell.values.items()})
        for at, cell in comparison.cells.items()
    }
    return replace(comparison, cells=cells)


def values(
    comparison: Comparison, name: str, of_column: str | None = None, **where: float | str
) -> list:
    """The values that a parameter takes in the cases with these other parameters, in order."""
    cases = [dict(case) for case, column in comparison.cells if of_column in (None, column)]
    return sorted({case[name] for case in cases if name in case and where.items() <= case.items()})


@dataclass(frozen=True)
class Across:
    """The parameter along an x axis, and how the axis calls it. A parameter that is no number has
    `places`: its values in order, and how each is called.
    """

    name: str
    label: str
    scale: Callable[[Axis], None] = parameter_axis
    places: Mapping[str, str] = field(default_factory=dict)

    def set_up(self, ax: Axes) -> None:
        if not self.places:
            self.scale(ax.xaxis)
        else:
            ax.set_xticks(range(len(self.places)), self.places.values())
            ax.set_xlim(-0.3, len(self.places) - 0.7)


@dataclass(frozen=True)
class Lines:
    """A line for each column, or for each of these `columns`: its medians over a parameter, in
    cases with the parameters `where`. `marks`: lines of its own besides, by their label: a height,
    or heights by place; with a `depth` of less than 2 they stand behind what was measured.
    """

    comparison: Comparison
    x: Across
    where: Params = field(default_factory=dict)
    title: str = ""
    y_label: str = ""
    marks: Mapping[str, float | Mapping[float, float]] = field(default_factory=dict)
    depth: float = 2
    width: float = 1.0
    columns: Iterable[str] | None = None

    @property
    def x_label(self) -> str:
        return self.x.label

    @property
    def points(self) -> dict[str, list[tuple[float, Summary]]]:
        """By column, medians by their place along the x axis, in its order."""
        columns = self.comparison.columns if self.columns is None else self.columns
        found = {name: [] for name in columns}
        for (case, column), cell in self.comparison.cells.items():
            params = dict(case)
            if column in found and self.x.name in params and self.where.items() <= params.items():
                x = params[self.x.name]
                place = list(self.x.places).index(str(x)) if self.x.places else x
                found[column].append((place, cell.summary))
        return {name: sorted(points, key=itemgetter(0)) for name, points in found.items() if points}

    @property
    def lines(self) -> int:
        """How many the eye has to follow, its own included."""
        return len(self.points) + len(self.marks)

    @property
    def counts(self) -> set[int]:
        """How many rounds stand behind its points."""
        return {summary.count for points in self.points.values() for _, summary in points}

    @property
    def share(self) -> float:
        """Of the figure's width: with a single point it needs less room than with lines."""
        places = {x for points in self.points.values() for x, _ in points}
        return self.width if len(places) > 1 else 0.4

    def draw(self, ax: Axes, unit: str) -> None:
        """Medians with their intervals, in the look of their column."""
        for column, points in self.points.items():
            places, summaries = zip(*points, strict=True)
            style = look(column, self.comparison.workload.rows)
            drawn = ax.errorbar(
                places, [s.median for s in summaries], yerr=_reach(summaries),
                color=style.colour, marker=style.marker, markersize=style.size,
                linestyle=style.line, capsize=2.5, elinewidth=1, label=label(column),
            )  # fmt: skip
            told = [f"{label(column)}: {told_of(s, unit)}" for s in summaries]
            drawing.tell_values(drawn.lines[0], told)
        for text, mark in self.marks.items() if ax.containers else ():
            if isinstance(mark, Mapping):
                ax.plot(mark.keys(), mark.values(), label=text, zorder=self.depth, **_IDEAL)
            else:
                ax.axhline(mark, label=text, zorder=self.depth, **_IDEAL)

    def scale(self, ax: Axes, unit: str, linear: bool) -> None:
        self.x.set_up(ax)
        (linear_axis if linear else log_axis)(ax.yaxis, unit)


def told_of(s: Summary, unit: str) -> str:
    """ "1.23 us (1.20-1.30)"."""
    median = units.ratio(s.median) if unit == "x" else units.with_unit(s.median, unit)
    interval = units.together((s.low, s.high), unit, s.median)
    return f"{median} ({interval})" if s.count > 1 else median


def _reach(summaries: Sequence[Summary]) -> list[list[float]]:
    """How far intervals reach below and above their medians."""
    return [[s.median - s.low for s in summaries], [s.high - s.median for s in summaries]]


@dataclass(frozen=True)
class Mark:
    """How a dot looks, what that means, and where in its column's row it stands. `marker`: the
    column's own where it is empty.
    """

    name: str = ""
    marker: str = "o"
    filled: bool = True
    size: float = 7
    offset: float = 0.0

    def handle(self) -> Line2D:
        """For a legend."""
        return Line2D(
            [], [], color=DARK, marker=self.marker, markersize=self.size, linestyle="none",
            markerfacecolor=DARK if self.filled else "white", label=self.name,
        )  # fmt: skip


# Three of them share a row.
OF_LATENCY = {
    "p50_us": Mark("median", "o", False, 5.5, -0.24),
    "p99_us": Mark("99th percentile", "d", False, 6.5, 0.0),
    "p999_us": Mark("99.9th percentile", "o", True, 7.5, 0.24),
    "max_us": Mark("worst", "o", True, 7.5, 0.24),
}


@dataclass(frozen=True)
class Dots:
    """Medians along the x axis, in a row for each of the columns, the first at the bottom, by the
    mark of each. `notes`: what is said of a row beside it; `marks`: upright lines, by their label.
    """

    parts: Mapping[Mark, Comparison]
    columns: Sequence[str]
    x_label: str
    title: str = ""
    share: float = 1.0
    marks: Mapping[str, float] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    y_label: str = ""

    @property
    def counts(self) -> set[int]:
        return {s.count for part in self.parts.values() for s in part.summaries.values()}

    def draw(self, ax: Axes, unit: str) -> None:
        cells = [(mark, *at) for mark, part in self.parts.items() for at in part.cells.items()]
        if self.notes:
            highest = max(cell.summary.high for *_, cell in cells)
            ax.set_xlim(1, max(2 * highest, 10))
        for mark, (_, column), cell in cells:
            style = look(column, self.parts[mark].workload.rows)
            y, s = self.columns.index(column) + mark.offset, cell.summary
            drawn = ax.errorbar(
                s.median, y, xerr=_reach([s]), color=style.colour,
                marker=mark.marker or style.marker, markersize=mark.size,
                markerfacecolor=style.colour if mark.filled else "white",
                capsize=3, elinewidth=1, linestyle="none",
            )  # fmt: skip
            named = " ".join(filter(None, (label(column), mark.name)))
            drawing.tell_values(drawn.lines[0], [f"{named}: {told_of(s, unit)}"])
            if note := self.notes.get(cell.row.name):
                has_room_left = s.median * s.median > highest
                ax.annotate(
                    textwrap.fill(note, 36), (s.median, y), xytext=(0, 8), fontsize=7.5, color=DARK,
                    textcoords="offset points", ha="right" if has_room_left else "left",
                )  # fmt: skip
        for text, x in self.marks.items():
            ax.axvline(x, label=text, **_IDEAL)

    def scale(self, ax: Axes, unit: str, _: bool) -> None:
        log_axis(ax.xaxis, unit)
        ax.set_yticks(range(len(self.columns)), [label(column) for column in self.columns])
        ax.set_ylim(-0.6, len(self.columns) - 0.4)
