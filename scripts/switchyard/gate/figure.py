"""A check as one figure: the change of each benchmark with its interval, against the threshold.

Of hundreds of benchmarks only those are drawn that say something, and the figure tells how many are
not. An enormous change is cut off with an arrow, or nothing could be seen of the others.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from statistics import median_high

from ..compare import drawing
from ..compare.drawing import Axes, Figure, Line2D, Patch
from . import wording
from .model import Evidence, Finding, Plan, Report, Verdict, equivalence, percent

MOST_ROWS = 60
_MANY_ROWS = 30
_INCHES_PER_LETTER = 0.066
_USUAL_NAME = 60
_ROW_HEIGHT = 0.235
_LONGEST_NAME = 90
# In equivalence limits: an axis that shows one enormous change shows nothing of the others.
_LEAST_REACH, _MOST_REACH = 2.0, 8.0
_WITHIN_THRESHOLD, _WITHIN_LIMIT = "#E6E6E6", "#F3F3F3"


def save(report: Report, folder: Path) -> list[Path]:
    """check.png and check.svg; nothing when there is nothing to draw."""
    drawing.use_style()
    figure = draw(report)
    return drawing.save(figure, caption(report), folder, "check") if figure else []


def draw(report: Report) -> Figure | None:
    """Worst on top; None when no benchmark has an interval. The caption is not in it yet."""
    if not any(finding.evidence for finding in report.findings):
        return None
    plan, rows = report.plan, chosen(report.findings)
    names = [_shown(wording.name(finding)) for finding in rows]
    if left_out := len(report.findings) - len(rows):
        what = "unchanged" if rows[-1].verdict == Verdict.UNCHANGED else "less notable"
        names.append(f"and {left_out} more that are {what}")
    title = f"Candidate against baseline: {wording.headline(report)}"
    more = max(max(map(len, names)) - _USUAL_NAME, 0) * _INCHES_PER_LETTER
    width, height = 2.2 + more / 3.7, 0.9 + _ROW_HEIGHT * len(names)  # 3.7: new_figure's unit
    figure, (ax,) = drawing.new_figure(title, [width], height=height)
    threshold, largest = math.log1p(plan.threshold), math.log1p(equivalence(plan.threshold))
    for limit, colour in ((largest, _WITHIN_LIMIT), (threshold, _WITHIN_THRESHOLD)):
        ax.axvspan(percent(-limit), percent(limit), color=colour, linewidth=0, zorder=0)
    for limit, dashes in ((-threshold, (4, 2)), (threshold, (4, 2)), (0, None)):
        style = (0, dashes)
        ax.axvline(percent(limit), color="#777777", linewidth=0.9, linestyle=style, zorder=1)
    reach = _reach(plan, rows)
    for y, finding in enumerate(rows):
        _draw_finding(ax, y, finding, reach)
    _scale(ax, plan, names, reach)
    ax.legend(
        handles=_legend_handles(plan, rows), loc="lower right", bbox_to_anchor=(1, 1),
        ncols=4, fontsize=8, borderaxespad=2.8 if len(names) >= _MANY_ROWS else 0.6,
    )  # fmt: skip
    return figure


def caption(report: Report) -> str:
    plan, of = report.plan, wording.sides(report)
    counts = [finding.evidence.pairs for finding in report.findings if finding.evidence] or [0]
    launches = f"{' to '.join(map(str, sorted({min(counts), max(counts)})))} pairs"
    if report.advisory:
        launches = f"advisory: {max(counts)} launches at most against stored values"
    parts = [
        "" if report.complete else "Interrupted",
        f"baseline: {of['baseline']}; candidate: {of['candidate']}",
        launches,
        f"seed {plan.seed}",
        wording.machine(report),
        str(report.facts.get("started_at") or "")[:10],
    ]
    return "; ".join(part for part in parts if part) + "."


def chosen(findings: Sequence[Finding]) -> list[Finding]:
    """Worst first; of too many those that are not unchanged, then the widest intervals."""

    def weight(finding: Finding) -> tuple[bool, float]:
        low, high = _ends(finding.evidence) if finding.evidence else (0.0, 0.0)
        is_unchanged = finding.verdict == Verdict.UNCHANGED
        return is_unchanged, low - high if is_unchanged else 0.0

    ordered = wording.worst_first(findings)
    return wording.worst_first(sorted(ordered, key=weight)[:MOST_ROWS])


def _reach(plan: Plan, rows: Sequence[Finding]) -> tuple[float, float]:
    """How far the axis goes to both sides, in per cent."""
    unit = 100 * equivalence(plan.threshold)
    seen = [finding.evidence for finding in rows if finding.evidence]
    middles = [abs(percent(found.estimate)) for found in seen]
    most = max(_MOST_REACH * unit, 2 * median_high(middles or [0.0]))
    ends = [end for found in seen for end in _ends(found) if math.isfinite(end)]
    low, high = min([-_LEAST_REACH * unit, *ends]), max([_LEAST_REACH * unit, *ends])
    return max(1.08 * low, -most), min(1.08 * high, most)


def _scale(ax: Axes, plan: Plan, names: Sequence[str], reach: tuple[float, float]) -> None:
    label = "change in %"
    if all(metric.is_time for metric in plan.metrics):
        label = "change of the time of one iteration in %  (left: faster, right: slower)"
    ax.set_xlim(*reach)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_yticks(range(len(names)), names, fontsize=8)
    ax.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", labeltop=len(names) >= _MANY_ROWS)
    ax.grid(False, axis="y")
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:+.3g}" if value else "0")
    ax.set_xlabel(label)


def _shown(name: str) -> str:
    """The ends of long names."""
    name, half = " ".join(name.split()), _LONGEST_NAME // 2
    return name if len(name) <= _LONGEST_NAME else f"{name[:half]}...{name[-half:]}"


def _ends(seen: Evidence) -> tuple[float, float]:
    """Of the interval, in per cent; endless where nothing bounds it."""
    low = -math.inf if seen.low is None else percent(seen.low)
    return low, math.inf if seen.high is None else percent(seen.high)


def _draw_finding(ax: Axes, y: int, finding: Finding, reach: tuple[float, float]) -> None:
    """What lies beyond the axis ends in an arrow at its edge; what is decided is filled and thick.
    Beyond the right edge, with room for the arrows: the change, and the verdict in words.
    """
    seen, shown = finding.evidence, wording.WORST_FIRST[finding.verdict]
    if seen and (look := shown.look):
        is_open = finding.verdict == Verdict.INCONCLUSIVE
        width, face = (1.3, "white") if is_open else (2.2, look.colour)
        low, high = _ends(seen)
        ends = max(low, reach[0]), min(high, reach[1])
        ax.plot(ends, (y, y), color=look.colour, linewidth=width, solid_capstyle="butt", zorder=3)
        for marker, edge in (("<", reach[0]), (">", reach[1])):
            if low < edge if marker == "<" else high > edge:
                ax.plot(edge, y, marker=marker, color=look.colour, markersize=6, clip_on=False)
        ax.plot(percent(seen.estimate), y, look.marker, color=look.colour, markerfacecolor=face,
                markersize=look.size, zorder=4)  # fmt: skip
    number = wording.change(finding).replace("-", "\N{MINUS SIGN}") if seen else ""
    for text, side, points in ((number, "right", 54), (finding.verdict, "left", 62)):
        ax.annotate(
            text, (1, y), (points, 0), xycoords=("axes fraction", "data"), ha=side,
            textcoords="offset points", va="center", fontsize=8, annotation_clip=False,
            color=shown.colour,
        )  # fmt: skip


def _legend_handles(plan: Plan, rows: Sequence[Finding]) -> list[Line2D | Patch]:
    """What is drawn, and no more."""
    drawn = {finding.verdict for finding in rows if finding.evidence}
    marks = [
        Line2D([], [], color=look.colour, marker=look.marker, markersize=look.size, label=verdict)
        for verdict, shown in wording.WORST_FIRST.items()
        if (look := shown.look) and verdict in drawn
    ]
    threshold, limit = 100 * plan.threshold, 100 * equivalence(plan.threshold)
    return [
        *marks,
        Patch(color=_WITHIN_THRESHOLD, label=f"threshold ({threshold:.3g} %)"),
        Patch(
            facecolor=_WITHIN_LIMIT, edgecolor="#CCCCCC", linewidth=0.5,
            label=f"equivalence limit ({limit:.3g} %)",
        ),
    ]  # fmt: skip
