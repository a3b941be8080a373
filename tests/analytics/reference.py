"""The contract of the analytics as plain Python: every event is kept for ever, every answer is counted anew."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from fractions import Fraction

from leaderboard.boards.periods import Calendar, Period, PeriodName

HOURS_KEPT = timedelta(hours=168)
DAYS_KEPT = timedelta(days=400)
TIMES_KEPT = timedelta(days=65)
COUNTED_EVERY = timedelta(days=21)  # the longest time between two runs of the job that keeps counts
LONGEST_WINDOW = timedelta(days=30)
COUNTER_BOUNDS = (-(2**63), 2**63 - 1)
_PLAYERS_KEPT = {
    "hour": HOURS_KEPT,
    "day": DAYS_KEPT,
    "week": timedelta(days=3 * 365),
    "month": timedelta(days=5 * 365),
}
_MARGIN = timedelta(minutes=5)  # nearer to the end of a life than this, either answer will do
_DAY = timedelta(days=1)

Group = tuple[str | None, ...]


@dataclass(frozen=True)
class Happened:
    """An event that was taken. `person` is the player, who is somebody else after having been forgotten."""

    name: str
    player: str | None
    person: int | None
    value: Fraction | None
    at: datetime
    properties: Mapping[str, str]
    day: Period
    arrived: datetime


@dataclass(frozen=True)
class Figures:
    """What some events come to."""

    count: int
    sum: Fraction
    min: Fraction | None
    max: Fraction | None
    mean: float | None
    players: int


@dataclass(frozen=True)
class Series:
    """The figures of each step, and of all of them."""

    points: list[Figures]
    total: Figures


@dataclass(frozen=True)
class ActiveDay:
    dau: int
    wau: int
    mau: int
    new: int
    stickiness: float


@dataclass(frozen=True)
class Cohort:
    size: int
    retention: dict[int, float | None]


@dataclass(frozen=True)
class PlayerFigures:
    first_day: str
    last_day: str | None
    active_days: int
    current_streak: int
    longest_streak: int


@dataclass(frozen=True)
class Funnel:
    """`since`: how many events there had been when it was made; `shared`: when the first of its steps was in one.

    What came between the two may be known or not.
    """

    steps: tuple[str, ...]
    window: timedelta
    since: int
    shared: int
    made: datetime
    changed: datetime


@dataclass(frozen=True)
class Reached:
    """How many came to each step, at least and at most."""

    least: list[int]
    most: list[int]


@dataclass
class Life:
    """Until when something is there. Writes prolong it; one that comes too late finds that it is lost."""

    until: datetime
    is_lost: bool = False


@dataclass
class Model:
    """One game."""

    calendar: Calendar
    events: list[Happened] = field(default_factory=list)
    persons: dict[str, int] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
    funnels: dict[str, Funnel] = field(default_factory=dict)
    _dropped: dict[str, int] = field(default_factory=dict)
    _in_funnels: dict[str, int] = field(default_factory=dict)
    _people: int = 0
    _lives: dict[tuple[str, datetime], Life] = field(default_factory=dict)
    _active: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    _first_day: dict[int, str] = field(default_factory=dict)

    def record(
        self,
        name: str,
        player: str | None,
        value: Fraction | None,
        at: datetime,
        properties: Mapping[str, str],
        now: datetime,
    ) -> None:
        day = self.calendar.containing("day", at)
        person = None if player is None else self._person(player)
        self.events.append(Happened(name, player, person, value, at, dict(properties), day, now))
        self._write(f"stat {name}", self.calendar.containing("hour", at), HOURS_KEPT, now)
        self._write(f"players {name}", day, DAYS_KEPT, now)
        if person is not None:
            self._write("active", day, DAYS_KEPT, now)
            self._active[day.id].add(person)
            self._first_day[person] = min(day.id, self._first_day.get(person, day.id))

    def drop(self, name: str) -> bool:
        """Whether there was such a stat. Activity and funnels keep what they have of its events."""
        was_there = any(self.of(name))
        self._dropped[name] = len(self.events)
        for key in [key for key in self._lives if key[0] in (f"stat {name}", f"players {name}")]:
            del self._lives[key]
        return was_there

    def forget(self, player: str) -> bool:
        """Whether there was such a player. What they did stays, as somebody else's."""
        return self.persons.pop(player, None) is not None

    def count(self, name: str, by: int) -> int | None:
        """The counter's new value; None, and no change, where it would leave its range. Adding 0 makes no counter."""
        value = self.counters.get(name, 0) + by
        if not COUNTER_BOUNDS[0] <= value <= COUNTER_BOUNDS[1]:
            return None
        if by or name in self.counters:
            self.counters[name] = value
        return value

    def put_funnel(self, name: str, steps: Sequence[str], window: timedelta, now: datetime) -> None:
        """Makes a funnel, or gives it another window."""
        old = self.funnels.get(name)
        if old is None:
            since = [self._in_funnels.setdefault(step, len(self.events)) for step in steps]
            self.funnels[name] = Funnel(tuple(steps), window, len(self.events), min(since), now, now)
        elif old.window != window:
            self.funnels[name] = replace(old, window=window, changed=now)

    def delete_funnel(self, name: str) -> None:
        """What no other funnel has is known of no more, also if the funnel is made again."""
        steps = self.funnels.pop(name).steps
        for step in steps:
            if not any(step in funnel.steps for funnel in self.funnels.values()):
                del self._in_funnels[step]

    def steps(self, step: PeriodName, begin: datetime, end: datetime) -> list[Period]:
        """Every step that the range touches."""
        found = [self.calendar.containing(step, begin)]
        while found[-1].end is not None and found[-1].end < end:
            found.append(found[-1].next())
        return found

    def beginning(self, bound: date | datetime) -> datetime:
        """The instant that a bound of a range stands for."""
        return bound if isinstance(bound, datetime) else self.calendar.beginning(bound)

    def properties(self, name: str) -> set[str]:
        return {one for event in self.of(name) for one in event.properties}

    def names(self) -> set[str]:
        return {name for name in {event.name for event in self.events} if self.of(name)}

    def of(self, name: str) -> list[Happened]:
        """The events that make up a stat."""
        return [event for event in self.events[self._dropped.get(name, 0) :] if event.name == name]

    def stat(
        self,
        name: str,
        steps: Sequence[Period],
        where: Mapping[str, Collection[str]],
        by: Sequence[str],
    ) -> tuple[Series, dict[Group, Series]]:
        """What is asked for, and its groups. In `where`, an empty value is for events without the property."""
        some = [
            event
            for event in self.of(name)
            if all(event.properties.get(one, "") in values for one, values in where.items())
        ]
        parts = [[event for event in some if step.contains(event.at)] for step in steps]
        groups: dict[Group, list[list[Happened]]] = {}
        for number, part in enumerate(parts):
            for event in part if by else ():
                key = tuple(map(event.properties.get, by))
                groups.setdefault(key, [[] for _ in steps])[number].append(event)
        return _series(parts), {key: _series(group) for key, group in groups.items()}

    def keeps_hours(self, name: str, hours: Sequence[Period], now: datetime) -> bool:
        """Whether all of these certainly are kept."""
        return all(self._keeps(f"stat {name}", hour, HOURS_KEPT, now) for hour in hours)

    def keeps_players(self, name: str, step: Period, now: datetime) -> bool:
        """Whether the players of a step certainly are known."""
        what = f"players {name}" if step.name == "day" else f"stat {name}" if step.name == "hour" else ""
        return self._keeps(what, step, _PLAYERS_KEPT[step.name], now)

    def keeps_days(self, days: Sequence[Period], now: datetime) -> bool:
        return all(self._keeps("active", day, DAYS_KEPT, now) for day in days)

    def active(self, days: Sequence[Period]) -> list[ActiveDay]:
        found = []
        for day in days:
            last = date.fromisoformat(day.id)
            dau, wau, mau = (len(self._active_between(last - (length - 1) * _DAY, last)) for length in (1, 7, 30))
            found.append(ActiveDay(dau, wau, mau, len(self._new_on(day.id)), dau / mau if mau else 0))
        return found

    def retention(self, days: Sequence[Period], offsets: Sequence[int], now: datetime) -> list[Cohort]:
        today = self.calendar.containing("day", now).id
        cohorts = []
        for day in days:
            cohort = self._new_on(day.id)
            shares: dict[int, float | None] = {}
            for offset in offsets:
                later = str(date.fromisoformat(day.id) + offset * _DAY)
                known = bool(cohort) and later <= today
                shares[offset] = len(cohort & self._active.get(later, set())) / len(cohort) if known else None
            cohorts.append(Cohort(len(cohort), shares))
        return cohorts

    def player(self, player: str, since: str, now: datetime) -> PlayerFigures | None:
        """What is known of a player, from a day on."""
        person = self.persons.get(player)
        if person is None:
            return None
        today = date.fromisoformat(self.calendar.containing("day", now).id)
        there = sorted(day for day, people in self._active.items() if person in people and since <= day <= str(today))
        lengths = {day: _run_ending(day, there) for day in there}
        current = lengths.get(str(today)) or lengths.get(str(today - _DAY), 0)
        return PlayerFigures(
            self._first_day[person],
            there[-1] if there else None,
            len(there),
            current,
            max(lengths.values(), default=0),
        )

    def funnel(self, name: str, days: Sequence[Period], *, late: bool) -> list[Reached]:
        """How many got how far, for each day of entering. `late`: whether what came too late is surely counted.

        What a forgotten player did may be gone, or be a part of counts that are kept.
        """
        funnel, known = self.funnels[name], set(self.persons.values())
        sure = [one for one in self._of_funnel(funnel, funnel.since) if one.person in known]
        return [
            Reached(
                _reached(funnel, sure if late else [one for one in sure if not _is_late(one, day)], day),
                _reached(funnel, self._of_funnel(funnel, funnel.shared), day),
            )
            for day in days
        ]

    def may_warn(self, name: str, days: Sequence[Period]) -> bool:
        """Whether something came too late for one of these days."""
        funnel = self.funnels[name]
        return any(
            _is_late(one, day)
            for day in days
            if day.start is not None and day.end is not None
            for one in self._of_funnel(funnel, funnel.shared)
            if day.start <= one.at <= day.end + LONGEST_WINDOW + _DAY
        )

    def has_lost(self, name: str, days: Sequence[Period], now: datetime) -> bool:
        """Whether there may be neither times nor counts of some of these days."""
        changed = self.funnels[name].changed
        ends = [day.end + _MARGIN for day in days if day.end is not None]
        return any(end + DAYS_KEPT < now or (end < changed and end + TIMES_KEPT < now) for end in ends)

    def _of_funnel(self, funnel: Funnel, since: int) -> list[Happened]:
        return [one for one in self.events[since:] if one.name in funnel.steps and one.person is not None]

    def _person(self, player: str) -> int:
        if player not in self.persons:
            self._people += 1
            self.persons[player] = self._people
        return self.persons[player]

    def _active_between(self, first: date, last: date) -> set[int]:
        days = (str(first + number * _DAY) for number in range((last - first).days + 1))
        return set().union(*(self._active.get(day, set()) for day in days))

    def _new_on(self, day: str) -> set[int]:
        return {person for person in self._active.get(day, ()) if self._first_day[person] == day}

    def _write(self, what: str, period: Period, kept: timedelta, now: datetime) -> None:
        assert period.start is not None
        assert period.end is not None
        until = max(period.end, now) + kept
        life = self._lives.setdefault((what, period.start), Life(until))
        life.is_lost = life.is_lost or now > life.until - _MARGIN
        life.until = max(life.until, until)

    def _keeps(self, what: str, period: Period, kept: timedelta, now: datetime) -> bool:
        assert period.start is not None
        assert period.end is not None
        life = self._lives.get((what, period.start), Life(period.end + kept))
        return not life.is_lost and now < life.until - _MARGIN


