"""Which periods a stat is kept in, for how long, and what it needs of a calendar.

The calendar is handed in and known by its shape alone: an hour belongs to the day, week, month and year that contain
its start, whatever the zone's offset.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Literal, Protocol

StatPeriod = Literal["hour", "day", "week", "month", "year"]
ROLLED_UP: Final[tuple[StatPeriod, ...]] = ("day", "week", "month", "year")
GRACE: Final = timedelta(minutes=10)  # after an hour's end, before it is rolled up
SPARE: Final = timedelta(days=30)  # for what is not rolled up yet, and for what was written late
_DAYS_KEPT: Final = {"day": 400, "week": 3 * 366, "month": 5 * 366, "year": 20 * 366}


class PeriodLike(Protocol):
    """A stretch of time from `start` to before `end`, both aware."""

    @property
    def name(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def start(self) -> datetime | None: ...
    @property
    def end(self) -> datetime | None: ...


class CalendarLike(Protocol):
    """Where periods begin and end, and where a day does. Raises a ValueError for a time that it does not know."""

    def containing(self, name: StatPeriod, at: datetime) -> PeriodLike: ...
    def beginning(self, day: date) -> datetime: ...
    @property
    def time_zone(self) -> str: ...
    @property
    def week_start(self) -> str: ...
    @property
    def day_start(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long stats are kept. Expiries are Unix seconds."""

    hours_kept: int

    def is_kept(self, period: PeriodLike, now: datetime) -> bool:
        """Whether that period of a stat is still answered. ValueError for a period that stats do not have."""
        return now < self._end_of_keeping(period)

    def until_rolled_up(self, hour: PeriodLike, now: datetime) -> int:
        """When an hour that is written now expires if nobody rolls it up."""
        return _seconds(max(self._end_of_keeping(hour), now) + SPARE)

    def rolled_up(self, hour: PeriodLike) -> int:
        """When an hour expires that is rolled up; may have passed."""
        return _seconds(self._end_of_keeping(hour))

    def bucket(self, period: PeriodLike, now: datetime) -> int:
        """When a day, week, month or year expires that is added to now."""
        return _seconds(max(self._end_of_keeping(period), now + SPARE))

    def _end_of_keeping(self, period: PeriodLike) -> datetime:
        if period.name == "hour":
            kept = timedelta(hours=self.hours_kept)
        elif period.name in _DAYS_KEPT:
            kept = timedelta(days=_DAYS_KEPT[period.name])
        else:
            raise ValueError(f"stats have no period {period.name!r}")
        return span(period)[1] + kept


def span(period: PeriodLike) -> tuple[datetime, datetime]:
    """A period's start and end. ValueError for one that has none."""
    if period.start is None or period.end is None:
        raise ValueError(f"stats have no period {period.name!r}")
    return period.start, period.end


def _seconds(at: datetime) -> int:
    return int(at.timestamp())
