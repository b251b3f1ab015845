"""A check as one figure: the change of each benchmark with its interval, against the threshold.

Of hundreds of benchmarks only those are drawn that say something, and the figure tells how many are
not. An enormous change is cut off with an arrow, or nothing could be seen of the others.
"""

import math
from collections.abc import Sequence
from pathlib import Path

from ..compare import drawing
from ..compare.drawing import Axes, Figure, Line2D, Patch
from . import wording
from .model import Evidence, Finding, Plan, Report, Verdict, equivalence, percent
from .verdicts import DECIDED

MOST_ROWS = 60
_MANY_ROWS = 30
_INCHES_PER_LETTER = 0.066
_USUAL_NAME = 60
_ROW_HEIGHT = 0.235
_LONGEST_NAME = 90
# In equivalence limits: an axis that shows one enormous change shows nothing of the others.
_LEAST_REACH, _MOST_REACH = 2.0, 8.0


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
    left_out = len(report.findings) - len(rows)
    title = f"Candidate against baseline: {wording.headline(report)}"
    height = 0.9 + _ROW_HEIGHT * (len(rows) + bool(left_out))
    longest = max(len(_shown(wording.name(finding))) for finding in rows)
    more = max(longest - _USUAL_NAME, 0) * _INCHES_PER_LETTER / 3.7  # new_figure's unit
    figure, (ax,) = drawing.new_figure(title, [2.2 + more], height=height)
    threshold, largest = (math.log1p(share) for share in _limits(plan))
    for limit, colour in ((largest, "#F3F3F3"), (threshold, "#E6E6E6")):
        ax.axvspan(percent(-limit), percent(limit), color=colour, linewidth=0, zorder=0)
    for limit, dashes in ((-threshold, (4, 2)), (threshold, (4, 2)), (0, None)):
        style = {"linewidth": 0.9, "linestyle": (0, dashes), "zorder": 1}
        ax.axvline(percent(limit), color="#777777", **style)
    reach = _reach(plan, rows)
    for y, finding in enumerate(rows):
        _draw_finding(ax, y, finding, reach)
    _scale(ax, plan, rows, left_out, reach)
    ax.legend(
        handles=_legend_handles(report, rows), loc="lower right", bbox_to_anchor=(1, 1),
        ncols=4, fontsize=8, borderaxespad=2.8 if len(rows) >= _MANY_ROWS else 0.6,
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
    # matplotlib takes what stands between two of them for mathematics.
    return ("; ".join(part for part in parts if part) + ".").replace("$", r"\$")


def chosen(findings: Sequence[Finding]) -> list[Finding]:
    """Worst first; of too many those that are not unchanged, then the widest intervals."""
    ordered = wording.worst_first(findings)

    def weight(finding: Finding) -> tuple[bool, float]:
        seen = finding.evidence
        width = 0.0
        if seen:
            low, high = _ends(seen)
            width = high - low
        unchanged = finding.verdict == Verdict.UNCHANGED
        return unchanged, -width if unchanged else 0.0

    return wording.worst_first(sorted(ordered, key=weight)[:MOST_ROWS])


def _reach(plan: Plan, rows: Sequence[Finding]) -> tuple[float, float]:
    """How far the axis goes to both sides, in per cent."""
    unit = 100 * _limits(plan)[1]
    seen = [finding.evidence for finding in rows if finding.evidence]
    middles = sorted(abs(percent(found.estimate)) for found in seen) or [0.0]
    most = max(_MOST_REACH * unit, 2 * middles[len(middles) // 2])
    ends = [end for found in seen for end in _ends(found) if math.isfinite(end)]
    low, high = min([-_LEAST_REACH * unit, *ends]), max([_LEAST_REACH * unit, *ends])
    return max(1.08 * low, -most), min(1.08 * high, most)


def _scale(
    ax: Axes, plan: Plan, rows: Sequence[Finding], left_out: int, reach: tuple[float, float]
) -> None:
    label = "change in %"
    if all(metric.is_time for metric in plan.metrics):
        label = "change of the time of one iteration in %  (left: faster, right: slower)"
    names = [_shown(wording.name(finding)) for finding in rows]
    if left_out:
        what = "unchanged" if rows[-1].verdict == Verdict.UNCHANGED else "less notable"
        names.append(f"and {left_out} more that are {what}")
    ax.set_xlim(*reach)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_yticks(range(len(names)), names, fontsize=8)
    ax.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", labeltop=len(rows) >= _MANY_ROWS)
    ax.grid(False, axis="y")
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:+.3g}" if value else "0")
    ax.set_xlabel(label)


def _shown(name: str) -> str:
    """Not as mathematics, which matplotlib sets between dollar signs; the ends of long names."""
    name = " ".join(name.split())
    half = _LONGEST_NAME // 2
    short = name if len(name) <= _LONGEST_NAME else f"{name[:half]}...{name[-half:]}"
    return short.replace("$", r"\$")


def _ends(seen: Evidence) -> tuple[float, float]:
    """Of the interval, in per cent; endless where nothing bounds it."""
    low = -math.inf if seen.low is None else percent(seen.low)
    return low, math.inf if seen.high is None else percent(seen.high)


def _limits(plan: Plan) -> tuple[float, float]:
    """The threshold and the equivalence limit of most benchmarks."""
    return plan.threshold, equivalence(plan.threshold)


def _draw_finding(ax: Axes, y: int, finding: Finding, reach: tuple[float, float]) -> None:
    """What lies beyond the axis ends in an arrow at its edge; what is decided is filled and thick.
    Beyond the right edge, with room for the arrows: the change, and the verdict in words.
    """
    seen, shown = finding.evidence, wording.WORST_FIRST[finding.verdict]
    if seen and shown.look:
        look = shown.look
        decided = finding.verdict in DECIDED
        line = {"color": look.colour, "linewidth": 2.2 if decided else 1.3, "zorder": 3}
        low, high = _ends(seen)
        ax.plot([max(low, reach[0]), min(high, reach[1])], [y, y], solid_capstyle="butt", **line)
        beyond = {"<": (low < reach[0], reach[0]), ">": (high > reach[1], reach[1])}
        for marker, (is_beyond, edge) in beyond.items():
            if is_beyond:
                ax.plot(edge, y, marker=marker, color=look.colour, markersize=6, clip_on=False)
        middle = percent(seen.estimate)
        if reach[0] <= middle <= reach[1]:
            face = look.colour if decided else "white"
            ax.plot(middle, y, look.marker, color=look.colour, markerfacecolor=face,
                    markersize=look.size, zorder=4)  # fmt: skip
    number = wording.change(finding).replace("-", "\N{MINUS SIGN}") if seen else ""
    for text, side, points in ((number, "right", 54), (finding.verdict, "left", 62)):
        ax.annotate(
            text, (1, y), (points, 0), xycoords=("axes fraction", "data"), ha=side,
            textcoords="offset points", va="center", fontsize=8, annotation_clip=False,
            color=shown.colour,
        )  # fmt: skip


def _legend_handles(report: Report, rows: Sequence[Finding]) -> list[Line2D | Patch]:
    """What is drawn, and no more."""

    def mark(label: str, colour: str, marker: str, size: float, **more: object) -> Line2D:
        return Line2D([], [], color=colour, marker=marker, markersize=size, label=label, **more)

    plan = report.plan
    drawn = [finding for finding in rows if finding.evidence]
    verdicts = {finding.verdict for finding in drawn}
    looks = {verdict: shown.look for verdict, shown in wording.WORST_FIRST.items() if shown.look}
    handles: list[Line2D | Patch] = [
        mark(verdict, look.colour, look.marker, look.size)
        for verdict, look in looks.items()
        if verdict in verdicts
    ]
    return [
        *handles,
        Patch(color="#E6E6E6", label=f"threshold ({100 * _limits(plan)[0]:.3g} %)"),
        Patch(
            facecolor="#F3F3F3", edgecolor="#CCCCCC", linewidth=0.5,
            label=f"equivalence limit ({100 * _limits(plan)[1]:.3g} %)",
        ),
    ]  # fmt: skip
