"""A game whose stats are driven by hand, and what can happen to them: time, other jobs, a store that goes away."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from leaderboard.boards.periods import Calendar, Period
from leaderboard.errors import StoreUnavailable
from leaderboard.stats.events import Event
from leaderboard.stats.lifetimes import Lifetimes
from leaderboard.stats.points import Point
from leaderboard.stats.reading import Reading, StatReader
from leaderboard.stats.recording import Recorder
from leaderboard.stats.rollup import Rollup
from leaderboard.stats.series import Selection
from leaderboard.store.connection import Store
from leaderboard.store.scripts import Call


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


START = utc("2030-01-01T00:00")


@dataclass
class FakeRun:
    """A run of the job; `at_checkpoint` may raise, or do what others do meanwhile."""

    at_checkpoint: Callable[[int], None] | None = None
    token: str = ""
    checkpoints: int = 0

    def checkpoint(self) -> None:
        self.checkpoints += 1
        if self.at_checkpoint:
            self.at_checkpoint(self.checkpoints)


class DyingStore:
    """A store that is away after some more scripts."""

    def __init__(self, store: Store, scripts: int) -> None:
        self._store = store
        self._left = scripts

    def run_all(self, calls: list[Call], *, resend: bool = True) -> list[Any]:
        some = calls[: self._left]
        self._left -= len(some)
        answers = self._store.run_all(some, resend=resend) if some else []
        if len(some) < len(calls):
            raise StoreUnavailable("killed")
        return answers

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@dataclass
class Game:
    """One game's stats at a time of its own; the store's clock only ever lags behind it."""

    store: Store
    calendar: Calendar = field(default_factory=Calendar)
    hours_kept: int = 168
    now: datetime = START
    name: str = field(default_factory=lambda: "g-" + secrets.token_hex(6))

    @property
    def lifetimes(self) -> Lifetimes:
        return Lifetimes(self.hours_kept)

    def recorder(self, store: Any = None) -> Recorder:
        return Recorder(store or self.store, self.lifetimes)

    def record(self, *events: Event) -> None:
        self.recorder().record(self.name, events, self.now, self.calendar)

    def roll_up(self, run: FakeRun | None = None, store: Any = None) -> dict[str, int]:
        """This game's hours alone: the other games of the store belong to other tests, at other times."""
        rollup = Rollup(OneGame(store or self.store, self.name), self.lifetimes)  # type: ignore[arg-type]
        return rollup.run(self.now, run or FakeRun(), lambda _game: self.calendar)

    def read(self, name: str, *ids: str, stat: str = "s") -> list[Point]:
        periods = [self.calendar.parse(name, one) for one in ids]  # type: ignore[arg-type]
        return [point for period in periods for point in self.reading([period], stat).points]

    def reading(self, periods: Sequence[Period], stat: str = "s", **selection: Any) -> Reading:
        """What a stat has of periods in a row."""
        reader = StatReader(self.store, self.lifetimes)
        return reader.read(self.name, stat, periods, self.now, self.calendar, Selection(**selection))

    def keys(self) -> dict[str, int | None]:
        """Every key of this game -> when it expires, None for never."""
        patterns = [f"st:{{{self.name}:*", f"stats:{{{self.name}}}:*"]
        found = [key.decode() for one in patterns for key in self.store.client.scan_iter(match=one, count=1000)]
        times = [self.store.client.expiretime(key) for key in found]
        return {key: None if at == -1 else at for key, at in zip(found, times, strict=True)}

    def move_to(self, now: datetime) -> None:
        """Lets time pass: what has expired by then is gone."""
        self.now = now
        gone = [key for key, at in self.keys().items() if at is not None and at <= now.timestamp()]
        if gone:
            self.store.client.delete(*gone)


class OneGame:
    """A store whose only game with stats is this one."""

    def __init__(self, store: Any, game: str) -> None:
        self._store = store
        self.client = self
        self._game = game

    def smembers(self, key: str) -> Any:
        return {self._game} if key == "stats:games" else self._store.client.smembers(key)

    def run_all(self, calls: list[Call], *, resend: bool = True) -> list[Any]:
        return list(self._store.run_all(calls, resend=resend))

    def pack(self, value: Any) -> Any:
        return self._store.pack(value)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store.client, name)
