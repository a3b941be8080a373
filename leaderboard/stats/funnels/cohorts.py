"""The days of a funnel: which times each needs, what is known of these, and what was counted of it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from leaderboard.stats.funnels.definitions import Funnel
from leaderboard.stats.funnels.paths import Tally, tally
from leaderboard.stats.funnels.times import AFTER_FIRST, KeptDay, live_until, read_days, read_shards, seconds
from leaderboard.stats.lifetimes import CalendarLike, PeriodLike, span
from leaderboard.stats.pieces import batched
from leaderboard.store.connection import Store, translated
from leaderboard.store.stat_keys import funnel_counts

COUNTS_KEPT: Final = timedelta(days=400)  # after the last write
_DAYS_AT_ONCE = 31  # that are counted: bounds the memory it takes
_SECOND = timedelta(seconds=1)


class Counted(msgspec.Struct, frozen=True, array_like=True):
    """How many players of a day reached each step.

    `fingerprint` and `version`: of the funnel and the times that it was counted from. `uncertain`: some may have come
    further.
    """

    fingerprint: str
    version: int
    uncertain: bool
    players: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Cohort:
    """Those who enter a funnel on a day: the days on which they may go on, and what is known of the times."""

    funnel: Funnel
    day: PeriodLike
    days: tuple[PeriodLike, ...]  # from that day on
    kept: Mapping[tuple[str, str], KeptDay]  # (step, day id), where there ever were times

    @property
    def ends(self) -> datetime:
        """When the last of them is out of time."""
        return span(self.day)[1] + timedelta(seconds=self.funnel.window_seconds)

    @property
    def entered(self) -> bool:
        """Whether there ever was somebody."""
        return (self.funnel.steps[0], self.day.id) in self.kept

    @property
    def version(self) -> int:
        """Grows with every change of the times that it takes."""
        return sum(one.version for one in self.kept.values())

    @property
    def late(self) -> bool:
        """Whether times came too late to be kept with the others."""
        return self.entered and any(one.late for one in self.kept.values())

    def is_there(self, now: datetime, spare: timedelta = timedelta(0)) -> bool:
        """Whether all times that it takes are kept, or were until so long ago."""
        since = seconds(now) - spare // _SECOND
        return not self.entered or all(since < one.until for one in self.kept.values())

    @property
    def came_too_late(self) -> bool:
        """Whether nobody had entered until some of the times that it takes were gone."""
        first = self.kept.get((self.funnel.steps[0], self.day.id))
        came = first.until - AFTER_FIRST // _SECOND if first else 0  # at the latest
        return any(one.until <= came for one in self.kept.values())

    def is_known(self) -> bool:
        """Whether the day was recorded, as it went or later.

        A day before the times of some steps were kept is known if times of one of these came in later, when those of
        all were kept; for there may have been none of the others.
        """
        steps = zip(self.funnel.steps, self.funnel.since, strict=True)
        missing = {step: since for step, since in steps if since >= span(self.day)[1]}
        if not missing:
            return True
        found = (self.kept.get((step, self.day.id)) for step in missing)
        return any(one.written >= seconds(max(missing.values())) for one in found if one)


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
        wanted = {funnel.steps[0]: [day.id for day in days], **dict.fromkeys(funnel.steps[1:], every)}
        known = read_days(self._store, funnel.game, wanted) if days else {}
        return [Cohort(funnel, day, row[day.id], _of(known, funnel, day.id, row[day.id])) for day in days]

    def count(self, cohorts: Sequence[Cohort], checkpoint: Callable[[], None]) -> Iterator[dict[str, Counted]]:
        """Counts cohorts of one funnel, some at a time; all times that they take must be there.

        `checkpoint` is called between two pieces of work.
        """
        for some in batched(cohorts, _DAYS_AT_ONCE):
            yield self._count(some, checkpoint)

    def _count(self, cohorts: Sequence[Cohort], checkpoint: Callable[[], None]) -> dict[str, Counted]:
        funnel = cohorts[0].funnel
        tallies = {one.day.id: Tally([0] * len(funnel.steps)) for one in cohorts}
        wanted = list({name: None for one in cohorts if one.entered for name in one.kept})
        days = {day.id: seconds(span(day)[0]) for one in cohorts for day in one.days}
        starts = dict(sorted(days.items(), key=lambda item: item[1]))
        for shard in read_shards(self._store, funnel.game, wanted, self._shards):
            checkpoint()
            tally(shard, funnel.steps, funnel.window_seconds, starts, tallies)
        return {
            one.day.id: Counted(funnel.fingerprint, one.version, found.uncertain, found.players)
            for one, found in zip(cohorts, tallies.values(), strict=True)
        }

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


def _of(
    known: Mapping[tuple[str, str], KeptDay], funnel: Funnel, day_id: str, days: Iterable[PeriodLike]
) -> dict[tuple[str, str], KeptDay]:
    """What is known of the times that one day takes."""
    first, *others = funnel.steps
    names = [(first, day_id), *((step, day.id) for day in days for step in others)]
    return {name: known[name] for name in names if name in known}
