"""Turns result rows into what a table or a figure shows: cases down, columns across.

A case is what may be compared (workload and parameters); a column is a runtime, with its
mechanism where it has several. Each cell has a median with its interval and the ratio to the case's
reference: the control row if there is one, or the fastest contender. An outside reference is never
what the others are measured by, and neither is a control in a case of which it isn't the control.
A row that failed in any round has no figure at all: what answers wrongly now and then may be fast
because of it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import combinations, pairwise, starmap

from ..suite.catalog import Row, Workload
from ..suite.results import Record, WorkloadResults
from .statistics import Finding, Summary, finding, paired_ratio, summarize

Case = tuple[tuple[str, int | float | str], ...]


@dataclass
class Measured:
    """Everything measured for one row, by round, in so many `rounds`; nothing if it failed in one
    of them. `ratio`: to the reference of its case.
    """

    row: Row
    values: dict[int, float] = field(default_factory=dict)
    problems: list[Record] = field(default_factory=list)
    ratio: Summary | None = None
    rounds: int = 0

    @cached_property
    def summary(self) -> Summary | None:
        """None when no round gave a value."""
        return summarize(list(self.values.values())) if self.values else None

    @property
    def kind(self) -> str:
        """ "failed" or "limit" if a round had a problem, "" if all went well."""
        if not self.problems:
            return ""
        return "limit" if all(record.is_limit for record in self.problems) else "failed"

    @property
    def share(self) -> str:
        """In how many rounds it had a problem, "" if in all or none: "3 of 6 rounds"."""
        n = len(self.problems)
        return f"{n} of {self.rounds} rounds" if 0 < n < self.rounds else ""


@dataclass(frozen=True)
class Ranking:
    """The contender with the best median, and its lead over each of the others, the next first.

    A lead is the factor by which it is better; None where two have no round in common. `shown`: up
    to which p one is a difference, among all that are compared with it.
    """

    case: Case
    leader: str
    leads: dict[str, Summary | None]
    shown: float

    def over(self, found: Finding) -> dict[str, Summary | None]:
        """The others of which its lead says this; WORSE are those that lead round by round."""
        leads = self.leads.items()
        return {name: lead for name, lead in leads if finding(lead, shown=self.shown) is found}

    @property
    def is_shown(self) -> bool:
        """Whether it is ahead of every other, as far as intervals show it."""
        return bool(self.leads) and len(self.over(Finding.BETTER)) == len(self.leads)


@dataclass
class Comparison:
    workload: Workload
    cells: dict[tuple[Case, str], Measured]

    def __bool__(self) -> bool:
        """Whether there is anything in it."""
        return bool(self.cells)

    @property
    def cases(self) -> list[Case]:
        """In the order in which the workload tells them; so are the columns."""
        have = {case for case, _ in self.cells}
        return list(dict.fromkeys(r.case for r in self.workload.rows if r.case in have))

    @property
    def columns(self) -> list[str]:
        have = {column for _, column in self.cells}
        return list(dict.fromkeys(r.column for r in self.workload.rows if r.column in have))

    @property
    def summaries(self) -> dict[str, Summary]:
        """By row."""
        return {cell.row.name: cell.summary for cell in self.measured().cells.values()}

    def reference_kind(self, case: Case) -> str:
        """ "control", "fastest", or "" where there is nothing to compare with."""
        cells = self.of(case)
        reference = cells[self.references[case]].row.runtime
        if any(cell.row.control == reference for cell in cells.values()):
            return "control"
        return "fastest" if len(self.ranked(case)) > 1 else ""

    def of(self, case: Case) -> dict[str, Measured]:
        """The cells of a case by their columns."""
        return {column: cell for (other, column), cell in self.cells.items() if other == case}

    def ranked(self, case: Case) -> list[str]:
        """What was measured, the best median first."""
        medians = {
            name: cell.summary.median for name, cell in self.of(case).items() if cell.summary
        }
        return sorted(medians, key=medians.get, reverse=self.workload.metric.better == "higher")

    def contenders(self, case: Case) -> list[str]:
        """Those of the ranked that compete: neither an outside reference nor a control, but where
        only controls were measured that nobody is held against.
        """
        named = {row.control for row in self.workload.rows}
        rows = {column: self.cells[case, column].row for column in self.ranked(case)}
        ours = [c for c, row in rows.items() if not row.is_outside and row.runtime not in named]
        return [column for column in ours if not rows[column].is_control] or ours

    @cached_property
    def references(self) -> dict[Case, str]:
        """Of each case its control if that was measured, else its best contender."""
        found = {}
        for case in self.cases:
            rows = {column: self.cells[case, column].row for column in self.ranked(case)}
            named = {row.control for row in rows.values()}
            controls = [column for column, row in rows.items() if row.runtime in named]
            ours = [column for column, row in rows.items() if not row.is_outside]
            for column in (*controls, *self.contenders(case), *ours, *rows):
                found.setdefault(case, column)
        return found

    def lead(self, case: Case, ahead: str, behind: str) -> Summary | None:
        """By what factor `ahead` is better than `behind`, from paired rounds; below 1 it is worse.

        None where they have no round in common.
        """
        a, b = self.cells[case, ahead].values, self.cells[case, behind].values
        return paired_ratio(a, b) if self.workload.metric.better == "higher" else paired_ratio(b, a)

    def ranking(self, case: Case, shown: float, among: Sequence[str] = ()) -> Ranking | None:
        """Of these columns, the best one first, or of all contenders; None where there is none."""
        leader, *others = among or self.contenders(case) or [None]
        if leader is None:
            return None
        leads = {name: self.lead(case, leader, name) for name in others}
        return Ranking(case, leader, leads, shown)

    def leads(self, case: Case) -> Iterator[Summary | None]:
        """Of each contender over each that comes behind it."""
        return starmap(partial(self.lead, case), combinations(self.contenders(case), 2))

    def next_behind(self, case: Case, column: str) -> str | None:
        """Who comes after it by median among all that were measured; None at the end."""
        return dict(pairwise(self.ranked(case))).get(column)

    def measured(self) -> "Comparison":
        """Without the cells that have no value."""
        return replace(self, cells={at: cell for at, cell in self.cells.items() if cell.summary})


def compare(results: WorkloadResults, key: str | None = None) -> Comparison:
    """Compare by the workload's metric, or by another counter."""
    key = key or results.workload.metric.key
    cells: dict[tuple[Case, str], Measured] = {}
    for record in results.records():
        cell = cells.setdefault((record.row.case, record.row.column), Measured(record.row))
        cell.rounds += 1
        if record.problem:
            cell.problems.append(record)
        elif (value := record.value(key)) is not None:
            cell.values[record.round] = value
    for cell in cells.values():
        if cell.kind == "failed":
            cell.values.clear()
    comparison = Comparison(results.workload, cells)
    for (case, _), cell in cells.items():
        if cell.values:
            reference = cells[case, comparison.references[case]]
            cell.ratio = paired_ratio(cell.values, reference.values)
    return comparison


def split_parameters(cases: list[Case]) -> tuple[dict[str, int | float | str], list[str]]:
    """Parameters that are the same in all cases, and the names of those that are not."""
    values = {name: {dict(case).get(name) for case in cases} for case in cases for name, _ in case}
    constant = {
        name: next(iter(found))
        for name, found in values.items()
        if len(found) == 1 and len(cases) > 1
    }
    return constant, [name for name in values if name not in constant]


def speed_up(comparison: Comparison, base: str) -> Comparison:
    """How many times as fast as the column `base` each cell is, round by round, for times.

    The base is that of the same case, or where it was measured in one case only, that one.
    """
    bases = {case: cell.values for (case, name), cell in comparison.cells.items() if name == base}
    only = next(iter(bases.values())) if len(bases) == 1 else {}
    cells = {}
    for (case, column), cell in comparison.cells.items():
        reference = bases.get(case, only)
        ratios = {r: reference[r] / v for r, v in cell.values.items() if r in reference and v}
        if ratios:
            cells[case, column] = Measured(cell.row, ratios)
    return replace(comparison, cells=cells)
