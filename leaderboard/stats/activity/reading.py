"""Who plays: players by day, week and month, how many come back, streaks. All of it exact.

A player has a number; a day has a bit for each number, in segments. Every answer is counted segment by segment, each of
all its days at once, from bitmaps that are only read: the store is never asked to put any together.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice, takewhile
from typing import Final

from leaderboard.errors import NotFound
from leaderboard.running import Run
from leaderboard.stats.activity.bitmaps import Window, as_bits
from leaderboard.stats.activity.days import KnownDays, backwards, onwards, read_known, streaks
from leaderboard.stats.activity.marks import SEGMENT, Marks
from leaderboard.stats.events import Event
from leaderboard.stats.lifetimes import CalendarLike, PeriodLike, span
from leaderboard.stats.pieces import batched
from leaderboard.store.connection import Store, as_text, translated
from leaderboard.store.scripts import Call
from leaderboard.store.stat_keys import STAT_GAMES, ActivityKeys

_WEEK: Final = 7
_MONTH: Final = 30
_BITMAPS_AT_ONCE: Final = 32  # of one command: 256 KiB
_DAYS_AT_ONCE: Final = 1000  # that one call forgets
_MOST_KEPT: Final = 36_500  # days; longer is no different, and beyond what times can hold


@dataclass(slots=True)
class ActiveDay:
    """How many players were active on a day, on it or one of the 6 or 29 before, and had it as their first.

    None where one of the days before is not kept any more.
    """

    day: PeriodLike
    dau: int = 0
    wau: int | None = 0
    mau: int | None = 0
    new: int = 0

    @property
    def stickiness(self) -> float | None:
        """The share of the month's players who were active on the day."""
        if self.mau is None:
            return None
        return self.dau / self.mau if self.mau else 0.0


@dataclass(slots=True)
class Cohort:
    """The players whose first day it is, and how many were active so many days after; None before that begins."""

    day: PeriodLike
    size: int
    active: dict[int, int | None]

    def share(self, offset: int) -> float | None:
        """The share of them that was active on that day after; None where there is nothing to tell."""
        active = self.active[offset]
        return None if active is None or not self.size else active / self.size


@dataclass(frozen=True, slots=True)
class PlayerActivity:
    """A player's days, by their ids, from `since` on but for the first one; `last_day` None without any."""

    first_day: str
    last_day: str | None
    active_days: int
    current_streak: int
    longest_streak: int
    since: str


