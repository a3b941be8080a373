"""The way in: counted once, however often it is sent and wherever it breaks off; followers; a store that is full."""

import random
import secrets
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from leaderboard.config import Settings
from leaderboard.errors import NotFound, StoreUnavailable
from leaderboard.reports import Marking
from leaderboard.stats import recording
from leaderboard.stats.events import Event, chunks
from leaderboard.stats.lifetimes import CalendarLike
from leaderboard.stats.names import StatNames
from leaderboard.stats.points import Point
from leaderboard.stats.recording import Recorded, Recorder
from leaderboard.store.connection import Store
from leaderboard.store.scripts import Call
from tests.stats.drive import DyingStore, Game, utc

NOW = utc("2031-05-07T00:10")


def event(
    player: str | None = None, value: float | None = None, at: str = "2030-05-06T10:00", **properties: str
) -> Event:
    return Event("s", player, value, utc(at), tuple(properties.items()))


def marking(lifetime_ms: int = 60_000) -> Marking:
    return Marking(secrets.token_hex(6), "digest", lifetime_ms)


def record(
    game: Game, events: Sequence[Event], marked: Marking | None = None, size: int = 3, store: Any = None
) -> Recorded:
    recorder = game.recorder(store)
    return recorder.record(game.name, events, game.now, game.calendar, chunk_events=size, marking=marked)


