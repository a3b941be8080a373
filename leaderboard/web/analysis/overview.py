"""All of a game's events and counters at a glance, and who plays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

from markupsafe import Markup

from leaderboard.services import Services
from leaderboard.stats.activity.days import backwards
from leaderboard.stats.activity.reading import ActiveDay
from leaderboard.stats.lifetimes import CalendarLike, PeriodLike
from leaderboard.stats.points import Number
from leaderboard.web import charts
from leaderboard.web.analysis.ranges import label, tick
from leaderboard.web.paging import Page, page_of

EVENTS_A_PAGE: Final = 25
COUNTERS_A_PAGE: Final = 100
_SPARK_DAYS: Final = 14
_ACTIVE_DAYS: Final = 30


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event: today's figures, and those of the last days."""

    name: str
    today: int
    players: int | None
    total: int
    sum: Number
    spark: Markup
    properties: Sequence[str]


def last_days(calendar: CalendarLike, now: datetime, count: int) -> list[PeriodLike]:
    """Today and the days before it, in order."""
    today = calendar.containing("day", now)
    return [*reversed(list(islice(backwards(calendar, today), count - 1))), today]


def events_page(
    wired: Services, game: str, known: Mapping[str, Sequence[str]], words: str, number: int
) -> Page[EventRow]:
    """A page of the events whose names have `words` in them; three or four round trips a row. Raises Unavailable."""
    names = [name for name in known if words.casefold() in name.casefold()]
    page = page_of(names, number, EVENTS_A_PAGE)
    now, calendar = wired.clock(), wired.calendar_of(game)
    days = last_days(calendar, now, _SPARK_DAYS)
    return page.mapped(lambda name: _event_row(wired, game, name, known[name], days, now, calendar))


def _event_row(
    wired: Services,
    game: str,
    name: str,
    properties: Sequence[str],
    days: Sequence[PeriodLike],
    now: datetime,
    calendar: CalendarLike,
) -> EventRow:
    reading = wired.stats.read(game, name, days, now, calendar)
    counts = [point.count for point in reading.points]
    title = f"{name}: {sum(counts)} in {len(days)} days, {counts[-1]} today"
    today, total = reading.points[-1], reading.total
    return EventRow(
        name, today.count, today.players, total.count, today.sum, charts.sparkline(counts, title), properties
    )


def counters_page(found: Mapping[str, int], words: str, number: int) -> Page[tuple[str, int]]:
    """A page of the counters whose names have `words` in them."""
    rows = [(name, value) for name, value in found.items() if words.casefold() in name.casefold()]
    return page_of(rows, number, COUNTERS_A_PAGE)


def recent_players(wired: Services, game: str) -> list[ActiveDay]:
    """Who played in the last days, as far back as days are kept. Raises Unavailable, InvalidInput."""
    now, calendar = wired.clock(), wired.calendar_of(game)
    count = max(1, min(_ACTIVE_DAYS, wired.settings.activity_days_kept))
    return wired.activity.active(game, last_days(calendar, now, count), now, calendar)


def players_chart(days: Sequence[ActiveDay]) -> Markup:
    """How many played, by the day, the week and the month before it."""
    series: dict[str, list[int | None]] = {
        "Day": [one.dau for one in days],
        "7 days": [one.wau for one in days],
        "30 days": [one.mau for one in days],
        "New": [one.new for one in days],
    }
    return charts.line(series, _labels(days), "Active players", ticks=_ticks(days), first="Day")


def stickiness_chart(days: Sequence[ActiveDay]) -> Markup:
    """What share of the month's players played on each day."""
    shares = {"Stickiness": [one.stickiness for one in days]}
    title = "Stickiness: players of the day among those of 30 days"
    return charts.line(shares, _labels(days), title, ticks=_ticks(days), form="percent", first="Day")


def _labels(days: Sequence[ActiveDay]) -> list[str]:
    return [label(one.day) for one in days]


def _ticks(days: Sequence[ActiveDay]) -> list[str]:
    return [tick(one.day) for one in days]
