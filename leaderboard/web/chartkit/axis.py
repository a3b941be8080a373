"""The value axis of a chart, and how numbers are written on it."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

Value = int | float | Decimal | None
Form = Literal["number", "percent"]

_MOST: Final = 1e300  # beyond it a value is drawn as this; its text still says what it is
_LEAST: Final = 1e-290  # below it a value is drawn as 0
_MOST_MARKS: Final = 5
_STEPS: Final = (1, 2, 2.5, 5, 10)
_UNITS: Final = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))
UNKNOWN: Final = "–"
THIN_SPACE: Final = "\N{NARROW NO-BREAK SPACE}"


@dataclass(frozen=True, slots=True)
class Axis:
    """Marks `step` apart, from the `low`-th to the `high`-th; 0 is always one of them."""

    step: float
    low: int
    high: int

    @property
    def marks(self) -> Sequence[int]:
        """Every mark, counted in steps."""
        return range(self.low, self.high + 1)

    def place(self, value: Value) -> float | None:
        """Where a value is, counted in steps."""
        return None if value is None else tame(value) / self.step

    def label(self, mark: int, form: Form) -> str:
        """What is written at a mark."""
        return brief(mark * self.step, form)


def axis_of(values: Iterable[Value], form: Form = "number") -> Axis:
    """The axis that holds 0 and every value. ValueError for one that is no number."""
    known = [value for value in values if value is not None]
    tamed = [tame(value) for value in known]
    low, high = min(0.0, *tamed, 0.0), max(0.0, *tamed, 0.0)
    if low == high:
        high = 1.0
    step = _round_step(high / _MOST_MARKS - low / _MOST_MARKS)
    if form == "number" and all(value == int(value) for value in tamed):
        step = max(1.0, step) if step != 2.5 else 5.0
    return Axis(step, math.floor(low / step), math.ceil(high / step))


def tame(value: int | float | Decimal) -> float:
    """The value as a float that can be reckoned with. ValueError for one that is no number."""
    if value != value:  # noqa: PLR0124 - so for floats and Decimals alike
        raise ValueError("a chart shows numbers only")
    if -_LEAST < value < _LEAST:
        return 0.0
    return _MOST if value > _MOST else -_MOST if value < -_MOST else float(value)


def full(value: Value, form: Form = "number") -> str:
    """A number as a table shows it, with thousands apart: whole ones exactly, others to ten digits."""
    return UNKNOWN if value is None else _spelled(value, form).replace(",", THIN_SPACE)


def rounded(value: Value) -> str:
    """A number to two places, where that says enough of it."""
    if value is None or isinstance(value, int) or not 0.1 <= abs(tame(value)) < 1e15:
        return full(value)
    return f"{tame(value):,.2f}".removesuffix(".00").replace(",", THIN_SPACE)


def brief(value: float, form: Form = "number") -> str:
    """A number in a few characters: 950, 1.2k, 3.4M, 1e+15."""
    if form == "percent":
        return f"{value * 100:.6g}%"
    if abs(value) >= 1e15:
        return f"{value:.3g}"
    for unit, letter in _UNITS:
        if abs(value) >= unit * 0.99999:
            return f"{value / unit:.4g}{letter}"
    return f"{value:.4g}"


def _spelled(value: int | float | Decimal, form: Form) -> str:
    if form == "percent":
        return f"{tame(value) * 100:,.1f} %"
    if isinstance(value, int):
        return f"{value:,}"
    number = tame(value)
    if number.is_integer() and abs(number) < 2**53:
        return f"{int(number):,}"
    return f"{number:,.10g}" if 1e-4 <= abs(number) < 1e15 else f"{number:.6g}"


def _round_step(raw: float) -> float:
    """The least number of the form 1, 2, 2.5 or 5 times a power of ten that is not below `raw`."""
    power = math.floor(math.log10(raw))
    unit = 10.0**power
    return next((factor * unit for factor in _STEPS if factor * unit >= raw * 0.999999), 10 * unit)
