"""Random lives of a game's stats, every answer compared with plain Python's."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from leaderboard.boards.periods import Calendar, Period, PeriodName
from leaderboard.errors import Interrupted, StoreUnavailable
from leaderboard.stats.events import Event
from leaderboard.stats.points import Point
from leaderboard.store.connection import Store
from tests.stats.drive import START, DyingStore, FakeRun, Game, utc

NAMES: tuple[PeriodName, ...] = ("hour", "day", "week", "month", "year")
PLAYERS = [f"player-{number}" for number in range(60)]  # so few that a HyperLogLog counts them exactly
LONGEST_WITHOUT_ROLLUP = timedelta(days=29)
STEPS = 10


@dataclass
class Life:
    """A game, all that ever happened in it, and what comes next."""

    game: Game
    chance: random.Random
    events: list[Event] = field(default_factory=list)
    rolled_up_at: datetime = START

    def step(self) -> None:
        move = self.chance.choice([self.record, self.record, self.wait, self.roll_up, self.stop, self.kill, self.meet])
        move()
        if self.game.now - self.rolled_up_at > LONGEST_WITHOUT_ROLLUP - timedelta(days=6):
            self.roll_up()

    def record(self) -> None:
        back = self.chance.choice([timedelta(hours=3), timedelta(days=2), timedelta(days=70)])
        events = [self._event(back) for _ in range(self.chance.randint(1, 25))]
        self.game.record(*events)
        self.events += events

    def wait(self) -> None:
        longest = self.chance.choice([timedelta(minutes=90), timedelta(days=6)])
        self.game.move_to(self.game.now + longest * self.chance.random())

    def roll_up(self) -> None:
        self.game.roll_up()
        assert self.game.roll_up() == {"hours": 0, "events": 0}
        self.rolled_up_at = self.game.now

    def stop(self) -> None:
        """The job is told to end at one of its checkpoints."""
        last = self.chance.randint(1, 8)

        def end(number: int) -> None:
            if number == last:
                raise Interrupted("enough")

        self._try(FakeRun(end))

    def kill(self) -> None:
        """The store goes away between two script calls of the job."""
        self._try(FakeRun(), DyingStore(self.game.store, self.chance.randint(0, 8)))

    def meet(self) -> None:
        """Another job, and more events, come in at one of its checkpoints."""
        when = self.chance.randint(1, 5)

        def others(number: int) -> None:
            if number == when:
                self.chance.choice([self.roll_up, self.record])()
                self.record()

        self._try(FakeRun(others))

    def check(self) -> None:
        for stat in ("s", "t"):
            periods = list(self._periods(stat))
            for period, point in zip(
                periods, self.game.stats.read(self.game.name, stat, periods, self.game.now), strict=True
            ):
                assert point == self._wanted(stat, period), (stat, period)

    def check_lifetimes(self) -> None:
        immortal = {key.split("}")[1] for key, expires in self.game.keys().items() if expires is None}
        assert immortal <= {":open", ":names"}

    def _try(self, run: FakeRun, store: DyingStore | None = None) -> None:
        try:
            self.game.roll_up(run, store)
        except (Interrupted, StoreUnavailable):
            pass
        else:
            if run.at_checkpoint is None:
                self.rolled_up_at = self.game.now

    def _event(self, back: timedelta) -> Event:
        value = self.chance.choice([None, 0, 1, self.chance.randint(-1000, 1000), self.chance.randint(0, 2**44)])
        player = self.chance.choice([None, *self.chance.sample(PLAYERS, 3)])
        return Event(self.chance.choice("sst"), player, value, self.game.now - back * self.chance.random())

    def _periods(self, stat: str) -> Iterator[Period]:
        """Every period in which something happened, and their neighbours."""
        for name in NAMES:
            found = {self.game.calendar.containing(name, one.at) for one in self.events if one.name == stat}
            yield from found | {period.next() for period in found}

    def _wanted(self, stat: str, period: Period) -> Point:
        if not self.game.stats.is_kept(period, self.game.now):
            return Point()
        events = [one for one in self.events if one.name == stat and period.contains(one.at)]
        values = [one.value for one in events if one.value is not None]
        return Point(
            count=len(events),
            sum=sum(values),
            min=min(values, default=None),
            max=max(values, default=None),
            n=len(values),
            players=len({one.player for one in events} - {None}),
        )


@pytest.mark.parametrize("hours_kept", [1, 48, 10_000])
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata"])
@pytest.mark.parametrize("begin", ["2030-03-07T05:00", "2030-10-31T20:00", "2032-12-29T07:00"])
def test_any_life(stat_store: Store, zone: str, hours_kept: int, begin: str) -> None:
    chance = random.Random(f"{zone} {hours_kept} {begin}")
    now = utc(begin) + timedelta(days=3) * chance.random()
    hours_at_once = chance.choice([1, 1, 3, 100])
    game = Game(stat_store, Calendar(zone), hours_kept=hours_kept, hours_at_once=hours_at_once, now=now)
    life = Life(game, chance, rolled_up_at=now)
    for _ in range(STEPS):
        life.step()
        life.check()
    life.roll_up()
    life.check()
    life.check_lifetimes()
