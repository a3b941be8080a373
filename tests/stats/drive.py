"""A game whose stats are driven by hand, and what can happen to them: time, other jobs, a store that goes away."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from leaderboard.boards.periods import Calendar
from leaderboard.errors import StoreUnavailable
from leaderboard.stats.events import Event
from leaderboard.stats.points import Point
from leaderboard.stats.storage import Stats
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
    hours_at_once: int = 100
    now: datetime = START
    name: str = field(default_factory=lambda: "g-" + secrets.token_hex(6))

    @property
    def stats(self) -> Stats:
        return self.over(self.store)

    def over(self, store: Any) -> Stats:
        return Stats(store, hours_kept=self.hours_kept, hours_at_once=self.hours_at_once)

    def record(self, *events: Event) -> None:
        self.stats.record(self.name, events, self.now, self.calendar)

    def roll_up(self, run: FakeRun | None = None, store: Any = None) -> dict[str, int]:
        """This game's hours alone: the other games of the store belong to other tests, at other times."""
        stats = self.over(OneGame(store or self.store, self.name))
        return stats.roll_up(self.now, run or FakeRun(), lambda _game: self.calendar)

    def read(self, name: str, *ids: str, stat: str = "s") -> list[Point]:
        periods = [self.calendar.parse(name, one) for one in ids]  # type: ignore[arg-type]
        return self.stats.read(self.name, stat, periods, self.now)

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

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store.client, name)
