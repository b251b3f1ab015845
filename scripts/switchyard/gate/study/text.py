"""The validation's results in words and tables (Markdown)."""

from typing import Any

from .summary import OURS

_NAMES = {
    OURS: "`switchyard.sh check`",
    "Mann-Whitney U, p < 0.05": "Mann-Whitney U, p < 0.05, as Google Benchmark's `compare.py`",
    "ratio of medians >= 1.10": "ratio of medians at least 1.10",
}


def share(part: dict[str, Any]) -> str:
    """ "18 of 20 (68-99 %)": the count with its exact 95 % interval."""
    low, high = 100 * part["low"], 100 * part["high"]
    digits = 1 if high < 10 or low > 90 else 0
    return f"{part['count']} of {part['of']} ({low:.{digits}f}-{high:.{digits}f} %)"


def comparison(summary: dict[str, Any]) -> str:
    """Methods as rows, sizes of the slowdown as columns: checks that call anything slower."""
    return _table(summary, "runs_with_an_alarm")


def by_benchmark(summary: dict[str, Any]) -> str:
    """The same, counting benchmarks."""
    return _table(summary, "benchmarks_with_an_alarm")


def _table(summary: dict[str, Any], key: str) -> str:
    sizes = summary["sizes"]
    heads = ["no change" if size == "0" else f"+{size} % work" for size in sizes]
    lines = [
        f"| method | {' | '.join(heads)} |",
        f"|---|{'---|' * len(heads)}",
    ]
    for name, label in _NAMES.items():
        cells = [share(sizes[size][key][name]) for size in sizes]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines)


def durations(summary: dict[str, Any]) -> str:
    lines = [
        "| work added | runs | measuring, median | at most | estimate, middle 90 % | verdicts "
        "| dropped pairs |",
        "|---|---|---|---|---|---|---|",
    ]
    for size, found in summary["sizes"].items():
        estimate = found["estimate_percent"]
        verdicts = ", ".join(f"{count} {name}" for name, count in found["verdicts"].items())
        lines.append(
            f"| {'none' if size == '0' else f'+{size} %'} | {found['runs']} "
            f"| {found['seconds']['median']:.0f} s | {found['seconds']['most']:.0f} s "
            f"| {estimate['p5']:+.1f} to {estimate['p95']:+.1f} % | {verdicts} "
            f"| {share(found['dropped_pairs'])} |"
        )
    return "\n".join(lines)


def p_values(summary: dict[str, Any]) -> str:
    values = summary["p_values_without_a_change"]
    lines = [
        "| p at most | share of tests | chance of so many if the test is exact |",
        "|---|---|---|",
    ]
    for level, part in values["at_most"].items():
        lines.append(f"| {level} | {share(part)} | {part['excess_p']:.3g} |")
    return "\n".join(lines)


def p_values_by_benchmark(summary: dict[str, Any]) -> str:
    lines = [
        "| benchmark | one-sided p at most 0.1 | chance of so many if the test is exact |",
        "|---|---|---|",
    ]
    for key, part in summary["p_values_without_a_change"]["by_benchmark"].items():
        lines.append(
            f"| `{key}` | {part['at_most_0.1']} of {part['of']} | {part['excess_p']:.3g} |"
        )
    return "\n".join(lines)


def instructions(counts: dict[str, Any]) -> str:
    """Benchmarks as rows, builds as columns: instructions for an operation against no slowdown."""
    sizes = list(next(iter(counts.values())))
    heads = ("a copy" if size == "0" else f"+{size} %" for size in sizes)
    lines = [
        f"| benchmark | {' | '.join(heads)} |",
        f"|---|{'---|' * len(sizes)}",
    ]
    for name, by_size in counts.items():
        cells = (f"{by_size[size]:+.2f} %" for size in sizes)
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def page(summary: dict[str, Any], counts: dict[str, Any]) -> str:
    """All tables, each below a line that says what it has."""
    parts = [
        ("Checks that call anything slower", comparison(summary)),
        ("Benchmarks called slower", by_benchmark(summary)),
        ("Time and verdicts of `switchyard.sh check`", durations(summary)),
        ("One-sided p-values of the screening without a change", p_values(summary)),
        ("The same by benchmark, both directions", p_values_by_benchmark(summary)),
    ]
    if counts:
        parts.append(("The slowdowns, checked by counting instructions", instructions(counts)))
    return "\n\n".join(f"**{title}**\n\n{table}" for title, table in parts) + "\n"
