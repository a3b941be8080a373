"""Date-keyed stats in the hot store: events counted by the hour, hours rolled up, any period read.

Events go into the bucket of their hour alone. What is new in an hour that has closed is later added to its day, week,
month and year, by one script call that also forgets that it was new: so it is never added twice, however often and
by however many rolled up, and wherever that broke off. A late event makes its hour have something new again.
A reader adds what is new in the open hours to the wider bucket, so that rolling up changes no answer.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from leaderboard.running import Run
from leaderboard.stats.events import Event, chunks, messages
from leaderboard.stats.lifetimes import GRACE, ROLLED_UP, CalendarLike, Lifetimes, PeriodLike, span
from leaderboard.stats.points import FIELDS, NEW_FIELDS, Point, from_store
from leaderboard.store.connection import Store, as_text, translated
from leaderboard.store.keys import STAT_GAMES, StatKeys, stat_names
from leaderboard.store.scripts import Call

_NAMES_AT_ONCE = 100
_POINTS_AT_ONCE = 500
_T = TypeVar("_T")


class Stats:
    """The stats of all games. Every method raises StoreUnavailable."""

    def __init__(self, store: Store, *, hours_kept: int = 168, hours_at_once: int = 50) -> None:
        """`hours_kept`: how many hours an hour is kept after its end; `hours_at_once`: rolled up in a round trip."""
        self._store = store
        self._lifetimes = Lifetimes(hours_kept)
        self._hours_at_once = hours_at_once

    def record(self, game: str, events: Sequence[Event], now: datetime, calendar: CalendarLike) -> None:
        """Counts events of any names and times, in one round trip.

        A time that the calendar does not know raises its ValueError, and nothing is written. Sent once: after
        StoreUnavailable some of it may be counted.
        """
        found = list(chunks(events, calendar))
        if not found:
            return
        # The names first, so that no data is ever without its name.
        names = list(dict.fromkeys(name for name, _ in found))
        calls = [Call("stat_note", [STAT_GAMES], [game])]
        calls += [Call("stat_note", [stat_names(game)], some) for some in _batched(names, 1000)]
        for name, hours in found:
            keys = StatKeys(game, name)
            spelled = [keys.open]
            for hour in hours:
                spelled += [keys.bucket(hour.period.id), keys.players(hour.period.id)]
            calls.append(Call("stat_record", spelled, [self._store.pack(messages(hours, self._lifetimes, now))]))
        self._store.run_all(calls, resend=False)

    def roll_up(self, now: datetime, run: Run, calendar_of: Callable[[str], CalendarLike]) -> dict[str, int]:
        """Rolls up every hour that closed and has something new: how many `hours`, and how many `events` in them.

        May be called at any time, by several at once, and break off anywhere. Raises Interrupted from `run`.
        """
        done = {"hours": 0, "events": 0}
        with translated():
            games = sorted(map(as_text, self._store.client.smembers(STAT_GAMES)))
        for game in games:
            run.checkpoint()
            with translated():
                names = sorted(map(as_text, self._store.client.smembers(stat_names(game))))
            if not names:  # yet: they are noted after their game
                continue
            calendar = calendar_of(game)
            for some in _batched(names, _NAMES_AT_ONCE):
                calls = self._roll_calls([StatKeys(game, name) for name in some], now, calendar)
                for few in _batched(calls, self._hours_at_once):
                    run.checkpoint()
                    added = self._store.run_all(few)
                    done["hours"] += sum(count > 0 for count in added)
                    done["events"] += sum(added)
        return done

    def read(self, game: str, name: str, periods: Sequence[PeriodLike], now: datetime) -> list[Point]:
        """What each of these hours, days, weeks, months and years holds, rolled up or not; in two round trips.

        A period that is not kept any more (`is_kept`) is empty. ValueError for a period that stats do not have.
        """
        keys = StatKeys(game, name)
        wanted = [number for number, period in enumerate(periods) if self.is_kept(period, now)]
        points = [Point()] * len(periods)
        hours = self._new_hours(keys, [periods[number] for number in wanted if periods[number].name != "hour"])
        begins = [start for _, start in hours]
        for some in _batched(wanted, _POINTS_AT_ONCE):
            groups = []
            for number in some:
                period = periods[number]
                start, end = (at.timestamp() for at in span(period))
                inside = slice(bisect_left(begins, start), bisect_left(begins, end))
                groups.append([period.id, *(() if period.name == "hour" else (one for one, _ in hours[inside]))])
            for number, point in zip(some, self._read_groups(keys, groups), strict=True):
                points[number] = point
        return points

    def is_kept(self, period: PeriodLike, now: datetime) -> bool:
        """Whether that period is still answered. ValueError for a period that stats do not have."""
        return self._lifetimes.is_kept(period, now)

    def _roll_calls(self, names: Sequence[StatKeys], now: datetime, calendar: CalendarLike) -> list[Call]:
        """A call for each hour of these stats that has something new and closed, in order."""
        latest = (now - GRACE).timestamp()
        with translated():
            pipeline = self._store.client.pipeline(transaction=False)
            for keys in names:
                pipeline.zrange(keys.open, "-inf", latest, byscore=True, withscores=True)
            found = pipeline.execute()
        calls = []
        for keys, opened in zip(names, found, strict=True):
            for hour_id, seconds in opened:
                begins = datetime.fromtimestamp(seconds, UTC)
                hour = calendar.containing("hour", begins)
                if span(hour)[1] + GRACE <= now:
                    expires = self._lifetimes.rolled_up(hour)
                    buckets = [calendar.containing(name, begins) for name in ROLLED_UP]
                    calls.append(self._roll_call(keys, as_text(hour_id), expires, buckets, now))
        return calls

    def _roll_call(
        self, keys: StatKeys, hour_id: str, expires: int, buckets: Sequence[PeriodLike], now: datetime
    ) -> Call:
        spelled = [keys.open, keys.bucket(hour_id), keys.players(hour_id)]
        for period in buckets:
            spelled += [keys.bucket(period.id), keys.players(period.id)]
        return Call("stat_roll", spelled, [hour_id, expires, *(self._lifetimes.bucket(one, now) for one in buckets)])

    def _new_hours(self, keys: StatKeys, periods: Sequence[PeriodLike]) -> list[tuple[str, float]]:
        """The hours with something new within some periods, and when they begin, in order."""
        if not periods:
            return []
        starts, ends = zip(*map(span, periods), strict=True)
        first, last = min(starts).timestamp(), max(ends).timestamp()
        with translated():
            found: Any = self._store.client.zrange(keys.open, first, f"({last}", byscore=True, withscores=True)
        return [(as_text(hour_id), begins) for hour_id, begins in found]

    def _read_groups(self, keys: StatKeys, groups: Sequence[Sequence[str]]) -> Iterator[Point]:
        """A point for each group: a bucket and the hours with what it does not have; all as of one moment."""
        hours = list(dict.fromkeys(hour for _, *hours in groups for hour in hours))
        with translated():
            pipeline = self._store.client.pipeline(transaction=True)
            for hour in hours:
                pipeline.hmget(keys.bucket(hour), NEW_FIELDS)
            for group in groups:
                pipeline.hmget(keys.bucket(group[0]), FIELDS)
                pipeline.pfcount(*map(keys.players, group))
            answers = pipeline.execute()
        new = {hour: from_store(answer) for hour, answer in zip(hours, answers, strict=False)}
        rest = answers[len(hours) :]
        for (_, *inside), bucket, players in zip(groups, rest[::2], rest[1::2], strict=True):
            point = from_store(bucket)
            for hour in inside:
                point = point.plus(new[hour])
            yield replace(point, players=players)


def _batched(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
