"""Stats worked out by hand."""

from datetime import timedelta

import pytest

from leaderboard.boards.periods import Calendar, TimeOutOfRange
from leaderboard.config import Settings
from leaderboard.errors import Interrupted, StoreUnavailable
from leaderboard.stats.events import Event
from leaderboard.stats.points import Point
from leaderboard.stats.storage import Stats
from leaderboard.store.connection import Store
from tests.stats.drive import DyingStore, FakeRun, Game, utc

DAY = timedelta(days=1)


def event(at: str, player: str | None = None, value: float | None = None, name: str = "s") -> Event:
    return Event(name, player, value, utc(at))


def test_before_and_after_the_rollup(game: Game) -> None:
    game.now = utc("2030-05-06T12:20")
    game.record(
        event("2030-05-06T10:00", "ada", 5),
        event("2030-05-06T10:59:59", "bob", -2),
        event("2030-05-06T11:00", "ada", 7),
        event("2030-05-06T11:30", "ada"),
        event("2030-05-06T12:01"),
    )
    day = Point(count=5, n=3, sum=10, min=-2, max=7, players=2)
    hours = [
        Point(count=2, n=2, sum=3, min=-2, max=5, players=2),
        Point(count=2, n=1, sum=7, min=7, max=7, players=1),
        Point(count=1),
        Point(),
    ]
    for _ in range(3):
        assert game.read("hour", *(f"2030-05-06T{hour}" for hour in (10, 11, 12, 13))) == hours
        assert game.read("day", "2030-05-05", "2030-05-06", "2030-05-07") == [Point(), day, Point()]
        assert [game.read(*one)[0] for one in (("week", "2030-W19"), ("month", "2030-05"), ("year", "2030"))] == [
            day
        ] * 3
        game.roll_up()
    assert game.store.client.zrange(f"st:{{{game.name}:s}}:open", 0, -1) == [b"2030-05-06T12"]


def test_an_hour_waits_for_its_grace(game: Game) -> None:
    game.record(event("2030-05-06T10:59"))
    for now, rolled in (("10:59", 0), ("11:09:59", 0), ("11:10", 1), ("11:11", 0)):
        game.now = utc(f"2030-05-06T{now}")
        assert game.roll_up() == {"hours": rolled, "events": rolled}


def test_late_events_add_only_themselves(game: Game) -> None:
    game.now = utc("2030-05-08T00:00")
    wanted = 0
    for number, value in enumerate((4, 6, None, 1), 1):
        game.record(event("2030-05-06T10:00", f"p{number}", value))
        wanted += value or 0
        game.roll_up()
        assert game.roll_up() == {"hours": 0, "events": 0}
        (point,) = game.read("day", "2030-05-06")
        assert (point.count, point.sum, point.players) == (number, wanted, number)
    assert (point.n, point.min, point.max) == (3, 1, 6)
    assert game.read("hour", "2030-05-06T10") == [point]


def test_an_hour_that_is_gone_and_comes_again(game: Game) -> None:
    game.now = utc("2030-05-06T12:00")
    game.record(event("2030-05-06T10:00", "ada", 4))
    game.roll_up()
    game.move_to(utc("2030-05-20T00:00"))
    assert game.store.client.exists(f"st:{{{game.name}:s}}:2030-05-06T10") == 0
    game.record(event("2030-05-06T10:10", "bob", 6))
    assert game.read("hour", "2030-05-06T10") == [Point()]  # part of it would be a lie
    for _ in range(3):
        assert game.read("day", "2030-05-06") == [Point(count=2, n=2, sum=10, min=4, max=6, players=2)]
        game.roll_up()


def test_how_long_everything_lives(game: Game) -> None:
    game.now = utc("2030-05-06T12:00")
    prefix, hour = f"st:{{{game.name}:s}}:", "2030-05-06T10"
    forever = {prefix + "open", f"stats:{{{game.name}}}:names"}
    game.record(event("2030-05-06T10:00", "ada", 4))
    end = utc("2030-05-06T11:00")
    live = {hour: end + 37 * DAY, hour + ":u": end + 37 * DAY}
    assert game.keys() == dict.fromkeys(forever) | {prefix + key: at.timestamp() for key, at in live.items()}
    game.roll_up()
    live = {
        hour: end + 7 * DAY,
        "2030-05-06": utc("2030-05-07") + 400 * DAY,
        "2030-W19": utc("2030-05-13") + 1098 * DAY,
    }
    live |= {"2030-05": utc("2030-06-01") + 1830 * DAY, "2030": utc("2031-01-01") + 7320 * DAY}
    live |= {key + ":u": at for key, at in live.items()}
    wanted = {prefix + key: at.timestamp() for key, at in live.items()}
    assert game.keys() == wanted | {f"stats:{{{game.name}}}:names": None}
    game.now = utc("2032-05-06T12:00")  # an event of a day that is not kept any more counts in its month
    game.record(event("2030-05-06T13:00", "bob", 1))
    assert game.keys()[prefix + "2030-05-06T13"] == (game.now + 30 * DAY).timestamp()
    game.roll_up()
    assert game.keys()[prefix + "2030-05-06"] == (game.now + 30 * DAY).timestamp()
    assert game.read("day", "2030-05-06") == [Point()]
    assert game.read("month", "2030-05") == [Point(count=2, n=2, sum=5, min=1, max=4, players=2)]


