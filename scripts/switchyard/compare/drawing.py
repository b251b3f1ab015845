"""What all figures share: their frame, legend and caption, and saving.

Title top left, legend beside the axes and never over data, and below it a caption with the machine,
the commit and how many rounds stand behind each point.
"""

import contextlib
import io
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

from ..suite.environment import in_short
from ..suite.results import ResultsFolder
from ..system.files import replacing
from .statistics import MIN_FOR_INTERVAL

# A matplotlibrc in the current folder is for figures of the user's, and may be none that can be
# read. So matplotlib is loaded here first, and by all others from here or after.
with contextlib.chdir(Path(__file__).parent):
    import matplotlib as mpl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch
    from matplotlib.ticker import FixedLocator

__all__ = ["Axes", "Figure", "FixedLocator", "Line2D", "Patch"]

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
    "text.parse_math": False,  # a dollar in a name is a dollar
    "svg.hashsalt": "switchyard",  # the same data give the same file
}
DPI = 150


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
        with replacing(path) as part:
            write(figure, part, path.suffix[1:])
    return paths


def png(figure: Figure, caption: str) -> bytes:
    """The same as in the file that save() writes."""
    put_below(figure, caption)
    buffer = io.BytesIO()
    write(figure, buffer, "png")
    return buffer.getvalue()


def write(figure: Figure, to: Path | BinaryIO, kind: str) -> None:
    """As "png" or "svg"; the same figure gives the same bytes."""
    metadata = {"Date": None} if kind == "svg" else None
    figure.savefig(to, format=kind, dpi=DPI, metadata=metadata, facecolor="white")


def with_legend(
    figure: Figure, axes: Iterable[Axes], handles: Sequence[Line2D] = ()
) -> Figure | None:
    """One legend for all panels and these handles, to their right; None when none has a line."""
    axes = [ax for ax in axes if ax.get_visible()]
    if not axes:
        return None
    told = {handle.get_label(): handle for handle in handles}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            # Of points with intervals only the line: the caps would clutter the legend.
            told.setdefault(label, getattr(handle, "lines", [handle])[0])
    if told:
        figure.legend(told.values(), told.keys(), loc="outside right center")
    return figure


def caption(folder: ResultsFolder) -> str:
    """Machine, commit, build and rounds, for below a figure."""
    run = folder.environment.get("run") or {}
    kept = [list(results.records()) for results in folder.workloads.values()]
    rounds = max((len({r.round for r in of_one if not r.problem}) for of_one in kept), default=0)
    spread = "95 % intervals" if rounds >= MIN_FOR_INTERVAL else "smallest to largest"
    parts = [
        "" if run.get("complete", True) else f"Interrupted run, {rounds} round{'s'[: rounds != 1]}",
        *in_short(folder.environment),
        "one round" if rounds == 1 else f"medians of {rounds} rounds, bars: {spread}",
    ]
    return "; ".join(filter(None, parts)) + "."


def use_style() -> None:
    mpl.rcdefaults()
    mpl.rcParams.update(STYLE)
