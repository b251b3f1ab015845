"""The figure of a check, from one benchmark to hundreds: right, and fit to be read."""

from dataclasses import replace
from pathlib import Path

import made_up_check
import pytest
from made_up_check import GATE, Behaviour
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from switchyard.compare import drawing
from switchyard.gate import figure
from switchyard.gate.model import Metric, Report, Verdict, percent

drawing.use_style()

REPORT = made_up_check.report()
MANY = [f"BM_Sort<std::vector<int>>/{number}" for number in range(100)]
REPORTS = {
    "one": made_up_check.report(GATE[:1], {GATE[0]: Behaviour(change=12)}),
    "the gate": REPORT,
    "hundred": made_up_check.report(MANY, {name: Behaviour(change=20) for name in MANY[:5]}),
    "enormous": made_up_check.report(
        GATE[:5], {GATE[0]: Behaviour(change=300), GATE[1]: Behaviour(spread=0.6)}
    ),
    "strange names": made_up_check.report(["BM_$x$^2_{", "x" * 300, "BM_a\nb"], {}),
    "one pair": made_up_check.report(GATE[:2], dict.fromkeys(GATE[:2], Behaviour(pairs=1))),
    "two metrics": replace(
        REPORT,
        findings=REPORT.findings
        + [replace(finding, metric=Metric("p99_us")) for finding in REPORT.findings],
    ),
}


def drawn(report: Report) -> Figure:
    made = figure.draw(report)
    drawing.put_below(made, figure.caption(report))
    FigureCanvasAgg(made).draw()
    return made


def names(ax: Axes) -> list[str]:
    return [label.get_text() for label in ax.get_yticklabels()]


def words(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.texts]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("what", REPORTS)
def test_nothing_is_cut_off_or_covered(what: str):
    made = drawn(REPORTS[what])
    (ax,) = made.axes
    page, renderer = made.bbox, made.canvas.get_renderer()
    parts = [made._suptitle, made._supxlabel, ax.get_legend(), ax.xaxis.label]
    parts += [*ax.get_yticklabels(), *(text for text in ax.texts if text.get_text())]
    boxes = [part.get_window_extent(renderer) for part in parts]
    for box in boxes:
        assert box.x0 >= page.x0 - 1
        assert box.x1 <= page.x1 + 1
        assert box.y0 >= page.y0 - 1
        assert box.y1 <= page.y1 + 1
    title, below, legend, x_label = boxes[:4]
    axes = ax.get_window_extent(renderer)
    assert title.y0 > legend.y1 > legend.y0 >= axes.y1
    assert axes.y0 > x_label.y0 > below.y1
    ticks = [label.get_window_extent(renderer) for label in ax.get_xticklabels(which="both")]
    assert not any(tick.overlaps(legend) for tick in ticks)
    assert axes.width > made.bbox.width / 4


def test_the_worst_is_on_top_with_its_change_and_verdict_in_words():
    (ax,) = drawn(REPORT).axes
    assert ax.get_ylim()[0] > ax.get_ylim()[1]
    assert names(ax)[:3] == [GATE[11], GATE[0], GATE[10]]
    assert words(ax)[:4] == ["", "failed", "+12.8 %", "regressed"]


def test_intervals_are_those_of_the_findings():
    report = REPORTS["one"]
    (ax,) = drawn(report).axes
    seen = report.findings[0].evidence
    interval, middle = ax.lines[-2:]
    assert list(interval.get_xdata()) == pytest.approx([percent(seen.low), percent(seen.high)])
    assert list(middle.get_xdata()) == pytest.approx([percent(seen.estimate)])


