"""The smallest buckets: hours, or parts of one where a day of the game begins within it.

Every event is counted in its hour and in its day. Where days begin at 02:30, the hour from two to three is part of two
days, and so is two slots: `2026-11-22T02` until the day begins, and `2026-11-22T02d`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from leaderboard.stats.lifetimes import CalendarLike, PeriodLike, span


@dataclass(frozen=True, slots=True)
class Slot:
    """What lies in one hour and one day."""

    id: str
    start: datetime
    end: datetime
    name: str = "hour"


def slot_at(calendar: CalendarLike, at: datetime) -> Slot:
    """The slot of an instant. Raises what the calendar raises."""
    hour, day = calendar.containing("hour", at), calendar.containing("day", at)
    (begins, ends), (day_begins, day_ends) = span(hour), span(day)
    if begins >= day_begins:
        return Slot(hour.id, begins, min(ends, day_ends))
    return Slot(hour.id + "d", day_begins, ends)


def slots_of(calendar: CalendarLike, hour: PeriodLike) -> Iterator[Slot]:
    """The slots of an hour, in order."""
    at, end = span(hour)
    while at < end:
        slot = slot_at(calendar, at)
        yield slot
        at = slot.end
