"""What stands for a finding in the figure of a check: an interval with a mark, a number, a word.

Verdicts differ in colour and in shape, and what was measured anew is filled and thick.
"""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ..compare import palette
from ..compare.palette import Look
from . import wording
from .model import Evidence, Finding, Plan, Report, Verdict, percent

_LOOKS = {
    Verdict.REGRESSED: Look(palette.VERMILLION, "^", size=6.5),
    Verdict.IMPROVED: Look(palette.BLUE, "v", size=6.5),
    Verdict.INCONCLUSIVE: Look(palette.ORANGE, "D", size=5.0),
    Verdict.UNCHANGED: Look("#6E6E6E", "o", size=5.0),
}
# Of the words beside them: that orange is too pale for letters, and most rows are no news.
_WORD_COLOURS = {
    Verdict.REGRESSED: palette.VERMILLION,
    Verdict.FAILED: palette.VERMILLION,
    Verdict.IMPROVED: palette.BLUE,
    Verdict.INCONCLUSIVE: "#222222",
}


def ends(seen: Evidence) -> tuple[float, float]:
    """Of the interval, in per cent; one pair has none."""
    low = seen.estimate if seen.low is None else seen.low
    high = seen.estimate if seen.high is None else seen.high
    return percent(low), percent(high)


def draw_bands(ax: Axes, plan: Plan) -> None:
    for limit, colour in ((plan.equivalence_limit, "#F3F3F3"), (plan.limit, "#E6E6E6")):
        ax.axvspan(percent(-limit), percent(limit), color=colour, linewidth=0, zorder=0)
    for limit in (-plan.limit, plan.limit):
        ax.axvline(percent(limit), color="#777777", linewidth=0.9, linestyle=(0, (4, 2)), zorder=1)
    ax.axvline(0, color="#777777", linewidth=0.9, zorder=1)


def draw_finding(ax: Axes, y: int, finding: Finding, reach: tuple[float, float]) -> None:
    """What lies beyond the axis ends in an arrow at its edge."""
    seen = finding.evidence
    if seen is None or finding.verdict not in _LOOKS:  # the words at the right say it
        return
    look = _LOOKS[finding.verdict]
    line = {"color": look.colour, "linewidth": 2.2 if finding.confirm else 1.3, "zorder": 3}
    low, high = ends(seen)
    ax.plot([max(low, reach[0]), min(high, reach[1])], [y, y], solid_capstyle="butt", **line)
    beyond = {"<": (low < reach[0], reach[0]), ">": (high > reach[1], reach[1])}
    for marker, (is_beyond, edge) in beyond.items():
        if is_beyond:
            ax.plot(edge, y, marker=marker, color=look.colour, markersize=6, clip_on=False)
    middle = percent(seen.estimate)
    if reach[0] <= middle <= reach[1]:
        face = look.colour if finding.confirm else "white"
        ax.plot(middle, y, look.marker, color=look.colour, markerfacecolor=face,
                markersize=look.size, zorder=4)  # fmt: skip


def draw_numbers(ax: Axes, rows: Sequence[Finding]) -> None:
    """Beyond the right edge, with room for the arrows: the change, and the verdict in words."""
    for y, finding in enumerate(rows):
        number = wording.change(finding).replace("-", "\N{MINUS SIGN}") if finding.evidence else ""
        for text, side, points in ((number, "right", 54), (finding.verdict, "left", 62)):
            ax.annotate(
                text, (1, y), (points, 0), xycoords=("axes fraction", "data"), ha=side,
                textcoords="offset points", va="center", fontsize=8, annotation_clip=False,
                color=_WORD_COLOURS.get(finding.verdict, "#666666"),
            )  # fmt: skip


def legend_handles(report: Report, rows: Sequence[Finding]) -> list[Line2D | Patch]:
    """What is drawn, and no more."""
    plan = report.plan
    drawn = [finding for finding in rows if finding.evidence]
    verdicts = {finding.verdict for finding in drawn}
    handles: list[Line2D | Patch] = [
        Line2D([], [], color=look.colour, marker=look.marker, markersize=look.size, label=verdict)
        for verdict, look in _LOOKS.items()
        if verdict in verdicts
    ]
    anew = "against stored results" if report.advisory else "confirmed on new pairs"
    stages = {"screened": ("white", 1.3), anew: ("#444444", 2.2)}
    there = {anew if finding.confirm else "screened" for finding in drawn}
    for label, (face, width) in stages.items():
        if label in there:
            handles.append(
                Line2D([], [], color="#444444", marker="o", markersize=5, markerfacecolor=face,
                       linewidth=width, label=label)
            )  # fmt: skip
    handles.append(Patch(color="#E6E6E6", label=f"threshold ({100 * plan.threshold:.3g} %)"))
    text = f"equivalence limit ({100 * plan.equivalence:.3g} %)"
    return [*handles, Patch(facecolor="#F3F3F3", edgecolor="#CCCCCC", linewidth=0.5, label=text)]
