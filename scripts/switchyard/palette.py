"""One look per runtime, the same in every figure.

Colours are those of Okabe and Ito (jfly.uni-koeln.de/color), which people with any kind of colour
vision can tell apart; each runtime also has a marker of its own. Hand-written control rows are
dashed, so that a limit is not mistaken for a contender.
"""

from dataclasses import dataclass

_BLACK, _ORANGE, _SKY, _GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
_BLUE, _VERMILLION, _PURPLE, _GREY = "#0072B2", "#D55E00", "#CC79A7", "#8A8A8A"


@dataclass(frozen=True)
class Look:
    colour: str
    marker: str
    line: str = "-"


_LOOKS = {
    "serial": Look(_GREY, "s"),
    "process": Look(_VERMILLION, "o"),
    "thread": Look(_BLUE, "^"),
    "fiber": Look(_GREEN, "D"),
    "context": Look(_PURPLE, "v", "--"),
    "self_pipe": Look(_ORANGE, "P", "--"),
    "epoll": Look(_BLACK, "X", "--"),
    "plain_process": Look(_ORANGE, "h", "--"),
    "plain_thread": Look(_SKY, "<", "--"),
}
# For runtimes that are added later and have not been given a look yet.
_SPARE = (Look("#6B4C2A", "p"), Look("#B8A800", "*"), Look(_GREY, "d", ":"))
# Mechanisms of one runtime share its colour.
_VIA_LINES = {"futex": "-", "yield": "-", "resume": "--", "pipe": "--", "sched_yield": ":"}


def look(column: str) -> Look:
    """The look of a column of a comparison: "thread", or "thread futex"."""
    runtime, _, via = column.partition(" ")
    base = _LOOKS.get(runtime) or _SPARE[sum(runtime.encode()) % len(_SPARE)]
    return Look(base.colour, base.marker, _VIA_LINES.get(via, base.line)) if via else base
