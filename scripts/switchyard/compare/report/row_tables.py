"""Tables with a benchmark per row: how far its figures can be trusted, and all that was counted."""

import statistics
from collections import defaultdict

from ...suite.results import Record, WorkloadResults
from ...system import units
from ..comparison import Case, Comparison, split_parameters
from ..comparison import Cell as Measured
from ..ranking import Finding, finding, next_behind
from ..row_notes import notes_of
from ..statistics import Summary
from .tables import Cell, Column, Table, parameter_cells, parameter_columns

# Of Google Benchmark or of the runner: they say nothing of what was measured.
_BOOKKEEPING = frozenset((
    "family_index", "per_family_instance_index", "repetition_index", "repetitions", "round",
    "threads", "iterations", "cpu_time", "launch_s", "limit_reached",
))  # fmt: skip
_ROWS_NOTE = (
    "Noise is half the width of the interval relative to the median. The ratio is to the control "
    "or the fastest of the case, the lead is the factor over what comes next in it; both are "
    "medians of the rounds' ratios. The frequency is that of the faster of the first two CPUs at "
    "the end of each launch, where the kernel tells it."
)
_UNITS = {"real_time": "s", "ops_per_s": "1/s", "bytes_per_task": "B"}


def rows_table(results: WorkloadResults, comparison: Comparison) -> Table:
    """Each row with its interval, its ratios, its noise and what is to be said of it."""
    _, varying = split_parameters(comparison.cases)
    columns = [
        Column("runtime", False, True), *parameter_columns(comparison.cases, varying),
        Column("median"), Column("interval"), Column("compared with", False), Column("ratio"),
        Column("interval of the ratio"), Column("finding", False), Column("lead over the next"),
        Column("noise"), Column("rounds"), Column("steal, worst"), Column("load average"),
        Column("frequency"), Column("notes", False),
    ]  # fmt: skip
    notes = notes_of(comparison, results.records())
    conditions = _by_row(results, ("steal_percent", "loadavg", "frequency_mhz"))
    rows = []
    for case in comparison.cases:
        for column in comparison.columns:
            cell = comparison.cells.get((case, column))
            if cell:
                name = cell.row.name
                rows.append([
                    Cell(column, column), *parameter_cells(case, varying),
                    *_measured(comparison, cell), *_compared(comparison, case, column),
                    *_noise(cell), *_conditions(conditions[name]), _notes(cell, notes.get(name)),
                ])  # fmt: skip
    return Table("Every row", columns, rows, (_ROWS_NOTE,))


def counters_table(results: WorkloadResults) -> Table:
    """Each row with the median over the rounds of everything that was counted."""
    values = _by_row(results)
    keys = list(dict.fromkeys(key for of_row in values.values() for key in of_row))
    rows = [
        [Cell(name, name), *(_counter(key, of_row.get(key)) for key in keys)]
        for name, of_row in values.items()
    ]
    columns = [Column("row", False, True), *(Column(key) for key in keys)]
    return Table("Every counter", columns, rows, ("Medians over the rounds.",))


def _measured(comparison: Comparison, cell: Measured) -> list[Cell]:
    unit, s = comparison.workload.metric.unit, cell.summary
    if not s:
        return [Cell(), Cell()]
    return [Cell(units.with_unit(s.median, unit), s.median), _interval(s, unit)]


def _interval(s: Summary, unit: str) -> Cell:
    if s.count < 2:
        return Cell()
    name = units.scale(s.median, unit)[1]
    return Cell(f"{units.together((s.low, s.high), unit, s.median)} {name}", s.low)


def _compared(comparison: Comparison, case: Case, column: str) -> list[Cell]:
    """With what, ratio, its interval, what it says; and the lead over the next."""
    cell, reference = comparison.cells[case, column], comparison.references.get(case)
    if not cell.summary or not reference:
        return [Cell(), Cell(), Cell(), Cell(), Cell()]
    kind = comparison.reference_kind(case)
    if column == reference:
        ratio, name = None, kind
    else:
        ratio, name = cell.ratio, f"{kind} {reference}"
    found = _ratio(ratio, comparison.workload.metric.better)
    return [Cell(name, name), *found, _lead(comparison, case, column)]


