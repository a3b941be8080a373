"""Which periods a stat is kept in, for how long, and what it needs of a calendar.

The calendar is handed in and known by its shape alone: an hour belongs to the day, week, month and year that contain
its start, whatever the zone's offset.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Literal, Protocol

StatPeriod = Literal["hour", "day", "week", "month", "year"]
ROLLED_UP: Final[tuple[StatPeriod, ...]] = ("day", "week", "month", "year")
GRACE: Final = timedelta(minutes=10)  # after a day's end, before it is rolled up
_FIGURES_KEPT: Final = timedelta(days=20 * 366)
_PLAYERS_KEPT: Final = {"day": 400, "week": 3 * 366, "month": 5 * 366, "year": 20 * 366}


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
    """How long stats are kept after the end of their period, or after their last write where that is later.

    Expiries are Unix seconds.
    """

    hours_kept: int

    def is_kept(self, period: PeriodLike, now: datetime) -> bool:
        """Whether the figures of a period cannot have been lost yet. ValueError for a period that stats do not have."""
        return now < span(period)[1] + self._kept(period)

    def are_players_kept(self, period: PeriodLike, now: datetime) -> bool:
        """Whether the sketches of a period cannot have been lost yet."""
        return now < span(period)[1] + self._players_kept(period)

    def until_rolled_up(self, hour: PeriodLike, now: datetime) -> int:
        """When what is pending of an hour expires if nobody rolls it up: not before the figures that it is for."""
        return _seconds(max(span(hour)[1], now) + _FIGURES_KEPT)

    def bucket(self, period: PeriodLike, now: datetime) -> int:
        """When the figures of a period expire that are added to now."""
        return _seconds(max(span(period)[1], now) + self._kept(period))

    def players(self, period: PeriodLike, now: datetime) -> int:
        """When the sketch of the players of a period expires that is added to now."""
        return _seconds(max(span(period)[1], now) + self._players_kept(period))

    def _players_kept(self, period: PeriodLike) -> timedelta:
        return self._kept(period) if period.name == "hour" else timedelta(days=_PLAYERS_KEPT[period.name])

    def _kept(self, period: PeriodLike) -> timedelta:
        if period.name == "hour":
            return timedelta(hours=self.hours_kept)
        if period.name in _PLAYERS_KEPT:
            return _FIGURES_KEPT
        raise ValueError(f"stats have no period {period.name!r}")


def span(period: PeriodLike) -> tuple[datetime, datetime]:
    """A period's start and end. ValueError for one that has none."""
    if period.start is None or period.end is None:
        raise ValueError(f"stats have no period {period.name!r}")
    return period.start, period.end


def _seconds(at: datetime) -> int:
    return int(at.timestamp())
