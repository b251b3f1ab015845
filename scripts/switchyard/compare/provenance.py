"""What a histogram log or percentile file of ours tells of itself, in a comment of the format: what
the formats have no place for. Files of other programs have none.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from ..system.errors import BadInputError
from .histograms import UNITS

_BEGIN, _END = "#[Switchyard: ", "]"


class Provenance(msgspec.Struct, omit_defaults=True):
    """`exact`: the smallest and the largest value in nanoseconds, by histogram."""

    unit: str = ""
    figures: dict[str, Any] = {}
    histogram: str = ""  # whose percentiles they are
    exact: dict[str, tuple[int, int]] = {}

    def line(self) -> str:
        return f"{_BEGIN}{msgspec.json.encode(self).decode()}{_END}"


def of_line(path: Path, line: str) -> Provenance | None:
    """None for any other line."""
    if not line.startswith(_BEGIN):
        return None
    try:
        found = msgspec.json.decode(line.strip().removeprefix(_BEGIN)[:-1], type=Provenance)
    except msgspec.DecodeError as error:
        raise BadInputError(f"{path} is damaged: {error}") from None
    if found.unit and found.unit not in UNITS:
        raise BadInputError(f"{path} has its values in {found.unit}, and not in {', '.join(UNITS)}")
    return found


def of_lines(path: Path, lines: Iterable[str]) -> Provenance:
    """Of all together: logs may have been put one behind the other."""
    whole = Provenance()
    for number, part in enumerate(filter(None, (of_line(path, line) for line in lines))):
        if number and (part.unit, part.figures) != (whole.unit, whole.figures):
            raise BadInputError(f"{path} holds logs that are not alike: {part.line()}")
        exact = whole.exact | {
            name: (min(low, whole.exact.get(name, (low, 0))[0]),
                   max(high, whole.exact.get(name, (0, high))[1]))
            for name, (low, high) in part.exact.items()
        }  # fmt: skip
        whole = Provenance(part.unit, part.figures, exact=exact)
    return whole
