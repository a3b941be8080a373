"""Funnels: how many players came how far through some events, by the day on which they began.

What is kept are the times of the events that are steps of a funnel (`funnels/times.py`). A day is counted from these,
exactly, when it is read, so the order in which events arrive does not matter. Once its window is over, a job counts it
and keeps that for when the times are gone, with how often times had been added and removed: as long as that is so,
nothing need be counted anew; when it is not, reader and job do.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Final

import structlog

from leaderboard.archive.database import Database
from leaderboard.errors import DatabaseUnavailable, Interrupted, InvalidInput, LeaderboardError, StoreUnavailable
from leaderboard.running import Run
from leaderboard.stats.events import Event
from leaderboard.stats.funnels.cohorts import Cohort, Cohorts, Counted
from leaderboard.stats.funnels.definitions import Definitions, Funnel
from leaderboard.stats.funnels.makings import Makings
from leaderboard.stats.funnels.times import SHARDS, SPARE, days_with_times, field_of, record_calls, shard_of
from leaderboard.stats.lifetimes import CalendarLike, PeriodLike, span
from leaderboard.stats.pieces import batched
from leaderboard.store.connection import Store
from leaderboard.store.scripts import Call

_LAST_CHANCE: Final = SPARE / 2  # for the job, after times are read no more: to count what came just before
_DAYS_AT_ONCE = 100  # of which a call removes a player
_CALLS_AT_ONCE = 100
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FunnelDay:
    """How many players who entered on a day reached each step; None where that is not known.

    `complete`: none of them is within the window any more.
    """

    day: PeriodLike
    players: tuple[int, ...] | None
    complete: bool


@dataclass(frozen=True, slots=True)
class FunnelReading:
    """What a funnel says of some days.

    `uncertain`: some players may have come further, for they had more times of an event in a day than are kept.
    `late`: some events came when other times of their day or a later one were gone, and not all is counted.
    """

    funnel: Funnel
    days: list[FunnelDay]
    uncertain: bool
    late: bool

    @property
    def total(self) -> tuple[int, ...]:
        """How many reached each step, over all days that are known."""
        rows = [one.players for one in self.days if one.players is not None]
        return tuple(map(sum, zip(*rows, strict=True))) if rows else (0,) * len(self.funnel.steps)


class Funnels:
    """The funnels of all games. Every method raises Unavailable."""

    def __init__(
        self,
        store: Store,
        database: Database,
        cache_seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        shards: int = SHARDS,
    ) -> None:
        """`cache_seconds`: for how long a process believes what it knows of a game's funnels."""
        self._store = store
        self._shards = shards
        self._cohorts = Cohorts(store, shards)
        self._makings = Makings(store, shards)
        self.definitions = Definitions(store, database, self._makings, cache_seconds, monotonic)

    def calls(self, game: str, events: Iterable[Event], now: datetime, calendar: CalendarLike) -> list[Call]:
        """What keeps the times of those events that are steps of some funnels, for each of them; may be sent again.

        No round trip, but once in `cache_seconds`; who sends the calls learns the revision of the game's funnels with
        them (`is_outdated`). Raises what the calendar raises.
        """
        makings = self.definitions.recorded(game)
        if not makings:
            return []
        found: dict[str, list[Event]] = {}
        for event in events:
            if event.player is not None and event.name in makings:
                found.setdefault(event.name, []).append(event)
        return [
            call
            for name, some in found.items()
            for call in record_calls(makings[name], some, self._shards, now, calendar, self._store.pack)
        ]

    def is_outdated(self, game: str, rev: str) -> bool:
        """Whether `calls` did not know the funnels of this revision; then they are to be made and sent again."""
        return self.definitions.is_outdated(game, rev)

    def read(
        self, game: str, name: str, days: Sequence[PeriodLike], now: datetime, calendar: CalendarLike
    ) -> FunnelReading:
        """How far the players of some days came, so far. Raises NotFound, InvalidInput (`step_not_kept`)."""
        funnel = self.definitions.get(game, name)
        cohorts = self._cohorts.look(funnel, days, calendar)
        counts = self._cohorts.kept_counts(funnel, [day.id for day in days])
        changed = [one for one in cohorts if not one.is_counted(counts)]
        gone = [one for one in changed if not one.is_there(now)]
        players = (0,) * len(funnel.steps)
        nobody = Counted(funnel.fingerprint, 0, 0, uncertain=False, short=False, players=players)
        counts = {one.day.id: nobody for one in gone if one.came_too_late} | counts
        _require(cohorts, [one for one in gone if one.day.id not in counts])
        to_count = [one for one in changed if one.is_there(now) and one.is_known]
        for some in self._cohorts.count(to_count, lambda: None):
            counts |= some
        found = [(one, counts.get(one.day.id)) for one in cohorts]
        return FunnelReading(
            funnel,
            [FunnelDay(one.day, counted.players if counted else None, one.ends <= now) for one, counted in found],
            uncertain=any(counted.uncertain for _, counted in found if counted),
            late=any(one.is_short(counts) for one in cohorts),
        )

    def keep_counts(self, now: datetime, run: Run, calendar_of: Callable[[str], CalendarLike]) -> dict[str, int]:
        """Counts the days whose window is over, anew where they changed: how many, `funnel_days`.

        And removes the times that no funnel has any more. To be called several times a day. May be called by several at
        once, and break off anywhere. Raises Interrupted from `run`. A game whose calendar cannot be told is left for
        the next time.
        """
        done = 0
        for game, some in groupby(self.definitions.everywhere(), lambda one: one.game):
            run.checkpoint()
            funnels = list(some)
            for funnel in funnels:
                self._makings.renew(funnel.makings, now)
            try:
                calendar = calendar_of(game)
                for funnel in funnels:
                    done += self._keep_counts(funnel, now, run, calendar)
            except (StoreUnavailable, DatabaseUnavailable, Interrupted):
                raise
            except (LeaderboardError, ValueError) as error:
                _log.error("funnels are not counted", game=game, reason=str(error))
        self._makings.sweep(now, run.checkpoint)
        return {"funnel_days": done}

    def forget(self, game: str, player: str) -> bool:
        """Removes all times of a player; whether there were any."""
        field = field_of(player)
        number = shard_of(field, self._shards)
        used = [keys for funnel in self.definitions.all(game) for keys in funnel.makings]
        makings = list(dict.fromkeys([*used, *self._makings.of_game(game)]))
        calls = [
            Call("funnel_forget", [keys.days, *(keys.shard(day_id, number) for day_id in some)], [field, *some])
            for keys, days in zip(makings, days_with_times(self._store, makings), strict=True)
            for some in batched(days, _DAYS_AT_ONCE)
        ]
        removed = [days for some in batched(calls, _CALLS_AT_ONCE) for days in self._store.run_all(some)]
        return any(removed)

    def _keep_counts(self, funnel: Funnel, now: datetime, run: Run, calendar: CalendarLike) -> int:
        done = 0
        for counts in self._cohorts.count(self._due(funnel, now, calendar), run.checkpoint):
            self._cohorts.keep_counts(funnel, counts, now)
            done += len(counts)
        return done

    def _due(self, funnel: Funnel, now: datetime, calendar: CalendarLike) -> list[Cohort]:
        """The days whose counts are not kept as they are."""
        window = timedelta(seconds=funnel.window_seconds)
        (known,) = days_with_times(self._store, funnel.makings[:1])
        days = [calendar.containing("day", calendar.beginning(date.fromisoformat(one))) for one in known]
        over = [day for day in days if span(day)[1] + window <= now]
        cohorts = self._cohorts.look(funnel, over, calendar)
        counts = self._cohorts.kept_counts(funnel, [day.id for day in over])
        changed = [one for one in cohorts if not one.is_counted(counts)]
        return [one for one in changed if one.is_there(now, _LAST_CHANCE) and one.is_known]


def _require(cohorts: Sequence[Cohort], lost: Sequence[Cohort]) -> None:
    """Raises InvalidInput (`step_not_kept`) if some are lost."""
    if not lost:
        return
    since = next((one.day.id for one in cohorts if one.day.id > lost[-1].day.id), None)
    raise InvalidInput(
        f"What happened on {lost[-1].day.id} is not kept any more" + (f"; ask from {since} on." if since else "."),
        code="step_not_kept",
        fields={"from": ["Not kept any more."]},
    )
