"""The figures as data inside the page, each with words that say what it compares.

The words come from the figure itself, so that they can't differ from it; the picture from the file
in plots/ if there is one, because drawing takes most of the time of a report.
"""

import base64
import struct
from dataclasses import dataclass
from pathlib import Path

from ...suite.results import ResultsFolder
from .. import drawing, figures
from ..drawing import Figure, FixedLocator

_CSS_DPI = 96
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_END = b"IEND\xaeB`\x82"


@dataclass(frozen=True)
class Picture:
    """`uri`: a PNG as data; width and height in CSS pixels, for letters of the same size in all."""

    name: str
    title: str
    alt: str
    uri: str
    width: int
    height: int


def pictures_of(folder: ResultsFolder) -> list[Picture]:
    """All figures of which something was measured."""
    caption = drawing.caption(folder)
    return [
        _picture(name, figure, _stored(folder.path / "plots" / f"{name}.png")
                 or drawing.png(figure, caption))
        for name, figure in figures.drawn(folder).items()
        if figure
    ]  # fmt: skip


def _stored(path: Path) -> bytes | None:
    """None for what is not there, or is no whole PNG."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    return data if data.startswith(_PNG) and data.endswith(_PNG_END) else None


def _picture(name: str, figure: Figure, png: bytes) -> Picture:
    width, height = (round(n * _CSS_DPI / drawing.DPI) for n in struct.unpack(">II", png[16:24]))
    uri = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    title = " ".join(figure.get_suptitle().split())
    return Picture(name, title, f"{title}. {_words(figure)}", uri, width, height)


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