class TwiceStore:
    """A store that runs every script twice: of an answer that was lost on its way, the call is sent again."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.resend: list[bool] = []

    def run_all(self, calls: list[Call], *, resend: bool = True) -> list[Any]:
        self.resend.append(resend)
        self._store.run_all(calls)
        return self._store.run_all(calls)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@pytest.fixture
def events() -> list[Event]:
    """Of two names, two years and several hours, in no order."""
    chance = random.Random(7)
    times = ["2030-12-31T23:30", "2031-01-01T00:00", "2031-05-06T10:00", "2031-05-06T11:00"]
    return [
        Event(chance.choice("sst"), f"p{chance.randrange(5)}", number, utc(chance.choice(times)))
        for number in range(20)
    ]


def check(game: Game, events: Sequence[Event], times: int = 1) -> None:
    """That they are counted so often."""
    for stat in "st":
        for year in ("2030", "2031"):
            some = [one for one in events if one.name == stat and str(one.at.year) == year]
            values = [one.value for one in some if one.value is not None]
            players = len({one.player for one in some})
            wanted = Point(
                times * len(some), times * sum(values), min(values), max(values), times * len(values), players
            )
            assert game.read("year", year, stat=stat) == [wanted]


def test_a_request_that_comes_again_counts_once(game: Game, events: list[Event]) -> None:
    game.now, marked = NOW, marking()
    record(game, events, marked)
    for now in (game.now, game.now + timedelta(hours=3)):
        game.now = now
        record(game, events, marked)
        check(game, events)
        game.roll_up()
    record(game, events, marking())
    check(game, events, 2)


@pytest.mark.parametrize("size", [1, 4, 1000])
def test_a_request_that_broke_off_anywhere_counts_once(game: Game, events: list[Event], size: int) -> None:
    game.now, marked = NOW, marking()
    for scripts in range(1, 24, 3):
        try:
            record(game, events, marked, size, DyingStore(game.store, scripts))
        except StoreUnavailable:
            game.roll_up()  # what is known of a chunk does not lie in what it wrote
    record(game, events, marked, size)
    check(game, events)


def test_scripts_that_run_twice(game: Game, events: list[Event]) -> None:
    game.now, twice = NOW, TwiceStore(game.store)
    record(game, events, marking(), store=twice)
    check(game, events)
    game.roll_up(store=twice)
    check(game, events)
    assert game.roll_up() == {"hours": 0, "events": 0}


def test_what_is_not_marked_is_sent_once(game: Game) -> None:
    game.now, store = NOW, TwiceStore(game.store)
    record(game, [event()], None, store=store)
    record(game, [event()], marking(), store=store)
    assert store.resend == [False, True]


def test_markers(game: Game, events: list[Event]) -> None:
    game.now = NOW
    marked = marking()
    record(game, events, marked)
    expected = {
        f"st:{{{game.name}:{chunk.name}}}:idem:{marked.request}:{chunk.number}"
        for chunk in chunks(events, game.calendar, 3)
    }
    for _ in range(2):
        lifetimes = game.keys()
        found = {key for key in lifetimes if ":idem:" in key}
        assert found == expected
        assert all(0 < game.store.client.pttl(key) <= 60_000 for key in found)
        record(game, events)  # unmarked: leaves none


def test_the_second_answer_tells_the_same_cut(game: Game) -> None:
    game.now = NOW
    few = [event(None, 1, c=f"c{number}", d="x") for number in range(299)]
    assert record(game, few, size=1000) == Recorded()
    many = [
        event(None, 1, at, c=f"n{number}") for at in ("2030-05-06T10:00", "2031-01-01T00:00") for number in range(3)
    ]
    names = [event(None, 1, **{f"p{number}": "x"}) for number in range(15)]
    marked = marking()
    wanted = Recorded({"s": ["c", "p14"]})
    for _ in range(3):
        assert record(game, [*many, *names], marked) == wanted
    assert game.store.client.hgetall(f"st:{{{game.name}:s}}:cut:2030") == {b"c": b"2", b"p14": b"1"}
    assert game.reading([game.calendar.parse("year", "2030")], by=["c"]).cut == {"c": 2}


def test_chunks(game: Game) -> None:
    """At most so many events in one call, of one year each, numbered by name; the same for the same events."""
    times = [utc("2030-12-31T22:00") + timedelta(minutes=25) * number for number in range(11)]
    some = [Event(name, None, 1, at) for at in times for name in ("s", "t")]
    found = chunks(some, game.calendar, 4)
    assert [(one.name, one.number, one.year.id) for one in found] == [
        (name, number, year) for name in "st" for number, year in enumerate(["2030", "2030", "2031", "2031"])
    ]
    sizes = [sum(group.count for hour in one.hours.values() for group in hour.groups.values()) for one in found]
    assert sizes == [4, 1, 3, 3] * 2
    assert [list(one.hours) for one in found] == [list(one.hours) for one in chunks(some, game.calendar, 4)]


def test_a_call_of_the_largest_size(valkey_url: str) -> None:
    """All that a script is given at once: Lua can unpack no more than 8,000 values."""
    store = Store.connect(Settings(redis_url=valkey_url), valkey_url)
    game = Game(store, now=NOW)
    record(game, [event(f"player {number}", number) for number in range(2000)], size=2000)
    record(game, [event("ada", 1, at=f"2030-05-{n % 31 + 1:02}T{n // 31:02}:00") for n in range(31 * 24)], size=2000)
    record(game, [event("ada", 1, a=str(n % 60), b=str(n // 60)) for n in range(600)], size=2000)
    for _ in range(2):
        (point,) = game.read("month", "2030-05")
        assert (point.count, point.players) == (3344, pytest.approx(2001, rel=0.03))
        game.roll_up()
    store.close()


@dataclass
class Names:
    """Keeps the names of events, as an example of something else that is kept of them."""

    key: str

    def calls(self, game: str, events: Sequence[Event], now: datetime, calendar: CalendarLike) -> Iterable[Call]:
        for one in events:
            yield Call("stat_note", [self.key], [f"{game} {one.name} {now:%Y} {calendar.time_zone}"])


def test_what_else_is_kept_goes_with_it(game: Game) -> None:
    game.now = NOW
    key = f"st:{{{game.name}:s}}:followed"
    recorder = Recorder(game.store, game.lifetimes, [Names(key), Names(key + "2")])
    many = [event(None, 1, c=f"c{number}") for number in range(301)]
    assert recorder.record(game.name, many, game.now, game.calendar) == Recorded({"s": ["c"]})
    for one in (key, key + "2"):
        assert game.store.client.smembers(one) == {f"{game.name} s 2031 UTC".encode()}
    game.store.client.delete(key, key + "2")


def test_very_many_names(game: Game, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "_NAMES_AT_ONCE", 7)
    game.now = NOW
    record(game, [Event(f"n{number}", None, None, NOW) for number in range(20)])
    assert game.store.client.scard(f"stats:{{{game.name}}}:names") == 20
    assert [game.read("year", "2031", stat=f"n{number}")[0].count for number in (0, 19)] == [1, 1]


def test_a_store_that_goes_away(game: Game) -> None:
    game.now = NOW
    two = [Event(name, None, None, utc("2030-05-06T10:00")) for name in "ab"]
    with pytest.raises(StoreUnavailable):
        record(game, two, store=DyingStore(game.store, 3))
    assert [game.read("day", "2030-05-06", stat=name)[0].count for name in "ab"] == [1, 0]
    assert game.roll_up() == {"hours": 1, "events": 1}


def test_a_store_that_is_full(valkey_url: str) -> None:
    store = Store.connect(Settings(redis_url=valkey_url), valkey_url)
    game = Game(store, now=NOW)
    game.record(event("ada", 1))
    store.client.config_set("maxmemory", 1)
    try:
        with pytest.raises(StoreUnavailable):
            game.record(event("ada", 1))
        with suppress(StoreUnavailable):
            game.roll_up()
    finally:
        store.client.config_set("maxmemory", 0)
    for _ in range(2):
        assert game.read("day", "2030-05-06") == [Point(1, 1, 1, 1, 1, 1)]
        game.roll_up()
    store.close()


def test_a_stat_is_removed_with_all_it_has(game: Game) -> None:
    game.now = utc("2030-05-08T12:00")
    mine = [Event("s", "ada", 1, utc("2030-05-06T10:00"), (("country", "AT"),))]
    game.record(*mine, Event("st", "ada", 1, utc("2030-05-06T10:00")))
    game.roll_up()
    game.record(*mine)
    names = StatNames(game.store)
    names.remove(game.name, "s")
    left = game.keys()
    assert not [key for key in left if f":{game.name}:s}}" in key]
    assert game.read("day", "2030-05-06", stat="st")[0].count == 1
    with pytest.raises(NotFound):
        game.read("day", "2030-05-06")
    with pytest.raises(NotFound):
        names.remove(game.name, "s")
    game.record(*mine)
    assert game.read("day", "2030-05-06")[0].count == 1
