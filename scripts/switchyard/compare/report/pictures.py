"""The figures inside the page, each with words that say what it compares, and the value of each
point where it is pointed at.

The words come from the figure itself, so that they can't differ from it.
"""

from dataclasses import dataclass
from xml.etree import ElementTree

from markupsafe import Markup

from ...suite.results import ResultsFolder
from .. import drawing, figures
from ..drawing import Figure, FixedLocator


@dataclass(frozen=True)
class Picture:
    name: str
    workload: str  # that it shows, empty for several
    title: str
    svg: Markup


def pictures_of(folder: ResultsFolder) -> list[Picture]:
    """All figures of which something was measured."""
    return [
        _picture(name, figure, figures.told_below(folder, figure))
        for name, figure in figures.drawn(folder).items()
        if figure
    ]


def _picture(name: str, figure: Figure, caption: str) -> Picture:
    title = " ".join(figure.get_suptitle().split())
    svg = drawing.inline(figure, caption, name)
    svg.attrib |= {"role": "img", "aria-label": f"{title}. {_words(figure)}"}
    return Picture(
        name, figures.workload_of(name), title, Markup(ElementTree.tostring(svg, "unicode"))
    )


def _words(figure: Figure) -> str:
    """What its panels and axes are and what it compares, for those who can't see it."""
    axes = [ax for ax in figure.axes if ax.get_visible()]
    # No other axis than one with names has its ticks where it was told.
    named = [ax for ax in axes if isinstance(ax.yaxis.get_major_locator(), FixedLocator)]
    labels = [label for ax in named for label in ax.get_yticklabels()]
    labels += [label for legend in figure.legends for label in legend.get_texts()]
    told = {
        "Panels": [ax.get_title(loc="left") for ax in axes],
        "Across": [ax.get_xlabel() for ax in axes],
        "Upwards": [ax.get_ylabel() for ax in axes],
        "Compared": [label.get_text() for label in labels],
    }
    parts = []
    for what, texts in told.items():
        texts = dict.fromkeys(" ".join(text.split()) for text in texts)
        if joined := "; ".join(filter(None, texts)):
            parts.append(f"{what}: {joined}.")
    return " ".join((*parts, "The tables have the numbers."))
