"""What a board's definition says: which numbers it holds, how they add, and who stands before whom.

Numbers are exact fractions throughout; on a board that holds doubles, the fraction the double stands for.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import ceil, floor, isinf, prod
from typing import Any

from .periods import LONGEST_FIRST, Calendar

ANY_CODE = "*"
TIE_FROM = datetime(2000, 1, 1, tzinfo=UTC)
TIE_UNTIL = datetime(2100, 1, 1, tzinfo=UTC)
TICKS_MS = (1, 10, 100, 1000)
SPANS = {"24h": ("hour", 24), "7d": ("day", 7), "30d": ("day", 30)}  # the buckets of rolling windows

_EXACT = 2**53
_ROOM = 2046 * 2**52  # the bit patterns of positive normal doubles: as much as any packing can hold
_MILLISECOND = timedelta(milliseconds=1)


class RefusedError(Exception):
    """The service must answer 422; `codes` are those it may give, where the contract leaves a choice."""

    def __init__(self, codes: Iterable[str]) -> None:
        self.codes = frozenset(codes)
        super().__init__(", ".join(sorted(self.codes)))

    def allows(self, code: str) -> bool:
        return ANY_CODE in self.codes or code in self.codes


@dataclass(frozen=True)
class Field:
    """One number of a board: `decimals` None means doubles, `order` is desc or asc."""

    order: str
    decimals: int | None
    low: Fraction | None
    high: Fraction | None

    @property
    def is_integer(self) -> bool:
        return self.decimals == 0

    def read(self, text: str) -> Fraction:
        """The number a literal stands for; bounds are not looked at."""
        exact = Fraction(text)
        if self.decimals is None:
            return _nearest_double(exact)
        if (exact * 10**self.decimals).denominator != 1:
            raise RefusedError({"score_not_exact"})
        if abs(exact) > self._limit and None in {self.low, self.high}:
            raise RefusedError({"score_not_exact", "score_out_of_range"})
        return exact

    def check(self, value: Fraction) -> None:
        """Refuse a standing value the board has no room for."""
        if (self.low is not None and value < self.low) or (self.high is not None and value > self.high):
            raise RefusedError({"score_out_of_range"})
        if self.decimals is not None and None in {self.low, self.high} and abs(value) > self._limit:
            raise RefusedError({"score_not_exact", "score_out_of_range"})

    def add(self, one: Fraction, other: Fraction) -> Fraction:
        """Exact where the board holds scaled integers, as doubles add elsewhere."""
        if self.decimals is not None:
            return one + other
        total = float(one) + float(other)
        if isinf(total):
            raise RefusedError({"score_not_exact", "score_out_of_range"})
        return Fraction(total)

    def place(self, value: Fraction) -> Fraction:
        """Smaller is better."""
        return value if self.order == "asc" else -value

    @property
    def size(self) -> int | None:
        """How many values there are between the bounds."""
        if self.decimals is None or self.low is None or self.high is None:
            return None
        return int((self.high - self.low) * 10**self.decimals) + 1

    def clamped(self, value: Fraction) -> Fraction:
        """The nearest number the bounds leave; only for a field that has both."""
        assert self.decimals is not None
        assert self.low is not None
        assert self.high is not None
        scale = 10**self.decimals
        return min(max(value, Fraction(ceil(self.low * scale), scale)), Fraction(floor(self.high * scale), scale))

    def held(self, value: Fraction) -> Fraction:
        """The value, or another one where it is the total of a window, which may be more than the board takes."""
        try:
            self.check(value)
        except RefusedError:
            return self.low or self.high or Fraction(0)
        return value

    @property
    def _limit(self) -> Fraction:
        return Fraction(_EXACT, 10 ** (self.decimals or 0))


def _nearest_double(exact: Fraction) -> Fraction:
    try:
        held = Fraction(float(exact))
    except OverflowError:
        raise RefusedError({"score_not_exact", "score_out_of_range"}) from None
    if exact.denominator == 1 and held != exact:
        raise RefusedError({"score_not_exact"})
    return held


@dataclass(frozen=True)
class Rules:
    """A board's definition with its defaults filled in; `kept` are the periods that can be read."""

    fields: tuple[Field, ...]
    operator: str
    ties: str
    kept: tuple[str, ...]
    calendar: Calendar
    grace: timedelta
    max_entries: int | None
    tick_ms: int
    rolling: tuple[str, ...] = ()
    partitions: int = 1

    def partition(self, player: str) -> int:
        """Where a player is, on a board that is spread."""
        return zlib.crc32(player.encode()) % self.partitions

    @property
    def unique(self) -> bool:
        return self.ties in {"first", "last"}

    @property
    def longest(self) -> str:
        return self.kept[0]

    @property
    def counted(self) -> tuple[str, ...]:
        """The periods that submissions count in: those kept, and the buckets of windows."""
        wanted = {*self.kept, *(SPANS[name][0] for name in self.rolling)}
        return tuple(name for name in LONGEST_FIRST if name in wanted)

    @property
    def packed(self) -> bool:
        """Whether the fields stand in one number, which has no room for more than their bounds."""
        score = self.fields[0]
        limit = Fraction(_EXACT, 10 ** (score.decimals or 0))
        wide = any(bound is not None and abs(bound) > limit for bound in (score.low, score.high))
        return self.unique or len(self.fields) > 1 or (score.decimals is not None and wide)

    def span(self, bucket: str) -> int:
        """How many of these buckets the windows take."""
        return max((count for name, count in map(SPANS.__getitem__, self.rolling) if name == bucket), default=0)

    def tick(self, at: datetime) -> int:
        """The time as a tie sees it."""
        return (at - TIE_FROM) // (_MILLISECOND * self.tick_ms)

    def pair_place(self, values: tuple[Fraction, ...]) -> tuple[Fraction, ...]:
        return tuple(field.place(value) for field, value in zip(self.fields, values, strict=True))

    def place(self, values: tuple[Fraction, ...], at: datetime) -> tuple[Fraction | int, ...]:
        """The sort position without the player's id: smaller is better, equal means tied."""
        pair = self.pair_place(values)
        if not self.unique:
            return pair
        return (*pair, self.tick(at) if self.ties == "first" else -self.tick(at))

    def read(self, item: Mapping[str, Any]) -> tuple[Fraction, ...]:
        """The numbers of a submission, whose literals stand as text in the item."""
        codes: set[str] = set()
        values: list[Fraction] = []
        for name, field in zip(("score", "subscore"), self.fields, strict=False):
            if item.get(name) is None:
                codes.add(ANY_CODE)
                continue
            try:
                values.append(field.read(item[name]))
                if self.operator != "sum":
                    field.check(values[-1])
            except RefusedError as refusal:
                codes |= _named(refusal.codes, name)
        if codes:
            raise RefusedError(codes)
        return tuple(values)

    def check(self, values: tuple[Fraction, ...]) -> None:
        for name, field, value in zip(("score", "subscore"), self.fields, values, strict=False):
            try:
                field.check(value)
            except RefusedError as refusal:
                raise RefusedError(_named(refusal.codes, name)) from refusal

    def add(self, one: tuple[Fraction, ...], other: tuple[Fraction, ...]) -> tuple[Fraction, ...]:
        return tuple(field.add(a, b) for field, a, b in zip(self.fields, one, other, strict=True))


