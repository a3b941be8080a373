"""Rolling windows worked out from their buckets, whenever one asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction
from functools import lru_cache

from .periods import Calendar, Period
from .rules import SPANS, Field, Rules
from .standing import Entry, Standing, Values


@dataclass(frozen=True)
class Window(Period):
    """A window as of a time, in the shape of a period; the buckets come oldest first."""

    buckets: tuple[Period, ...] = ()


def window_at(calendar: Calendar, name: str, now: datetime) -> Window:
    """The window that is read at a time: the current bucket and those before it."""
    return _window(calendar, name, calendar.at(SPANS[name][0], now))


@lru_cache(maxsize=4096)
def _window(calendar: Calendar, name: str, as_of: Period) -> Window:
    buckets = [as_of]
    while len(buckets) < SPANS[name][1]:
        start = buckets[0].starts_at
        assert start is not None
        buckets.insert(0, calendar.at(as_of.name, start - timedelta(microseconds=1)))
    return Window(name, as_of.id, buckets[0].starts_at, as_of.ends_at, tuple(buckets))


def merged(rules: Rules, buckets: Sequence[Standing]) -> Standing:
    """What stands in a window of these buckets, the oldest first."""
    found: dict[str, list[Entry]] = {}
    for bucket in buckets:
        for player, entry in bucket.entries.items():
            found.setdefault(player, []).append(entry)
    return Standing(rules, {player: _merged(rules, entries) for player, entries in found.items()})


def _merged(rules: Rules, entries: Sequence[Entry]) -> Entry:
    """One player's entries of several buckets, the oldest first, as one."""
    if rules.operator == "last":
        return entries[-1]
    if rules.operator == "sum":
        return replace(entries[-1], values=_total(rules, [entry.values for entry in entries]))
    if rules.ties == "last":  # the same score again moves nobody
        return min(entries, key=lambda entry: rules.pair_place(entry.values))
    return min(entries, key=lambda entry: rules.place(entry.values, entry.at))


def _total(rules: Rules, values: Sequence[Values]) -> Values:
    return tuple(
        _field_total(field, [value[number] for value in values], packed=rules.packed)
        for number, field in enumerate(rules.fields)
    )


def _field_total(field: Field, values: Sequence[Fraction], *, packed: bool) -> Fraction:
    """Within the bounds where the board packs its fields; else as doubles add, of the smallest steps a field has."""
    if packed:
        return field.clamped(sum(values, Fraction(0)))
    scale = Fraction(10) ** (field.decimals or 0)
    total = 0.0
    for value in values:
        total += float(value * scale)
    return Fraction(total) / scale
