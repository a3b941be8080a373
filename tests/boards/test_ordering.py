"""The sort-key codec against exact arithmetic: order, round trips, ties, ranges of keys, refusals."""

import math
import sys
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from leaderboard.boards.ordering import Field, Ordering, Placed, make_ordering
from leaderboard.numerals import (
    DoesNotFit,
    OrderingError,
    ScoreNotANumber,
    ScoreNotExact,
    ScoreOutOfRange,
    TimeOutOfRange,
)

FROM_MS, UNTIL_MS = 946_684_800_000, 4_102_444_800_000  # 2000 and 2100, in UTC
NORMAL_DOUBLES = 2046 * 2**52  # the positive ones that are neither denormal nor infinite
BIG = (1009651914519660511, 1009651914519660512, 1009651914519660544)  # one double, all three of them
NOW = FROM_MS

patiently = settings(deadline=None)  # a busy machine is no error


@dataclass(frozen=True)
class Fields:
    """What a board is made of, and the numbers it can hold on its decimal grids."""

    score: Field
    subscore: Field | None
    ties: str | None
    grid: tuple[int, int]
    sub_grid: tuple[int, int]

    def ordering(self) -> Ordering:
        return make_ordering(self.score, self.subscore, self.ties)


@dataclass(frozen=True)
class Run:
    """A submission: numbers on the grid, and when."""

    number: int
    second: int
    at: int

    def place(self, fields: Fields, ordering: Ordering) -> Placed:
        subscore = None if fields.subscore is None else literal(self.second, fields.subscore.decimals or 0)
        return ordering.place(literal(self.number, fields.score.decimals or 0), subscore, self.at)

    def pair(self) -> tuple[int, int]:
        return self.number, self.second

    def rank(self, fields: Fields, tick_ms: int | None) -> tuple[int, int, int]:
        """Sorts as the contract says: smaller is better."""
        number = -self.number if fields.score.descending else self.number
        second = -self.second if fields.subscore and fields.subscore.descending else self.second
        tick = (self.at - FROM_MS) // (tick_ms or 1)
        return number, second, {None: 0, "first": tick, "last": -tick}[fields.ties]


def literal(number: int, decimals: int) -> str:
    """A number on a decimal grid as a client writes it."""
    if decimals == 0:
        return str(number)
    sign, digits = "-" * (number < 0), str(abs(number)).rjust(decimals + 1, "0")
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}"


def bound(number: int, decimals: int) -> Decimal:
    return Decimal(literal(number, decimals))


