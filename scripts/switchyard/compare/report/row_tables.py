"""Tables with a benchmark per row: how far its figures can be trusted, and all that was counted."""

import statistics
from collections import defaultdict
from itertools import product

from ...suite.results import WorkloadResults
from ...system import units
from ..advice import notes_of
from ..comparison import Case, Comparison, Measured, split_parameters
from ..statistics import Finding, finding
from ..tables import Cell, Table, interval, parameter_cells, ratio_interval

# Of Google Benchmark or of the runner: they say nothing of what was measured.
_BOOKKEEPING = frozenset((
    "family_index", "per_family_instance_index", "repetition_index", "repetitions", "round",
    "threads", "iterations", "cpu_time", "launch_s", "limit_reached",
))  # fmt: skip
_ROWS_NOTE = (
    "Noise is half the width of the interval relative to the median. The ratio is to the control "
    "or the fastest contender, the lead is the factor over what comes next in the case; both are "
    "medians of the rounds' ratios. The frequency is that of the faster of the first two CPUs at "
    "the end of each launch, where the kernel tells it."
)
# The columns beside those that name the row.
_COLUMNS = (
    "median", "interval", "compared with", "ratio", "interval of the ratio", "finding",
    "lead over the next", "noise", "rounds", "steal, worst", "throttled, worst", "load average",
    "frequency", "notes",
)  # fmt: skip
_NO_WORDS = Cell("", "")  # in a column of words, also where all are empty
# What a launch was told, and what stands in the table of rows: a median of them tells nothing.
_NO_FIGURES = ("seed", "min_time_s", "loadavg")
_UNITS = {"real_time": "s", "ops_per_s": "1/s", "bytes_per_task": "B"}


def rows_table(results: WorkloadResults, comparison: Comparison) -> Table:
    """Each row with its interval, its ratios, its noise and what is to be said of it."""
    _, varying = split_parameters(comparison.cases)
    headers = ["runtime", *varying]
    notes = notes_of(comparison, results.records())
    conditions = _by_row(results)
    rows = []
    for case, column in product(comparison.cases, comparison.columns):
        if cell := comparison.cells.get((case, column)):
            told = {
                "compared with": _NO_WORDS, "finding": _NO_WORDS,
                **_measured(comparison, case, column),
                **_conditions(conditions.get(cell.row.name, {})),
                "notes": _notes(cell, notes.get(cell.row.name, [])),
            }  # fmt: skip
            names = [Cell(column, column), *parameter_cells(case, varying)]
            rows.append([*names, *(told.get(label, Cell()) for label in _COLUMNS)])
    return Table("Every row", [*headers, *_COLUMNS], len(headers), rows, (_ROWS_NOTE,))


def counters_table(results: WorkloadResults, comparison: Comparison) -> Table:
    """Each row that never failed, with the median over the rounds of all that was counted."""
    failed = {c.row.name for c in comparison.cells.values() if c.kind == "failed"}
    values = {name: of_row for name, of_row in _by_row(results).items() if name not in failed}
    keys = [*dict.fromkeys(k for of_row in values.values() for k in of_row if k not in _NO_FIGURES)]
    rows = [
        [Cell(name, name), *(_counter(key, of_row.get(key)) for key in keys)]
        for name, of_row in values.items()
    ]
    return Table("Every counter", ["row", *keys], 1, rows, ("Medians over the rounds.",))


def _measured(comparison: Comparison, case: Case, column: str) -> dict[str, Cell]:
    """By column, what is known of a row; with what it is compared, and what that says."""
    cell, metric = comparison.cells[case, column], comparison.workload.metric
    s, ratio = cell.summary, cell.ratio
    if not s:
        return {"rounds": Cell("0", 0)}
    kind, reference = comparison.reference_kind(case), comparison.references[case]
    name = kind if column == reference else f"{kind} {reference}"
    told = {
        "median": Cell(units.with_unit(s.median, metric.unit), s.median),
        "compared with": Cell(name, name),
        "rounds": Cell(str(s.count), s.count),
    }
    if s.count > 1:
        unit = units.scale(s.median, metric.unit)[1]
        told["interval"] = Cell(f"{interval(s, metric.unit)} {unit}", s.low)
        told["noise"] = Cell(f"{units.digits(100 * s.noise)} %", s.noise)
    if ratio and column != reference:
        said = finding(ratio, metric.better)
        told["ratio"] = Cell(units.ratio(ratio.median), ratio.median)
        told["finding"] = Cell(said, said)
        if ratio.count > 1:
            told["interval of the ratio"] = Cell(ratio_interval(ratio), ratio.low)
    return told | _lead(comparison, case, column)


def _lead(comparison: Comparison, case: Case, column: str) -> dict[str, Cell]:
    other = comparison.next_behind(case, column)
    lead = comparison.lead(case, column, other) if other else None
    if not lead:
        return {}
    said = finding(lead)
    text = f"{units.ratio(lead.median)} over {other}"
    if lead.count > 1:
        text += f" ({ratio_interval(lead)})"
    notes = {Finding.BETTER: (), Finding.WORSE: ("behind it round by round",)}.get(said, (said,))
    return {"lead over the next": Cell(text, lead.median, notes=notes)}


def _conditions(values: dict[str, list[float]]) -> dict[str, Cell]:
    told = {}
    if steal := values.get("steal_percent"):
        told["steal, worst"] = Cell(f"{max(steal):.1f} %", max(steal))
    if throttled := values.get("throttled_percent"):
        told["throttled, worst"] = Cell(f"{max(throttled):.0f} %", max(throttled))
    if load := values.get("loadavg"):
        told["load average"] = Cell(f"{statistics.median(load):.2f}", statistics.median(load))
    if mhz := values.get("frequency_mhz"):
        ends = dict.fromkeys(f"{end:.0f}" for end in (min(mhz), max(mhz)))
        told["frequency"] = Cell(f"{'-'.join(ends)} MHz", statistics.median(mhz))
    return told


def _notes(cell: Measured, notes: list[str]) -> Cell:
    texts = dict.fromkeys(record.problem or "" for record in cell.problems)
    counted = f" ({cell.share})" if cell.share else ""
    lines = [*(f"{text}{counted}" for text in texts), *notes]
    first, *others = lines or [""]
    return Cell(first, first, notes=tuple(others), kind=cell.kind)


def _by_row(results: WorkloadResults) -> dict[str, dict[str, list[float]]]:
    """Row name -> counter -> its values, in the order in which the workload tells its rows."""
    found = {row.name: defaultdict(list) for row in results.workload.rows}
    for record in results.records():
        for key in record.fields:
            told = key in _BOOKKEEPING or key in record.row.params
            if not told and (value := record.value(key)) is not None:
                found[record.row.name][key].append(value)
    return {name: of_row for name, of_row in found.items() if of_row}


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
