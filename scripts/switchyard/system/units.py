"""Numbers with three significant digits and a unit that a reader takes in at a glance."""

import math
from collections.abc import Sequence

_SCALES: dict[str, list[tuple[float, str]]] = {
    "s": [(1e-9, "ns"), (1e-6, "us"), (1e-3, "ms"), (1.0, "s")],
    "ns": [(1.0, "ns"), (1e3, "us"), (1e6, "ms"), (1e9, "s")],
    "us": [(1e-3, "ns"), (1.0, "us"), (1e3, "ms"), (1e6, "s")],
    "1/s": [(1.0, "/s"), (1e3, "k/s"), (1e6, "M/s"), (1e9, "G/s")],
    "n": [(1.0, ""), (1e3, "k"), (1e6, "M")],
    "B": [(1.0, "B"), (1024.0, "KiB"), (1024.0**2, "MiB"), (1024.0**3, "GiB")],
}


def scale(value: float, unit: str) -> tuple[float, str]:
    """The factor to divide by, and the unit's name, that fit the value; (1, unit) if unknown."""
    steps = _SCALES.get(unit, [(1.0, unit)])
    # 999.6 us would be shown as 1000 us: decide by what is shown.
    fitting = [step for step in steps if abs(value) >= step[0] * 0.9995]
    return fitting[-1] if fitting else steps[0]


def digits(value: float) -> str:
    """Three significant digits, never in exponent form: 0.0123, 1.23, 12.3, 123, 1234.

    What six decimals can't show is not nothing: "<0.000001".
    """
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    decimals = max(2 - math.floor(math.log10(abs(float(f"{value:.3g}")))), 0)
    shown = f"{value:.{min(decimals, 6)}f}"
    if float(shown) == 0:
        return "<0.000001" if value > 0 else ">-0.000001"
    return shown


def with_unit(value: float, unit: str) -> str:
    factor, name = scale(value, unit)
    return f"{digits(value / factor)} {name}".rstrip()


def together(values: Sequence[float], unit: str, scale_of: float) -> str:
    """Several values in the unit that fits `scale_of`, without naming it: "1.21-1.30"."""
    factor, _ = scale(scale_of, unit)
    return "-".join(digits(value / factor) for value in values)


def ratio(value: float) -> str:
    """ "0.94x", "12.3x", "1234x"; two digits that say something also when small: "0.0045x"."""
    return f"{factor(value)}x"


def ratios(low: float, high: float) -> str:
    """Two of them without the x: "0.91-0.97"."""
    return f"{factor(low)}-{factor(high)}"


def factor(value: float) -> str:
    """A ratio without the x: "0.94"; never 1 when it isn't, as that is what intervals are for."""
    if value >= 9.995:  # shown as 10
        return digits(value)
    shown = float(f"{value:.2g}")
    decimals = min(1 - math.floor(math.log10(shown)), 6) if 0 < shown < 0.1 else 2
    while value != 1 and round(value, decimals) == 1 and decimals < 6:
        decimals += 1
    return f"{value:.{decimals}f}"
