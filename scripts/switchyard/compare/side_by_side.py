"""Results of several machines, kernels, compilers or commits, held against those of the first.

They were not measured in the same rounds, so that nothing cancels out: the interval of a ratio is
Welch's (1947) of the logarithms, of two samples with spreads of their own.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..suite.catalog import Metric, in_order
from ..suite.results import ResultsFolder
from ..system import units
from ..system.errors import BadInputError
from . import drawing
from .comparison import Measured, compare
from .drawing import Figure
from .figures.axes import log_axis
from .statistics import Finding, Summary, finding, unpaired_ratio
from .tables import Cell, Table, interval, problem_marks, ratio_interval, told_below

# Of a run; all else differs in every one, or is told by its rows.
_OF_RUN = ("min_time_s", "complete")
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#444444")
_MARKERS = "osD^v"


@dataclass(frozen=True)
class SideBySide:
    """Results folders, by the names under which they are told."""

    names: list[str]
    folders: Sequence[ResultsFolder]

    def environments(self) -> dict[str, list[str]]:
        """What differs, by its name; what one of them does not tell is "-"."""
        flat = [dict(_flat(folder.environment)) for folder in self.folders]
        keys = dict.fromkeys(key for facts in flat for key in facts)
        told = {key: [str(facts.get(key, "-")) for facts in flat] for key in keys}
        return {key: texts for key, texts in told.items() if len(set(texts)) > 1}

    def workloads(self) -> list[str]:
        every = [kept.workload for folder in self.folders for kept in folder.workloads.values()]
        by_name = {workload.name: workload for workload in every}
        return [workload.name for workload in in_order(by_name.values(), lambda of: of)]

    def measured(self, workload: str) -> dict[str, list[Measured | None]]:
        """By the name of a row what each folder has of it, if anything; all by the same metric."""
        kept = [folder.workloads.get(workload) for folder in self.folders]
        key = self._metric(workload).key
        cells = [
            {cell.row.name: cell for cell in compare(one, key).cells.values()} if one else {}
            for one in kept
        ]
        told = (row.name for one in kept if one for row in one.workload.rows)
        rows = dict.fromkeys(name for name in told if any(name in of_one for of_one in cells))
        return {name: [of_one.get(name) for of_one in cells] for name in rows}

    def table(self, workload: str) -> Table:
        """Rows that all have a figure of; notes name the others, and what is wrong with them."""
        metric = self._metric(workload)
        rows, alone, footnotes = [], {}, {}
        for name, found in self.measured(workload).items():
            short = name.removeprefix(f"{workload}/")
            if not all(cell and cell.summary for cell in found):
                alone.setdefault(self._where(found, footnotes), []).append(short)
                continue
            told = [_told(cell, metric, footnotes) for cell in found]
            others = zip(told[1:], found[1:], strict=True)
            ratios = [_against(text, cell, found[0], metric) for text, cell in others]
            rows.append([Cell(short, name), told[0], *ratios])
        notes = [f"Ratios to {self.names[0]}, which was not measured in the same rounds."]
        notes += self._other_metrics(workload)
        notes += [f"{where}: {', '.join(names)}." for where, names in alone.items()]
        title = f"{metric.label}, {metric.better} is better"
        columns = ["row", *self.names]
        return Table(title, columns, 1, rows, (*notes, *told_below(footnotes)))

    def _other_metrics(self, workload: str) -> Iterator[str]:
        """Of folders whose builds compare by something else."""
        metric = self._metric(workload)
        for name, folder in zip(self.names, self.folders, strict=True):
            kept = folder.workloads.get(workload)
            if kept and (own := kept.workload.metric).key != metric.key:
                yield (
                    f"{metric.label} ({metric.key}) of {name} too, which itself compares by "
                    f"{own.label} ({own.key})."
                )

    def _where(self, found: Sequence[Measured | None], footnotes: dict[str, int]) -> str:
        """Of a row that not all have a figure of: "only in a", "FAILED (1) in b"."""
        named = [*zip(self.names, found, strict=True)]
        have = [name for name, cell in named if cell and cell.summary]
        parts = [
            f"{problem_marks(cell, footnotes)} in {' of '.join(filter(None, (cell.share, name)))}"
            for name, cell in named
            if cell and cell.problems and not cell.summary
        ]
        if len(have) + len(parts) < len(found):
            parts.append(f"only in {', '.join(have)}" if have else "without a result")
        return "; ".join(parts)

    def figure(self, workload: str) -> Figure | None:
        """The ratio of each row to the first folder; None where no row is in all of them."""
        measured = {
            name: [unpaired_ratio(cell.values, cells[0].values) for cell in cells[1:]]
            for name, cells in self.measured(workload).items()
            if all(cell and cell.values for cell in cells)
        }
        # There is no place for zero on a logarithmic axis.
        found = {name: rs for name, rs in measured.items() if all(r and r.median > 0 for r in rs)}
        if not found:
            return None
        title = f"{workload}: {self._metric(workload).label}, in times of {self.names[0]}"
        figure, (ax,) = drawing.new_figure(title, [1.4], height=max(2.4, 0.27 * len(found)))
        for at, name in enumerate(self.names[1:]):
            ratios = [ratios[at] for ratios in found.values()]
            ys = [y + 0.18 * at for y in range(len(ratios))]
            reach = [*zip(*map(_reach, ratios), strict=True)]
            colour, marker = _COLOURS[at % len(_COLOURS)], _MARKERS[at % len(_MARKERS)]
            ax.errorbar([r.median for r in ratios], ys, xerr=reach, fmt=marker, color=colour,
                        markersize=5, capsize=2.5, elinewidth=1, label=name)  # fmt: skip
        ax.axvline(1, color="#444444", linestyle=(0, (1, 2)))
        ax.set_yticks(range(len(found)), [name.removeprefix(f"{workload}/") for name in found])
        ax.invert_yaxis()
        log_axis(ax.xaxis, "")
        ax.set_xlabel("ratio (log scale), with its 95 % interval")
        return drawing.with_legend(figure, [ax])

    def _metric(self, workload: str) -> Metric:
        kept = (folder.workloads.get(workload) for folder in self.folders)
        return next(one.workload.metric for one in kept if one)


def side_by_side(paths: Sequence[Path]) -> SideBySide:
    if len(paths) < 2:
        raise BadInputError("compare takes two results folders or more")
    if len({path.resolve() for path in paths}) < len(paths):
        raise BadInputError("a results folder is named twice")
    folders = [ResultsFolder.load(path) for path in paths]
    short = [path.resolve().name for path in paths]
    return SideBySide(short if len(set(short)) == len(short) else [str(p) for p in paths], folders)


def _told(cell: Measured, metric: Metric, footnotes: dict[str, int]) -> Cell:
    s, unit = cell.summary, metric.unit
    return Cell(units.with_unit(s.median, unit), s.median, interval(s, unit),
                problem=problem_marks(cell, footnotes), kind=cell.kind)  # fmt: skip


def _against(told: Cell, cell: Measured, first: Measured, metric: Metric) -> Cell:
    ratio = unpaired_ratio(cell.values, first.values)
    if not ratio:
        return replace(told, ratio="-", notes=(Finding.ZERO,))
    return replace(
        told, ratio=units.ratio(ratio.median), notes=(finding(ratio, metric.better),),
        ratio_interval="" if ratio.is_range else ratio_interval(ratio),
    )  # fmt: skip


def _reach(ratio: Summary) -> tuple[float, float]:
    """Of the bar to both sides; none is drawn where there is no interval."""
    if ratio.is_range:
        return math.nan, math.nan
    return ratio.median - ratio.low, ratio.high - ratio.median


def _flat(facts: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in facts.items():
        if before == "run." and key not in _OF_RUN:
            continue
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value
