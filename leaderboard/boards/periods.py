"""Periods of a board: hours, days, weeks, months and years in its time zone, as values.

Pure functions of an aware time; no clock is read. A period is the interval [start, end) in UTC. Its end is
computed as the start of the next one, so periods tile time whatever a zone does to its clocks.

A day begins at the first instant at which the local clock shows its date and the board's `day_start`; where
the clock jumps over that time, at the jump. A day that would begin together with the next one (Apia,
2011-12-30) does not exist. Weeks, months and years begin with their first day. An hour is a stretch in which
the local clock shows one hour and is not put back; `b` marks the second stretch of the same hour. Known time
is 1900 to 2200 in UTC; the periods are those that hold a part of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache
from typing import Final, Literal
from zoneinfo import ZoneInfo, available_timezones

PeriodName = Literal["all", "year", "month", "week", "day", "hour"]
PERIOD_NAMES: Final[tuple[PeriodName, ...]] = ("all", "year", "month", "week", "day", "hour")  # widest first
WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
EARLIEST: Final = datetime(1900, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2201, 1, 1, tzinfo=UTC)  # the first instant that is not known any more

_SECOND: Final = timedelta(seconds=1)
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)

# 302 years of each, more than any period has before it. Keeps sums with a count within what dates can hold.
_MOST_BEFORE: Final = {"year": 302, "month": 3624, "week": 15_758, "day": 110_303, "hour": 2_700_000}


class InvalidPeriodId(ValueError):
    """An id that is misspelt, or that names a period which its calendar does not have."""


class TimeOutOfRange(ValueError):
    """An instant, or a neighbour of a period, outside known time."""


@dataclass(frozen=True, slots=True)
class Period:
    """One period of a calendar: the instants from `start` to before `end`, UTC; both None for `all`."""

    name: PeriodName
    id: str
    start: datetime | None
    end: datetime | None
    calendar: Calendar = field(repr=False)

    def contains(self, at: datetime) -> bool:
        """Whether the instant lies in this period. ValueError for a naive time."""
        _require_aware(at)
        return self.start is None or self.end is None or self.start <= at < self.end

    def lies_inside(self, other: Period) -> bool:
        """Whether every instant of this period lies in the other, whatever their names and calendars."""
        if self.start is None or self.end is None or other.start is None or other.end is None:
            return other.start is None
        return other.start <= self.start and self.end <= other.end

    def next(self) -> Period:
        """The period that begins when this one ends. TimeOutOfRange after the last one, and for `all`."""
        if self.end is None:
            raise TimeOutOfRange("the period 'all' has no next one")
        return self.calendar.containing(self.name, self.end)

    def previous(self) -> Period:
        """The period that ends when this one begins. TimeOutOfRange before the first one, and for `all`."""
        if self.start is None:
            raise TimeOutOfRange("the period 'all' has no previous one")
        return self.calendar.containing(self.name, self.start - datetime.resolution)


@dataclass(frozen=True)
class Calendar:
    """Where and when periods begin: IANA zone, English weekday, local time "HH:MM". Otherwise ValueError."""

    time_zone: str = "UTC"
    week_start: str = "monday"
    day_start: str = "00:00"

    def __post_init__(self) -> None:
        if self.time_zone not in _known_zones():
            raise ValueError(f"unknown time zone {self.time_zone!r}: use an IANA name like 'Europe/Vienna'")
        if self.week_start not in WEEKDAYS:
            raise ValueError(f"unknown weekday {self.week_start!r}: use one of {', '.join(WEEKDAYS)}")
        if not re.fullmatch("([01][0-9]|2[0-3]):[0-5][0-9]", self.day_start):
            raise ValueError(f"bad time of day {self.day_start!r}: use 'HH:MM' from '00:00' to '23:59'")

    def containing(self, name: PeriodName, at: datetime) -> Period:
        """The period of that name which holds the instant. TimeOutOfRange; ValueError for a naive time."""
        _require_known(at)  # before the memory is asked, whose first and last periods reach beyond known time
        period = self._recent.get(name)
        if period is None or not period.contains(at):
            at = at.astimezone(UTC)
            if name == "all":
                period = Period("all", "all", None, None, self)
            elif name == "hour":
                period = self._hour_at(at)
            else:
                period = self._dated_at(name, at)
            self._recent[name] = period
        return period

    def parse(self, name: PeriodName, id: str) -> Period:  # noqa: A002 - ids are called so everywhere
        """The period with exactly this id. InvalidPeriodId for all others, also those beyond known time."""
        try:
            period = self.containing(name, EARLIEST) if name == "all" else self._spelt(name, id)
        except (ValueError, OverflowError):  # no such date or week, or none that dates can hold
            period = None
        if period is None or period.id != id or not _is_known(period):
            raise InvalidPeriodId(f"no {name} has the id {id!r} in {self.time_zone}")
        return period

    def ago(self, name: PeriodName, now: datetime, count: int) -> Period:
        """The period `count` before the one that holds `now`; 0 is that one itself.

        Calendar arithmetic; only hours, where clocks change, need a look at the offset every two days.
        TimeOutOfRange before the first period; ValueError for a negative count or a naive time.
        """
        if count < 0:
            raise ValueError("count must not be negative")
        period = self.containing(name, now)
        found = None if count else period
        if (start := period.start) is not None and 0 < count <= _MOST_BEFORE[name]:
            found = self._before(name, start, count)
        if found is None or not _is_known(found):
            raise TimeOutOfRange(f"no {name} is that long before {period.id}")
        return found

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @cached_property
    def _recent(self) -> dict[PeriodName, Period]:
        """The last answer for each name: the instants asked about mostly lie in the same few periods."""
        return {}

    def beginning(self, day: date) -> datetime:
        """The instant at which a day begins, UTC; that of the next day for one that does not exist."""
        return _first_instant(self.zone, datetime.combine(day, time.fromisoformat(self.day_start)))

    def _hour_at(self, at: datetime) -> Period:
        # Asked for the quarter of an hour, whose instants then share one cached answer.
        hour = _hour_holding(self, at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0))
        while hour.end is not None and hour.end <= at:
            hour = _hour_holding(self, hour.end)
        return hour

    def _dated_at(self, name: PeriodName, at: datetime) -> Period:
        first = self._first_day(name, at)
        # The day may not exist, or the clock has shown the next one already and was put back over midnight.
        while (period := _beginning_on(self, name, first)) is None or (period.end or at) <= at:
            first = _move(name, first, 1)
        return period

    def _first_day(self, name: PeriodName, at: datetime) -> date:
        """The day that begins a year, month, week or day, going by the local clock at an instant."""
        local = at.astimezone(self.zone)
        day = local.date() - (local.time() < time.fromisoformat(self.day_start)) * _DAY
        if name == "week":
            return day - (day.weekday() - WEEKDAYS.index(self.week_start)) % 7 * _DAY
        return day if name == "day" else day.replace(month=1 if name == "year" else day.month, day=1)

    def _spelt(self, name: PeriodName, period_id: str) -> Period | None:
        """The only period that can have this id; others are spelt differently. ValueError, OverflowError."""
        if name != "hour":
            fourth = (WEEKDAYS.index(self.week_start) + 3) % 7 + 1
            rest = {"year": "-01-01", "month": "-01", "week": f"-{fourth}", "day": ""}[name]
            first = date.fromisoformat(period_id + rest)
            return _beginning_on(self, name, first - 3 * _DAY if name == "week" else first)
        wall = datetime.fromisoformat(period_id.removesuffix("b")).replace(microsecond=0, tzinfo=None)
        if not period_id.endswith("b"):
            return _hour_holding(self, _first_instant(self.zone, wall))
        # The second stretch of an hour may begin late in it, but reaches its end.
        last = (wall + _HOUR - _SECOND).replace(fold=1, tzinfo=self.zone)
        return _hour_holding(self, last.astimezone(UTC))

    def _hour_before(self, start: datetime, count: int) -> Period | None:
        # Changes are three days apart or more: with the same offset two days ago, all hours since are whole.
        # A zone with an offset at no particular time has none.
        hours = most = 48 if self.zone.utcoffset(None) is None else count
        while count and start > EARLIEST:
            hours = min(hours, count)
            earlier = start - hours * _HOUR
            if _offset(self.zone, earlier) == _offset(self.zone, start):
                start, count, hours = earlier, count - hours, most
            elif hours > 1:
                hours //= 2
            else:
                start, count = self._hour_at(start - datetime.resolution).start or earlier, count - 1
        return None if count else _hour_holding(self, start)

    def _before(self, name: PeriodName, start: datetime, count: int) -> Period | None:
        if name == "hour":
            return self._hour_before(start, count)
        target = _move(name, first := self._first_day(name, start), -count)
        for skipped in reversed(_skipped_days(self) if name == "day" else ()):
            if target <= skipped < first:
                target -= _DAY  # a day that does not exist is none of those counted
        return _beginning_on(self, name, target)


def _require_aware(at: datetime) -> None:
    if at.utcoffset() is None:
        raise ValueError(f"a time with an offset is needed: {at.isoformat()}")


def _require_known(at: datetime) -> None:
    _require_aware(at)
    if not EARLIEST <= at < LATEST:
        raise TimeOutOfRange(f"{at.isoformat()} is outside the years {EARLIEST.year} to {LATEST.year - 1}")


def _is_known(period: Period) -> bool:
    return period.start is None or period.end is None or (period.start < LATEST and period.end > EARLIEST)


@lru_cache(maxsize=1)
def _known_zones() -> frozenset[str]:
    """The IANA names: a list that holds no path, link or stray file, and in which case matters everywhere."""
    return frozenset(available_timezones() - {"localtime"})


def _move(name: PeriodName, first: date, steps: int) -> date:
    """The first day of the year, month, week or day that many after the one which begins on this day."""
    if name in ("week", "day"):
        return first + steps * (7 if name == "week" else 1) * _DAY
    months = first.year * 12 + first.month - 1 + steps * (12 if name == "year" else 1)
    return date(months // 12, months % 12 + 1, 1)


@lru_cache(maxsize=4096)
def _beginning_on(calendar: Calendar, name: PeriodName, first: date) -> Period | None:
    """The year, month, week or day that begins on that day, or None if it would be empty."""
    start, end = calendar.beginning(first), calendar.beginning(_move(name, first, 1))
    if start == end:
        return None
    year, week, _ = (first + 3 * _DAY).isocalendar()
    spelling = {"year": "%Y", "month": "%Y-%m", "week": f"{year}-W{week:02}", "day": "%Y-%m-%d"}[name]
    return Period(name, first.strftime(spelling), start, end, calendar)


@lru_cache(maxsize=4096)
def _hour_holding(calendar: Calendar, at: datetime) -> Period:
    """The hour that holds an instant (UTC, whole seconds). Zones change at most once in an hour."""
    zone = calendar.zone
    wall = at.astimezone(zone).replace(tzinfo=None)
    shown = wall.replace(minute=0, second=0)
    offset, start = _offset(zone, at), at - (wall - shown)
    end = start + _HOUR
    if (before := _offset(zone, start)) != offset:
        change = _first_change(zone, start, at)
        # Put forward, the clock may have shown this hour before the change; put back, it is a new stretch.
        start = change if offset < before else min(change, start + (offset - before))
    if (after := _offset(zone, end - _SECOND)) != offset:
        change = _first_change(zone, at, end - _SECOND)
        end = change if after < offset else max(change, end - (after - offset))
    second = "b" if _first_instant(zone, shown) < start else ""
    return Period("hour", f"{shown:%Y-%m-%dT%H}{second}", start, end, calendar)


@lru_cache(maxsize=64)
def _skipped_days(calendar: Calendar) -> tuple[date, ...]:
    """The days that do not exist, in order: a zone leaves one out when it crosses the date line."""
    skipped: list[date] = []
    for year in range(EARLIEST.year - 1, LATEST.year + 1):
        first, last = date(year, 1, 1), date(year + 1, 1, 1)
        if calendar.beginning(last) - calendar.beginning(first) < last - first - _DAY / 2:
            days = (first + number * _DAY for number in range((last - first).days))
            skipped += [day for day in days if calendar.beginning(day) == calendar.beginning(day + _DAY)]
    return tuple(skipped)


def _first_instant(zone: ZoneInfo, wall: datetime) -> datetime:
    """The first instant (UTC) at which the local clock shows a time, or the one at which it jumps over it."""
    at = wall.replace(fold=0, tzinfo=zone).astimezone(UTC)
    if at.astimezone(zone).replace(tzinfo=None) == wall:
        return at
    # In a gap, fold 0 reckons with the offset before it and so lands behind the jump, fold 1 ahead of it.
    return _first_change(zone, wall.replace(fold=1, tzinfo=zone).astimezone(UTC), at)


def _first_change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The instant at which the offset changes, once, between two whole seconds apart that differ in it."""
    offset = _offset(zone, before)
    while after - before > _SECOND:
        middle = before + (after - before) // _SECOND // 2 * _SECOND
        before, after = (middle, after) if _offset(zone, middle) == offset else (before, middle)
    return after


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta(0)
