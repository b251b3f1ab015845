"""The comparison of a workload as plain data: what each cell, heading and note of its tables says.

The terminal and the report lay the same tables out, the report with a table for each number, so
that each can be sorted by, the terminal with those that belong together above each other. First
comes the workload's metric, then what else it is about, where that was measured.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ..suite.results import WorkloadResults
from ..system import units
from .comparison import Case, Comparison, Measured, compare, speed_up, split_parameters
from .statistics import MIN_FOR_INTERVAL, MIN_FOR_RATIO, Finding, Summary, finding

_RATIO = "x"  # the unit of numbers that are ratios themselves
_SPEED_UP = "speed-up"  # of all keys the one that is no counter
_LATENCIES = {"p50": "p50_us", "p99": "p99_us"}
# By workload: title, unit, and the counters that stand together, by name if there are several.
_SECONDARY: dict[str, tuple[tuple[str, str, dict[str, str]], ...]] = {
    "sleep": (("user-space memory per task", "B", {"": "pss_bytes_per_task"}),),
    "switch": (
        ("time beyond the task's own block", "ns",
         {"": "switch_ns"}),
    ),
    "echo": (
        ("latency", "us", _LATENCIES),
        ("user-space memory per connection", "B", {"": "pss_bytes_per_task"}),
    ),
    "echo_open": (("latency since due", "us", _LATENCIES),),
    "echo_capacity": (
        ("of what was due", "1/s",
         {"growth of the queue": "queue_growth_per_s", "what was due": "due_per_s"}),
        ("rate that the objective allows", "1/s",
         {"by majority": "slo_ops_per_s", "surely": "slo_low_ops_per_s",
          "surely not above": "slo_high_ops_per_s"}),
    ),
    "http_fetch": (("wall time, in times of the latency", _RATIO, {"": "over_ideal"}),),
    "cpu": (("speed-up against serial", _RATIO, {"": _SPEED_UP}),),
    "blocking": (("lateness of the others", "us", _LATENCIES),),
    "memory": (
        ("what it is made of", "B",
         {"pages (PSS)": "pss_bytes_per_task", "page tables": "page_table_bytes_per_task",
          "kernel stack": "kernel_stack_bytes_per_task", "TCP buffers": "socket_bytes_per_task"}),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """`text`: the median, or what stands in its place; `value`: what it is sorted by, None for
    nothing; `ratio`: to the reference, of which it says what it is, None where there is no such
    line; `problem`: marks of footnotes.
    """

    text: str = ""
    value: float | str | None = None
    interval: str = ""
    ratio: str | None = None
    ratio_interval: str = ""
    notes: tuple[str, ...] = ()
    problem: str = ""
    kind: str = ""  # "limit" or "failed", where that happened

    @property
    def key(self) -> str:
        """The value for a page; empty for what comes last however it is sorted."""
        if self.value is None or (isinstance(self.value, float) and not math.isfinite(self.value)):
            return ""
        return str(self.value)

    @property
    def below(self) -> tuple[str, ...]:
        """What a page has in smaller lines."""
        ratio = f"{self.ratio} ({self.ratio_interval})" if self.ratio_interval else self.ratio
        return tuple(filter(None, (self.interval, ratio, *self.notes, self.problem)))


@dataclass(frozen=True)
class Table:
    """The first cells of a row, `headers` of them, are its name."""

    title: str
    columns: list[str]
    headers: int
    rows: list[list[Cell]]
    notes: tuple[str, ...] = ()

    @property
    def kinds(self) -> list[str]:
        """Of each column "number" or "text", by what it is sorted by."""
        words = {
            i for row in self.rows for i, cell in enumerate(row) if isinstance(cell.value, str)
        }
        return ["text" if index in words else "number" for index in range(len(self.columns))]


def metric_table(results: WorkloadResults, comparison: Comparison) -> Table:
    """A case per row, a runtime per column: median, interval, ratio and its interval.

    Problems are footnotes: their texts are longer than any cell. So is what ended a climb.
    """
    metric = comparison.workload.metric
    footnotes: dict[str, int] = {}

    def cell(case: Case, column: str, found: Measured) -> Cell:
        problem = problem_marks(found, footnotes)
        s, ratio = found.summary, found.ratio
        if not s:
            share = f"in {found.share}" if found.share else ""
            return Cell(problem or "-", problem=share, kind=found.kind)
        told = replace(_number(s, metric.unit), problem=problem, kind=found.kind)
        if comparison.references.get(case) == column:
            return replace(told, ratio=comparison.reference_kind(case))
        if not ratio:
            return told
        said = finding(ratio)
        return replace(
            told, ratio=units.ratio(ratio.median), ratio_interval=ratio_interval(ratio),
            notes=(said,) if said in (Finding.SAME, Finding.TOO_FEW, Finding.ZERO) else (),
        )  # fmt: skip

    table = _grid(f"{metric.label}, {metric.better} is better", comparison, cell)
    lines = (*told_below(footnotes), *_endings(results, comparison))
    return replace(table, notes=(_explanation(comparison), *lines))


def secondary_tables(
    results: WorkloadResults, comparison: Comparison, stacked: bool = False
) -> Iterator[Table]:
    """What else the workload is about; `comparison`: by its metric. `stacked`: medians that belong
    together above each other, but for ratios; else a table for each number, with its intervals.
    """
    for title, unit, keys in _SECONDARY.get(results.workload.name, ()):
        parts = {
            name: speed_up(comparison, "serial")
            if key == _SPEED_UP
            else compare(results, key).measured()
            for name, key in keys.items()
        }
        parts = {name: part for name, part in parts.items() if part}
        if not stacked or unit == _RATIO:
            for name, part in parts.items():
                yield _grid(
                    f"{title}, {name}" if name else title, part,
                    lambda _case, _column, found, unit=unit: _number(found.summary, unit),
                )  # fmt: skip
        elif parts:

            def above(
                case: Case, column: str, _: Measured, unit: str = unit, parts: dict = parts
            ) -> Cell:
                found = [part.cells.get((case, column)) for part in parts.values()]
                # A line for each, or one would be read for another.
                return Cell("\n".join(_text(c.summary, unit) if c else "-" for c in found))

            cells = {at: cell for part in parts.values() for at, cell in part.cells.items()}
            shape = replace(comparison, cells=cells)
            yield _grid(", ".join(filter(None, (title, " above ".join(parts)))), shape, above)


def _number(s: Summary, unit: str) -> Cell:
    return Cell(_text(s, unit), s.median, interval(s, unit))


def _text(s: Summary, unit: str) -> str:
    """A difference whose interval includes zero is not told as a value, but as what it is below."""
    if s.low < 0 < s.high:
        return f"<{units.with_unit(s.high, unit)}"
    return units.ratio(s.median) if unit == _RATIO else units.with_unit(s.median, unit)


def interval(summary: Summary, unit: str) -> str:
    """In the unit that fits the median, without naming it; empty for a single value."""
    if summary.count < 2:
        return ""
    return units.together((summary.low, summary.high), unit, summary.median)


def ratio_interval(ratio: Summary) -> str:
    return units.ratios(ratio.low, ratio.high) if ratio.count > 1 else ""


def parameter_cells(case: Case, names: Iterable[str]) -> list[Cell]:
    values = dict(case)
    return [Cell(str(values.get(name, "")), values.get(name)) for name in names]


def _grid(title: str, comparison: Comparison, cell: Callable[[Case, str, Measured], Cell]) -> Table:
    """Parameters that are the same in all cases go into the title."""
    cases, columns = comparison.cases, comparison.columns
    constant, varying = split_parameters(cases)
    if constant:
        title += f" ({', '.join(f'{name}:{value}' for name, value in constant.items())})"
    names = varying or ["case"]
    rows = [
        (parameter_cells(case, varying) or [Cell("all", "all")])
        + [
            cell(case, name, found) if (found := comparison.cells.get((case, name))) else Cell()
            for name in columns
        ]
        for case in cases
    ]
    return Table(title, names + columns, len(names), rows)


def problem_marks(cell: Measured, footnotes: dict[str, int]) -> str:
    """ "limit (1)", "FAILED (2) (3)", or "" where all went well; numbers new texts."""
    if not cell.problems:
        return ""
    texts = dict.fromkeys(record.problem or "" for record in cell.problems)
    marks = (f"({footnotes.setdefault(text, len(footnotes) + 1)})" for text in texts)
    return " ".join(("limit" if cell.kind == "limit" else "FAILED", *marks))


def told_below(footnotes: dict[str, int]) -> list[str]:
    return [f"({number}) {text}" for text, number in footnotes.items()]


def _endings(results: WorkloadResults, comparison: Comparison) -> Iterator[str]:
    """What `limits` says of its climbs in words."""
    name, measured = comparison.workload.name, comparison.summaries
    told = {row: text for row, text in results.labels().items() if row in measured}
    if name == "limits" and told:
        yield "What ended each climb:"
        yield from (f"{row.removeprefix(f'{name}/')}: {text}" for row, text in told.items())


def _explanation(comparison: Comparison) -> str:
    """What the four lines of a cell are."""
    counts = [cell.summary.count for cell in comparison.cells.values() if cell.summary]
    if not counts:
        return "Nothing was measured."
    rounds = f"{min(counts)}-{max(counts)}" if min(counts) < max(counts) else f"{max(counts)}"
    plural = "s"[: rounds != "1"]
    spread = _spread(counts, MIN_FOR_INTERVAL)
    text = f"Median of {rounds} round{plural}; its {spread}; ratio to control or fastest, by round"
    if max(counts) == 1:
        return f"{text}."
    text += f"; the ratio's {_spread(counts, MIN_FOR_RATIO)}"
    said = ", which shows no difference where it includes 1" * (max(counts) >= MIN_FOR_RATIO)
    return f"{text}{said}."


def _spread(counts: Sequence[int], needed: int) -> str:
    """What stands for the spread of values that have an interval from so many rounds on."""
    if max(counts) < needed:
        return f"min-max (a 95 % interval needs {needed} rounds)"
    below = f" (min-max below {needed} rounds)" if min(counts) < needed else ""
    return f"95 % interval{below}"
