"""Draws what the validation found: alarms by size of the slowdown, and p-values without one."""

from typing import Any

import numpy as np

from ...compare import drawing, palette
from ...compare.drawing import Axes, Figure
from .summary import OURS

_LOOKS = {
    OURS: (palette.BLUE, "o"),
    "Mann-Whitney U, p < 0.05": (palette.VERMILLION, "^"),
    "ratio of medians >= 1.10": (palette.GREY, "s"),
}
_SHARE = ("count", "of", "low", "high")


def draw(summary: dict[str, Any]) -> Figure:
    figure, axes = drawing.new_figure(
        "Does the regression check find what is there, and nothing else?", (1.0, 1.0, 0.8)
    )
    sizes = summary["sizes"]
    _alarms(axes[0], sizes, "runs_with_an_alarm", "checks that call anything slower, %")
    axes[0].set_title("whole checks")
    _alarms(axes[1], sizes, "benchmarks_with_an_alarm", "benchmarks called slower, %")
    axes[1].set_title("single benchmarks")
    _p_values(axes[2], summary["p_values_without_a_change"])
    return drawing.with_legend(figure, axes)


def _alarms(ax: Axes, sizes: dict[str, Any], key: str, label: str) -> None:
    places = np.arange(len(sizes))
    for index, (name, (colour, marker)) in enumerate(_LOOKS.items()):
        found = [[part[key][name][what] for what in _SHARE] for part in sizes.values()]
        count, of, low, high = 100 * np.array(found).T
        value = 100 * count / of
        ax.errorbar(
            places + 0.12 * (index - 1), value, np.clip([value - low, high - value], 0, None),
            color=colour, marker=marker, markersize=5.5, linestyle="none", capsize=2, elinewidth=1,
            label=name,
        )  # fmt: skip
    ax.set_xticks(places, ["none" if size == "0" else f"+{size} %" for size in sizes])
    ax.set_xlabel("work added to each operation of the candidate")
    ax.set_ylabel(label)
    ax.set_ylim(-4, 104)


def _p_values(ax: Axes, values: dict[str, Any]) -> None:
    """Deciles: flat if the test is exact, lower at the left if it errs on the safe side."""
    if not values:
        ax.set_visible(False)
        return
    counts = np.array(values["deciles"])
    ax.bar(np.arange(10) / 10 + 0.05, 100 * counts / counts.sum(), width=0.09, color=palette.SKY)
    ax.axhline(10, color="black", linewidth=1, linestyle="--")
    ax.set_title(f"without a change, {values['count']:,} tests")
    ax.set_xlabel("one-sided p-value of the screening")
    ax.set_ylabel("share of tests, %")
