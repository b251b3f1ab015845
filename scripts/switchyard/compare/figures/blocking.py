"""A blocking call among periodic sleepers: how late it makes the others."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...suite.results import ResultsFolder
from ..comparison import Comparison
from ..drawing import new_figure, with_legend
from ..palette import label, look
from .axes import log_axis
from .data import measured, values
from .marks import draw_dot

# Key, name, marker, filled, size, and where in its runtime's row it stands.
_LATENESS = (
    ("p50_us", "median", "o", False, 5.5, -0.24),
    ("p99_us", "99th percentile", "d", False, 6.5, 0.0),
    ("max_us", "worst", "o", True, 7.5, 0.24),
)


def blocking_lateness(folder: ResultsFolder) -> Figure | None:
    found = {key: measured(folder, "blocking", key) for key, *_ in _LATENESS}
    found = {key: comparison for key, comparison in found.items() if comparison}
    if not found:
        return None
    durations = sorted(
        {ms for comparison in found.values() for ms in values(comparison, "block_ms")}
    )
    told = dict.fromkeys(column for comparison in found.values() for column in comparison.columns)
    columns = list(reversed(told))
    figure, axes = new_figure(
        "One task makes a blocking call: by how much all the others are late",
        [0.9] * len(durations), height=max(2.4, 0.62 * len(columns)), sharex="all", sharey="all",
    )  # fmt: skip
    figure.get_layout_engine().set(wspace=0.05)
    for ax, block_ms in zip(axes, durations, strict=True):
        _lateness(ax, found, columns, block_ms)
    for ax in axes:  # they share it: only now all that it has to hold is there
        log_axis(ax.xaxis, "us")
    axes[0].set_yticks(range(len(columns)), [label(column) for column in columns])
    axes[0].set_ylim(-0.6, len(columns) - 0.4)
    for _, name, marker, filled, size, _ in reversed(_LATENESS):
        axes[0].plot(
            [], [], marker, color="#444444", markerfacecolor="#444444" if filled else "white",
            markersize=size, label=name,
        )  # fmt: skip
    return with_legend(figure, axes)


def _lateness(ax: Axes, found: dict[str, Comparison], columns: list[str], block_ms: float) -> None:
    """A row per column: median, 99th percentile and worst, each with its interval."""
    for key, _, marker, filled, size, offset in _LATENESS:
        for (case, column), cell in found[key].cells.items() if key in found else ():
            if dict(case).get("block_ms") == block_ms:
                y = columns.index(column) + offset
                draw_dot(ax, cell.summary, y, look(column).colour, marker, filled, size)
    if block_ms:
        ax.axvline(
            block_ms * 1000, color="#444444", linestyle=(0, (1, 2)), label="as long as the call"
        )
    ax.set(title=f"a call of {block_ms:g} ms" if block_ms else "no blocking call")
    ax.set_xlabel("lateness (log scale)")
