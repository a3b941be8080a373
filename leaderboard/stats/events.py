"""Events on their way in: gathered by hour, so that the store adds once an hour and not once an event."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from leaderboard.stats.lifetimes import CalendarLike, Lifetimes, PeriodLike, span

MOST_VALUE = 1e300  # either way, so that no sum of a chunk overflows
CHUNK_EVENTS = 1000  # one script call takes at most so many: bounds how long the store is busy with it


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened: to whom, how much of it, when (aware).

    ValueError for a naive time, or a value that is not a number or beyond `MOST_VALUE`.
    """

    name: str
    player: str | None
    value: int | float | None
    at: datetime
    properties: tuple[tuple[str, str], ...] = ()  # by name

    def __post_init__(self) -> None:
        if self.at.utcoffset() is None:
            raise ValueError(f"a time with an offset is needed: {self.at.isoformat()}")
        if self.value is not None and not -MOST_VALUE <= self.value <= MOST_VALUE:
            raise ValueError("a value is a number between -1e300 and 1e300")


@dataclass(slots=True)
class Hour:
    """The events of one stat in one hour."""

    period: PeriodLike
    count: int = 0
    values: list[int | float] = field(default_factory=list)
    players: dict[str, None] = field(default_factory=dict)

    def add(self, event: Event) -> None:
        self.count += 1
        if event.value is not None:
            self.values.append(event.value)
        if event.player is not None:
            self.players[event.player] = None

    def message(self, expires: int) -> list[Any]:
        """The hour as `stat_record.lua` takes it."""
        begins = int(span(self.period)[0].timestamp())
        values = self.values or [0]
        part = [self.count, len(self.values), _sum(values), float(min(values)), float(max(values))]
        return [self.period.id, begins, expires, part, list(self.players)]


def chunks(events: Sequence[Event], calendar: CalendarLike) -> Iterator[tuple[str, list[Hour]]]:
    """The hours of each script call, with the name of the stat. Raises what the calendar raises."""
    names: dict[str, list[Event]] = {}
    for event in events:
        names.setdefault(event.name, []).append(event)
    for name, some in names.items():
        for start in range(0, len(some), CHUNK_EVENTS):
            yield name, _by_hour(some[start : start + CHUNK_EVENTS], calendar)


def messages(hours: Sequence[Hour], lifetimes: Lifetimes, now: datetime) -> list[list[Any]]:
    """The hours of one script call, as it takes them."""
    return [hour.message(lifetimes.until_rolled_up(hour.period, now)) for hour in hours]


def _by_hour(events: Sequence[Event], calendar: CalendarLike) -> list[Hour]:
    hours: dict[str, Hour] = {}
    for event in events:
        period = calendar.containing("hour", event.at)
        hours.setdefault(period.id, Hour(period)).add(event)
    return list(hours.values())


def _sum(values: Sequence[int | float]) -> float:
    """Rounded once, at the end."""
    if all(isinstance(value, int) for value in values):
        return float(sum(values))
    return math.fsum(values)
