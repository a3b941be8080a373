"""Random lives of a funnel: whatever comes in whatever order, it says what plain Python says."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from leaderboard.archive.database import Database
from leaderboard.boards.periods import Calendar, Period
from leaderboard.config import Settings
from leaderboard.stats.events import Event
from leaderboard.store.connection import Store
from tests.stats.drive import utc
from tests.stats.funnel_stage import SECOND, Stage, wanted

DAY = timedelta(days=1)
STEPS = ("a", "b", "c")
DAYS = 6  # on which something happens
PLAYERS = [f"p{number}" for number in range(6)]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = Database.connect(Settings(data_dir=tmp_path_factory.mktemp("funnels")))
    yield database
    database.close()


@dataclass
class Life:
    """What ever came, until when the times of a (name, day) are kept, and what was counted when.

    `busy`: the days on which something happens. `gone`: what was gone of a day and those after it when somebody first
    entered on it.
    """

    stage: Stage
    chance: random.Random
    window: int
    days: list[Period]
    busy: list[Period]
    gone: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    kept: list[Event] = field(default_factory=list)
    until: dict[tuple[str, str], datetime] = field(default_factory=dict)
    too_late: set[tuple[str, str]] = field(default_factory=set)
    counted: dict[str, tuple[tuple[int, ...], list[Event]]] = field(default_factory=dict)

    def record(self) -> None:
        events = [self._event() for _ in range(self.chance.randint(1, 12))]
        for _ in range(self.chance.choice([1, 1, 2])):  # a pipeline may be sent twice
            self.stage.record(*events)
        for event in events:
            day = self.stage.calendar.containing("day", event.at)
            name, now = (event.name, day.id), self.stage.now
            if event.name == STEPS[0] and name not in self.until:
                self.gone[day.id] = {one for one in self._names(day) & set(self.until) if self.until[one] <= now}
            if now >= self.until.setdefault(name, max(day.end + 65 * DAY, now + 35 * DAY)):
                self.too_late.add(name)
            else:
                self.kept.append(event)

    def wait(self, days: float) -> None:
        self.count()
        self.stage.move_to(self.stage.now + self.chance.random() * days * DAY)
        self.count()

    def count(self) -> None:
        self.stage.count()
        for day in self.days:
            over = day.end + self.window * SECOND <= self.stage.now
            if over and self._entered(day) and self._is_there(day, self.stage.now - DAY):
                self.counted[day.id] = (self._players(day), self._taken(day))

    def check(self) -> None:
        reading = self.stage.read(self.days[0].id, self.days[-1].id)
        late = False
        for one in reading.days:
            day, entered = one.day, self._entered(one.day)
            if self._is_there(day, self.stage.now):
                players = self._players(day)
            else:
                # Who enters first when what they did on that day is gone is not counted.
                players, taken = self.counted.get(day.id, ((0, 0, 0), []))
                late |= taken != self._taken(day)
            assert one.players == players
            late |= entered and bool(self._names(day) & self.too_late)
            # When what they did on later days is, they may have come further.
            late |= players[0] > players[-1] and bool(self._later_gone(day))
        assert (reading.late, reading.uncertain) == (late, False)

    def _event(self) -> Event:
        day = self.chance.choice(self.busy)
        at = day.start + (day.end - day.start) * self.chance.random()
        if self.chance.random() < 0.3:
            at = day.start + self.chance.choice([-1, 0, 1]) * SECOND
        return Event(self.chance.choice(STEPS), self.chance.choice(PLAYERS), None, max(at, self.days[0].start))

    def _names(self, day: Period) -> set[tuple[str, str]]:
        """The (name, day)s that take part in a day."""
        row, last = [day], day.end - SECOND + self.window * SECOND
        while row[-1].end <= last:
            row.append(row[-1].next())
        return {(STEPS[0], day.id)} | {(step, one.id) for step in STEPS[1:] for one in row}

    def _later_gone(self, day: Period) -> set[tuple[str, str]]:
        return {one for one in self.gone.get(day.id, ()) if one[1] != day.id}

    def _needed(self, day: Period) -> set[tuple[str, str]]:
        return (self._names(day) & set(self.until)) - self._later_gone(day)

    def _entered(self, day: Period) -> bool:
        return (STEPS[0], day.id) in self.until

    def _is_there(self, day: Period, at: datetime) -> bool:
        return not self._entered(day) or all(at < self.until[name] for name in self._needed(day))

    def _taken(self, day: Period) -> list[Event]:
        return sorted({(one.name, one.player, one.at.replace(microsecond=0)) for one in self._events(day)})

    def _players(self, day: Period) -> tuple[int, ...]:
        return wanted(self._events(day), STEPS, self.window, day)

    def _events(self, day: Period) -> list[Event]:
        names = self._needed(day)
        return [one for one in self.kept if (one.name, self.stage.calendar.containing("day", one.at).id) in names]


@pytest.mark.parametrize(
    ("zone", "begin", "window"),
    [
        ("UTC", "2030-01-01T00:00", 3600),
        ("America/New_York", "2030-11-01T04:00", 2 * 86_400),
        ("UTC", "2030-01-01T00:00", 30 * 86_400),
    ],
)
def test_any_life(stat_store: Store, database: Database, zone: str, begin: str, window: int) -> None:
    chance = random.Random(f"{zone} {window}")
    stage = Stage(stat_store, database, Calendar(zone), now=utc(begin), shards=2)
    stage.put(*STEPS, window=window)
    days = [stage.calendar.containing("day", stage.now)]
    while len(days) < DAYS:
        days.append(days[-1].next())
    life = Life(stage, chance, window, days, [days[1], days[4]])
    for number in range(25):
        if number == 15:
            life.busy = [days[1], days[2], days[4]]
        if chance.random() < 0.6:
            life.record()
        else:
            life.wait(chance.choice([1, 3, 16]))
        life.check()
    life.busy = days
    for _ in range(4):
        life.wait(34)
        life.record()
        life.check()