def test_what_is_not_rolled_up_outlives_its_retention(game: Game) -> None:
    game.now = utc("2030-05-06T12:00")
    game.record(event("2030-05-06T10:00", "ada", 4))
    game.move_to(game.now + 36 * DAY)
    assert game.read("day", "2030-05-06") == [Point(count=1, n=1, sum=4, min=4, max=4, players=1)]
    assert game.roll_up() == {"hours": 1, "events": 1}
    assert game.read("year", "2030") == [Point(count=1, n=1, sum=4, min=4, max=4, players=1)]


def test_a_job_that_comes_too_late_finds_nothing_and_tidies_up(game: Game) -> None:
    game.record(event("2030-05-06T10:00", "ada", 4))
    game.move_to(utc("2030-12-01"))
    assert game.roll_up() == {"hours": 0, "events": 0}
    assert set(game.keys()) == {f"stats:{{{game.name}}}:names"}


def test_an_hour_belongs_to_the_day_of_its_start(game: Game) -> None:
    game.calendar, game.now = Calendar(day_start="04:30"), utc("2030-05-08")
    game.record(event("2030-05-06T04:20", "ada", 1), event("2030-05-06T04:40", "bob", 2))
    for _ in range(2):
        assert [point.sum for point in game.read("day", "2030-05-05", "2030-05-06")] == [3, 0]
        game.roll_up()


def test_the_hour_that_comes_twice(game: Game) -> None:
    game.calendar, game.now = Calendar("America/New_York"), utc("2030-11-05")
    game.record(event("2030-11-03T05:30", value=1), event("2030-11-03T06:30", value=2))
    for _ in range(2):
        assert [point.sum for point in game.read("hour", "2030-11-03T01", "2030-11-03T01b")] == [1, 2]
        assert game.read("day", "2030-11-03")[0].sum == 3
        game.roll_up()


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([2**53 - 2, 1, 1], 2**53),
        ([-(2**53), 1, -1], -(2**53)),
        ([0.1, 0.2, 0.25], 0.55),
        ([0.5, 1.5], 2),
        ([1e300, -1e300, 3], 3),
        ([-0.0], 0),
        ([10**20, 1], 1e20),
    ],
)
def test_sums(game: Game, values: list[float], wanted: float) -> None:
    game.now = utc("2030-05-08")
    game.record(*(event("2030-05-06T10:00", value=value) for value in values))
    for _ in range(2):
        (point,) = game.read("day", "2030-05-06")
        assert (point.sum, type(point.sum)) == (wanted, type(wanted))
        assert (point.min, point.max) == (min(values), max(values))
        game.roll_up()


def test_a_sum_stops_at_the_end_of_the_doubles(game: Game) -> None:
    client, key = game.store.client, f"st:{{{game.name}:s}}:2030-05-06"
    game.now = utc("2030-05-08")
    client.hset(key, mapping={"count": 1, "n": 1, "sum": "1.7976931348623157e308", "min": 0, "max": 0})
    client.expireat(key, utc("2031-05-06"))
    game.record(*(event("2030-05-06T10:00", value=1e300) for _ in range(1000)))
    for _ in range(2):
        assert game.read("day", "2030-05-06")[0].sum == 1.7976931348623157e308
        game.roll_up()


def test_many_events_names_and_hours_in_one_call(game: Game) -> None:
    game.now = utc("2030-03-01")
    start = utc("2030-01-01")
    events = [Event(f"n{i % 3}", f"p{i % 7}", i, start + i * timedelta(minutes=20)) for i in range(1800)]
    game.record(*events)
    hours = [game.calendar.containing("hour", start + i * timedelta(hours=1)) for i in range(600)]
    wanted = [Point(count=1, n=1, sum=3 * i + 1, min=3 * i + 1, max=3 * i + 1, players=1) for i in range(600)]
    game.hours_kept = 2000
    assert game.stats.read(game.name, "n1", hours, game.now) == wanted
    assert game.read("year", "2030", stat="n2")[0].sum == sum(range(2, 1800, 3))
    assert game.roll_up() == {"hours": 1800, "events": 1800}
    assert game.stats.read(game.name, "n1", hours, game.now) == wanted
    assert game.read("year", "2030", stat="n2")[0] == Point(600, sum(range(2, 1800, 3)), 2, 1799, 600, 7)