def _is_late(event: Happened, day: Period) -> bool:
    """Whether an event came when the times of a day to which it may belong may not have been counted again."""
    assert day.end is not None
    return event.arrived > day.end + TIMES_KEPT - COUNTED_EVERY


def _reached(funnel: Funnel, events: Iterable[Happened], day: Period) -> list[int]:
    times: dict[int | None, list[list[datetime]]] = {}
    for event in events:
        of_person = times.setdefault(event.person, [[] for _ in funnel.steps])
        of_person[funnel.steps.index(event.name)].append(event.at.replace(microsecond=0))
    depths = [
        max((_depth(of_person, at, funnel.window) for at in of_person[0] if day.contains(at)), default=0)
        for of_person in times.values()
    ]
    return [sum(depth > step for depth in depths) for step in range(len(funnel.steps))]


def figures_of(events: Iterable[Happened]) -> Figures:
    events = list(events)
    values = [event.value for event in events if event.value is not None]
    total = sum(values, Fraction(0))
    return Figures(
        len(events),
        total,
        min(values, default=None),
        max(values, default=None),
        float(total) / len(values) if values else None,
        len({event.player for event in events} - {None}),
    )


def _series(parts: list[list[Happened]]) -> Series:
    return Series([figures_of(part) for part in parts], figures_of(event for part in parts for event in part))


def _run_ending(day: str, days: Collection[str]) -> int:
    length = 0
    while str(date.fromisoformat(day) - length * _DAY) in days:
        length += 1
    return length


def _depth(times: Sequence[Sequence[datetime]], entered: datetime, window: timedelta) -> int:
    """How many steps somebody did who entered then, the first included: the earliest of each is the best."""
    reached = entered
    for depth, at in enumerate(times[1:], 1):
        later = [one for one in at if reached <= one <= entered + window]
        if not later:
            return depth
        reached = min(later)
    return len(times)
