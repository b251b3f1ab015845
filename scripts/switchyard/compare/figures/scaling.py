"""What more CPUs bring."""

from matplotlib.figure import Figure

from ...suite.results import ResultsFolder
from ...system import units
from ..palette import label
from ..scaling import Law, laws, speed_ups
from .axes import count_axis
from .layout import draw_panels
from .overview import overview
from .panels import Across, Lines, measured, values

_CPUS = Across("cpus", "CPUs, a worker on each", count_axis)
_WORK = {
    "cpu": "counting primes", "page_fault": "mapping memory", "spawn": "starting tasks",
    "echo": "echo, its load elsewhere", "echo_shared": "echo and its load",
}  # fmt: skip


def scale_speedup(folder: ResultsFolder) -> Figure | None:
    """With the ideal, and below it the law that was fitted, where that says more. Throughputs where
    nothing was measured to compare with.
    """
    speed = speed_ups(measured(folder, "scale"), "cpus")
    counts = values(speed, "cpus")
    if len(counts) < 2:  # a machine of one CPU, or some rows alone
        return overview(folder, "scale")
    ideal = {"ideal: N times as much": {n: n for n in counts}}
    works = [work for work in _WORK if len(values(speed, "cpus", work=work)) > 1]
    panels = [
        Lines(speed, _CPUS, {"work": work}, _WORK[work], "throughput over that on 1 CPU", ideal, 1)
        for work in works
    ]
    columns = (len(panels) + 1) // 2 if len(panels) > 3 else len(panels)
    grid = [panels[:columns], panels[columns:]] if len(panels) > 3 else [panels]
    if len(grid[-1]) < columns:
        grid[-1].append(Lines(speed, _CPUS, {"work": ""}))
    figure = draw_panels(
        "What N CPUs bring: throughput over that on one", grid, "x", linear=True, sharey="all"
    )
    told = [
        f"{_WORK[work]}, {label(column)}: {_told(law)}"
        for work in works
        for (case, column), law in laws(speed, "cpus").items()
        if dict(case)["work"] == work and law.contention.median >= _TOLD_FROM
    ]
    if figure and told:
        figure.note = f"Fitted: {'; '.join(told)}. "
    return figure


_TOLD_FROM = 0.05  # of contention: less is hardly seen in the lines


def _told(law: Law) -> str:
    """ "62 % serial (60 %-65 %)"."""
    low, high = law.contention.low, law.contention.high
    if law.contention.median >= 1:
        return "slower than on one CPU"
    text = f"{law.contention.median:.0%} serial ({low:.0%}-{high:.0%})"
    if law.coherency and law.coherency.median > 0:
        text += f", {units.digits(law.coherency.median)} for each pair"
    return text