def test_verdicts_differ_in_colour_and_shape_and_what_is_decided_is_filled():
    (ax,) = drawn(REPORT).axes
    middles = [line for line in ax.lines if len(line.get_xdata()) == 1]
    looks = {(line.get_color(), line.get_marker()) for line in middles}
    assert len(looks) == len({colour for colour, _ in looks}) == len({m for _, m in looks}) == 4
    faces = {f.benchmark.key: None for f in REPORT.findings if f.evidence}
    assert len(middles) == len(faces)
    open_ones = sum(line.get_markerfacecolor() == "white" for line in middles)
    undecided = [f for f in REPORT.findings if f.verdict == Verdict.INCONCLUSIVE]
    assert open_ones == sum(bool(finding.evidence) for finding in undecided) > 0


def test_an_interval_that_nothing_bounds_reaches_from_edge_to_edge():
    (ax,) = drawn(REPORTS["one pair"]).axes
    intervals = [line for line in ax.lines if list(line.get_xdata()) == list(ax.get_xlim())]
    assert len(intervals) == 2


def test_a_dollar_in_a_name_is_a_dollar():
    (ax,) = drawn(REPORTS["strange names"]).axes
    assert "BM_$x$^2_{" in names(ax)


def test_metrics_are_told_apart_by_name():
    (ax,) = drawn(REPORTS["two metrics"]).axes
    assert {GATE[0], f"{GATE[0]} [p99_us]"} <= set(names(ax))


def test_what_lies_beyond_the_axis_ends_in_an_arrow_at_its_edge():
    (ax,) = drawn(REPORTS["enormous"]).axes
    high = ax.get_xlim()[1]
    assert high <= 40  # eight times the equivalence limit
    arrows = {(line.get_marker(), float(line.get_xdata()[0])) for line in ax.lines
              if len(line.get_xdata()) == 1 and line.get_marker() in "<>"}  # fmt: skip
    assert (">", high) in arrows
    assert any("%" in text and float(text[1:].split()[0]) > 250 for text in words(ax))


def test_of_hundreds_those_are_drawn_that_say_something():
    (ax,) = drawn(REPORTS["hundred"]).axes
    assert len(names(ax)) == figure.MOST_ROWS + 1
    assert set(names(ax)[:5]) == set(MANY[:5])
    assert names(ax)[-1] == "and 40 more that are unchanged"
    shown = figure.chosen(REPORTS["hundred"].findings)
    left_out = [f for f in REPORTS["hundred"].findings if f not in shown]

    def width(finding) -> float:
        return percent(finding.evidence.high) - percent(finding.evidence.low)

    narrowest = min(width(f) for f in shown if f.verdict == Verdict.UNCHANGED)
    assert all(width(f) <= narrowest for f in left_out)


def test_too_many_changed_ones_are_cut_at_the_least_notable():
    made = [made_up_check.finding(Verdict.REGRESSED, n / 100, name=f"BM_{n}") for n in range(100)]
    report = replace(REPORT, findings=made)
    (ax,) = drawn(report).axes
    assert names(ax)[0] == "BM_99"
    assert names(ax)[-1] == "and 40 more that are less notable"


def test_nothing_to_draw_is_no_figure(tmp_path: Path):
    report = made_up_check.report(GATE[:1], {GATE[0]: Behaviour(fails="no")})
    assert figure.draw(report) is None
    assert figure.save(report, tmp_path) == []


def test_many_lost_ones_beside_one_with_an_interval_are_drawn():
    lost = made_up_check.report(MANY, dict.fromkeys(MANY[:99], Behaviour(fails="no")))
    assert drawn(lost).axes


def test_the_caption_tells_what_was_compared_and_how(tmp_path: Path):
    caption = figure.caption(replace(REPORT, complete=False))
    for part in (
        "Interrupted", "commit 0123456", "with uncommitted changes", "seed 42", "2026-01-01",
        "12 to 24 pairs", "Fast CPU, 2 CPUs",
    ):  # fmt: skip
        assert part in caption
    assert "against stored values" in figure.caption(replace(REPORT, advisory=True))
    assert [path.name for path in figure.save(REPORT, tmp_path)] == ["check.png", "check.svg"]
    assert "unknown" in figure.caption(replace(REPORT, facts={}))
