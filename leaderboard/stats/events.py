"""What happened, and how events are grouped on their way in: the store adds once a group and not once an event."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from leaderboard.stats.lifetimes import CalendarLike, Lifetimes, PeriodLike, span
from leaderboard.stats.series import combination
from leaderboard.stats.slots import slot_at

MOST_VALUE = 1e300  # either way, so that no sum of a chunk overflows

_MOST_COMBINATIONS = 250  # in one script call, which may have to find a place for each of them

Properties = tuple[tuple[str, str], ...]


class Event(msgspec.Struct, frozen=True):
    """Something that happened: to whom, how much of it, when (aware), and what it was like (by name, no doubles)."""

    name: str
    player: str | None
    value: int | float | None
    at: datetime
    properties: Properties = ()


class Group:
    """Events of one stat, in one hour, with the same properties."""

    __slots__ = ("count", "players", "values")

    def __init__(self) -> None:
        self.count = 0
        self.values: list[int | float] = []
        self.players: dict[str, None] = {}

    def add(self, event: Event) -> None:
        self.count += 1
        if event.value is not None:
            self.values.append(event.value)
        if event.player is not None:
            self.players[event.player] = None

    def message(self, combination_number: int) -> list[Any]:
        """The group as `stat_record.lua` takes it."""
        values = self.values or [0]
        figures = [self.count, len(self.values), _sum(values), float(min(values)), float(max(values))]
        return [combination_number, *figures, list(self.players)]


@dataclass(slots=True)
class Hour:
    """The events of one stat in one hour, or the part of it that is in one day, by their properties."""

    period: PeriodLike
    groups: dict[Properties, Group] = field(default_factory=dict)


@dataclass(slots=True)
class Chunk:
    """Events of one stat and one year, which go in one script call."""

    name: str
    number: int  # among those of this stat, in this request
    year: PeriodLike
    hours: dict[str, Hour] = field(default_factory=dict)

    def message(self, lifetimes: Lifetimes, now: datetime, marker_ms: int) -> dict[str, Any]:
        """The chunk as `stat_record.lua` takes it."""
        numbers: dict[Properties, int] = {(): 0}
        hours = []
        for hour in self.hours.values():
            groups = [
                group.message(numbers.setdefault(properties, len(numbers))) for properties, group in hour.groups.items()
            ]
            begins = int(span(hour.period)[0].timestamp())
            hours.append([hour.period.id, begins, lifetimes.until_rolled_up(hour.period, now), groups])
        return {
            "marker_ms": marker_ms,
            "year_expires": lifetimes.bucket(self.year, now),
            "combinations": [combination(properties) for properties in numbers if properties],
            "hours": hours,
        }


def chunks(events: Sequence[Event], calendar: CalendarLike, size: int) -> list[Chunk]:
    """The events by name and year, in pieces of at most `size`. Raises what the calendar raises.

    The pieces depend on these alone, so that a request that comes again is cut the same way.
    """
    names: dict[str, list[Event]] = {}
    for event in events:
        names.setdefault(event.name, []).append(event)
    found: list[Chunk] = []
    for name, some in names.items():
        pieces = (_pieces(some[start : start + size], calendar) for start in range(0, len(some), size))
        parts = enumerate(part for piece in pieces for part in piece)
        found += [Chunk(name, number, year, hours) for number, (year, hours) in parts]
    return found


def _pieces(events: Sequence[Event], calendar: CalendarLike) -> Iterator[tuple[PeriodLike, dict[str, Hour]]]:
    """The hours of each year; in several parts where there are very many combinations of properties."""
    years: dict[str, tuple[PeriodLike, dict[str, Hour]]] = {}
    hour, start, end = None, None, None
    combinations: set[Properties] = set()
    for event in events:
        combinations.add(event.properties)
        if len(combinations) > _MOST_COMBINATIONS:
            yield from years.values()
            years, hour, combinations = {}, None, {event.properties}
        at = event.at
        if hour is None or start is None or end is None or not start <= at < end:
            period = slot_at(calendar, at)
            start, end = period.start, period.end
            year = calendar.containing("year", start)
            hours = years.setdefault(year.id, (year, {}))[1]
            hour = hours.setdefault(period.id, Hour(period))
        group = hour.groups.get(event.properties)
        if group is None:
            group = hour.groups[event.properties] = Group()
        group.add(event)
    yield from years.values()


def _sum(values: Sequence[int | float]) -> float:
    """Rounded once, at the end."""
    if all(isinstance(value, int) for value in values):
        return float(sum(values))
    return math.fsum(values)