@st.composite
def some_field(draw: st.DrawFn, bits: int) -> tuple[Field, tuple[int, int]]:
    decimals = draw(st.integers(0, 6))
    width = draw(st.integers(0, 2 ** draw(st.integers(0, bits)) - 1))
    low = draw(st.one_of(st.just(0), st.just(-width), st.just(-(width // 2)), st.integers(-(2**62), 2**62)))
    field = Field(draw(st.booleans()), bound(low, decimals), bound(low + width, decimals), decimals)
    return field, (low, low + width)


@st.composite
def some_fields(draw: st.DrawFn, ties: tuple[str | None, ...] = (None, "first", "last")) -> Fields:
    """Boards that fit: 62 bits to share, half of them where time wants some."""
    tied = draw(st.sampled_from(ties))
    bits = 62 if tied is None else 30
    subscore, sub_grid, sub_bits = None, (0, 0), 0
    if draw(st.booleans()):
        sub_bits = draw(st.integers(0, bits))
        subscore, sub_grid = draw(some_field(sub_bits))
    score, grid = draw(some_field(bits - sub_bits))
    return Fields(score, subscore, tied, grid, sub_grid)


def near_ends(low: int, high: int) -> st.SearchStrategy[int]:
    ends = {low, min(low + 1, high), (low + high) // 2, max(high - 1, low), high}
    return st.one_of(st.sampled_from(sorted(ends)), st.integers(low, high))


@st.composite
def some_runs(draw: st.DrawFn, fields: Fields, most: int = 8) -> list[Run]:
    """Few numbers and few times, so that there are ties of every kind."""
    numbers = draw(st.lists(near_ends(*fields.grid), min_size=1, max_size=4))
    seconds = draw(st.lists(near_ends(*fields.sub_grid), min_size=1, max_size=3))
    first = draw(st.integers(FROM_MS, UNTIL_MS - 1))
    near = st.integers(-2000, 2000).map(lambda ms: min(max(first + ms, FROM_MS), UNTIL_MS - 1))
    times = st.one_of(st.just(first), near, st.sampled_from((FROM_MS, UNTIL_MS - 1)))
    runs = st.builds(Run, st.sampled_from(numbers), st.sampled_from(seconds), times)
    return draw(st.lists(runs, min_size=2, max_size=most))


def shown(fields: Fields, run: Run) -> tuple[Fraction, Fraction | None]:
    score = Fraction(run.number, 10 ** (fields.score.decimals or 0))
    return score, Fraction(run.second, 10 ** (fields.subscore.decimals or 0)) if fields.subscore else None


@patiently
@given(st.data())
def test_keys_sort_as_exact_arithmetic_does(data: st.DataObject) -> None:
    fields = data.draw(some_fields())
    ordering, runs = fields.ordering(), data.draw(some_runs(fields))
    keys = [run.place(fields, ordering).key for run in runs]
    ranks = [run.rank(fields, ordering.tie_resolution_ms) for run in runs]
    for key, rank in zip(keys, ranks, strict=True):
        for other_key, other_rank in zip(keys, ranks, strict=True):
            assert (key < other_key, key == other_key) == (rank < other_rank, rank == other_rank)


@patiently
@given(st.data())
def test_what_is_placed_is_read_back_exactly(data: st.DataObject) -> None:
    fields = data.draw(some_fields())
    ordering = fields.ordering()
    for run in data.draw(some_runs(fields)):
        placed, (score, subscore) = run.place(fields, ordering), shown(fields, run)
        for key in (placed.key, placed.floor, placed.ceil):
            assert tuple(None if number is None else Fraction(number) for number in ordering.decode(key)) == (
                score,
                subscore,
            )
        assert ordering.exact_score(placed.key) == score


@patiently
@given(st.data())
def test_floors_and_ceils_hold_one_pair_and_never_overlap(data: st.DataObject) -> None:
    fields = data.draw(some_fields())
    ordering = fields.ordering()
    found: dict[tuple[int, int], tuple[float, float]] = {}
    for run in data.draw(some_runs(fields)):
        placed = run.place(fields, ordering)
        assert placed.floor <= placed.key <= placed.ceil
        assert found.setdefault(run.pair(), (placed.floor, placed.ceil)) == (placed.floor, placed.ceil)
    for (_, ceil), (floor, _) in pairwise(sorted(found.values())):
        assert ceil < floor


@patiently
@given(st.data())
def test_packed_keys_are_positive_normal_doubles(data: st.DataObject) -> None:
    fields = data.draw(some_fields())
    assume(fields.subscore is not None or fields.ties is not None or max(map(abs, fields.grid)) > 2**53)
    ordering = fields.ordering()
    for number in fields.grid:
        for second in fields.sub_grid:
            for at in (FROM_MS, UNTIL_MS - 1):
                placed = Run(number, second, at).place(fields, ordering)
                for key in (placed.key, placed.floor, placed.ceil):
                    assert sys.float_info.min <= key <= sys.float_info.max


@patiently
@given(st.data())
def test_a_time_moves_a_key_once_a_tick(data: st.DataObject) -> None:
    fields = data.draw(some_fields(("first", "last")))
    ordering = fields.ordering()
    tick_ms = ordering.tie_resolution_ms
    assert tick_ms in (1, 10, 100, 1000)
    tick = data.draw(near_ends(0, (UNTIL_MS - FROM_MS) // tick_ms - 2))
    begins = FROM_MS + tick * tick_ms
    number, second = fields.grid[0], fields.sub_grid[1]
    first, last, following = (
        Run(number, second, at).place(fields, ordering).key for at in (begins, begins + tick_ms - 1, begins + tick_ms)
    )
    assert first == last
    assert first < following if fields.ties == "first" else first > following


@pytest.mark.parametrize(
    ("highest", "tick_ms"),
    [(10**6, 1), (2**21 - 2049, 1), (2**21, 10), (2**24 - 16385, 10), (2**25, 100), (2 * 10**9, 1000)],
)
@pytest.mark.parametrize("ties", ["first", "last"])
def test_time_is_as_fine_as_fits(highest: int, tick_ms: int, ties: str) -> None:
    score = Field(True, Decimal(0), Decimal(highest), 0)
    assert make_ordering(score, None, ties).tie_resolution_ms == tick_ms


def test_time_coarser_than_a_second_does_not_fit() -> None:
    score = Field(True, Decimal(0), Decimal(2**31), 0)
    with pytest.raises(DoesNotFit):
        make_ordering(score, None, "first")
    assert make_ordering(score).tie_resolution_ms is None


@pytest.mark.parametrize("ties", ["first", "last"])
@pytest.mark.parametrize("at", [FROM_MS - 1, UNTIL_MS, 0, -(10**15), 10**15])
def test_times_outside_the_century_are_refused(ties: str, at: int) -> None:
    score = Field(False, Decimal(0), Decimal(100), 0)
    with pytest.raises(TimeOutOfRange):
        make_ordering(score, None, ties).place("5", None, at)
    with pytest.raises(TimeOutOfRange):
        make_ordering(score, None, ties).delta("5", None, at)
    assert make_ordering(score).place("5", None, at).key == 5.0


@pytest.mark.parametrize("descending", [True, False])
def test_all_of_the_positive_normal_doubles_are_used_and_no_more(descending: bool) -> None:
    low = -(2**62)
    ordering = make_ordering(Field(descending, Decimal(low), Decimal(low + NORMAL_DOUBLES - 1), 0))
    ends = sorted(ordering.place(str(number), None, NOW).key for number in (low, low + NORMAL_DOUBLES - 1))
    assert ends == [sys.float_info.min, sys.float_info.max]
    with pytest.raises(DoesNotFit):
        make_ordering(Field(descending, Decimal(low), Decimal(low + NORMAL_DOUBLES), 0))


@pytest.mark.parametrize("descending", [True, False])
def test_neighbours_that_are_one_double_have_three_keys(descending: bool) -> None:
    assert len({float(number) for number in BIG}) == 1
    ordering = make_ordering(Field(descending, Decimal(0), Decimal(2**62), 0))
    keys = [ordering.place(str(number), None, NOW).key for number in BIG]
    assert sorted(set(keys), reverse=descending) == keys
    assert [ordering.decode(key) for key in keys] == [(number, None) for number in BIG]


@pytest.mark.parametrize("score", [Field(True), Field(False, None, None, 0), Field(True, Decimal(0), None, 0)])
@pytest.mark.parametrize("text", ["1009651914519660511", "9007199254740993", "9007199254740993.0", "-1e23"])
def test_integers_that_no_double_is_are_refused_without_bounds(score: Field, text: str) -> None:
    with pytest.raises((ScoreNotExact, ScoreOutOfRange)) as refusal:
        make_ordering(score).place(text, None, NOW)
    assert refusal.type is ScoreNotExact or text.startswith("-")


# Plain keys: any double, or scaled integers.


def spelt(value: float) -> str:
    """All digits of a double: an integer beyond 2^53 that is cut short is another integer, and refused."""
    return str(int(value)) if value.is_integer() else repr(value)


def as_double(text: str) -> Fraction:
    """What a board of doubles makes of a numeral."""
    return Fraction(float(text))


doubles = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**53), 2**53).map(float),
    st.sampled_from((0.0, -0.0, 5e-324, -5e-324, 0.1, 0.3, 1e17, 1e300, -1e300, 2.0**53, -(2.0**53))),
)


@patiently
@given(st.booleans(), st.lists(doubles, min_size=2, max_size=6))
def test_doubles_keep_their_order_and_come_back(descending: bool, values: list[float]) -> None:
    ordering = make_ordering(Field(descending))
    keys = [ordering.place(spelt(value), None, NOW).key for value in values]
    for value, key in zip(values, keys, strict=True):
        score, subscore = ordering.decode(key)
        assert (float(score), subscore) == (value, None)
        for other, other_key in zip(values, keys, strict=True):
            assert (key < other_key) == (value > other if descending else value < other)


@patiently
@example(False, 2.0**80)
@given(st.booleans(), doubles)
def test_what_a_board_of_doubles_shows_it_takes_back(descending: bool, value: float) -> None:
    ordering = make_ordering(Field(descending))
    placed = ordering.place(spelt(value), None, NOW)
    assert ordering.place(ordering.decode(placed.key)[0], None, NOW) == placed


@patiently
@given(st.from_regex(r"-?(0|[1-9][0-9]{0,15})\.[0-9]{1,30}", fullmatch=True))
def test_a_fraction_without_decimals_is_the_nearest_double(text: str) -> None:
    whole = Fraction(Decimal(text)).denominator == 1
    assume(not whole or as_double(text) == Fraction(Decimal(text)))
    assert Fraction(make_ordering(Field(descending=False)).place(text, None, NOW).key) == as_double(text)


@patiently
@given(st.integers(0, 6), st.booleans(), st.integers(-(2**53), 2**53))
def test_grids_without_bounds_hold_all_up_to_2_to_the_53(decimals: int, descending: bool, number: int) -> None:
    ordering = make_ordering(Field(descending, None, None, decimals))
    placed = ordering.place(literal(number, decimals), None, NOW)
    assert placed.key == (-number if descending else number)
    assert Fraction(ordering.decode(placed.key)[0]) == Fraction(number, 10**decimals)
    with pytest.raises(ScoreNotExact):
        ordering.place(literal(2**53 + abs(number) + 1, decimals), None, NOW)


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("decimals", [None, 0, 2])
@pytest.mark.parametrize("text", ["-0", "-0.0", "-0e5", "0", "0.00", "-0E-3", -0.0, 0])
def test_there_is_one_zero(descending: bool, decimals: int | None, text: Any) -> None:
    ordering = make_ordering(Field(descending, None, None, decimals))
    placed = ordering.place(text, None, NOW)
    assert [math.copysign(1, key) for key in (placed.key, placed.floor, placed.ceil)] == [1, 1, 1]
    assert repr(ordering.decode(placed.key)[0]) == "0"
    assert math.copysign(1, ordering.delta(text, None, NOW)[0]) == 1


@pytest.mark.parametrize("text", ["0.1", "0.3", "-0.1", "-0.3", "2.2", "1e-7"])
def test_a_bound_can_be_reached_however_it_rounds(text: str) -> None:
    """Where a board has no decimals both are the nearest double, so a score written like the bound is on it."""
    for low, high in ((Decimal(text), None), (None, Decimal(text)), (Decimal(text), Decimal(text))):
        ordering = make_ordering(Field(False, low, high))
        assert ordering.place(text, None, NOW).key == float(text)


# Ranges of keys.


def inside(span: tuple[float, float] | None, key: float) -> bool:
    return span is not None and span[0] <= key <= span[1]


@patiently
@given(st.data())
def test_spans_hold_what_lies_between(data: st.DataObject) -> None:
    fields = data.draw(some_fields())
    ordering, runs = fields.ordering(), data.draw(some_runs(fields))
    units = 10 ** (fields.score.decimals or 0)
    around = st.one_of(
        st.none(),
        st.sampled_from(runs).map(lambda run: Fraction(run.number, units)),
        st.tuples(st.sampled_from(runs), st.fractions(-2, 2)).map(lambda found: (found[0].number + found[1]) / units),
        st.sampled_from((Fraction(-(10**30)), Fraction(10**30))),
    )
    low, high = data.draw(around), data.draw(around)
    span = ordering.span(low, high)
    for run in runs:
        score = shown(fields, run)[0]
        wanted = (low is None or low <= score) and (high is None or score <= high)
        placed = run.place(fields, ordering)
        assert [inside(span, key) for key in (placed.key, placed.floor, placed.ceil)] == [wanted] * 3


ends = st.one_of(st.none(), doubles.map(Fraction), st.fractions(max_denominator=1000), st.just(Fraction(3, 10)))


@patiently
@example(False, [0.1], None, Fraction(1, 10))
@example(True, [0.3], Fraction(3, 10), None)
@given(st.booleans(), st.lists(doubles, min_size=1, max_size=6), ends, ends)
def test_spans_of_doubles(descending: bool, values: list[float], low: Fraction | None, high: Fraction | None) -> None:
    """An end is the nearest double, as a score written like it is."""
    ordering = make_ordering(Field(descending))
    span = ordering.span(low, high)
    for value in values:
        wanted = (low is None or float(low) <= value) and (high is None or value <= float(high))
        assert inside(span, ordering.place(spelt(value), None, NOW).key) == wanted


@patiently
@given(st.data())
def test_reaching_counts_as_both_are_shown(data: st.DataObject) -> None:
    fields = data.draw(some_fields())
    ordering, runs = fields.ordering(), data.draw(some_runs(fields))
    units = 10 ** (fields.score.decimals or 0)
    edge = data.draw(
        st.one_of(
            st.sampled_from(runs).map(lambda run: run.number / units),
            st.sampled_from(runs).map(lambda run: run.number // units),
            st.floats(-1e30, 1e30),
        )
    )
    first, last = ordering.reaching(edge)
    for run in runs:
        key = run.place(fields, ordering).key
        assert (first <= key <= last) == (shown(fields, run)[0] >= Fraction(repr(edge)))


@patiently
@given(st.booleans(), st.lists(doubles, min_size=1, max_size=6), doubles)
def test_reaching_on_doubles(descending: bool, values: list[float], edge: float) -> None:
    ordering = make_ordering(Field(descending))
    first, last = ordering.reaching(edge)
    for value in values:
        assert (first <= ordering.place(spelt(value), None, NOW).key <= last) == (value >= edge)


# What a board says it can hold.


@patiently
@given(st.data())
def test_exact_range_is_held_and_nothing_beyond_its_bounds(data: st.DataObject) -> None:
    fields = data.draw(some_fields())
    ordering = fields.ordering()
    decimals = fields.score.decimals or 0
    assert tuple(map(Fraction, ordering.exact_range)) == tuple(Fraction(end, 10**decimals) for end in fields.grid)
    subscore = None if fields.subscore is None else literal(fields.sub_grid[0], fields.subscore.decimals or 0)
    for end, step in zip(fields.grid, (-1, 1), strict=True):
        assert Fraction(ordering.decode(ordering.place(literal(end, decimals), subscore, NOW).key)[0]) == Fraction(
            end, 10**decimals
        )
        with pytest.raises(ScoreOutOfRange):
            ordering.place(literal(end + step, decimals), subscore, NOW)


@pytest.mark.parametrize(
    ("field", "wanted"),
    [
        (Field(True), (-(2**53), 2**53)),
        (Field(True, Decimal(0)), (0, 2**53)),
        (Field(True, None, Decimal(0)), (-(2**53), 0)),
        (Field(True, Decimal("-2.5"), Decimal("0.5")), (Fraction(-5, 2), Fraction(1, 2))),
        (Field(True, Decimal(-(10**20)), Decimal(10**20)), (-(2**53), 2**53)),
        (Field(True, None, None, 0), (-(2**53), 2**53)),
        (Field(True, None, None, 2), (Fraction(-(2**53), 100), Fraction(2**53, 100))),
        (Field(True, Decimal(0), None, 1), (0, Fraction(2**53, 10))),
        (Field(True, Decimal("-2.55"), Decimal("3.99"), 1), (Fraction(-25, 10), Fraction(39, 10))),
        (Field(True, Decimal(-(2**61)), Decimal(2**61), 0), (-(2**61), 2**61)),
    ],
)
def test_exact_ranges(field: Field, wanted: tuple[Fraction, Fraction]) -> None:
    assert tuple(map(Fraction, make_ordering(field).exact_range)) == wanted


def test_a_board_of_doubles_beyond_2_to_the_53_has_no_range_turned_round() -> None:
    low, high = make_ordering(Field(True, Decimal(10**17), Decimal(10**18))).exact_range
    assert low <= high


# Refusals.

BOARDS = {
    "doubles": make_ordering(Field(descending=True)),
    "integers": make_ordering(Field(True, None, None, 0)),
    "cents": make_ordering(Field(False, Decimal(-100), Decimal(100), 2)),
    "packed": make_ordering(Field(True, Decimal(0), Decimal(2**60), 0)),
    "timed": make_ordering(Field(True, Decimal(0), Decimal(1000), 1), None, "first"),
}


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize(
    "value",
    [
        *(float("nan"), float("inf"), float("-inf"), True, False, None, [1], {}, b"1", Decimal(1), 1j),
        *("NaN", "Infinity", "-Infinity", "inf", "true", "", " ", "1 ", " 1", "1\n", "+1", ".5", "1.", "01", "-01"),
        *("1_000", "0x10", "1e", "1e1.5", "--1", "1,5", "one", "٣", "１２", "1٠", "-", "1e٣", "²"),
    ],
    ids=repr,
)
def test_what_is_no_json_number_is_refused(board: str, value: Any) -> None:
    with pytest.raises(ScoreNotANumber) as refusal:
        BOARDS[board].place(value, None, NOW)
    assert refusal.value.code == "invalid_score"
    with pytest.raises(ScoreNotANumber):
        BOARDS[board].delta(value, None, NOW)


@pytest.mark.parametrize(
    ("board", "text", "code"),
    [
        ("doubles", "9007199254740993", "score_not_exact"),
        ("doubles", "1e23", "score_not_exact"),
        ("doubles", "1e309", "score_out_of_range"),
        ("doubles", "-1e999999999", "score_out_of_range"),
        ("integers", "0.5", "score_not_exact"),
        ("integers", "5e-1", "score_not_exact"),
        ("integers", "1e-999999999", "score_not_exact"),
        ("integers", "9007199254740994", "score_not_exact"),
        ("cents", "0.001", "score_not_exact"),
        ("cents", "100.01", "score_out_of_range"),
        ("cents", "-100.01", "score_out_of_range"),
        ("packed", "0.5", "score_not_exact"),
        ("packed", "-1", "score_out_of_range"),
        ("packed", str(2**60 + 1), "score_out_of_range"),
        ("timed", "0.05", "score_not_exact"),
        ("timed", "1000.1", "score_out_of_range"),
    ],
)
def test_refusals_have_their_codes(board: str, text: str, code: str) -> None:
    with pytest.raises(OrderingError) as refusal:
        BOARDS[board].place(text, None, NOW)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    ("board", "text", "value"),
    [
        ("doubles", "1e17", 10**17),
        ("doubles", "9007199254740992.0", 2**53),
        ("doubles", "9007199254740994", 2**53 + 2),
        ("integers", "12.000", 12),
        ("integers", "1.2e1", 12),
        ("cents", "0.100", Fraction(1, 10)),
        ("cents", "1e2", 100),
        ("packed", "1.152921504606846976e18", 2**60),
        ("timed", "10E-1", 1),
    ],
)
def test_the_spelling_of_a_number_does_not_matter(board: str, text: str, value: Fraction) -> None:
    assert Fraction(BOARDS[board].decode(BOARDS[board].place(text, None, NOW).key)[0]) == value


def test_a_missing_subscore_is_refused() -> None:
    ordering = make_ordering(
        Field(True, Decimal(0), Decimal(9), 0),
        Field(False, Decimal(0), Decimal(9), 0),
    )
    with pytest.raises(OrderingError):
        ordering.place("1", None, NOW)
    with pytest.raises(ScoreOutOfRange):
        ordering.place("1", "10", NOW)


@pytest.mark.parametrize(
    ("score", "subscore", "ties"),
    [
        (Field(True, Decimal(0), Decimal(2**53 + 1), 0), None, "first"),
        (Field(True, Decimal(0), None, 0), None, "first"),
        (Field(True, Decimal(2**60), None, 0), None, None),
        (Field(True, None, Decimal(-(2**60)), 0), None, None),
        (Field(True, Decimal(5), Decimal(4), 0), None, None),
        (Field(True, Decimal("0.1"), Decimal("0.9"), 0), None, None),
        (Field(True, Decimal("0.1"), Decimal("0.9"), 0), None, "last"),
        (Field(True, Decimal(0), Decimal(2**40), 0), Field(True, Decimal(0), Decimal(2**30), 0), None),
        (Field(True, Decimal(0), Decimal(9), 0), Field(True, Decimal(0), None, 0), None),
    ],
)
def test_what_does_not_fit(score: Field, subscore: Field | None, ties: str | None) -> None:
    with pytest.raises(DoesNotFit) as refusal:
        make_ordering(score, subscore, ties)
    assert refusal.value.code == "board_does_not_fit"
