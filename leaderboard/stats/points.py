"""What a stat says of a period."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from leaderboard.store.connection import as_text

Number = int | float
FIELDS = ("count", "n", "sum", "min", "max")  # of any bucket
NEW_FIELDS = ("new_count", "new_n", "new_sum", "min", "max")  # of an hour: what its day does not have yet
_MOST = 1.7976931348623157e308  # where a sum stays that leaves the doubles, as in `stat_add.lua`
_MOST_EXACT = 2**53


@dataclass(frozen=True, slots=True)
class Point:
    """One period of a stat.

    `count` events, `n` of them with a value, whose `sum`, `min` and `max` these are (0, None and None without any);
    whole numbers are ints up to 2^53. `players`: how many different ones, within about 1 %; nearly always exact up
    to a hundred.
    """

    count: int = 0
    sum: Number = 0
    min: Number | None = None
    max: Number | None = None
    n: int = 0
    players: int = 0

    def plus(self, other: "Point") -> "Point":
        """Both together, with this one's players."""
        return replace(
            self,
            count=self.count + other.count,
            n=self.n + other.n,
            sum=_number(max(-_MOST, min(_MOST, float(self.sum) + float(other.sum)))),
            min=min((end for end in (self.min, other.min) if end is not None), default=None),
            max=max((end for end in (self.max, other.max) if end is not None), default=None),
        )


def from_store(fields: Sequence[bytes | str | None]) -> Point:
    """The point of a bucket's FIELDS or NEW_FIELDS, without its players."""
    count, n, total, least, most = (None if one is None else float(as_text(one)) for one in fields)
    if not n:  # also an hour whose new events have no value, while older ones do
        return Point(count=int(count or 0))
    return Point(int(count or 0), _number(total or 0.0), _number(least or 0.0), _number(most or 0.0), int(n))


def _number(value: float) -> Number:
    return int(value) if abs(value) <= _MOST_EXACT and value.is_integer() else value
