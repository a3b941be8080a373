"""JSON numerals against exact arithmetic: nothing is rounded in silence, and nothing takes long."""

import sys
import time
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from leaderboard import numerals
from leaderboard.numerals import (
    OrderingError,
    ScoreNotANumber,
    ScoreNotExact,
    ScoreOutOfRange,
    exact,
    from_grid,
    present,
    read_number,
    to_grid,
)

DIGITS = "9" * 10_000
QUICK_SECONDS = 0.5

patiently = settings(deadline=None)  # a busy machine is no error


def truth(text: str) -> Fraction:
    """What a numeral says, by the standard library."""
    with localcontext(prec=2000, Emax=10**9, Emin=-(10**9)):
        return Fraction(Decimal(text))


@st.composite
def some_numerals(draw: st.DrawFn, digits: int = 30, power: int = 40) -> str:
    """JSON numerals of every spelling."""
    whole = draw(st.one_of(st.just("0"), st.from_regex(rf"[1-9][0-9]{{0,{digits}}}", fullmatch=True)))
    fraction = draw(st.one_of(st.just(""), st.from_regex(rf"\.[0-9]{{1,{digits}}}", fullmatch=True)))
    sign = draw(st.sampled_from(("e", "E", "e+", "e-", "E-")))
    exponent = draw(st.one_of(st.just(""), st.integers(0, power).map(lambda number: f"{sign}{number}")))
    return draw(st.sampled_from(("", "-"))) + whole + fraction + exponent


@patiently
@given(some_numerals())
@example("-0")
@example("0.000e9")
@example("100e-2")
@example("9007199254740993.0")
def test_a_numeral_is_read_exactly(text: str) -> None:
    number, power = read_number(text)
    assert number * Fraction(10) ** power == truth(text) == exact(text)
    assert number % 10 or (number, power) == (0, 0)  # no trailing zeros


@patiently
@given(st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False)))
def test_numbers_are_read_as_python_writes_them(value: float) -> None:
    assert exact(value) == truth(repr(value))


@patiently
@given(some_numerals(), st.integers(0, 15))
@example("9007199254740992.5", 0)
@example("0.1", 1)
@example("999999999999999", 6)
@example("0999999999999", 0)
def test_a_grid_takes_what_lies_on_it_and_nothing_between(text: str, decimals: int) -> None:
    if text.startswith("0") and text[1:2].isdigit():
        with pytest.raises(ScoreNotANumber):
            to_grid(text, decimals)
        return
    scaled = truth(text) * 10**decimals
    if scaled.denominator == 1:
        assert to_grid(text, decimals) == scaled
    else:
        with pytest.raises(ScoreNotExact):
            to_grid(text, decimals)


@patiently
@given(st.integers(-(2**63), 2**63), st.integers(0, 15))
def test_a_grid_gives_back_what_it_took(number: int, decimals: int) -> None:
    value = from_grid(number, decimals)
    assert Fraction(value) == Fraction(number, 10**decimals)
    assert isinstance(value, int) == (number % 10**decimals == 0)
    assert to_grid(str(value), decimals) == number


@patiently
@given(st.fractions())
@example(Fraction(2**53 + 1))
@example(Fraction(2**62 + 1, 2))
@example(Fraction(-(10**30) - 1, 3))
@example(Fraction(-0.0))
def test_a_computed_number_is_an_integer_where_it_is_one(value: Fraction) -> None:
    shown = present(value)
    assert isinstance(shown, int) == (value.denominator == 1)
    if value.denominator == 1:
        assert shown == value
    elif abs(value) < 2**53:
        assert shown == value.numerator / value.denominator
    else:  # a double would have no decimals left
        assert abs(Fraction(shown) - value) <= Fraction(1, 10**6)


@patiently
@given(st.integers(0, 10**1200 - 1), st.integers(0, 400), st.sampled_from(("", "-")))
def test_a_very_long_fraction_is_the_same_double(digits: int, zeros: int, sign: str) -> None:
    text = f"{sign}0.{'0' * zeros}{digits:01200}"
    assert float(exact(text)) == float(text)


