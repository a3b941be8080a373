"""Which period an instant lies in, worked out the slow way from the zone's own clock.

Every boundary is a wall-clock time put into the board's zone; a wall-clock time that comes twice means its
first coming, one that is skipped means the moment of the jump.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

LONGEST_FIRST = ("all", "year", "month", "week", "day", "hour")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Period:
    """One period of a board; `starts_at` and `ends_at` are UTC, and None for all time."""

    name: str
    id: str
    starts_at: datetime | None
    ends_at: datetime | None

    def is_open(self, now: datetime) -> bool:
        return self.ends_at is None or now < self.ends_at

    def is_late(self, now: datetime, grace: timedelta) -> bool:
        """Closed longer ago than the grace."""
        return self.ends_at is not None and self.ends_at + grace < now


@dataclass(frozen=True)
class Calendar:
    """How one board cuts time."""

    zone: str = "UTC"
    week_start: str = "monday"
    day_start: str = "00:00"

    def at(self, name: str, instant: datetime) -> Period:
        """The period of that name in which the instant lies."""
        if name == "all":
            return Period("all", "all", None, None)
        if name == "hour":
            return _hour(self.zone, instant.replace(second=0, microsecond=0).astimezone(UTC))
        day = self._day_of(instant)
        first, after, period_id = _whole_days(name, day, WEEKDAYS.index(self.week_start))
        return Period(name, period_id, self._start(first), self._start(after))

    def ago(self, name: str, now: datetime, steps: int) -> Period:
        """The period `steps` before the one of now."""
        period = self.at(name, now)
        for _ in range(steps):
            if period.starts_at is None:
                raise ValueError("nothing lies before all time")
            period = self.at(name, period.starts_at - timedelta(microseconds=1))
        return period

    def _start(self, day: date) -> datetime:
        wall = datetime.combine(day, time.fromisoformat(self.day_start), tzinfo=ZoneInfo(self.zone))
        return wall.astimezone(UTC)

    def _day_of(self, instant: datetime) -> date:
        day = instant.astimezone(ZoneInfo(self.zone)).date()
        while self._start(day) > instant:
            day -= timedelta(days=1)
        while self._start(day + timedelta(days=1)) <= instant:
            day += timedelta(days=1)
        return day


def _whole_days(name: str, day: date, week_start: int) -> tuple[date, date, str]:
    """First day, first day after, and id of the day, week, month or year a day belongs to."""
    if name == "day":
        return day, day + timedelta(days=1), day.isoformat()
    if name == "week":
        first = day - timedelta(days=(day.weekday() - week_start) % 7)
        iso = (first + timedelta(days=3)).isocalendar()
        return first, first + timedelta(days=7), f"{iso.year:04}-W{iso.week:02}"
    if name == "month":
        first = day.replace(day=1)
        return first, (first + timedelta(days=31)).replace(day=1), f"{day:%Y-%m}"
    if name == "year":
        return date(day.year, 1, 1), date(day.year + 1, 1, 1), f"{day:%Y}"
    raise ValueError(f"no such period: {name}")


def _hour_id(zone: str, instant: datetime) -> str:
    wall = instant.astimezone(ZoneInfo(zone))
    return f"{wall:%Y-%m-%dT%H}{'b' if wall.fold else ''}"


@lru_cache(maxsize=4096)
def _hour(zone: str, minute: datetime) -> Period:
    """The hour around a whole minute: walk while the wall clock tells the same hour."""
    period_id = _hour_id(zone, minute)
    first, after = minute, minute + _MINUTE
    while _hour_id(zone, first - _MINUTE) == period_id:
        first -= _MINUTE
    while _hour_id(zone, after) == period_id:
        after += _MINUTE
    return Period("hour", period_id, first, after)
