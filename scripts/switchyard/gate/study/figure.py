"""Draws what the validation found: alarms by kind of candidate, and how long it took."""

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
_SHORT = {"0": "copy", "0-relinked": "re-\nlinked", "0-busy": "busy\nCPU"}
_SHARE = ("count", "of", "low", "high")


def draw(summary: dict[str, Any]) -> Figure:
    figure, axes = drawing.new_figure(
        "Does the regression check find what is there, and nothing else?", (1.0, 1.0)
    )
    kinds = {kind: found for kind, found in summary["kinds"].items() if kind != "none"}
    _alarms(axes[0], kinds, "runs_with_an_alarm", "checks that call anything slower, %")
    axes[0].set_title("whole checks")
    _alarms(axes[1], kinds, "benchmarks_with_an_alarm", "benchmarks called slower, %")
    axes[1].set_title("single benchmarks")
    return drawing.with_legend(figure, axes)


def _alarms(ax: Axes, kinds: dict[str, Any], key: str, label: str) -> None:
    places = np.arange(len(kinds))
    for index, (name, (colour, marker)) in enumerate(_LOOKS.items()):
        found = [[part[key][name][what] for what in _SHARE] for part in kinds.values()]
        count, of, low, high = 100 * np.array(found).T
        value = 100 * count / of
        ax.errorbar(
            places + 0.12 * (index - 1), value, np.clip([value - low, high - value], 0, None),
            color=colour, marker=marker, markersize=5.5, linestyle="none", capsize=2, elinewidth=1,
            label=name,
        )  # fmt: skip
    ax.set_xticks(places, [_SHORT.get(kind, f"+{kind} %") for kind in kinds])
    ax.set_xlabel("the same code, or with more work")
    ax.set_ylabel(label)
    ax.set_ylim(-4, 104)
