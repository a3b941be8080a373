"""Numbers exactly as a client wrote them: JSON numerals into integers on a decimal grid, and back.

Pure; nothing but the standard library. Errors are ValueErrors with a `code`.
"""

import re
from decimal import Context, Decimal
from fractions import Fraction

Literal = str | int | float
Score = int | float | Decimal

_NUMERAL = re.compile(r"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?)(?=[0-9])0*([0-9]*))?", re.ASCII)
_WIDE = Context(prec=400)
_MAX_POWER = 400  # beyond it every numeral is beyond every double


class OrderingError(ValueError):
    """A value this board cannot take; `field` is where it came from."""

    code = "validation_error"
    field = "score"


class ScoreNotANumber(OrderingError):
    """Not a JSON number: a string, a boolean, NaN, an infinity."""

    code = "invalid_score"


class SubscoreMissing(OrderingError):
    """The board compares a subscore, and there is none."""


class ScoreNotExact(OrderingError):
    """The board cannot hold this number without rounding."""

    code = "score_not_exact"


class ScoreOutOfRange(OrderingError):
    """Outside what the board allows."""

    code = "score_out_of_range"


class TimeOutOfRange(OrderingError):
    """Outside the years that a time-ordered board can tell apart."""

    code = "time_out_of_range"
    field = "at"


class DoesNotFit(OrderingError):
    """The fields asked for need more bits than a sort key has."""

    code = "board_does_not_fit"


def read_number(value: Literal) -> tuple[int, int]:
    """Reads a JSON numeral (or an int or float) as (integer, power of ten), without trailing zeros.

    Raises ScoreNotANumber, or ScoreOutOfRange beyond 10^400.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ScoreNotANumber("A score is a JSON number.")
    if not isinstance(value, str):
        if isinstance(value, int) and abs(value) >= 10**_MAX_POWER:
            raise ScoreOutOfRange("Beyond any number a board can hold.")
        value = repr(value).removesuffix(".0")
    match = _NUMERAL.fullmatch(value)
    if match is None:
        raise ScoreNotANumber(f"{value[:40]!r} is not a JSON number.")
    sign, whole, fraction, exponent_sign, exponent = match.groups()
    power = int((exponent_sign or "") + (exponent or "0")[:10]) - len(fraction or "")
    digits = (whole + (fraction or "")).lstrip("0")
    significant = digits.rstrip("0")
    power += len(digits) - len(significant)
    if not significant:
        return 0, 0
    if len(significant) + power > _MAX_POWER:
        raise ScoreOutOfRange("Beyond any number a board can hold.")
    if len(significant) > 2 * _MAX_POWER:  # a fraction with more digits than any double can tell apart
        power += len(significant) - 2 * _MAX_POWER
        significant = significant[: 2 * _MAX_POWER - 1] + "1"
    return int(sign + significant), max(power, -10 * _MAX_POWER)


def exact(value: Literal) -> Fraction:
    """The numeral as an exact fraction. Raises as `read_number` does."""
    number, power = read_number(value)
    return Fraction(number) * Fraction(10) ** power


def is_short_integer(value: Literal) -> bool:
    """Whether this is the text of a plain integer that every double holds; most scores are."""
    return isinstance(value, str) and len(value) < 16 and value.isdecimal() and value.isascii() and value[0] != "0"


def to_grid(value: Literal, decimals: int) -> int:
    """The numeral in units of 10^-decimals. Raises ScoreNotExact when it lies between two of them."""
    if is_short_integer(value):
        return int(value) * int(10**decimals)
    number, power = read_number(value)
    if power + decimals < 0:
        places = "an integer" if decimals == 0 else f"a number with at most {decimals} decimals"
        raise ScoreNotExact(f"This board holds {places}.")
    return int(number * 10 ** (power + decimals))


def from_grid(value: int, decimals: int) -> int | Decimal:
    """The number that `value` units of 10^-decimals are."""
    whole, rest = divmod(value, 10**decimals)
    return whole if rest == 0 else Decimal(value).scaleb(-decimals).normalize()


def present(value: Fraction) -> Score:
    """A computed number as JSON shows it: an integer where it is one, else the nearest double.

    Where doubles have no decimals any more, it has six.
    """
    if value.denominator == 1:
        return int(value)
    if abs(value) < 2**53:
        return float(value)
    return Decimal(round(value * 10**6)).scaleb(-6, _WIDE).normalize(_WIDE)
