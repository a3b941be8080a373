"""The sort-key codec: (score, subscore, time) into one double and back; a smaller key is a better standing.

A sorted set orders its members by one double. *Plain* keys are the score itself, negated on a descending board;
scores with decimals are kept as scaled integers. *Packed* keys put several fields side by side in one unsigned
integer, most significant first, and read its bits as a positive double: the order of positive doubles is the
order of their bit patterns (IEEE 754), so almost 63 bits survive where a number would keep 53.

Pure; nothing but the standard library and `numerals`, which is the same.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from fractions import Fraction

from leaderboard.boards.sortkey import OFFSET, Field, Ordering, Placed, from_double, halves, to_double
from leaderboard.numerals import (
    DoesNotFit,
    Literal,
    OrderingError,
    Score,
    ScoreNotExact,
    ScoreOutOfRange,
    SubscoreMissing,
    TimeOutOfRange,
    from_grid,
    is_short_integer,
    read_number,
    to_grid,
)

EXACT = 2**53  # every integer up to here is a double
CAPACITY = 0x7FF * 2**52 - OFFSET  # and end below the bits of infinity
TIE_FROM_MS = 946_684_800_000  # 2000-01-01T00:00:00Z
TIE_UNTIL_MS = 4_102_444_800_000  # 2100-01-01T00:00:00Z, excluded
_TIE_RESOLUTIONS_MS = (1, 10, 100, 1000)
_BIGGEST = float.fromhex("0x1.fffffffffffffp+1023")


class PlainOrdering(Ordering):
    """The key is the score: any double, or an integer number of decimals, up to 2^53 of them."""

    def __init__(self, score: Field) -> None:
        self.score = score
        self._sign = -1 if score.descending else 1
        self._low: float | None
        self._high: float | None
        if score.decimals is not None:
            self._low, self._high = score.grid(score.low, -EXACT, up=True), score.grid(score.high, EXACT, up=False)
        else:  # a bound means the double nearest to it, as a score does
            self._low = None if score.low is None else float(score.low)
            self._high = None if score.high is None else float(score.high)
        if self._low is not None and self._high is not None and self._low > self._high:
            raise DoesNotFit("No number lies between min and max.")

    def place(self, score: Literal, subscore: Literal | None, at_ms: int) -> Placed:  # noqa: ARG002 - one shape
        value = self._value(score)
        if self._low is not None and value < self._low:
            raise self._beyond(self.score.low, "lowest")
        if self._high is not None and value > self._high:
            raise self._beyond(self.score.high, "highest")
        key = self._sign * value + 0.0  # + 0.0 turns -0.0 into 0.0
        return Placed(key, key, key)

    def delta(self, score: Literal, subscore: Literal | None, at_ms: int) -> list[float]:  # noqa: ARG002
        value = self._value(score)
        if self.score.decimals is not None:
            if abs(value) > 2 * EXACT:
                raise ScoreOutOfRange("No total of this board can change by so much.")
            if int(float(value)) != value:
                raise ScoreNotExact("Beyond the numbers this board holds exactly; state min and max to go further.")
        return [self._sign * value + 0.0]

    def sum_limits(self) -> list[float]:
        biggest = float(EXACT) if self.score.decimals is not None else _BIGGEST
        low = -biggest if self._low is None else float(self._low)
        high = biggest if self._high is None else float(self._high)
        ends = [-high, -low] if self.score.descending else [low, high]
        return [*ends, 1.0 if self.score.decimals is not None else 0.0]

    def decode(self, key: float) -> tuple[Score, Score | None]:
        value = self._sign * key
        if self.score.decimals is not None:
            return from_grid(int(value), self.score.decimals), None
        # All digits of a large integer: its shortest ones would be another integer, one that is no double.
        return (int(value) if value.is_integer() else value), None

    def span(self, low: Fraction | None, high: Fraction | None) -> tuple[float, float] | None:
        first = -math.inf if low is None else self._bound(low, math.ceil)
        last = math.inf if high is None else self._bound(high, math.floor)
        if first > last:
            return None
        return (-last, -first) if self.score.descending else (first, last)

    def reaching(self, edge: Score) -> tuple[float, float]:
        if self.score.decimals is not None:
            return super().reaching(edge)
        first = float(edge)
        if first < edge:  # a number between two doubles
            first = math.nextafter(first, math.inf)
        return (-math.inf, -first) if self.score.descending else (first, math.inf)

    @property
    def exact_range(self) -> tuple[Score, Score]:
        if self.score.decimals is not None:
            low, high = (
                self.score.grid(self.score.low, -EXACT, up=True),
                self.score.grid(self.score.high, EXACT, up=False),
            )
            return from_grid(low, self.score.decimals), from_grid(high, self.score.decimals)
        least = Decimal(-EXACT) if self.score.low is None else max(self.score.low, Decimal(-EXACT))
        most = Decimal(EXACT) if self.score.high is None else min(self.score.high, Decimal(EXACT))
        return (least, most) if least <= most else (least, least) if least > EXACT else (most, most)

    @staticmethod
    def _beyond(bound: Decimal | None, which: str) -> ScoreNotExact | ScoreOutOfRange:
        if bound is None:
            return ScoreNotExact("Beyond the numbers this board holds exactly; state min and max to go further.")
        return ScoreOutOfRange(f"The {which} score of this board is {bound:f}.")

    def _bound(self, value: Fraction, inwards: Callable[[Fraction], int]) -> float:
        """The first number within a bound; on a board of doubles it is the nearest double, as it is for scores."""
        if self.score.decimals is not None:
            value = Fraction(inwards(value * 10**self.score.decimals))
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf

    def _value(self, score: Literal) -> float:
        if self.score.decimals is not None:
            return to_grid(score, self.score.decimals)
        if is_short_integer(score):
            return float(int(score))
        number, power = read_number(score)
        if power >= 0:
            whole = number * 10**power
            value = _finite(whole)
            if int(value) != whole:
                raise ScoreNotExact(f"{whole} is no double; the nearest one is {int(value)}.")
            return value
        return _finite(Fraction(number) * Fraction(10) ** power)


class PackedOrdering(Ordering):
    """Score, subscore and time side by side in one integer, read as the bits of a positive double."""

    def __init__(self, score: Field, subscore: Field | None, ties: str | None) -> None:
        self.score, self.subscore, self.ties = score, subscore, ties
        self._low, self._high = _bounds(score)
        self._sub_low, self._sub_high = (0, 0) if subscore is None else _bounds(subscore)
        self.sub_bits = (self._sub_high - self._sub_low).bit_length()
        if ties is not None:
            self.tie_resolution_ms = self._finest_resolution()
            self._ticks = (TIE_UNTIL_MS - TIE_FROM_MS) // self.tie_resolution_ms
            self.time_bits = (self._ticks - 1).bit_length()
        if not self._fits(self.time_bits):
            raise DoesNotFit("min, max and decimals of the score and the subscore need more than 63 bits.")
        self._floor_mask = ~((1 << self.time_bits) - 1)

    def place(self, score: Literal, subscore: Literal | None, at_ms: int) -> Placed:
        value = self._rank(to_grid(score, self.score.decimals or 0), self.score, self._low, self._high)
        if self.subscore is not None:
            with _at_fault("subscore"):
                second = self._subscore(subscore)
                value = (value << self.sub_bits) | self._rank(second, self.subscore, self._sub_low, self._sub_high)
        floor = value << self.time_bits
        if not self.ties:
            key = to_double(floor)
            return Placed(key, key, key)
        return Placed(to_double(floor | self._tick(at_ms)), to_double(floor), to_double(floor | ~self._floor_mask))

    def delta(self, score: Literal, subscore: Literal | None, at_ms: int) -> list[float]:
        change = to_grid(score, self.score.decimals or 0)
        with _at_fault("subscore"):
            second = self._subscore(subscore)
            if abs(second) >= 2**63:
                raise ScoreOutOfRange("No total of this board can change by so much.")
        if abs(change) >= 2**63:
            raise ScoreOutOfRange("No total of this board can change by so much.")
        if self.score.descending:
            change = -change
        if self.subscore is not None and self.subscore.descending:
            second = -second
        return [*halves(change), *halves(second), float(self._tick(at_ms)) if self.ties else 0.0]

    def sum_limits(self) -> list[float]:
        start = self._high if self.score.descending else -self._low
        sub_start = 0
        if self.subscore is not None:
            sub_start = self._sub_high if self.subscore.descending else -self._sub_low
        return [
            *(float(self.sub_bits), float(self.time_bits)),
            *halves(start),
            *halves(self._high - self._low),
            *halves(sub_start),
            *halves(self._sub_high - self._sub_low),
        ]

    def floor(self, key: float) -> float:
        return to_double(from_double(key) & self._floor_mask)

    def decode(self, key: float) -> tuple[Score, Score | None]:
        value = from_double(key) >> self.time_bits
        rank = value >> self.sub_bits
        number = self._high - rank if self.score.descending else self._low + rank
        score = from_grid(number, self.score.decimals or 0)
        if self.subscore is None:
            return score, None
        rank = value & ((1 << self.sub_bits) - 1)
        number = self._sub_high - rank if self.subscore.descending else self._sub_low + rank
        return score, from_grid(number, self.subscore.decimals or 0)

    def span(self, low: Fraction | None, high: Fraction | None) -> tuple[float, float] | None:
        scale = 10 ** (self.score.decimals or 0)
        first = self._low if low is None else max(self._low, math.ceil(low * scale))
        last = self._high if high is None else min(self._high, math.floor(high * scale))
        if first > last:
            return None
        shift = self.sub_bits + self.time_bits
        best, worst = (
            (self._high - last, self._high - first) if self.score.descending else (first - self._low, last - self._low)
        )
        return to_double(best << shift), to_double(((worst + 1) << shift) - 1)

    @property
    def exact_range(self) -> tuple[Score, Score]:
        decimals = self.score.decimals or 0
        return from_grid(self._low, decimals), from_grid(self._high, decimals)

    def _subscore(self, subscore: Literal | None) -> int:
        if self.subscore is None:
            return 0
        if subscore is None:
            raise SubscoreMissing("This board needs a subscore.")
        return to_grid(subscore, self.subscore.decimals or 0)

    def _fits(self, time_bits: int) -> bool:
        return (self._high - self._low + 1) << (self.sub_bits + time_bits) <= CAPACITY

    def _finest_resolution(self) -> int:
        for resolution in _TIE_RESOLUTIONS_MS:
            ticks = (TIE_UNTIL_MS - TIE_FROM_MS) // resolution
            if self._fits((ticks - 1).bit_length()):
                return resolution
        raise DoesNotFit("The score and the subscore leave no room to tell times one second apart.")

    def _rank(self, number: int, field: Field, low: int, high: int) -> int:
        if not low <= number <= high:
            raise ScoreOutOfRange(f"Outside the board's range, {field.low:f} to {field.high:f}.")
        return high - number if field.descending else number - low

    def _tick(self, at_ms: int) -> int:
        if not TIE_FROM_MS <= at_ms < TIE_UNTIL_MS:
            raise TimeOutOfRange("This board orders ties by time, from 2000 to 2100.")
        tick = (at_ms - TIE_FROM_MS) // (self.tie_resolution_ms or 1)
        return tick if self.ties == "first" else self._ticks - 1 - tick


def make_ordering(score: Field, subscore: Field | None = None, ties: str | None = None) -> Ordering:
    """The codec for a board: packed where it must be, else plain. `ties`: "first", "last" or None.

    Raises DoesNotFit.
    """
    if subscore is None and ties is None:
        if score.decimals is None:
            return PlainOrdering(score)
        low = score.grid(score.low, 0, up=True)
        high = score.grid(score.high, 0, up=False)
        if low >= -EXACT and high <= EXACT:
            return PlainOrdering(score)
        if score.low is None or score.high is None:
            raise DoesNotFit("Integers beyond 2^53 need both min and max.")
    return PackedOrdering(score, subscore, ties)


@contextmanager
def _at_fault(field: str) -> Iterator[None]:
    try:
        yield
    except OrderingError as error:
        error.field = field
        raise


def _bounds(field: Field) -> tuple[int, int]:
    if field.low is None or field.high is None:
        raise DoesNotFit("A packed field needs both min and max.")
    low, high = field.grid(field.low, 0, up=True), field.grid(field.high, 0, up=False)
    if low > high:
        raise DoesNotFit("No number lies between min and max.")
    return low, high


def _finite(value: int | Fraction) -> float:
    try:
        return float(value)
    except OverflowError:
        raise ScoreOutOfRange("Beyond the largest double.") from None
