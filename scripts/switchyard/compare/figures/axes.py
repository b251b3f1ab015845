"""Axes that a reader can read: ticks with their unit, from zero or openly logarithmic."""

import math

from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, LogLocator, MaxNLocator, NullFormatter, NullLocator

from ...system import units

MOST_NINES = 4.0  # 99.99 %


def log_axis(axis: Axis, unit: str) -> None:
    """Ticks with their unit: decades, or 1-2-5 on a short axis; bytes in powers of four.

    Call it when all data are drawn. It spans a decade at least: less would have hardly a tick, and
    would show noise as if it were a difference.
    """
    _set(axis, scale="log")
    low, high = axis.get_view_interval()
    span = 16 if unit == "B" else 10
    if high < span * low:
        middle = math.sqrt(low * high)
        low, high = middle / math.sqrt(span), middle * math.sqrt(span)
        _set(axis, lim=(low, high))
    if unit == "B":
        locator = LogLocator(base=4, numticks=12)
        axis.set_minor_locator(NullLocator())
    else:
        locator = LogLocator(base=10, subs=(1, 2, 5) if high < 30 * low else (1,), numticks=12)
        axis.set_minor_locator(LogLocator(base=10, subs=range(2, 10), numticks=12))
    axis.set_major_locator(locator)
    axis.set_major_formatter(lambda value, _: tick(value, unit))
    axis.set_minor_formatter(NullFormatter())


def parameter_axis(axis: Axis) -> None:
    """A logarithmic axis whose ticks are the values that were measured; zero stands before them."""
    values = _drawn(axis)
    if values[0] == 0:
        first = values[1] if len(values) > 1 else 1
        getattr(axis.axes, f"set_{axis.axis_name}scale")("symlog", linthresh=first)
        _set(axis, lim=(-0.1 * first, values[-1] * 1.3 or first))
    else:
        _set(axis, scale="log")
        if len(values) == 1:  # nothing to scale by: put it in the middle
            _set(axis, lim=(values[0] / 2, values[0] * 2))
    axis.set_major_locator(FixedLocator(values))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(lambda value, _: _count(value))


def linear_axis(axis: Axis, unit: str) -> None:
    """From zero; ticks written with their unit. Call it when all data are drawn."""
    _set(axis, lim=(0, None))
    axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(lambda value, _: tick(value, unit))


def count_axis(axis: Axis) -> None:
    """Linear, from zero, with a tick at each value that was measured."""
    counts = _drawn(axis)
    _set(axis, lim=(0, counts[-1] * 1.05), ticks=counts)


def load_axis(axis: Axis) -> None:
    """Per cent, from zero; without 90 where more follows it closely."""
    loads = _drawn(axis)
    _set(
        axis,
        lim=(0, loads[-1] * 1.05),
        ticks=[load for load in loads if load != 90 or load == loads[-1]],
    )
    axis.set_tick_params(labelsize="small")


def nines(quantile: float) -> float:
    """Where a percentile stands on its axis: 90 % at 1, 99 % at 2, 99.9 % at 3."""
    return -math.log10(1 - quantile)


def percentile_axis(axis: Axis) -> None:
    _set(axis, lim=(0, MOST_NINES + 0.1))
    axis.set_major_locator(FixedLocator([nines(q) for q in (0.5, 0.9, 0.99, 0.999, 0.9999)]))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(lambda x, _: f"p{100 * (1 - 10**-x):.4g}")


def tick(value: float, unit: str) -> str:
    factor, name = units.scale(value, unit) if value else (1.0, "")
    name = {"us": "µs"}.get(name, name)
    return f"{value / factor:,.4g} {name}".rstrip().replace(" x", "x")


def _drawn(axis: Axis) -> list[float]:
    """The values along this x axis of all that was measured, also in panels that share it."""
    sharing = axis.axes.get_shared_x_axes().get_siblings(axis.axes)
    return sorted({x for ax in sharing for held in ax.containers for x in held[0].get_xdata()})


def _set(axis: Axis, **what: object) -> None:
    """`lim` or `scale` of the x or y axis, whichever it is."""
    axis.axes.set(**{f"{axis.axis_name}{name}": value for name, value in what.items()})


def _count(value: float) -> str:
    if value >= 1_000_000:
        return f"{value / 1_000_000:g}M"
    return f"{value / 1000:g}k" if value >= 10_000 else f"{value:,g}"
