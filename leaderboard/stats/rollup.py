"""Rolling up: what is new in the hours of a day that is over goes into its buckets.

Events go into what is pending of their hour alone. Later one script call adds that to the hour, its day, week, month
and year, and forgets that it was new: so it is never added twice, however often and by however many rolled up, and
wherever that broke off. A late event makes its hour have something new again. A reader adds what is pending to
the wider bucket, so that rolling up changes no answer.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from leaderboard.errors import DatabaseUnavailable, Interrupted, LeaderboardError, StoreUnavailable
from leaderboard.running import Run
from leaderboard.stats.lifetimes import GRACE, ROLLED_UP, CalendarLike, Lifetimes, PeriodLike, span
from leaderboard.stats.pieces import batched
from leaderboard.stats.series import PLAIN, TOTAL
from leaderboard.stats.slots import slot_at
from leaderboard.store.connection import Store, as_text, translated
from leaderboard.store.scripts import Call
from leaderboard.store.stat_keys import STAT_GAMES, StatKeys, stat_names

_NAMES_AT_ONCE = 100
_DAYS_AT_ONCE = 50  # looked into in a round trip
_SERIES_AT_ONCE = 10  # bounds how long one call keeps the store busy with merging sketches
_HOUR = timedelta(hours=1)
_CALLS_AT_ONCE = 50  # in a round trip, between two checkpoints
_log = structlog.get_logger(__name__)
_Day = tuple[StatKeys, PeriodLike, list[PeriodLike]]


class Rollup:
    """The rolling up of all games' stats."""

    def __init__(self, store: Store, lifetimes: Lifetimes) -> None:
        self._store = store
        self._lifetimes = lifetimes

    def run(self, now: datetime, run: Run, calendar_of: Callable[[str], CalendarLike]) -> dict[str, int]:
        """Rolls up every hour that has something new and whose day is over: how many `hours`, `events` in them.

        May be called at any time, by several at once, and break off anywhere. Raises StoreUnavailable, and Interrupted
        from `run`. A game whose calendar cannot be told is left for the next time.
        """
        done = {"hours": 0, "events": 0}
        with translated():
            games = sorted(map(as_text, self._store.client.smembers(STAT_GAMES)))
        for game in games:
            run.checkpoint()
            try:
                for hours, events in self._roll_game(game, now, run, calendar_of):
                    done["hours"] += int(hours)
                    done["events"] += int(events)
            except (StoreUnavailable, DatabaseUnavailable, Interrupted):
                raise
            except (LeaderboardError, ValueError) as error:
                _log.error("stats are not rolled up", game=game, reason=str(error))
        return done

    def _roll_game(
        self, game: str, now: datetime, run: Run, calendar_of: Callable[[str], CalendarLike]
    ) -> Iterator[tuple[int, int]]:
        """What each call answers: hours and events."""
        calendar = calendar_of(game)
        with translated():
            names = sorted(map(as_text, self._store.client.smembers(stat_names(game))))
        for some in batched(names, _NAMES_AT_ONCE):
            for days in batched(self._due([StatKeys(game, name) for name in some], now, calendar), _DAYS_AT_ONCE):
                for few in batched(self._calls(days, now, calendar), _CALLS_AT_ONCE):
                    run.checkpoint()
                    yield from self._store.run_all(few)

    def _due(self, names: Sequence[StatKeys], now: datetime, calendar: CalendarLike) -> list[_Day]:
        """The days of these stats that are over and have something new, in order."""
        latest = (now - GRACE).timestamp()
        with translated():
            pipeline = self._store.client.pipeline(transaction=False)
            for keys in names:
                pipeline.zrange(keys.open, "-inf", latest, byscore=True, withscores=True)
            found = pipeline.execute()
        return [
            (keys, day, hours)
            for keys, opened in zip(names, found, strict=True)
            for day, hours in _days(opened, calendar)
            if span(day)[1] + GRACE <= now
        ]

    def _calls(self, days: Sequence[_Day], now: datetime, calendar: CalendarLike) -> list[Call]:
        with translated():
            pipeline = self._store.client.pipeline(transaction=False)
            for keys, _, hours in days:
                for hour in hours:
                    pipeline.hkeys(keys.pending(hour.id))
            fields = iter(pipeline.execute())
        calls = []
        for keys, day, hours in days:
            found = {as_text(one) for _ in hours for one in next(fields)}
            pieces = _pieces(found)
            calls += [self._call(keys, day, hours, some, now, calendar) for some in pieces]
        return calls

    def _call(
        self,
        keys: StatKeys,
        day: PeriodLike,
        hours: Sequence[PeriodLike],
        series: Sequence[str],
        now: datetime,
        calendar: CalendarLike,
    ) -> Call:
        at = span(hours[-1])[0]  # its day may begin before known time
        buckets = [day, *(calendar.containing(name, at) for name in ROLLED_UP[1:])]
        spelled = [keys.open]
        expires: list[int] = []
        for period in buckets:
            spelled += [keys.bucket(period.id), keys.players(period.id)]
            expires += [self._lifetimes.bucket(period, now), self._lifetimes.players(period, now)]
        messages: list[list[Any]] = []
        for hour in hours:
            spelled += [keys.pending(hour.id), keys.bucket(hour.id), keys.players(hour.id)]
            messages.append([hour.id, mark_of(hour, day), self._lifetimes.bucket(hour, now)])
        message = {"series": list(series), "expires": expires, "hours": messages}
        return Call("stat_roll", spelled, [self._store.pack(message)])


def _pieces(found: set[str]) -> Sequence[Sequence[str]]:
    """The series of a day, as they are rolled up one call after the other.

    All events come last, so that no reader misses any, and those without properties with them: an hour that has the
    one without the other is one that was never split.
    """
    if not found:
        return [[]]
    others = sorted(found - {TOTAL, PLAIN}, key=int)
    whole = len(others) // _SERIES_AT_ONCE * _SERIES_AT_ONCE
    last = [TOTAL] if found == {TOTAL} else [PLAIN, TOTAL]
    return [*batched(others[:whole], _SERIES_AT_ONCE), [*others[whole:], *last]]


def mark_of(hour: PeriodLike, day: PeriodLike) -> int:
    """What stands for an hour in its day: a power of two below 2^53.

    Hours may begin half an hour apart, where the clock is put back by so much; days of two days' length have none such.
    """
    (begins, ends), at = span(day), span(hour)[0]
    unit = _HOUR / 2 if ends - begins < 26 * _HOUR else _HOUR
    return int(2 ** -((begins - at) // unit))  # rounded up: a day may begin within an hour


def _days(opened: Sequence[tuple[Any, float]], calendar: CalendarLike) -> list[tuple[PeriodLike, list[PeriodLike]]]:
    """Hours, as `open` has them, by the day that each is part of."""
    found: list[tuple[PeriodLike, list[PeriodLike]]] = []
    for _, seconds in opened:
        hour = slot_at(calendar, datetime.fromtimestamp(seconds, UTC))
        day = calendar.containing("day", hour.start)
        if not found or found[-1][0].id != day.id:
            found.append((day, []))
        found[-1][1].append(hour)
    return found
