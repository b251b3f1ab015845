"""Results of several machines, kernels, compilers or commits, held against those of the first.

They were not measured in the same rounds, so that nothing cancels out: the interval of a ratio is
Welch's (1947) of the logarithms, of two samples with spreads of their own.
"""

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
from .statistics import finding, unpaired_ratio
from .tables import Cell, Table, interval, ratio_interval

_UNTOLD = {"run", "limits"}  # of an environment: differs in every run, or is told by its rows
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
        """By the name of a row what each folder has of it, if anything."""
        kept = [folder.workloads.get(workload) for folder in self.folders]
        cells = [
            {cell.row.name: cell for cell in compare(one).cells.values()} if one else {}
            for one in kept
        ]
        told = (row.name for one in kept if one for row in one.workload.rows)
        rows = dict.fromkeys(name for name in told if any(name in of_one for of_one in cells))
        return {name: [of_one.get(name) for of_one in cells] for name in rows}

    def table(self, workload: str) -> Table:
        """Rows that all have; a note names the others."""
        metric = self._metric(workload)
        rows, alone = [], {}
        for name, found in self.measured(workload).items():
            summaries = [cell.summary if cell else None for cell in found]
            if not all(summaries):
                have = [n for n, s in zip(self.names, summaries, strict=True) if s]
                where = f"only in {', '.join(have)}" if have else "without a result"
                alone.setdefault(where, []).append(name.removeprefix(f"{workload}/"))
                continue
            cells = [Cell(name.removeprefix(f"{workload}/"), name)]
            for cell, summary in zip(found, summaries, strict=True):
                told = Cell(units.with_unit(summary.median, metric.unit), summary.median,
                            interval(summary, metric.unit))  # fmt: skip
                cells.append(told if cell is found[0] else _against(told, cell, found[0], metric))
            rows.append(cells)
        notes = (f"Ratios to {self.names[0]}, which was not measured in the same rounds.",)
        notes += tuple(f"{where}: {', '.join(names)}." for where, names in alone.items())
        title = f"{metric.label}, {metric.better} is better"
        return Table(title, ["row", *self.names], 1, rows, notes)

    def figure(self, workload: str) -> Figure | None:
        """The ratio of each row to the first folder; None where no row is in all of them."""
        found = {
            name: [unpaired_ratio(cell.values, cells[0].values) for cell in cells[1:]]
            for name, cells in self.measured(workload).items()
            if all(cell and cell.values for cell in cells)
        }
        if not found:
            return None
        title = f"{workload}: {self._metric(workload).label}, in times of {self.names[0]}"
        figure, (ax,) = drawing.new_figure(title, [1.4], height=max(2.4, 0.27 * len(found)))
        for at, name in enumerate(self.names[1:]):
            ratios = [ratios[at] for ratios in found.values()]
            ys = [y + 0.18 * at for y in range(len(ratios))]
            reach = [[r.median - r.low for r in ratios], [r.high - r.median for r in ratios]]
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


def _against(told: Cell, cell: Measured, first: Measured, metric: Metric) -> Cell:
    ratio = unpaired_ratio(cell.values, first.values)
    said = finding(ratio, metric.better)
    return replace(
        told, ratio=units.ratio(ratio.median), ratio_interval=ratio_interval(ratio), notes=(said,)
    )


def _flat(facts: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in facts.items():
        if not before and key in _UNTOLD:
            continue
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value
