"""Any text as Markdown: as code that nothing in it can end, or escaped. No Markdown, HTML or table
bar in it takes effect.
"""

import re
from collections.abc import Collection, Iterable, Sequence

_MOST_OF_A_TEXT = 500


def prose(text: str) -> str:
    """Any text on one line, also within a table, with nothing in it that means something."""
    return re.sub(r"([\\`*_{}\[\]<>#|~&$!])", r"\\\1", _shortened(text))


def code(text: str) -> str:
    """Any text as code on one line, also within a table."""
    text = _shortened(text).replace("|", "\\|")
    bar = fence(text, 1)
    # Else a backtick at an end would join the fence; renderers take one space off each end.
    space = " " if text.startswith("`") or text.endswith("`") or not text else ""
    return f"{bar}{space}{text}{space}{bar}"


def table(
    heads: Sequence[str], rows: Iterable[Sequence[object]], numbers: Collection[int] = ()
) -> str:
    """Of cells that are Markdown already; the columns in `numbers` are set to the right."""
    rule = "|".join("--:" if column in numbers else "---" for column in range(len(heads)))
    lines = [f"| {' | '.join(map(str, cells))} |" for cells in (heads, *rows)]
    return "\n".join([lines[0], f"|{rule}|", *lines[1:]])


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _MOST_OF_A_TEXT else text[:_MOST_OF_A_TEXT] + "..."


def fence(text: str, least: int) -> str:
    """A run of backticks that the text does not hold."""
    return "`" * max([least, *(len(run) + 1 for run in re.findall("`+", text))])
