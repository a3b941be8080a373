"""Players' activity over some months: its memory in a private store, how long marking and reading take.

Two games: in one the same players play every day; in the other three times as many register by and by, and each day as
many play as in the first, anybody as likely as anybody else (which is worse than life, where whole segments fall
silent). Everybody is registered by marks; on two days all are marked; the bits of the other days are written as
marking them would leave them, which takes seconds and not hours.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchlib import machine
from leaderboard.boards.periods import Calendar, Period
from leaderboard.config import Settings
from leaderboard.stats.activity.marks import SEGMENT
from leaderboard.stats.activity.reading import Activity
from leaderboard.stats.events import Event
from leaderboard.store.connection import Store
from leaderboard.store.embedded import EmbeddedStore
from leaderboard.store.stat_keys import ActivityKeys

_EVENTS_AT_ONCE = 10_000  # as a request may bring
_OFFSETS = (1, 3, 7, 14, 30)
_KEPT = timedelta(days=400)
_CALENDAR = Calendar()
_MIB = 1024 * 1024


@dataclass
class Game:
    """A game that is measured, and its row of the table."""

    name: str
    title: str
    daily: int
    registered: Sequence[int]  # by the end of each day
    row: dict[str, str] = field(default_factory=dict)


def main() -> int:
    """Exit status 0."""
    parser = argparse.ArgumentParser(prog="bench-activity", description=__doc__)
    parser.add_argument("--players", type=int, metavar="N", help="who play on a day (1000000)")
    parser.add_argument("--days", type=int, metavar="N", help="(90)")
    parser.add_argument("--quick", action="store_true", help="20,000 players and 30 days: whether it works")
    options = parser.parse_args()
    players = options.players or (20_000 if options.quick else 1_000_000)
    days = options.days or (30 if options.quick else 90)
    if players < 1 or not 2 <= days <= 365:
        parser.error("--players is above 0, --days is 2 to 365")
    warnings = machine.unrest()
    growing = [players + 2 * players * day // (days - 1) for day in range(days)]
    games = [
        Game("all", "all play every day", players, [players] * days),
        Game("churn", "three times as many registered", players, growing),
    ]
    for game in games:
        _in_a_store(game, days)
    for warning in warnings:
        print(f"NOT A QUIET MACHINE: {warning}")
    _print_table(games)
    return 0


def _in_a_store(game: Game, days: int) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="bench-activity-") as folder,
        EmbeddedStore.start(Path(folder), owner="bench-activity") as running,
    ):
        settings = Settings(redis_url=running.url, redis_timeout_seconds=60)
        store = Store.connect(settings, running.url)
        try:
            _Bench(store, game, days).run()
        finally:
            store.close()


class _Bench:
    def __init__(self, store: Store, game: Game, days: int) -> None:
        self.store, self.game = store, game
        self.activity = Activity(store)
        self.keys = ActivityKeys(game.name)
        self.now = datetime.now(UTC)
        self.days = [_CALENDAR.ago("day", self.now, ago) for ago in range(days - 1, -1, -1)]
        self.chance = random.Random(1)

    def run(self) -> None:
        """Fills the game's row."""
        row, game = self.game.row, self.game
        empty = self._memory()
        row["players registered"] = f"{game.registered[-1]:,}"
        row["players a day, days"] = f"{game.daily:,}, {len(self.days)}"
        row["marking those of the first day"] = _rate(game.daily, self._mark(self.days[0], range(game.daily)))
        before = game.registered[0]
        for number, day in enumerate(self.days[1:], 1):
            count = game.daily - (game.registered[number] - before)
            if day is self.days[-1]:
                some = self.chance.sample(range(before), count)
                row["on another day, in any order"] = _rate(count, self._mark(day, some))
                row["once more on that day"] = _rate(count, self._mark(day, some))
            else:
                self._write(day, before, count)
            self._mark(day, range(before, game.registered[number]))
            before = game.registered[number]
        self._weigh(empty)
        self._read()

    def _mark(self, day: Period, numbers: Iterable[int]) -> float:
        """Seconds for building and sending the calls."""
        assert day.start is not None  # noqa: S101 - days have one
        at, seconds = max(day.start, min(self.now, day.start + timedelta(hours=12))), 0.0
        for events in _batched((Event("e", f"player-{number:07}", None, at) for number in numbers), _EVENTS_AT_ONCE):
            began = time.perf_counter()
            self.store.run_all(self.activity.calls(self.game.name, events, at, _CALENDAR))
            seconds += time.perf_counter() - began
        return seconds

    def _write(self, day: Period, registered: int, count: int) -> None:
        """Bits for about `count` of those who are registered, as marking would leave them."""
        assert day.end is not None  # noqa: S101 - days have one
        expires = int((day.end + _KEPT).timestamp())
        pipeline = self.store.client.pipeline(transaction=False)
        for segment in range(-(-registered // SEGMENT)):
            there = min(SEGMENT, registered - segment * SEGMENT)
            bits = self._bits(count / registered) & ((1 << there) - 1)
            name = self.keys.active + self.keys.part(day.id, segment)
            size = SEGMENT // 8 if there == SEGMENT else -(-there // 8)
            pipeline.set(name, bits.to_bytes(size, "little"), exat=expires + 86_400)
        pipeline.zadd(self.keys.days, {day.id: expires})
        pipeline.execute()

    def _bits(self, share: float) -> int:
        """Random bits of which that share is set, to a 256th."""
        numerator, bits = round(share * 256), 0
        if numerator == 256:
            return (1 << SEGMENT) - 1
        for place in range(8):
            some = self.chance.getrandbits(SEGMENT)
            bits = bits | some if numerator >> place & 1 else bits & some
        return bits

    def _weigh(self, empty: int) -> None:
        memory = self._memory() - empty
        players: Any = self.store.client.memory_usage(self.keys.players, samples=100_000)
        row, marks = self.game.row, self.game.daily * len(self.days)
        row["memory"] = f"{memory / _MIB:,.0f} MiB"
        row["of it players and their numbers"] = f"{players / _MIB:,.0f} MiB"
        row["bytes a registered player"] = f"{players / self.game.registered[-1]:.1f}"
        row["bytes a player and day"] = f"{(memory - players) / marks:.3f}"
        row["keys"] = f"{self.store.client.dbsize():,}"

    def _read(self) -> None:
        game, row, days = self.game, self.game.row, self.days
        active, seconds = _timed(lambda: self.activity.active(game.name, days, self.now, _CALENDAR))
        row[f"`active` over {len(days)} days"] = f"{seconds * 1000:,.0f} ms"
        cohorts, seconds = _timed(lambda: self.activity.retention(game.name, days, _OFFSETS, self.now, _CALENDAR))
        row[f"`retention` of {len(days)} cohorts, {len(_OFFSETS)} days"] = f"{seconds * 1000:,.0f} ms"
        player = f"player-{game.daily // 2:07}"
        _, seconds = _timed(lambda: self.activity.player(game.name, player, self.now, _CALENDAR))
        row["a player"] = f"{seconds * 1000:,.1f} ms"
        registered = sum(one.new for one in active), sum(one.size for one in cohorts)
        if registered != (game.registered[-1],) * 2 or {active[0].dau, active[-1].dau} != {game.daily}:
            sys.exit(f"Wrong answers: {registered} registered, {active[0].dau} and {active[-1].dau} active.")

    def _memory(self) -> int:
        return int(self.store.client.info("memory")["used_memory"])


def _timed(read: Callable[[], Any]) -> tuple[Any, float]:
    """What it answers, and the seconds of the better of two times."""
    times = []
    for _ in range(2):
        began = time.perf_counter()
        found = read()
        times.append(time.perf_counter() - began)
    return found, min(times)


def _rate(count: int, seconds: float) -> str:
    return f"{seconds:.1f} s, {count / seconds:,.0f} a second"


def _batched(items: Iterator[Event], size: int) -> Iterator[list[Event]]:
    some: list[Event] = []
    for item in items:
        some.append(item)
        if len(some) == size:
            yield some
            some = []
    if some:
        yield some


def _print_table(games: Sequence[Game]) -> None:
    print("| | " + " | ".join(game.title for game in games) + " |")
    print("|---|" + "---:|" * len(games))
    for name in games[0].row:
        print(f"| {name} | " + " | ".join(game.row[name] for game in games) + " |")
