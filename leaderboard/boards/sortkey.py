"""What a sort-key codec is: the fields it packs, and what the rest of the service asks of it.

Pure; nothing but the standard library and `numerals`, which is the same.
"""

import math
import struct
from abc import ABC, abstractmethod
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from leaderboard.numerals import Literal, Score, from_grid, present

OFFSET = 2**52  # packed values start here, clear of denormals


@dataclass(frozen=True, slots=True)
class Field:
    """One number of a sort key. `low` and `high` are stated bounds; `decimals` None means any double."""

    descending: bool
    low: Decimal | None = None
    high: Decimal | None = None
    decimals: int | None = None

    def grid(self, bound: Decimal | None, missing: int, *, up: bool) -> int:
        """A bound in units of the last decimal, moved inwards to the nearest one."""
        if bound is None:
            return missing
        scaled = Fraction(bound) * Fraction(10) ** (self.decimals or 0)
        return math.ceil(scaled) if up else math.floor(scaled)


class Placed(NamedTuple):
    """Where a submission stands: its key, and the best and worst key of the same (score, subscore)."""

    key: float
    floor: float
    ceil: float


class Ordering(ABC):
    """What the rest of the service asks of a codec; nobody else knows whether a board ascends."""

    score: Field
    time_bits = 0
    tie_resolution_ms: int | None = None

    @abstractmethod
    def place(self, score: Literal, subscore: Literal | None, at_ms: int) -> Placed:
        """The keys of a score. Raises OrderingError."""

    @abstractmethod
    def delta(self, score: Literal, subscore: Literal | None, at_ms: int) -> list[float]:
        """What `sum` adds, as the numbers `submit.lua` takes. Raises OrderingError."""

    @abstractmethod
    def sum_limits(self) -> list[float]:
        """What bounds a sum, as the numbers `submit.lua` takes."""

    def floor(self, key: float) -> float:
        """The best key of the same (score, subscore)."""
        return key

    @abstractmethod
    def decode(self, key: float) -> tuple[Score, Score | None]:
        """The score and subscore of a key."""

    @abstractmethod
    def span(self, low: Fraction | None, high: Fraction | None) -> tuple[float, float] | None:
        """The first and last key of the scores from `low` to `high`, both included; None where there are none."""

    @property
    @abstractmethod
    def exact_range(self) -> tuple[Score, Score]:
        """The lowest and highest score between which nothing is ever rounded or refused."""

    def reaching(self, edge: Score) -> tuple[float, float]:
        """The first and last key of the scores that are at least `edge`, as both are shown."""
        # Among decimals 0.1 means a tenth, not the double next to it.
        value = Fraction(repr(edge)) if self.score.decimals and isinstance(edge, float) else Fraction(edge)
        return self.span(value, None) or (1.0, 0.0)

    def present(self, value: Fraction) -> Score:
        """A computed score as JSON shows it: exactly, where it is one that the board could hold."""
        scaled = value * 10 ** (self.score.decimals or 0)
        return from_grid(int(scaled), self.score.decimals or 0) if scaled.denominator == 1 else present(value)

    def exact_score(self, key: float) -> Fraction:
        """The score of a key as a fraction, for interpolation."""
        return Fraction(self.decode(key)[0])


def halves(value: int) -> tuple[float, float]:
    """A signed integer as value = high * 2^32 + low, 0 <= low < 2^32: both exact in a Lua number."""
    return float(value >> 32), float(value & 0xFFFFFFFF)


def to_double(value: int) -> float:
    """The positive double whose bits are OFFSET + value, for 0 <= value < CAPACITY."""
    return float(struct.unpack(">d", struct.pack(">Q", value + OFFSET))[0])


def from_double(key: float) -> int:
    """What `to_double` was given."""
    return int(struct.unpack(">Q", struct.pack(">d", key))[0]) - OFFSET
