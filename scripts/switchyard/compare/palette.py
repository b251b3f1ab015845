"""One look per runtime, the same in every figure.

Colours are those of Okabe and Ito (jfly.uni-koeln.de/color), which people with any kind of colour
vision can tell apart, and some that are as far from them for each kind; every runtime also has a
marker of its own. Only hand-written control rows are dashed, so that a limit is not mistaken for a
contender, and only outside references are dash-dotted. Whom nobody knows here, such as a server
of the user's own, has one of the spare looks, another one for each.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ..suite.catalog import Row

LineStyle = str | tuple[float, tuple[float, ...]]

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILLION, PURPLE, GREY = "#0072B2", "#D55E00", "#CC79A7", "#8A8A8A"
BROWN, WINE, INDIGO = "#6B4C2A", "#882255", "#332288"
VIOLET, PALE_GREEN = "#5500BB", "#99CC77"
OLIVE, RUST, TEAL = "#777711", "#BB4433", "#00838F"

_DOTS, _SPARSE_DOTS = (0.0, (1.0, 1.0)), (0.0, (1.0, 4.0))
_DASH_DOT = "-."
_DASH_DOT_DOT = (0.0, (6.0, 2.0, 1.0, 2.0, 1.0, 2.0))


@dataclass(frozen=True)
class Look:
    colour: str
    marker: str
    line: LineStyle = "-"
    size: float = 5.5  # of the marker


_LOOKS = {
    "serial": Look(GREY, "s"),
    "process": Look(VERMILLION, "o"),
    "thread": Look(BLUE, "^"),
    "fiber": Look(GREEN, "D"),
    "fiber_uring": Look(VIOLET, ">"),
    "coroutine": Look(WINE, "P"),
    "callback": Look(INDIGO, "d"),
    "context": Look(PURPLE, "v", "--"),
    "greenlet": Look(SKY, ">", "--"),
    "coroutine_handle": Look(BLACK, "X", "--"),
    "awaitable": Look(GREY, "d", "--"),
    "self_pipe": Look(ORANGE, "p", "--"),
    "epoll": Look(BLACK, "X", "--"),
    "uring": Look(PALE_GREEN, "v", "--"),
    "wrk": Look(BLACK, "X", "--"),
    "plain_process": Look(ORANGE, "h", "--"),
    "plain_thread": Look(SKY, "<", "--"),
    "plain_queue": Look(BLACK, "X", "--"),
    "plain": Look(BLACK, "X", "--"),
    "gevent": Look(BROWN, "*", _DASH_DOT, 8.5),
    "gevent sleep0": Look(BROWN, "*", _DASH_DOT_DOT, 8.5),
    "asyncio": Look(OLIVE, "$A$", _DASH_DOT, 7.5),
    "uvloop": Look(RUST, "$U$", _DASH_DOT, 7.5),
    "go": Look(TEAL, "$G$", _DASH_DOT, 7.5),
}
# For whom has no look of its own, in this order: as many markers, and their colours anew in another
# order after that.
_SPARE_MARKERS = ("8", "1", "2", "3", "4", "+", "x")
_SPARE_COLOURS = ("#661100", "#999933", "#4477AA", "#AA3377", "#117733")
# Mechanisms of one runtime share its colour. Of a control or an outside reference it is the line
# that says so: theirs stays.
_VIA_LINES: dict[str, LineStyle] = {
    "futex": "-", "yield": "-", "pipe": _DOTS, "sched_yield": _SPARSE_DOTS,
    "shared_memory": "-", "buffered_channel": "-", "coroutine_queue": "-", "mutex": "-",
    "messages": "-", "atomic": _DOTS, "plain": "-", "direct": "-", "offloaded": _DOTS,
}  # fmt: skip

_OTHERS = "other programs"
# Who is drawn together where there are too many lines for one panel. Who is in none of them (serial
# and the limits) is what all are held against.
FAMILIES = {
    "processes and threads": ("process", "thread", "plain_process", "plain_thread"),
    "fibers and greenlets": ("fiber", "fiber_uring", "context", "greenlet", "gevent", "go"),
    "coroutines and callbacks": (
        "coroutine",
        "callback",
        "coroutine_handle",
        "awaitable",
        "asyncio",
        "uvloop",
    ),
    _OTHERS: (),
}


def family(column: str) -> str | None:
    """The name of a column's family; None: it is to stand beside each."""
    runtime = column.partition(" ")[0]
    for name, members in FAMILIES.items():
        if runtime in members:
            return name
    return None if runtime in _LOOKS else _OTHERS


_NOTES = {"self_pipe": " (no switch)", "plain": " (one task)"} | dict.fromkeys(
    ("gevent", "asyncio", "uvloop"), " (Python)"
)


def look(column: str, among: Iterable[Row] = ()) -> Look:
    """The look of a column of a comparison: "thread", or "thread futex". Spare ones go to the
    unknown in the order in which they are `among` the rows of the workload.
    """
    runtime, _, via = column.partition(" ")
    base = _LOOKS.get(column) or _LOOKS.get(runtime) or _spare(runtime, among)
    if base.line != "-":
        return base
    return Look(base.colour, base.marker, _VIA_LINES.get(via, "-"))


def _spare(runtime: str, among: Iterable[Row]) -> Look:
    unknown = {row.runtime: row for row in among if row.runtime not in _LOOKS}
    place = [*unknown].index(runtime) if runtime in unknown else 0
    is_outside = runtime in unknown and unknown[runtime].is_outside
    spare = Look(
        _SPARE_COLOURS[place % len(_SPARE_COLOURS)], _SPARE_MARKERS[place % len(_SPARE_MARKERS)]
    )
    return replace(spare, line=_DASH_DOT) if is_outside else spare


def label(column: str) -> str:
    """How a figure names a column: as it is, and what else a reader has to know of it."""
    runtime = column.partition(" ")[0]
    note = _NOTES.get(runtime, "")
    return column.replace("self_pipe pipe", "self_pipe") + note
