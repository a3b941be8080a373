"""The days of a funnel: which times each needs, what is known of these, and what was counted of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from leaderboard.stats.funnels.definitions import Funnel
from leaderboard.stats.funnels.paths import Tally, tally
from leaderboard.stats.funnels.times import KeptDay, live_until, read_days, read_shards, seconds
from leaderboard.stats.lifetimes import CalendarLike, PeriodLike, span
from leaderboard.stats.pieces import batched
from leaderboard.store.connection import Store, translated
from leaderboard.store.stat_keys import funnel_counts

COUNTS_KEPT: Final = timedelta(days=400)  # after the last write
_DAYS_AT_ONCE = 31  # that are counted: bounds the memory it takes
_SECOND = timedelta(seconds=1)


class Counted(msgspec.Struct, frozen=True, array_like=True):
    """How many players of a day reached each step.

    `fingerprint`: of the funnel. `added`, `removed`: how often that was done to the times that it was counted from.
    `uncertain`: some may have come further. `short`: the same, because other times were gone when they entered.
    """

    fingerprint: str
    added: int
    removed: int
    uncertain: bool
    short: bool
    players: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Cohort:
    """Those who enter a funnel on a day: the days on which they may go on, and what is known of the times.

    That is by step and day id, where there ever were times. Those of later days that were `gone` before anybody entered
    are not counted.
    """

    funnel: Funnel
    day: PeriodLike
    days: tuple[PeriodLike, ...]  # from that day on
    kept: Mapping[tuple[str, str], KeptDay]
    gone: Mapping[tuple[str, str], KeptDay]

    @property
    def ends(self) -> datetime:
        """When the last of them is out of time."""
        return span(self.day)[1] + timedelta(seconds=self.funnel.window_seconds)

    @property
    def entered(self) -> bool:
        """Whether there ever was somebody."""
        return (self.funnel.steps[0], self.day.id) in self.kept

    @property
    def added(self) -> int:
        """How often times were added."""
        return sum(one.added for one in self.kept.values())

    @property
    def removed(self) -> int:
        """How often some were removed."""
        return sum(one.removed for one in self.kept.values())

    @property
    def late(self) -> bool:
        """Whether times came too late to be kept with the others."""
        return self.entered and any(one.late for one in (*self.kept.values(), *self.gone.values()))

    def is_there(self, now: datetime, spare: timedelta = timedelta(0)) -> bool:
        """Whether all times that are counted are kept, or were until so long ago."""
        since = seconds(now) - spare // _SECOND
        return not self.entered or all(since < one.until for one in self.kept.values())

    @property
    def came_too_late(self) -> bool:
        """Whether nobody had entered until some of the other times of the day were gone."""
        first = self.kept.get((self.funnel.steps[0], self.day.id))
        return first is not None and any(one.until <= first.first_came for one in self.kept.values())

    @property
    def is_known(self) -> bool:
        """Whether the day was recorded, as it went or later."""
        there = ((step, self.day.id) in self.kept for step in self.funnel.steps)
        return self.funnel.since < span(self.day)[1] or any(there)

    def is_counted(self, counts: Mapping[str, Counted]) -> bool:
        """Whether the counts of days have this one, as it is now."""
        found = counts.get(self.day.id)
        return found is not None and found.added >= self.added and found.removed >= self.removed

    def is_short(self, counts: Mapping[str, Counted]) -> bool:
        """Whether some events of it are not in its count, or had to be counted without others that were gone."""
        found = counts.get(self.day.id)
        return self.late or (found is not None and (found.short or found.added < self.added))


class Cohorts:
    """Reads and counts them. Every method raises StoreUnavailable."""

    def __init__(self, store: Store, shards: int) -> None:
        self._store = store
        self._shards = shards

    def look(self, funnel: Funnel, days: Sequence[PeriodLike], calendar: CalendarLike) -> list[Cohort]:
        """What is known of the times of some days."""
        window = timedelta(seconds=funnel.window_seconds)
        row = {day.id: tuple(_until(calendar, day, span(day)[1] - _SECOND + window)) for day in days}
        every = list({one.id: None for some in row.values() for one in some})
        first, *others = funnel.steps
        wanted = {funnel.keys(first): [day.id for day in days], **{funnel.keys(step): every for step in others}}
        known = read_days(self._store, wanted) if days else {}
        return [_cohort(funnel, day, row[day.id], known) for day in days]

    def count(self, cohorts: Sequence[Cohort], checkpoint: Callable[[], None]) -> Iterator[dict[str, Counted]]:
        """Counts cohorts of one funnel, some at a time; all times that they take must be there.

        `checkpoint` is called between two pieces of work.
        """
        whole = [one for one in cohorts if not one.gone]
        alone = [[one] for one in cohorts if one.gone]  # others may have what it is to be counted without
        for some in (*batched(whole, _DAYS_AT_ONCE), *alone):
            yield self._count(some, checkpoint)

    def _count(self, cohorts: Sequence[Cohort], checkpoint: Callable[[], None]) -> dict[str, Counted]:
        funnel = cohorts[0].funnel
        tallies = {one.day.id: Tally([0] * len(funnel.steps)) for one in cohorts}
        wanted = dict.fromkeys(name for one in cohorts if one.entered for name in one.kept)
        days = {day.id: seconds(span(day)[0]) for one in cohorts for day in one.days}
        starts = dict(sorted(days.items(), key=lambda item: item[1]))
        spelled = [(funnel.keys(step), day_id) for step, day_id in wanted]
        for shard in read_shards(self._store, spelled, self._shards):
            checkpoint()
            tally(shard, funnel.steps, funnel.window_seconds, starts, tallies)
        return {one.day.id: _counted(one, tallies[one.day.id]) for one in cohorts}

    def kept_counts(self, funnel: Funnel, ids: Sequence[str]) -> dict[str, Counted]:
        """What was counted of days, by this very funnel."""
        if not ids:
            return {}
        with translated():
            rows: Any = self._store.client.hmget(funnel_counts(funnel.game, funnel.name), list(ids))
        found = {one: msgspec.msgpack.decode(row, type=Counted) for one, row in zip(ids, rows, strict=True) if row}
        return {one: counted for one, counted in found.items() if counted.fingerprint == funnel.fingerprint}

    def keep_counts(self, funnel: Funnel, counts: Mapping[str, Counted], now: datetime) -> None:
        """Keeps what was counted of days."""
        key = funnel_counts(funnel.game, funnel.name)
        with translated():
            pipeline = self._store.client.pipeline(transaction=False)
            pipeline.hset(key, mapping={one: msgspec.msgpack.encode(counted) for one, counted in counts.items()})
            live_until(pipeline, key, now + COUNTS_KEPT)
            pipeline.execute()


def _until(calendar: CalendarLike, day: PeriodLike, last: datetime) -> Iterator[PeriodLike]:
    """The days from one to that with the last instant."""
    yield day
    with suppress(ValueError):  # where known time ends
        while span(day)[1] <= last:
            day = calendar.containing("day", span(day)[1])
            yield day


def _cohort(
    funnel: Funnel, day: PeriodLike, days: tuple[PeriodLike, ...], known: Mapping[tuple[str, str], KeptDay]
) -> Cohort:
    """A day, with what is known of the times that it takes."""
    first, *others = funnel.steps
    names = [(first, day.id), *((step, one.id) for one in days for step in others)]
    found = {name: known[name] for name in names if name in known}
    entered = found.get(names[0])
    came = entered.first_came if entered else 0
    gone = {name: one for name, one in found.items() if name[1] != day.id and one.until <= came}
    return Cohort(funnel, day, days, {name: one for name, one in found.items() if name not in gone}, gone)


def _counted(cohort: Cohort, found: Tally) -> Counted:
    entered, *_, finished = found.players
    short = bool(cohort.gone) and finished < entered
    return Counted(cohort.funnel.fingerprint, cohort.added, cohort.removed, found.uncertain, short, found.players)