def _ratio(ratio: Summary | None, better: str) -> list[Cell]:
    if not ratio:
        return [Cell(), Cell(), Cell()]
    said = finding(ratio, better)
    interval = Cell(units.ratios(ratio.low, ratio.high), ratio.low) if ratio.count > 1 else Cell()
    return [Cell(units.ratio(ratio.median), ratio.median), interval, Cell(said, said)]


def _lead(comparison: Comparison, case: Case, column: str) -> Cell:
    other = next_behind(comparison, case, column)
    lead = comparison.lead(case, column, other) if other else None
    if not lead:
        return Cell()
    text = f"{units.ratio(lead.median)} over {other}"
    if lead.count > 1:
        text += f" ({units.ratios(lead.low, lead.high)})"
    said = finding(lead)
    below = {Finding.BETTER: (), Finding.WORSE: ("behind it round by round",)}.get(said, (said,))
    return Cell(text, lead.median, below)


def _noise(cell: Measured) -> list[Cell]:
    s = cell.summary
    if not s:
        return [Cell(), Cell("0", 0)]
    noise = Cell(f"{units.digits(100 * s.noise)} %", s.noise) if s.count > 1 else Cell()
    return [noise, Cell(str(s.count), s.count)]


def _conditions(values: dict[str, list[float]]) -> list[Cell]:
    steal, load = values.get("steal_percent"), values.get("loadavg")
    return [
        Cell(f"{max(steal):.1f} %", max(steal)) if steal else Cell(),
        Cell(f"{statistics.median(load):.2f}", statistics.median(load)) if load else Cell(),
        _frequency(values.get("frequency_mhz")),
    ]


def _frequency(mhz: list[float] | None) -> Cell:
    if not mhz:
        return Cell()
    low, high = f"{min(mhz):.0f}", f"{max(mhz):.0f}"
    return Cell(f"{low if low == high else f'{low}-{high}'} MHz", statistics.median(mhz))


def _notes(cell: Measured, notes: list[str] | None) -> Cell:
    rounds = len(cell.values) + len(cell.problems)
    texts = dict.fromkeys(record.problem or "" for record in cell.problems)
    counted = f" ({len(cell.problems)} of {rounds} rounds)" if cell.values and texts else ""
    lines = [*(f"{text}{counted}" for text in texts), *(notes or [])]
    kind = "" if not texts else "limit" if cell.only_limits else "failed"
    return Cell(lines[0] if lines else "", lines[0] if lines else None, tuple(lines[1:]), kind)


def _by_row(
    results: WorkloadResults, keys: tuple[str, ...] | None = None
) -> dict[str, dict[str, list[float]]]:
    """Row name -> counter -> its values, in the order in which the workload tells its rows."""
    values: dict[str, dict[str, list[float]]] = {row.name: {} for row in results.workload.rows}
    for record in results.records():
        of_row = values[record.row.name]
        for key in keys or (key for key in record.fields if _counts(key, record)):
            if (value := record.value(key)) is not None:
                of_row.setdefault(key, []).append(value)
    return defaultdict(dict, {name: of_row for name, of_row in values.items() if of_row})


def _counts(key: str, record: Record) -> bool:
    return key not in _BOOKKEEPING and key not in record.row.params


def _counter(key: str, values: list[float] | None) -> Cell:
    if not values:
        return Cell()
    median = statistics.median(values)
    unit = _UNITS.get(key) or ("us" if "_us" in key else "ns" if key.endswith("_ns") else "")
    if unit:
        return Cell(units.with_unit(median, unit), median)
    if 0 < abs(median) < 1e-6:
        return Cell(f"{median:.2g}", median)
    suffix = " %" if key.endswith("_percent") else " ms" if key.endswith("_ms") else ""
    return Cell(f"{units.digits(median)}{suffix}", median)
