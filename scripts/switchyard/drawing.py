"""What all figures share: their frame, axes in readable units, lines with intervals, and saving.

Title top left, legend beside the axes and never over data, and below it a caption with the machine,
the commit and how many rounds stand behind each point.
"""

import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import (
    FixedLocator,
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    NullLocator,
)

from . import units
from .comparison import Comparison
from .palette import look
from .results import ResultsFolder
from .statistics import MIN_FOR_INTERVAL

STYLE = {
    "font.size": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.7,
    "lines.linewidth": 1.5,
    "lines.markersize": 5.5,
    "legend.frameon": False,
    "svg.hashsalt": "switchyard",  # the same data give the same file
}
_DPI = 150


def new_figure(
    title: str, widths: Sequence[float], rows: int = 1, **options: object
) -> tuple[Figure, list[Axes]]:
    """Panels of these relative widths side by side below a title; returns the axes row by row."""
    figure = Figure(figsize=(3.1 + 3.7 * sum(widths), 1.4 + 3.2 * rows), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)
    figure.suptitle(title, x=0.012, ha="left", fontsize=12.5, fontweight="bold")
    grid = figure.subplots(rows, len(widths), squeeze=False, width_ratios=widths, **options)
    return figure, list(grid.flat)


def save(figure: Figure, caption: str, folder: Path, name: str) -> list[Path]:
    width = int(figure.get_figwidth() * 15.5)
    figure.supxlabel(
        "\n".join(textwrap.wrap(caption, width)), x=0.012, ha="left", fontsize=7.5, color="#555555"
    )
    paths = [folder / f"{name}.{kind}" for kind in ("png", "svg")]
    for path in paths:
        metadata = {"Date": None} if path.suffix == ".svg" else None
        figure.savefig(path, dpi=_DPI, metadata=metadata, facecolor="white")
    return paths


def has_lines(ax: Axes) -> bool:
    """Whether anything was measured for this panel; hides it if not: it could not be scaled."""
    ax.set_visible(bool(ax.containers))
    return ax.get_visible()


def with_legend(figure: Figure, axes: Iterable[Axes]) -> Figure | None:
    """One legend for all panels, to their right; None when no panel has a line."""
    axes = [ax for ax in axes if ax.get_visible()]
    if not axes:
        return None
    handles = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            # Of points with intervals only the line: the caps would clutter the legend.
            handles.setdefault(label, getattr(handle, "lines", [handle])[0])
    figure.legend(handles.values(), handles.keys(), loc="outside right center")
    return figure


def draw_line(
    ax: Axes, comparison: Comparison, column: str, x_name: str, where: dict[str, Any]
) -> bool:
    """A column's medians against a parameter, with intervals; False if nothing was measured."""
    points = []
    for (case, name), cell in comparison.cells.items():
        params = dict(case)
        if name == column and cell.summary and x_name in params and where.items() <= params.items():
            points.append((params[x_name], cell.summary))
    if not points:
        return False
    points.sort(key=lambda point: point[0])
    style = look(column)
    summaries = [summary for _, summary in points]
    ax.errorbar(
        [x for x, _ in points],
        [s.median for s in summaries],
        yerr=[[s.median - s.low for s in summaries], [s.high - s.median for s in summaries]],
        color=style.colour, marker=style.marker, linestyle=style.line,
        capsize=2.5, elinewidth=1, label=column,
    )  # fmt: skip
    return True


def log_axis(axis: Axis, unit: str, factor: float = 1.0) -> None:
    """Ticks with their unit: decades, or 1-2-5 on a short axis; bytes in powers of four.

    `factor` turns the axis' values into `unit`.
    """
    getattr(axis.axes, f"set_{axis.axis_name}scale")("log")
    low, high = axis.get_view_interval()
    if unit == "B":
        locator = LogLocator(base=4, numticks=12)
        axis.set_minor_locator(NullLocator())
    else:
        locator = LogLocator(base=10, subs=(1, 2, 5) if high < 30 * low else (1,), numticks=12)
        axis.set_minor_locator(LogLocator(base=10, subs=range(2, 10), numticks=12))
    axis.set_major_locator(locator)
    axis.set_major_formatter(FuncFormatter(lambda value, _: tick(value * factor, unit)))
    axis.set_minor_formatter(NullFormatter())


def parameter_axis(axis: Axis, values: Iterable[float]) -> None:
    """A logarithmic axis whose ticks are the values that were measured."""
    values = sorted(set(values))
    if len(values) == 1:  # nothing to scale by: put it in the middle
        getattr(axis.axes, f"set_{axis.axis_name}lim")(values[0] / 2, values[0] * 2)
    getattr(axis.axes, f"set_{axis.axis_name}scale")("log")
    axis.set_major_locator(FixedLocator(values))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(
        FuncFormatter(lambda v, _: f"{v / 1000:g}k" if v >= 10_000 else f"{v:,g}")
    )


def linear_axis(axis: Axis, unit: str) -> None:
    """From zero; ticks written with their unit."""
    getattr(axis.axes, f"set_{axis.axis_name}lim")(0, None)
    axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: tick(value, unit)))


def tick(value: float, unit: str) -> str:
    factor, name = units.scale(value, unit) if value else (1.0, "")
    name = {"us": "µs"}.get(name, name)
    return f"{value / factor:,.4g} {name}".rstrip()


def caption(folder: ResultsFolder) -> str:
    """Machine, commit, build and rounds, for below a figure."""
    facts = folder.environment
    machine, git = facts.get("machine") or {}, facts.get("git") or {}
    build, run = facts.get("build") or {}, facts.get("run") or {}
    counts = {
        len({r.round for r in kept.records() if not r.problem})
        for kept in folder.workloads.values()
    }
    rounds = max(counts, default=0)
    spread = "95 % intervals" if rounds >= MIN_FOR_INTERVAL else "smallest to largest"
    virtual = machine.get("virtualisation")
    parts = [
        "" if run.get("complete", True) else f"Interrupted run, {rounds} round{'s'[: rounds != 1]}",
        f"{machine.get('cpu_model') or 'unknown CPU'}, {machine.get('cpu_count') or '?'} CPUs"
        + (
            f" (virtual machine{'' if virtual == 'unknown' else f', {virtual}'})" if virtual else ""
        ),
        f"Linux {machine.get('kernel') or '?'}",
        f"commit {(git.get('sha') or 'none')[:7]}" + (" with changes" if git.get("dirty") else ""),
        f"{build.get('compiler')}, Boost {build.get('boost')}" if build else "",
        f"{run['started_at'][:10]}" if run.get("started_at") else "",
        "one round" if rounds == 1 else f"medians of {rounds} rounds, bars: {spread}",
    ]
    return "; ".join(part for part in parts if part) + "."


def use_style() -> None:
    mpl.rcParams.update(STYLE)
