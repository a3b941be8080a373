"""A game whose players' activity is driven by hand, at a time of its own; the store's clock only lags behind it."""

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from leaderboard.boards.periods import Calendar, Period
from leaderboard.stats.activity.reading import Activity, PlayerActivity
from leaderboard.stats.events import Event
from leaderboard.store.connection import Store
from leaderboard.store.stat_keys import STAT_GAMES


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class NoRun:
    """A run of a job that is never asked to end."""

    token = ""

    def checkpoint(self) -> None:
        pass


@dataclass
class Play:
    store: Store
    now: datetime
    calendar: Calendar = field(default_factory=Calendar)
    days_kept: int = 400
    segment: int = 16
    name: str = field(default_factory=lambda: "g-" + secrets.token_hex(6))

    @property
    def activity(self) -> Activity:
        return Activity(self.store, self.days_kept, segment=self.segment)

    def mark(self, *plays: tuple[str | None, datetime]) -> list[Any]:
        events = [Event("e", player, None, at) for player, at in plays]
        return self.store.run_all(self.activity.calls(self.name, events, self.now, self.calendar))

    def mark_days(self, player: str, *days: str) -> None:
        """Once on each of these days, in the middle of it."""
        found = [self.day(one) for one in days]
        self.mark(*((player, one.start + (one.end - one.start) / 2) for one in found))

    def day(self, day_id: str) -> Period:
        return self.calendar.parse("day", day_id)

    def days(self, first: str, last: str) -> list[Period]:
        found = [self.day(first)]
        while found[-1].id != last:
            found.append(found[-1].next())
        return found

    def active(self, first: str, last: str) -> list[tuple[int, int, int, int]]:
        """dau, wau, mau and new of each day."""
        found = self.activity.active(self.name, self.days(first, last), self.now, self.calendar)
        return [(one.dau, one.wau, one.mau, one.new) for one in found]

    def retention(self, first: str, last: str, *offsets: int) -> list[tuple[int, dict[int, int | None]]]:
        """Size of each cohort, and who came back."""
        found = self.activity.retention(self.name, self.days(first, last), offsets, self.now, self.calendar)
        return [(one.size, one.active) for one in found]

    def player(self, player: str) -> PlayerActivity:
        return self.activity.player(self.name, player, self.now, self.calendar)

    def prune(self) -> int:
        """Of this game alone: the others belong to other tests, at other times."""
        alone = OnlyGame(self.store, self.name)
        return Activity(alone, self.days_kept).prune(self.now, NoRun())["activity_days"]  # type: ignore[arg-type]

    def keys(self) -> dict[str, int | None]:
        """Every key of this game, from behind its tag on -> when it expires, None for never."""
        found = list(self.store.client.scan_iter(match=f"act:{{{self.name}}}:*", count=1000))
        times = [self.store.client.expiretime(key) for key in found]
        return {key.decode().split("}:")[1]: None if at == -1 else at for key, at in zip(found, times, strict=True)}

    def move_to(self, now: datetime) -> None:
        """Lets time pass: what has expired by then is gone."""
        self.now = now
        gone = [key for key, at in self.keys().items() if at is not None and at <= now.timestamp()]
        if gone:
            self.store.client.delete(*(f"act:{{{self.name}}}:{key}" for key in gone))


class OnlyGame:
    """A store that has one game."""

    def __init__(self, store: Store, game: str) -> None:
        self._store = store
        self.client = self
        self._game = game

    def smembers(self, key: str) -> set[str]:
        assert key == STAT_GAMES
        return {self._game}

    def run(self, *args: Any) -> Any:
        return self._store.run(*args)
