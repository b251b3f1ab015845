"""The validation's results in words and tables (Markdown)."""

from typing import Any

from ...system.markdown import table
from .summary import OURS

_NAMES = {
    OURS: "`switchyard.sh check`",
    "Mann-Whitney U, p < 0.05": "Mann-Whitney U, p < 0.05, as Google Benchmark's `compare.py`",
    "ratio of medians >= 1.10": "ratio of medians at least 1.10",
}
_CHANCE = "chance of so many if the test is exact"


def share(part: dict[str, Any]) -> str:
    """ "18 of 20 (68-99 %)": the count with its exact 95 % interval."""
    low, high = 100 * part["low"], 100 * part["high"]
    digits = 1 if high < 10 or low > 90 else 0
    return f"{part['count']} of {part['of']} ({low:.{digits}f}-{high:.{digits}f} %)"


def comparison(summary: dict[str, Any], key: str = "runs_with_an_alarm") -> str:
    """Methods as rows, sizes of the slowdown as columns: how often anything is called slower."""
    sizes = summary["sizes"]
    heads = ["no change" if size == "0" else f"+{size} % work" for size in sizes]
    return table(
        ["method", *heads],
        [
            [label, *(share(found[key][name]) for found in sizes.values())]
            for name, label in _NAMES.items()
        ],
    )


def page(summary: dict[str, Any], counts: dict[str, dict[str, float]]) -> str:
    """All tables, each below a line that says what it has. `counts`: by benchmark and build, by how
    many per cent its instructions for an operation differ from those without a slowdown.
    """
    p_values = summary["p_values_without_a_change"]
    parts = [
        ("Checks that call anything slower", comparison(summary)),
        ("Benchmarks called slower", comparison(summary, "benchmarks_with_an_alarm")),
        ("Time and verdicts of `switchyard.sh check`", _durations(summary)),
        ("One-sided p-values of the screening without a change", table(
            ("p at most", "share of tests", _CHANCE),
            [(level, share(part), f"{part['excess_p']:.3g}")
             for level, part in p_values["at_most"].items()],
        )),
        ("The same by benchmark, both directions", table(
            ("benchmark", "one-sided p at most 0.1", _CHANCE),
            [(f"`{key}`", f"{part['at_most_0.1']} of {part['of']}", f"{part['excess_p']:.3g}")
             for key, part in p_values["by_benchmark"].items()],
        )),
    ]  # fmt: skip
    if counts:
        sizes = next(iter(counts.values()))
        heads = ("benchmark", *("a copy" if size == "0" else f"+{size} %" for size in sizes))
        rows = [
            (f"`{name}`", *(f"{by_size[size]:+.2f} %" for size in sizes))
            for name, by_size in counts.items()
        ]
        parts.append(("The slowdowns, checked by counting instructions", table(heads, rows)))
    return "\n\n".join(f"**{title}**\n\n{table}" for title, table in parts) + "\n"


def _durations(summary: dict[str, Any]) -> str:
    rows = []
    for size, found in summary["sizes"].items():
        seconds, estimate = found["seconds"], found["estimate_percent"]
        rows.append([
            "none" if size == "0" else f"+{size} %", found["runs"],
            f"{seconds['median']:.0f} s", f"{seconds['most']:.0f} s",
            f"{estimate['p5']:+.1f} to {estimate['p95']:+.1f} %",
            ", ".join(f"{count} {name}" for name, count in found["verdicts"].items()),
            share(found["dropped_pairs"]),
        ])  # fmt: skip
    heads = (
        "work added", "runs", "measuring, median", "at most", "estimate, middle 90 %", "verdicts",
        "dropped pairs",
    )  # fmt: skip
    return table(heads, rows)