class Activity:
    """The activity of the players of all games. Every method but `calls` raises StoreUnavailable."""

    def __init__(self, store: Store, days_kept: int = 400, *, segment: int = SEGMENT) -> None:
        """`days_kept`: for how many days after its end or its last write a day is kept."""
        self._store = store
        self._kept = timedelta(days=min(days_kept, _MOST_KEPT))
        self._segment = segment
        self._marks = Marks(store, self._kept, segment)

    def calls(self, game: str, events: Iterable[Event], now: datetime, calendar: CalendarLike) -> list[Call]:
        """What marks the players of events active; may be sent again. Raises what the calendar raises."""
        return self._marks.calls(game, events, now, calendar)

    def active(self, game: str, days: Sequence[PeriodLike], now: datetime, calendar: CalendarLike) -> list[ActiveDay]:
        """How many players each of some days in a row had. Raises InvalidInput (`step_not_kept`)."""
        keys = ActivityKeys(game)
        known = read_known(self._store, keys, now, self._kept)
        known.require(days, calendar)
        row = [*reversed(list(islice(backwards(calendar, days[0]), _MONTH - 1))), *days]
        first = len(row) - len(days)
        found = [
            ActiveDay(
                day,
                wau=0 if all(map(known.knows, row[max(0, at - _WEEK + 1) : at])) else None,
                mau=0 if all(map(known.knows, row[max(0, at - _MONTH + 1) : at])) else None,
            )
            for at, day in enumerate(days, first)
        ]
        for segment in self._segments(known):
            new, active = self._read_segment(keys, known, segment, days, row)
            week, month = Window(_WEEK), Window(_MONTH)
            for number, bits in enumerate(active, -first):
                weekly, monthly = week.push(bits), month.push(bits)
                if number >= 0:
                    one = found[number]
                    one.dau += bits.bit_count()
                    one.wau = None if one.wau is None else one.wau + weekly.bit_count()
                    one.mau = None if one.mau is None else one.mau + monthly.bit_count()
                    one.new += new[number]
        return found

    def retention(
        self, game: str, days: Sequence[PeriodLike], offsets: Sequence[int], now: datetime, calendar: CalendarLike
    ) -> list[Cohort]:
        """How many of those whose first day is one of some days in a row were active so many days after.

        Raises InvalidInput (`step_not_kept`).
        """
        keys = ActivityKeys(game)
        known = read_known(self._store, keys, now, self._kept)
        begun = takewhile(lambda day: span(day)[0] <= now, onwards(calendar, days[-1]))
        row = [*days, *islice(begun, max(offsets))]
        last = sum(span(day)[0] <= now for day in row)
        cohorts = [Cohort(day, 0, {n: 0 if at + n < last else None for n in offsets}) for at, day in enumerate(days)]
        wanted = {at + n for at in range(len(days)) for n in offsets if at + n < last} | set(range(len(days)))
        known.require([row[at] for at in sorted(wanted)], calendar)
        for segment in self._segments(known):
            self._count_returned(keys, known, segment, row, cohorts)
        return cohorts

    def player(self, game: str, player: str, now: datetime, calendar: CalendarLike) -> PlayerActivity:
        """One player's days, up to today. Raises NotFound (`unknown_player`)."""
        keys = ActivityKeys(game)
        known = read_known(self._store, keys, now, self._kept)
        today, since = calendar.containing("day", now), known.since(calendar)
        ids = sorted(one for one in known.with_data if since <= one <= today.id)
        spelled = [keys.players, keys.active]
        answer = self._store.run("activity_player", spelled, [player, self._segment, *ids])
        if answer is None:
            raise NotFound(f"{player!r} has not been active here.", code="unknown_player")
        active = [one for one, bit in zip(ids, as_text(answer[1]), strict=True) if bit == "1"]
        lengths = streaks([date.fromisoformat(one) for one in active], calendar)
        goes_on = active and active[-1] in (today.id, *(one.id for one in islice(backwards(calendar, today), 1)))
        return PlayerActivity(
            first_day=as_text(answer[0]),
            last_day=active[-1] if active else None,
            active_days=len(active),
            current_streak=lengths[-1] if goes_on else 0,
            longest_streak=max(lengths, default=0),
            since=since,
        )

    def forget(self, game: str, player: str) -> bool:
        """Forgets who a player was, whose days stay counted; answers whether there was one.

        One who comes back is a new one.
        """
        with translated():
            return bool(self._store.client.hdel(ActivityKeys(game).players, player))

    def prune(self, now: datetime, run: Run) -> dict[str, int]:
        """Forgets the days that are not kept any more; answers how many `activity_days`. Raises Interrupted."""
        done = 0
        with translated():
            games = sorted(map(as_text, self._store.client.smembers(STAT_GAMES)))
        for game in games:
            keys, some = ActivityKeys(game), _DAYS_AT_ONCE
            while some == _DAYS_AT_ONCE:
                run.checkpoint()
                args = [int(now.timestamp()), _DAYS_AT_ONCE]
                some = int(self._store.run("activity_prune", [keys.days, keys.lost], args))
                done += some
        return {"activity_days": done}

    def _segments(self, known: KnownDays) -> range:
        return range(-(-known.numbers // self._segment))

    def _read_segment(
        self,
        keys: ActivityKeys,
        known: KnownDays,
        segment: int,
        days: Sequence[PeriodLike],
        row: Sequence[PeriodLike],
    ) -> tuple[list[int], list[int]]:
        """How many were new on each of `days`, and who was active on each of `row`."""
        counted = [number for number, day in enumerate(days) if day.id in known.with_data]
        with translated():
            pipeline = self._store.client.pipeline(transaction=False)
            for number in counted:  # before the others are read, so that nobody is new and was not there
                pipeline.bitcount(keys.cohorts + keys.part(days[number].id, segment))
            counts = dict(zip(counted, pipeline.execute() if counted else [], strict=True))
        bitmaps = self._bitmaps(keys.active, segment, [day.id for day in row if day.id in known.with_data])
        return [counts.get(number, 0) for number in range(len(days))], [bitmaps.get(day.id, 0) for day in row]

    def _count_returned(
        self,
        keys: ActivityKeys,
        known: KnownDays,
        segment: int,
        row: Sequence[PeriodLike],
        cohorts: Sequence[Cohort],
    ) -> None:
        """Adds a segment to the cohorts. Most have nobody there, for numbers are given as players come."""
        ids = [cohort.day.id for cohort in cohorts if cohort.day.id in known.with_data]
        new = {day_id: bits for day_id, bits in self._bitmaps(keys.cohorts, segment, ids).items() if bits}
        present = [(at, cohort) for at, cohort in enumerate(cohorts) if cohort.day.id in new]
        wanted = {row[at + n].id for at, cohort in present for n, count in cohort.active.items() if count is not None}
        active = self._bitmaps(keys.active, segment, sorted(wanted & known.with_data))
        for at, cohort in present:
            members = new[cohort.day.id]
            cohort.size += members.bit_count()
            for n, count in cohort.active.items():
                if count is not None:
                    cohort.active[n] = count + (members & active.get(row[at + n].id, 0)).bit_count()

    def _bitmaps(self, beginning: str, segment: int, day_ids: Sequence[str]) -> Mapping[str, int]:
        """One segment of some days; without data none, or 0."""
        if not day_ids:
            return {}
        names = [beginning + ActivityKeys.part(one, segment) for one in day_ids]
        with translated():
            pipeline = self._store.client.pipeline(transaction=False)
            for some in batched(names, _BITMAPS_AT_ONCE):
                pipeline.mget(some)
            found = (text for texts in pipeline.execute() for text in texts)
        return {day_id: as_bits(text) for day_id, text in zip(day_ids, found, strict=True)}
