"""One game's funnels, driven by hand; and what they should say, from all that ever happened."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate

from leaderboard.archive.database import Database
from leaderboard.boards.periods import Calendar, Period
from leaderboard.games.access import Access
from leaderboard.stats.events import Event
from leaderboard.stats.funnels.definitions import Funnel
from leaderboard.stats.funnels.reading import FunnelReading, Funnels
from leaderboard.store.connection import Store
from leaderboard.store.stat_keys import FunnelKeys
from tests.stats.drive import START, FakeRun, utc

SECOND = timedelta(seconds=1)
_TOKEN = re.compile(r"(?<=}:)[0-9a-f]{16}:")


class Ticks:
    """A monotonic clock moved by hand."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


class OneGame:
    """A database whose only game with funnels is this one."""

    def __init__(self, funnels: Funnels, game: str) -> None:
        self._definitions = funnels.definitions
        self._game = game

    def everywhere(self) -> list[Funnel]:
        return self._definitions.all(self._game)

    def __getattr__(self, name: str) -> object:
        return getattr(self._definitions, name)


@dataclass
class Stage:
    """A game at a time of its own; the store's clock only ever lags behind it."""

    store: Store
    database: Database
    calendar: Calendar = field(default_factory=Calendar)
    now: datetime = START
    shards: int = 3
    name: str = field(default_factory=lambda: "g-" + secrets.token_hex(6))
    ticks: Ticks = field(default_factory=Ticks)

    def __post_init__(self) -> None:
        Access(self.store, self.database, 1).create_key(self.name, "server", self.now)
        self.funnels = self.process()

    def process(self) -> Funnels:
        """What another process has."""
        funnels = Funnels(self.store, self.database, 1.5, self.ticks, shards=self.shards)
        funnels.definitions = OneGame(funnels, self.name)  # type: ignore[assignment]
        return funnels

    def put(self, *steps: str, window: int = 86_400, name: str = "f") -> bool:
        return self.funnels.definitions.put(self.name, name, steps, window, self.now)[1]

    def delete(self, name: str = "f") -> None:
        self.funnels.definitions.delete(self.name, name, self.now)

    def funnel(self, name: str = "f") -> Funnel:
        return self.funnels.definitions.get(self.name, name)

    def record(self, *events: Event) -> list[int]:
        return self.store.run_all(self.funnels.calls(self.name, events, self.now, self.calendar))

    def days(self, first: str, last: str | None = None) -> list[Period]:
        found = [self.calendar.parse("day", first)]
        while found[-1].id < (last or first):
            found.append(found[-1].next())
        return found

    def read(self, first: str, last: str | None = None, name: str = "f") -> FunnelReading:
        return self.funnels.read(self.name, name, self.days(first, last), self.now, self.calendar)

    def players(self, first: str, last: str | None = None, name: str = "f") -> list[tuple[int, ...] | None]:
        return [day.players for day in self.read(first, last, name).days]

    def count(self, run: FakeRun | None = None) -> int:
        """Runs the job; how many days it counted."""
        return self.funnels.keep_counts(self.now, run or FakeRun(), lambda _: self.calendar)["funnel_days"]

    def all_keys(self) -> dict[str, datetime | None]:
        """Every key of this game -> when it expires, None for never."""
        found = [key.decode() for key in self.store.client.scan_iter(match=f"fn:{{{self.name}*", count=1000)]
        times = [self.store.client.expiretime(key) for key in found]
        moments = [None if at == -1 else utc("1970-01-01") + at * SECOND for at in times]
        return dict(zip(found, moments, strict=True))

    def expiries(self) -> dict[str, datetime | None]:
        """The same, without what they begin with and the funnel's token."""
        return {_TOKEN.sub("", key.removeprefix(f"fn:{{{self.name}")): at for key, at in self.all_keys().items()}

    def fields(self, keys: FunnelKeys) -> set[bytes]:
        """Who has times there."""
        shards = [key for key in self.all_keys() if key.startswith(keys.prefix) and key != keys.days]
        return {field for key in shards for field in self.store.client.hkeys(key)}

    def move_to(self, now: datetime | str) -> None:
        """Lets time pass: what has expired by then is gone."""
        self.now = utc(now) if isinstance(now, str) else now
        gone = [key for key, at in self.all_keys().items() if at is not None and at <= self.now]
        if gone:
            self.store.client.delete(*gone)


def event(name: str, at: str, player: str | None = "ada") -> Event:
    return Event(name, player, None, utc(at))


def wanted(events: Sequence[Event], steps: Sequence[str], window: int, day: Period) -> tuple[int, ...]:
    """How many reached each step, by trying every entry and every way on from it."""
    reached = [0] * len(steps)
    for player in {one.player for one in events} - {None}:
        times = [
            [one.at.replace(microsecond=0) for one in events if (one.player, one.name) == (player, step)]
            for step in steps
        ]
        entries = [at for at in times[0] if day.contains(at)]
        best = max((_beyond(times[1:], at, at + window * SECOND) + 1 for at in entries), default=0)
        if best:
            reached[best - 1] += 1
    return tuple(accumulate(reached[::-1]))[::-1]


def _beyond(later: Sequence[Sequence[datetime]], at: datetime, end: datetime) -> int:
    if not later:
        return 0
    return max((1 + _beyond(later[1:], to, end) for to in {*later[0]} if at <= to <= end), default=0)
