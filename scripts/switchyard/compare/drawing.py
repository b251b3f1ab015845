"""What all figures share: their frame, legend and caption, and saving.

Title top left, legend beside the axes and never over data, and below it a caption with the machine,
the commit and how many rounds stand behind each point.
"""

import contextlib
import io
import re
import textwrap
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import BinaryIO
from xml.etree import ElementTree

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


def tell_values(line: Line2D, texts: Sequence[str]) -> None:
    """What is said of each point of a line where it is pointed at, in a page."""
    told = line.figure.__dict__.setdefault("told", [])
    line.set_gid(f"values-{len(told)}")
    told.append(list(texts))


def inline(figure: Figure, caption: str, name: str) -> ElementTree.Element:
    """As an element of a page that allows no style but its own: without namespaces, with attributes
    in place of styles, with a title for each point that has one. Its ids begin with `name`.
    """
    put_below(figure, caption)
    buffer = io.BytesIO()
    write(figure, buffer, "svg")
    root = ElementTree.fromstring(buffer.getvalue())
    for element in root.iter():
        element.tag = element.tag.partition("}")[2]
        style = element.attrib.pop("style", "")
        plain = {name.partition("}")[2] or name: value for name, value in element.attrib.items()}
        of_style = (part.split(":", 1) for part in style.split(";") if part.strip())
        element.attrib = plain | {name.strip(): value.strip() for name, value in of_style}
    for above in list(root.iter()):
        for element in list(above):
            if element.tag in ("metadata", "style"):
                above.remove(element)
    root.set("stroke-linejoin", "round")  # what that style says of all
    root.set("stroke-linecap", "butt")
    named = {
        re.sub(r".*#|\)", "", element.get(key, ""))
        for element in root.iter() for key in ("href", "clip-path")
    }  # fmt: skip
    told = {f"values-{index}": texts for index, texts in enumerate(figure.__dict__.get("told", ()))}
    for group in root.iter("g"):
        points = list(group.iter("use"))
        texts = told.get(group.get("id", ""), ())
        for point, text in zip(points, texts, strict=False):
            if len(points) == len(texts):  # else some lie outside of what is shown
                ElementTree.SubElement(point, "title").text = text
    for element in root.iter():
        own = element.attrib.pop("id", None)
        if own in named:
            element.set("id", f"{name}-{own}")
        for key in ("href", "clip-path"):
            if key in element.attrib:
                element.set(key, element.attrib[key].replace("#", f"#{name}-"))
    return root


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


def caption(folder: ResultsFolder, rounds: Collection[int]) -> str:
    """Machine, commit and build, and how many rounds stand behind the points of a figure."""
    run = folder.environment.get("run") or {}
    return "; ".join(
        [*["Interrupted run"] * (not run.get("complete", True)), *in_short(folder.environment),
         _rounds(sorted(rounds))]
    ) + "."  # fmt: skip


def _rounds(counts: list[int]) -> str:
    several = [count for count in counts if count > 1]
    if not several:
        return "one round"
    spread = "95 % intervals" if several[-1] >= MIN_FOR_INTERVAL else "smallest to largest"
    if several[0] < MIN_FOR_INTERVAL <= several[-1]:
        spread += f" (below {MIN_FOR_INTERVAL} rounds smallest to largest)"
    span = "-".join(map(str, dict.fromkeys((several[0], several[-1]))))
    once = ", points without a bar: one round" if counts[0] == 1 else ""
    return f"medians of {span} rounds, bars: {spread}{once}"


def use_style() -> None:
    mpl.rcdefaults()
    mpl.rcParams.update(STYLE)
