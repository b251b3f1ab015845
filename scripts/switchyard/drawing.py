"""What all figures share: their frame, legend and caption, and saving.

Title top left, legend beside the axes and never over data, and below it a caption with the machine,
the commit and how many rounds stand behind each point.
"""

import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .files import replacing
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
    "legend.frameon": False,
    "svg.hashsalt": "switchyard",  # the same data give the same file
}
_DPI = 150


def new_figure(
    title: str, widths: Sequence[float], rows: int = 1, height: float = 3.2, **options: object
) -> tuple[Figure, list[Axes]]:
    """Panels of these relative widths side by side below a title; returns the axes row by row.

    `height` is that of each row, in inches.
    """
    width = 3.1 + 3.7 * sum(widths)
    figure = Figure(figsize=(width, 1.4 + height * rows), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)
    title = textwrap.fill(title, int(width * 9.2))
    figure.suptitle(title, x=0.012, ha="left", fontsize=12.5, fontweight="bold")
    grid = figure.subplots(rows, len(widths), squeeze=False, width_ratios=widths, **options)
    return figure, list(grid.flat)


def put_below(figure: Figure, caption: str) -> None:
    """A caption, in as many lines as it needs."""
    width = int(figure.get_figwidth() * 15.5)
    figure.supxlabel(
        "\n".join(textwrap.wrap(caption, width)), x=0.012, ha="left", fontsize=7.5, color="#555555"
    )


def save(figure: Figure, caption: str, folder: Path, name: str) -> list[Path]:
    put_below(figure, caption)
    paths = [folder / f"{name}.{kind}" for kind in ("png", "svg")]
    for path in paths:
        metadata = {"Date": None} if path.suffix == ".svg" else None
        with replacing(path) as part:
            figure.savefig(
                part, format=path.suffix[1:], dpi=_DPI, metadata=metadata, facecolor="white"
            )
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