def _named(codes: frozenset[str], name: str) -> set[str]:
    """The codes of a field; a subscore's own spelling of them is as good."""
    return set(codes) | ({f"sub{code}" for code in codes} if name == "subscore" else set())


def rules_of(definition: Mapping[str, Any], tick_ms: int | None = None) -> Rules:
    """Read a definition; `tick_ms` is what the service said, where the contract leaves it some room."""
    ties = definition.get("ties", "shared")
    score = definition.get("score") or {}
    fields = [_field(score, definition.get("order", "desc"), ties)]
    if definition.get("subscore"):
        subscore = {"decimals": 0, **definition["subscore"]}
        fields.append(_field(subscore, subscore.get("order", "desc"), "shared"))
    kept = definition.get("periods", ["all", "month", "week", "day"])
    calendar = Calendar(
        definition.get("time_zone", "UTC"),
        definition.get("week_start", "monday"),
        definition.get("day_start", "00:00"),
    )
    return Rules(
        fields=tuple(fields),
        operator=definition.get("operator", "best"),
        ties=ties,
        kept=tuple(name for name in LONGEST_FIRST if name in kept),
        calendar=calendar,
        grace=timedelta(seconds=definition.get("late_grace_seconds", 600)),
        max_entries=definition.get("max_entries"),
        tick_ms=tick_ms or (min(tick_choices(fields), default=1000) if ties in {"first", "last"} else 1),
        rolling=tuple(name for name in SPANS if name in definition.get("rolling", ())),
        partitions=definition.get("partitions", 1),
    )


def _field(spec: Mapping[str, Any], order: str, ties: str) -> Field:
    low, high = (None if spec.get(name) is None else Fraction(spec[name]) for name in ("min", "max"))
    decimals = spec.get("decimals")
    if spec.get("type") == "integer":
        decimals = 0
    if ties in {"first", "last"}:
        decimals = decimals or 0
        low = Fraction(-(10**9)) if low is None else low
        high = Fraction(10**9) if high is None else high
    return Field(order, decimals, low, high)


def tick_choices(fields: Iterable[Field]) -> list[int]:
    """Resolutions of the time field that are as fine as possible, however tightly the fields are packed.

    The finest is that of the tightest packing; the coarsest gives every field whole bits with one to spare.
    """
    sizes = [field.size or 1 for field in fields]
    span = (TIE_UNTIL - TIE_FROM) // _MILLISECOND
    tight = [ms for ms in TICKS_MS if prod(sizes) * (span // ms) <= _ROOM]
    loose = [ms for ms in TICKS_MS if sum((n - 1).bit_length() for n in (*sizes, span // ms)) <= 62]
    coarsest = min(loose, default=1000)
    return [ms for ms in tight if ms <= coarsest]
