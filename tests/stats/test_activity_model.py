"""Months of random events in random order, every answer compared with plain Python's."""

import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import pytest

from leaderboard.boards.periods import Calendar, Period
from leaderboard.errors import InvalidInput, NotFound
from leaderboard.stats.events import Event
from leaderboard.store.connection import Store
from tests.stats.activity import Play, utc

PLAYERS = [f"player-{number}" for number in range(40)]
STEPS = 40


@dataclass
class Life:
    """A game, what ever happened in it, and what comes next. Somebody who was forgotten is another person since."""

    play: Play
    chance: random.Random
    persons: dict[str, int] = field(default_factory=dict)
    forgotten: int = 0
    active: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    first: dict[int, str] = field(default_factory=dict)
    until: dict[str, datetime] = field(default_factory=dict)

    def step(self) -> None:
        moves = [self.record, self.record, self.record, self.wait, self.forget, self.prune]
        self.chance.choice(moves)()

    def record(self) -> None:
        back = self.chance.choice([timedelta(hours=9), timedelta(days=5), timedelta(days=5), timedelta(days=90)])
        players = self.chance.sample([*PLAYERS, None], self.chance.randint(1, 30))
        events = [Event("e", one, None, self.play.now - back * self.chance.random()) for one in players]
        events += self.chance.choices(events, k=3)
        calls = self.play.activity.calls(self.play.name, events, self.play.now, self.play.calendar)
        self.chance.shuffle(calls)
        self.play.store.run_all(calls)
        if self.chance.random() < 0.3:
            self.play.store.run_all(self.chance.sample(calls, len(calls) // 2))
        for event in events:
            if event.player is not None:
                self.note(event.player, self.play.calendar.containing("day", event.at))

    def note(self, player: str, day: Period) -> None:
        person = self.persons.setdefault(player, len(self.persons) + self.forgotten)
        self.first[person] = min(day.id, self.first.get(person, day.id))
        if not self.is_lost(day.id):
            self.active[day.id].add(person)
            kept_until = max(day.end, self.play.now) + timedelta(days=self.play.days_kept)
            self.until[day.id] = max(kept_until.replace(microsecond=0), self.until.get(day.id, kept_until))

    def wait(self) -> None:
        longest = self.chance.choice([timedelta(hours=20), timedelta(days=3), timedelta(days=15)])
        self.play.move_to(self.play.now + longest * self.chance.random())

    def forget(self) -> None:
        player = self.chance.choice(PLAYERS)
        assert self.play.activity.forget(self.play.name, player) == (player in self.persons)
        if self.persons.pop(player, None) is not None:
            self.forgotten += 1

    def prune(self) -> None:
        self.play.prune()
        assert self.play.prune() == 0

    def is_lost(self, day_id: str) -> bool:
        return day_id in self.until and self.until[day_id] <= self.play.now

    def is_known(self, day: Period) -> bool:
        return not self.is_lost(day.id)

    def is_looked_through(self, day: Period) -> bool:
        """For streaks: from the first day with data on, or the first that would be kept."""
        oldest = min((one for one in self.until if not self.is_lost(one)), default="9999")
        is_kept = day.end + timedelta(days=self.play.days_kept) > self.play.now or oldest <= day.id
        return is_kept and not self.is_lost(day.id)

    def on(self, *days: Period) -> set[int]:
        return set().union(*(self.active[day.id] for day in days if not self.is_lost(day.id)))

    def new_on(self, day: Period) -> set[int]:
        return {person for person in self.on(day) if self.first[person] == day.id}

    def check(self) -> None:
        now, calendar = self.play.now, self.play.calendar
        today = calendar.containing("day", now)
        row = [calendar.ago("day", now, count) for count in range(170, -1, -1)]
        row += [today.next(), today.next().next()]
        known = [at for at, day in enumerate(row) if at >= 40 and self.is_known(day)]
        start = self.chance.choice(known)
        end = next((at for at in range(start, len(row)) if at not in known), len(row))
        anywhere = self.chance.choice([at for at, day in enumerate(row) if at >= 40 and self.is_lost(day.id)] or known)
        for some in {(start, end), (max(40, start - 3), start + 1), (anywhere, anywhere + 1)}:
            self.check_active(row, *some)
            self.check_retention(row, *some)
        for player in self.chance.sample(PLAYERS, 8):
            self.check_player(player, row[:-2])

    def check_active(self, row: list[Period], start: int, end: int) -> None:
        read = partial(self.play.activity.active, self.play.name, row[start:end], self.play.now, self.play.calendar)
        if not all(map(self.is_known, row[start:end])):
            with pytest.raises(InvalidInput):
                read()
            return
        for at, found in enumerate(read(), start):
            spans = [row[at - back : at + 1] for back in (0, 6, 29)]
            wanted = [len(self.on(*days)) if all(map(self.is_known, days)) else None for days in spans]
            assert [found.dau, found.wau, found.mau] == wanted, row[at]
            assert found.new == len(self.new_on(row[at])), row[at]

    def check_retention(self, row: list[Period], start: int, end: int) -> None:
        offsets = self.chance.sample(range(1, 50), 4)
        now = self.play.now
        days = row[start:end]
        read = partial(self.play.activity.retention, self.play.name, days, offsets, now, self.play.calendar)
        begun = [day for day in row if day.start <= now]
        targets = {one.id: {n: begun[at + n] for n in offsets if at + n < len(begun)} for at, one in enumerate(row)}
        asked = [*days, *(target for day in days for target in targets[day.id].values())]
        if not all(map(self.is_known, asked)):
            with pytest.raises(InvalidInput):
                read()
            return
        for found in read():
            cohort, later = self.new_on(found.day), targets[found.day.id]
            assert found.size == len(cohort)
            assert found.active == {n: len(cohort & self.on(later[n])) if n in later else None for n in offsets}

    def check_player(self, player: str, row: list[Period]) -> None:
        person = self.persons.get(player)
        if person is None:
            with pytest.raises(NotFound):
                self.play.player(player)
            return
        found = self.play.player(player)
        since = next(at for at in range(len(row)) if all(map(self.is_looked_through, row[at:])))
        there = [person in self.on(day) for day in row[since:]]
        lengths = [0]
        for one in there:
            lengths.append(lengths[-1] + 1 if one else 0)
        days = [day.id for day, one in zip(row[since:], there, strict=True) if one]
        assert (found.first_day, max(found.since, row[0].id)) == (self.first[person], row[since].id)
        assert (found.last_day, found.active_days) == (days[-1] if days else None, len(days))
        assert (found.current_streak, found.longest_streak) == (lengths[-1] or lengths[-2], max(lengths))


@pytest.mark.parametrize(
    ("calendar", "begin", "days_kept"),
    [
        (Calendar(), "2030-01-10T05:00", 25),
        (Calendar("America/New_York", day_start="02:30"), "2030-10-20T05:00", 60),
        (Calendar("Pacific/Apia"), "2011-12-20T05:00", 20_000),
    ],
    ids=["UTC", "New York", "Apia"],
)
def test_any_life(stat_store: Store, calendar: Calendar, begin: str, days_kept: int) -> None:
    chance = random.Random(f"{calendar} {begin} {days_kept}")
    life = Life(Play(stat_store, utc(begin), calendar, days_kept, segment=chance.choice([8, 24])), chance)
    for step in range(STEPS):
        life.step()
        if step % 4 == 3:
            life.check()
    immortal = {key.split(":")[0] for key, expires in life.play.keys().items() if expires is None}
    assert immortal <= {"players", "next", "days", "lost"}
