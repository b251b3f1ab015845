"""The validation's results in words and tables (Markdown)."""

from typing import Any

from ...system.markdown import table
from .summary import OURS

_NAMES = {
    OURS: "`switchyard check`",
    "Mann-Whitney U, p < 0.05": "Mann-Whitney U, p < 0.05, as Google Benchmark's `compare.py`",
    "ratio of medians >= 1.10": "ratio of medians at least 1.10",
}
_HEADS = {
    "none": "no change", "0": "the same bytes", "0-relinked": "linked in another order",
    "0-busy": "beside a program that burns a CPU",
}  # fmt: skip


def share(part: dict[str, Any]) -> str:
    """ "18 of 20 (68-99 %)": the count with its exact 95 % interval."""
    low, high = 100 * part["low"], 100 * part["high"]
    digits = 1 if high < 10 or low > 90 else 0
    return f"{part['count']} of {part['of']} ({low:.{digits}f}-{high:.{digits}f} %)"


def head(kind: str) -> str:
    return _HEADS.get(kind, f"+{kind} % work")


def comparison(summary: dict[str, Any], key: str = "runs_with_an_alarm") -> str:
    """Kinds of candidates as rows, methods as columns: how often anything is called slower."""
    rows = [
        (head(kind), *(share(found[key][name]) for name in _NAMES))
        for kind, found in summary["kinds"].items()
    ]
    return table(["candidate", *_NAMES.values()], rows)


def page(
    summary: dict[str, Any],
    instructions: dict[str, dict[str, float]] | None = None,
    replayed: dict[str, dict[str, Any]] | None = None,
) -> str:
    """All tables, each below a line that says what it has. `instructions`: by benchmark and build,
    by how many per cent their number for an operation differs from that without a slowdown.
    """
    parts = [
        ("Checks that call anything slower", comparison(summary)),
        ("Benchmarks called slower", comparison(summary, "benchmarks_with_an_alarm")),
        ("Time and verdicts of `switchyard check`", _durations(summary)),
    ]
    if replayed:
        levels = [(alpha, share(part)) for alpha, part in replayed.items()]
        of_all = table(("alpha", "checks that call anything slower"), levels)
        parts.append(("Whole checks with signs drawn anew, without any threshold", of_all))
    if instructions:
        sizes = next(iter(instructions.values()))
        heads = ("benchmark", *("a copy" if size == "0" else f"+{size} %" for size in sizes))
        rows = [
            (f"`{name}`", *(f"{by_size[size]:+.2f} %" for size in sizes))
            for name, by_size in instructions.items()
        ]
        parts.append(("The slowdowns, checked by counting instructions", table(heads, rows)))
    return "\n\n".join(f"**{title}**\n\n{table}" for title, table in parts) + "\n"


def _durations(summary: dict[str, Any]) -> str:
    rows = []
    for kind, found in summary["kinds"].items():
        seconds, estimate = found["seconds"], found["estimate_percent"]
        first = found["first_alarm_s"]
        rows.append([
            head(kind), found["runs"], f"{seconds['median']:.0f} s", f"{seconds['most']:.0f} s",
            f"{first:.0f} s" if first else "",
            f"{estimate['p5']:+.1f} to {estimate['p95']:+.1f} %",
            ", ".join(f"{count} {name}" for name, count in found["verdicts"].items()),
            share(found["dropped_pairs"]), f"{found['gap_ms']:.1f} ms",
        ])  # fmt: skip
    heads = (
        "candidate", "checks", "all decided, median", "at most", "first regression told, median",
        "estimate, middle 90 %", "verdicts", "dropped pairs", "between two launches",
    )  # fmt: skip
    return table(heads, rows)