def test_many_players_are_counted_closely(game: Game) -> None:
    game.now = utc("2030-05-08")
    hours = ["2030-05-06T10:00", "2030-05-06T11:00"]
    game.record(*(event(hours[i % 2], f"player {i % 15_001}", None) for i in range(20_000)))
    for _ in range(2):
        (point,) = game.read("day", "2030-05-06")
        assert point.count == 20_000
        assert point.players == pytest.approx(15_001, rel=0.03)
        game.roll_up()


def test_what_cannot_be(game: Game) -> None:
    for value in (float("nan"), float("inf"), -float("inf"), 1e301, -(10**301)):
        with pytest.raises(ValueError, match="between"):
            event("2030-05-06T10:00", value=value)
    with pytest.raises(ValueError, match="offset"):
        Event("s", None, None, utc("2030-05-06").replace(tzinfo=None))
    with pytest.raises(TimeOutOfRange):
        game.record(event("2030-05-06T10:00"), event("1800-05-06T10:00"))
    assert game.keys() == {}
    with pytest.raises(ValueError, match="'all'"):
        game.read("all", "all")
    game.record()
    assert game.read("day") == []


def test_a_job_that_is_interrupted_goes_on_from_there(game: Game) -> None:
    game.now, game.hours_at_once = utc("2030-05-08"), 1
    game.record(*(event(f"2030-05-06T{hour}:00", "ada", 1) for hour in range(10, 20)))

    def stop(number: int) -> None:
        if number == 5:
            raise Interrupted("claim lost")

    with pytest.raises(Interrupted):
        game.roll_up(FakeRun(stop))
    assert game.store.client.zcard(f"st:{{{game.name}:s}}:open") == 7  # one checkpoint is for the game
    assert game.read("day", "2030-05-06")[0].sum == 10
    assert game.roll_up() == {"hours": 7, "events": 7}
    assert game.read("day", "2030-05-06")[0].sum == 10


def test_two_at_once(game: Game) -> None:
    game.now, game.hours_at_once = utc("2030-05-08"), 3
    game.record(*(event(f"2030-05-06T{hour}:00", "ada", 1) for hour in range(10, 20)))
    others = []

    def other(number: int) -> None:
        if number == 3:
            others.append(game.roll_up())
            game.record(event("2030-05-06T10:30", "bob", 5))

    assert game.roll_up(FakeRun(other)) == {"hours": 3, "events": 3}
    assert others == [{"hours": 7, "events": 7}]
    for _ in range(2):
        assert game.read("day", "2030-05-06") == [Point(count=11, n=11, sum=15, min=1, max=5, players=2)]
        game.roll_up()


def test_a_store_that_goes_away(game: Game) -> None:
    game.now = utc("2030-05-08")
    dying, events = game.over(DyingStore(game.store, 3)), [event("2030-05-06T10:00", name=name) for name in "ab"]
    with pytest.raises(StoreUnavailable):
        dying.record(game.name, events, game.now, game.calendar)
    assert [game.read("day", "2030-05-06", stat=name)[0].count for name in "ab"] == [1, 0]
    assert game.roll_up() == {"hours": 1, "events": 1}


def test_games_are_found_in_the_data(game: Game) -> None:
    game.now = utc("2030-05-06T12:00")
    other = Game(game.store, now=game.now)
    game.record(event("2030-05-06T10:00"))
    other.record(event("2030-05-06T10:00"))
    asked: list[str] = []

    def calendar_of(name: str) -> Calendar:
        asked.append(name)
        return game.calendar

    found = Stats(game.store).roll_up(game.now, FakeRun(), calendar_of)
    assert found["hours"] >= 2  # those of other tests besides
    assert {game.name, other.name} <= set(asked)
    assert [one.store.client.zcard(f"st:{{{one.name}:s}}:open") for one in (game, other)] == [0, 0]


def test_nothing_listens() -> None:
    settings_url = "unix:///nowhere/at/all.sock"
    store = Store.connect(Settings(redis_url=settings_url, redis_retries=0), settings_url)
    stats, calendar, now = Stats(store), Calendar(), utc("2030-05-06T12:00")
    with pytest.raises(StoreUnavailable):
        stats.record("g", [event("2030-05-06T10:00")], now, calendar)
    with pytest.raises(StoreUnavailable):
        stats.read("g", "s", [calendar.containing("day", now)], now)
    with pytest.raises(StoreUnavailable):
        stats.roll_up(now, FakeRun(), lambda _game: calendar)
    store.close()
