"""What a stat says of a period."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal

from leaderboard.store.connection import as_text

Number = int | float
_MOST = 1.7976931348623157e308  # where a sum stays that leaves the doubles, as in `stat_figures.lua`
_MOST_EXACT = 2**53


@dataclass(frozen=True, slots=True)
class Point:
    """One period of a stat.

    `count` events, `n` of them with a value, whose `sum`, `min` and `max` these are (0, None and None without any);
    whole numbers are ints up to 2^53. `players`: how many different ones, within about 1 %; nearly always exact of
    some dozen. What is not known is None.
    """

    count: int = 0
    sum: Number = 0
    min: Number | None = None
    max: Number | None = None
    n: int = 0
    players: int | None = 0

    @property
    def mean(self) -> float | None:
        return self.sum / self.n if self.n else None

    def plus(self, other: "Point") -> "Point":
        """Both together, with this one's players."""
        if not other.count:
            return self
        return replace(
            self,
            count=self.count + other.count,
            n=self.n + other.n,
            sum=_number(max(-_MOST, min(_MOST, float(self.sum) + float(other.sum)))),
            min=_extreme(min, self, other, "min"),
            max=_extreme(max, self, other, "max"),
        )


def read(text: bytes | str | None) -> Point:
    """The point of a bucket's text; its players are those that were counted when it was last rolled up."""
    if text is None:
        return Point()
    count, n, total, least, most, *players = as_text(text).split(" ")
    known = int(players[0]) if players else 0
    there = known if known >= 0 else None  # -1: not known any more
    if n == "0":
        return Point(count=int(count), players=there)
    return Point(int(count), _number(float(total)), _number(float(least)), _number(float(most)), int(n), there)


def together(points: Iterable[Point]) -> Point:
    """All points as one, without players."""
    found = Point(players=None)
    for point in points:
        found = found.plus(point)
    return found


def _extreme(choose: Callable[..., Number], one: Point, other: Point, name: Literal["min", "max"]) -> Number | None:
    """None also where a part has values of which it is not known."""
    ends = [getattr(point, name) for point in (one, other) if point.n]
    return None if not ends or None in ends else choose(ends)


def _number(value: float) -> Number:
    return int(value) if abs(value) <= _MOST_EXACT and value.is_integer() else value
