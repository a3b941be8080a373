"""Random lives of a game's stats, every answer compared with plain Python's."""

import os
import random
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from leaderboard.boards.periods import Calendar, Period, PeriodName
from leaderboard.errors import Interrupted, InvalidInput, StoreUnavailable
from leaderboard.stats.events import Event
from leaderboard.stats.points import Point
from leaderboard.stats.series import Selection
from leaderboard.store.connection import Store
from tests.stats.drive import START, DyingStore, FakeRun, Game, utc

NAMES: tuple[PeriodName, ...] = ("hour", "day", "week", "month", "year")
PROPERTIES = (("country", ["", "AT", "DE"]), ("tier", ["", "gold"]))  # '': without
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
            for name in NAMES[1:]:
                self._check_periods(stat, self._periods(stat, name))
            hours = self._periods(stat, "hour")
            kept = [hour for hour in hours if self.game.lifetimes.is_kept(hour, self.game.now)]
            if kept:
                found = self.game.reading(kept, stat).points
                assert found == [point_of(self._events(stat, hour)) for hour in kept], stat
            old = [hour for hour in hours if hour not in kept]
            for hour in self.chance.sample(old, min(5, len(old))):
                self._check_old(stat, hour)

    def check_lifetimes(self) -> None:
        immortal = {key.split("}")[1] for key, expires in self.game.keys().items() if expires is None}
        assert immortal <= {":open", ":names", ":series"}

    def _check_periods(self, stat: str, periods: list[Period]) -> None:
        if not periods:
            return
        seen = {name for one in self.events if one.name == stat for name, _ in one.properties}
        known = [one for one in PROPERTIES if one[0] in seen]
        where = {name: self.chance.sample(values, 2) for name, values in known if self.chance.random() < 0.3}
        by = [name for name, _ in known if self.chance.random() < 0.4]
        reading = self.game.reading(periods, stat, where=where, by=by)
        selection = Selection(where, by)
        wanted = [
            [one for one in self._events(stat, period) if selection.takes(dict(one.properties))] for period in periods
        ]
        assert reading.points == [point_of(events) for events in wanted], (stat, where)
        assert reading.total == point_of([one for events in wanted for one in events], players=None)
        keys = {selection.key(dict(one.properties)) for events in wanted for one in events} if by else set()
        assert {group.key for group in reading.groups} == keys
        for group in reading.groups:
            parts = [[one for one in events if selection.key(dict(one.properties)) == group.key] for events in wanted]
            assert group.points == [point_of(events) for events in parts], (stat, where, group.key)

    def _check_old(self, stat: str, hour: Period) -> None:
        """Exact, or refused."""
        with suppress(InvalidInput):
            assert self.game.reading([hour], stat).points == [point_of(self._events(stat, hour))], (stat, hour)

    def _events(self, stat: str, period: Period) -> list[Event]:
        return [one for one in self.events if one.name == stat and period.contains(one.at)]

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
        name = self.chance.choice("sst")
        properties = [(one, self.chance.choice(values)) for one, values in PROPERTIES if name == "s"]
        some = tuple((one, text) for one, text in properties if text)
        return Event(name, player, value, self.game.now - back * self.chance.random(), some)

    def _periods(self, stat: str, name: PeriodName) -> list[Period]:
        """Every period in which something happened, and their neighbours, in order."""
        found = {self.game.calendar.containing(name, one.at) for one in self.events if one.name == stat}
        return sorted(found | {period.next() for period in found}, key=lambda period: period.start or START)


def point_of(events: list[Event], players: int | None = -1) -> Point:
    """What these events come to."""
    values = [one.value for one in events if one.value is not None]
    return Point(
        count=len(events),
        sum=sum(values),
        min=min(values, default=None),
        max=max(values, default=None),
        n=len(values),
        players=len({one.player for one in events} - {None}) if players == -1 else players,
    )


@pytest.mark.parametrize("hours_kept", [1, 48, 10_000])
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata sunday 02:45"])
@pytest.mark.parametrize("seed", range(int(os.environ.get("STAT_LIVES", "1"))))
def test_any_life(stat_store: Store, zone: str, hours_kept: int, seed: int) -> None:
    chance = random.Random(f"{zone} {hours_kept} {seed}")
    begin = chance.choice(["2030-03-07T05:00", "2030-10-31T20:00", "2032-12-29T07:00"])
    now = utc(begin) + timedelta(days=3) * chance.random()
    game = Game(stat_store, Calendar(*zone.split()), hours_kept=hours_kept, now=now)
    life = Life(game, chance, rolled_up_at=now)
    life.record()
    for _ in range(STEPS):
        life.step()
        life.check()
    life.roll_up()
    life.check()
    life.check_lifetimes()
