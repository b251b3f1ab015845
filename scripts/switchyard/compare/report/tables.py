"""A table as a page needs it: what each cell says, and the number that it is sorted by."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from ...system import units
from ..comparison import Case, Comparison, split_parameters
from ..footnotes import Footnotes, explanation, problem
from ..ranking import Finding, finding
from ..secondary_metrics import RATIO, SecondaryMetric
from ..statistics import Summary


@dataclass(frozen=True)
class Cell:
    """`value`: what it is sorted by, None for nothing; `below`: smaller lines; `kind`: its look."""

    text: str = ""
    value: float | str | None = None
    below: tuple[str, ...] = ()
    kind: str = ""

    @property
    def key(self) -> str:
        """The value for the page; empty for what comes last however it is sorted."""
        if self.value is None or (isinstance(self.value, float) and not math.isfinite(self.value)):
            return ""
        return str(self.value)


@dataclass(frozen=True)
class Column:
    """The first ones name the row: `is_header`."""

    label: str
    is_number: bool = True
    is_header: bool = False


@dataclass(frozen=True)
class Table:
    title: str
    columns: list[Column]
    rows: list[list[Cell]]
    notes: tuple[str, ...] = ()


def metric_table(comparison: Comparison) -> Table:
    """A case per row, a runtime per column: median, interval, ratio and its interval."""
    metric, footnotes = comparison.workload.metric, Footnotes()

    def cell(case: Case, column: str) -> Cell:
        found = comparison.cells.get((case, column))
        if not found:
            return Cell()
        trouble = problem(found, footnotes)
        kind = "" if not trouble else "limit" if found.only_limits else "failed"
        if not found.summary:
            return Cell(trouble or "-", None, kind=kind)
        s = found.summary
        below = [units.together((s.low, s.high), metric.unit, s.median)] if s.count > 1 else []
        if comparison.references.get(case) == column:
            below.append(comparison.reference_kind(case))
        elif found.ratio:
            below += _ratio_lines(found.ratio)
        below.append(trouble)
        text = units.with_unit(s.median, metric.unit)
        return Cell(text, s.median, tuple(filter(None, below)), kind)

    title = f"{metric.label}, {metric.better} is better"
    table = _grid(title, comparison, cell)
    return replace(table, notes=(explanation(comparison), *footnotes.lines))


def secondary_tables(metric: SecondaryMetric) -> Iterable[Table]:
    """One for each of its numbers, so that each can be sorted by."""
    for name, part in metric.parts.items():

        def cell(case: Case, column: str, part: Comparison = part) -> Cell:
            found = part.cells.get((case, column))
            if not found:
                return Cell()
            s = found.summary
            shown = units.ratio(s.median) if metric.unit == RATIO else ""
            scale = "" if metric.unit == RATIO else metric.unit
            below = (units.together((s.low, s.high), scale, s.median),) if s.count > 1 else ()
            return Cell(shown or units.with_unit(s.median, metric.unit), s.median, below)

        if part.cells:
            several = len(metric.parts) > 1
            yield _grid(f"{metric.title}, {name}" if several else metric.title, part, cell)


def _ratio_lines(ratio: Summary) -> list[str]:
    text = units.ratio(ratio.median)
    if ratio.count > 1:
        text += f" ({units.ratios(ratio.low, ratio.high)})"
    said = finding(ratio)
    return [text, *([said] if said in (Finding.SAME, Finding.TOO_FEW) else [])]


def _grid(title: str, comparison: Comparison, cell: Callable[[Case, str], Cell]) -> Table:
    """Parameters that are the same in all cases go into the title, as in the terminal."""
    cases = comparison.cases
    constant, varying = split_parameters(cases)
    if constant:
        title += f" ({', '.join(f'{name}:{value}' for name, value in constant.items())})"
    columns = parameter_columns(cases, varying) or [Column("case", False, True)]
    rows = [
        (parameter_cells(case, varying) or [Cell("all", "all")])
        + [cell(case, column) for column in comparison.columns]
        for case in cases
    ]
    return Table(title, columns + [Column(name) for name in comparison.columns], rows)


def parameter_columns(cases: Sequence[Case], names: Iterable[str]) -> list[Column]:
    """A column for each of these parameters; a number where it is one in all cases."""
    return [
        Column(name, all(_is_number(dict(case).get(name, 0)) for case in cases), True)
        for name in names
    ]


def parameter_cells(case: Case, names: Iterable[str]) -> list[Cell]:
    values = dict(case)
    return [Cell(str(values.get(name, "")), values.get(name)) for name in names]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float)