def test_a_fraction_just_above_the_middle_of_two_doubles_goes_up() -> None:
    """More digits than are kept must still not be forgotten: they decide which double is the nearest."""
    middle = Fraction(5e-324) / 2
    assert middle.denominator.bit_length() - 1 == 1075
    digits = str(10**1075 * middle.numerator // middle.denominator).rjust(1075, "0")
    assert float(f"0.{digits}") == 0.0  # a tie goes to the even one
    assert float(exact(f"0.{digits}")) == 0.0
    for nothing in (1, 100, 5000):
        text = f"0.{digits}{'0' * nothing}1"
        assert float(text) == 5e-324
        assert float(exact(text)) == 5e-324


BAD = ("", " ", "-", "+1", "1.", ".5", "01", "-00", "1 ", "\t1", "1\n", "0x1", "1_0", "1,0", "NaN", "Infinity")
WORSE = ("1e", "1e+", "e5", "1e5.0", "--1", "1-", "-Infinity", "٣", "１", "1.٣", "1e٣", "²", "½", "true", "1\0", "𝟏")


@pytest.mark.parametrize("text", [*BAD, *WORSE], ids=repr)
@pytest.mark.parametrize("read", [read_number, exact, lambda text: to_grid(text, 2)], ids=["read", "exact", "to_grid"])
def test_text_that_is_no_json_number(read: Any, text: str) -> None:
    with pytest.raises(ScoreNotANumber):
        read(text)


@pytest.mark.parametrize(
    "value", [True, False, None, float("nan"), float("inf"), -float("inf"), b"1", Decimal(1), Fraction(1), [], {}, 1j]
)
def test_what_is_no_number_at_all(value: Any) -> None:
    for read in (read_number, exact, lambda given: to_grid(given, 0)):
        with pytest.raises(ScoreNotANumber):
            read(value)


@patiently
@given(st.text(max_size=12))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = exact(text)
    except OrderingError:
        assume(not text.isascii() or not text.isdigit() or text[0] == "0")
    else:
        assert found == truth(text)


HUGE = {
    "1e999999999": ScoreOutOfRange,
    "-1e999999999": ScoreOutOfRange,
    "1E+999999999": ScoreOutOfRange,
    DIGITS: ScoreOutOfRange,
    f"-{DIGITS}": ScoreOutOfRange,
    f"{DIGITS}.5": ScoreOutOfRange,
    f"{DIGITS}e999999999": ScoreOutOfRange,
    f"0.{DIGITS}e999999999": ScoreOutOfRange,
    f"1e{DIGITS}": ScoreOutOfRange,
    "1e400": ScoreOutOfRange,
    "1e-999999999": ScoreNotExact,
    f"0.{DIGITS}": ScoreNotExact,
    f"{DIGITS}e-999999999": ScoreNotExact,
    f"1e-{DIGITS}": ScoreNotExact,
}


@pytest.mark.parametrize("text", HUGE, ids=lambda text: f"{text[:12]}..{len(text)}")
def test_huge_literals_are_refused_fast(text: str) -> None:
    begun = time.perf_counter()
    with pytest.raises(HUGE[text]):
        to_grid(text, 6)
    assert time.perf_counter() - begun < QUICK_SECONDS


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (f"0.{'0' * 10_000}", 0),
        ("0e999999999", 0),
        (f"0e{DIGITS}", 0),
        ("-0e-999999999", 0),
        (f"1{'0' * 10_000}e-10000", 1),
        (f"0.{'0' * 9_999}1e10000", 1),
        (f"25.{'0' * 10_000}", 25),
        ("1e00000000000000000002", 100),
        ("100e-0000000000000000002", 1),
    ],
    ids=lambda given: f"{given[:12]}..{len(given)}" if isinstance(given, str) else None,
)
def test_long_spellings_of_small_numbers_are_read_fast(text: str, value: int) -> None:
    begun = time.perf_counter()
    assert (exact(text), to_grid(text, 0)) == (value, value)
    assert time.perf_counter() - begun < QUICK_SECONDS


@pytest.mark.parametrize("value", [10**5000, -(10**5000), sys.float_info.max * 10], ids=["high", "low", "inf"])
def test_huge_numbers_that_are_no_text(value: float) -> None:
    with pytest.raises(OrderingError):
        exact(value)
    assert exact(2**1000) == 2**1000
    assert exact(sys.float_info.max) == Fraction(Decimal(repr(sys.float_info.max)))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (numerals.ScoreNotANumber, "invalid_score"),
        (numerals.ScoreNotExact, "score_not_exact"),
        (numerals.ScoreOutOfRange, "score_out_of_range"),
        (numerals.TimeOutOfRange, "time_out_of_range"),
        (numerals.DoesNotFit, "board_does_not_fit"),
    ],
)
def test_errors_carry_their_codes(error: type[OrderingError], code: str) -> None:
    assert error("why").code == code
    assert isinstance(error("why"), ValueError)
