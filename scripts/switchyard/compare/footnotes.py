"""What stands below a table: what the lines of its cells are, and problems too long for a cell."""

from .comparison import Cell, Comparison
from .statistics import MIN_FOR_INTERVAL


class Footnotes:
    """Numbers texts as they come, the same text only once."""

    def __init__(self) -> None:
        self._texts: dict[str, int] = {}

    def mark(self, text: str) -> str:
        return f"({self._texts.setdefault(text, len(self._texts) + 1)})"

    @property
    def lines(self) -> list[str]:
        return [f"({number}) {text}" for text, number in self._texts.items()]


def problem(cell: Cell, footnotes: Footnotes) -> str:
    """ "limit (1)", "FAILED (2) (3)", or "" where all went well."""
    if not cell.problems:
        return ""
    marks = dict.fromkeys(footnotes.mark(record.problem or "") for record in cell.problems)
    return ("limit " if cell.only_limits else "FAILED ") + " ".join(marks)


def explanation(comparison: Comparison) -> str:
    """What the four lines of a cell are."""
    counts = [cell.summary.count for cell in comparison.cells.values() if cell.summary]
    if not counts:
        return "Nothing was measured."
    spread = "95 % interval of it"
    if max(counts) < MIN_FOR_INTERVAL:
        spread = f"min-max (a 95 % interval needs {MIN_FOR_INTERVAL} rounds)"
    elif min(counts) < MIN_FOR_INTERVAL:
        spread += f" (min-max below {MIN_FOR_INTERVAL} rounds)"
    rounds = f"{min(counts)}-{max(counts)}" if min(counts) < max(counts) else f"{max(counts)}"
    noun = "round" if rounds == "1" else "rounds"
    text = f"Median of {rounds} {noun}; {spread}; ratio to control or fastest, by round"
    if max(counts) == 1:
        return f"{text}."
    return f"{text}; the same of the ratio, which shows no difference where it includes 1."
