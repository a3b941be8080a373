"""Marking players active: events by day, a script call for each thousand different players."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from leaderboard.stats.events import Event
from leaderboard.stats.lifetimes import CalendarLike, PeriodLike, span
from leaderboard.stats.pieces import batched
from leaderboard.store.connection import Store
from leaderboard.store.scripts import Argument, Call
from leaderboard.store.stat_keys import ActivityKeys

# Numbers in a segment of a bitmap: 8,184 bytes, which with what the store adds fit into a block of 8 KiB.
SEGMENT: Final = 65_472
_PLAYERS_AT_ONCE: Final = 1000  # bounds how long the store is busy with one call
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


class Marks:
    """How the players of events are marked."""

    def __init__(self, store: Store, kept: timedelta, segment: int) -> None:
        self._store = store
        self._kept = kept
        self._segment = segment

    def calls(self, game: str, events: Iterable[Event], now: datetime, calendar: CalendarLike) -> list[Call]:
        """Calls that may be sent again, in any order. Raises what the calendar raises."""
        keys = ActivityKeys(game)
        spelled = [keys.players, keys.next, keys.days, keys.lost, keys.active, keys.cohorts]
        calls = []
        for day, players in by_day(events, calendar):
            expires = int((max(span(day)[1], now) + self._kept).timestamp())
            for some in batched(players, _PLAYERS_AT_ONCE):
                args: list[Argument] = [self._store.pack(some), day.id, expires, int(now.timestamp()), self._segment]
                calls.append(Call("activity_mark", spelled, args))
        return calls


def by_day(events: Iterable[Event], calendar: CalendarLike) -> Iterator[tuple[PeriodLike, list[str]]]:
    """The days of events that have players, and these once each. Raises what the calendar raises."""
    found: dict[str, tuple[PeriodLike, dict[str, None]]] = {}
    players: dict[str, None] = {}
    start = end = _NEVER
    for event in events:
        if event.player is None:
            continue
        if not start <= event.at < end:
            day = calendar.containing("day", event.at)
            start, end = span(day)
            players = found.setdefault(day.id, (day, {}))[1]
        players[event.player] = None
    for day, some in found.values():
        yield day, list(some)
