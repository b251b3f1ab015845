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
_TOLD_FROM = 0.05  # of contention, or of what is lost like it: less is hardly seen in the lines
_PAIRS_FROM = 1e-4  # of coherency: less is what a fit leaves where there is none


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
        if dict(case)["work"] == work and law.serial_at(law.most) >= _TOLD_FROM
    ]
    if figure and told:
        figure.note = f"Fitted: {'; '.join(told)}. "
    return figure


def _told(law: Law) -> str:
    """ "4% serial (3%-5%), 0.4 for each pair, slower on 8 CPUs than on one"."""
    low, high = law.contention.low, law.contention.high
    parts = []
    if law.contention.median < 1:
        parts.append(f"{law.contention.median:.0%} serial ({low:.0%}-{high:.0%})")
        if law.coherency and law.coherency.median >= _PAIRS_FROM:
            parts.append(f"{units.digits(law.coherency.median)} for each pair")
    if law.speed_up(law.most) <= 1:
        how = "slower" if law.speed_up_on_most.high < 1 else "no faster"
        parts.append(f"{how} on {law.most} CPUs than on one")
    return ", ".join(parts)
