"""The one way in for events: everything that is kept of them goes out in one round trip.

Figures go into what is pending of their hour, one script call for each name and year of a chunk, which may be marked so
that it is never counted twice; who was active, and the times that funnels need, are sets and may be sent again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from leaderboard.reports import Marking
from leaderboard.stats.events import Chunk, Event, chunks
from leaderboard.stats.lifetimes import CalendarLike, Lifetimes
from leaderboard.stats.pieces import batched
from leaderboard.store.connection import Store, as_text
from leaderboard.store.scripts import Call
from leaderboard.store.stat_keys import STAT_GAMES, StatKeys, funnel_rev, stat_names

CHUNK_EVENTS = 1000  # one script call takes at most so many: bounds how long the store is busy with it
_NAMES_AT_ONCE = 1000


class Follower(Protocol):
    """Something else that is kept of events; what it calls may be sent twice."""

    def calls(self, game: str, events: Sequence[Event], now: datetime, calendar: CalendarLike) -> Iterable[Call]: ...


class Declared(Follower, Protocol):
    """The same of events that somebody declared, as a process knew that at some revision."""

    def is_outdated(self, game: str, rev: str) -> bool: ...


@dataclass(slots=True)
class Recorded:
    """What became of events: event name -> its properties of which values were cut off."""

    cut: dict[str, list[str]] = field(default_factory=dict)


class Recorder:
    """Takes events."""

    def __init__(
        self,
        store: Store,
        lifetimes: Lifetimes,
        followers: Sequence[Follower] = (),
        declared: Declared | None = None,
    ) -> None:
        self._store = store
        self._lifetimes = lifetimes
        self._followers = (*followers, declared) if declared else followers
        self._declared = declared

    def record(
        self,
        game: str,
        events: Sequence[Event],
        now: datetime,
        calendar: CalendarLike,
        *,
        chunk_events: int = CHUNK_EVENTS,
        marking: Marking | None = None,
    ) -> Recorded:
        """Counts events of any names and times, in one round trip.

        A time that the calendar does not know raises its ValueError, and nothing is written. Raises StoreUnavailable;
        then some of it may be counted, which a marked request that comes again takes into account.
        """
        found = chunks(events, calendar, chunk_events)
        if not found:
            return Recorded()
        # The names first, so that no data is ever without its name.
        names = list(dict.fromkeys(chunk.name for chunk in found))
        calls = [
            Call("stat_note", [stat_names(game), funnel_rev(game)], some) for some in batched(names, _NAMES_AT_ONCE)
        ]
        calls.append(Call("stat_note", [STAT_GAMES], [game]))
        for follower in self._followers:
            calls += follower.calls(game, events, now, calendar)
        calls += [self._call(game, chunk, now, marking) for chunk in found]
        rev, *answers = self._store.run_all(calls, resend=marking is not None)
        if self._declared is not None and self._declared.is_outdated(game, as_text(rev)):
            self._store.run_all(list(self._declared.calls(game, events, now, calendar)))
        recorded = Recorded()
        for chunk, answer in zip(found, answers[-len(found) :], strict=True):
            if answer:
                known = set(recorded.cut.get(chunk.name, ()))
                recorded.cut[chunk.name] = sorted(known.union(as_text(answer).split("\n")))
        return recorded

    def _call(self, game: str, chunk: Chunk, now: datetime, marking: Marking | None) -> Call:
        keys, year = StatKeys(game, chunk.name), chunk.year.id
        marker = keys.marker(marking.request if marking else "", chunk.number)
        spelled = [keys.open, keys.series, keys.admitted(year), keys.cut(year), marker]
        for hour in chunk.hours.values():
            spelled += [keys.pending(hour.period.id), keys.bucket(hour.period.id), keys.players(hour.period.id)]
        message = chunk.message(self._lifetimes, now, marking.lifetime_ms if marking else 0)
        return Call("stat_record", spelled, [self._store.pack(message)])
