"""Stats worked out by hand."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from leaderboard.boards.periods import Calendar, Period, PeriodName, TimeOutOfRange
from leaderboard.config import Settings
from leaderboard.errors import Interrupted, InvalidInput, NotFound, StoreUnavailable, Unavailable
from leaderboard.stats import rollup
from leaderboard.stats.counters import Counters, Increment
from leaderboard.stats.events import Event
from leaderboard.stats.lifetimes import Lifetimes
from leaderboard.stats.points import Point
from leaderboard.stats.reading import StatReader
from leaderboard.stats.recording import Recorder
from leaderboard.stats.rollup import Rollup
from leaderboard.store.connection import Store
from tests.stats.drive import FakeRun, Game, utc

DAY = timedelta(days=1)
NOTHING = {"hours": 0, "events": 0}
WIDE: tuple[tuple[PeriodName, str], ...] = (
    ("day", "2030-05-06"),
    ("week", "2030-W19"),
    ("month", "2030-05"),
    ("year", "2030"),
)


def event(at: str, player: str | None = None, value: float | None = None, name: str = "s") -> Event:
    return Event(name, player, value, utc(at))


def period(game: Game, name: PeriodName, period_id: str) -> Period:
    return game.calendar.parse(name, period_id)


def refused(game: Game, name: PeriodName, period_id: str) -> bool:
    """Whether that period is not kept any more, and said to be so."""
    try:
        game.read(name, period_id)
    except InvalidInput as error:
        return (error.code, list(error.fields)) == ("step_not_kept", ["from"])
    return False


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
    for now, rolled in (("06T12:20", (0, 0)), ("07T00:10", (3, 5)), ("07T00:11", (0, 0))):
        game.now = utc(f"2030-05-{now}")
        assert game.roll_up() == dict(zip(("hours", "events"), rolled, strict=True))
        assert game.read("hour", *(f"2030-05-06T{hour}" for hour in (10, 11, 12, 13))) == hours
        assert game.read("day", "2030-05-05", "2030-05-06", "2030-05-07") == [Point(), day, Point()]
        assert [game.read(*one)[0] for one in WIDE] == [day] * 4
    assert game.store.client.exists(f"st:{{{game.name}:s}}:open") == 0
    reading = game.reading([period(game, "day", one) for one in ("2030-05-05", "2030-05-06", "2030-05-07")])
    assert reading.total == Point(count=5, n=3, sum=10, min=-2, max=7, players=None)
    assert (day.mean, Point(count=3).mean) == (10 / 3, None)


def test_a_day_waits_for_its_grace(game: Game) -> None:
    game.record(event("2030-05-06T10:59"), event("2030-05-06T23:59:59"), event("2030-05-07T00:00"))
    for now, rolled in (("06T23:59:59", 0), ("07T00:09:59", 0), ("07T00:10", 2), ("07T00:11", 0), ("08T00:10", 1)):
        game.now = utc(f"2030-05-{now}")
        assert game.roll_up() == {"hours": rolled, "events": rolled}


def test_late_events_add_only_themselves(game: Game) -> None:
    game.now = utc("2030-05-08T00:00")
    wanted = 0
    for number, value in enumerate((4, 6, None, 1), 1):
        game.record(event("2030-05-06T10:00", f"p{number}", value))
        wanted += value or 0
        assert [game.read(*one)[0].count for one in WIDE] == [number] * 4
        assert game.roll_up() == {"hours": 1, "events": 1}
        assert game.roll_up() == NOTHING
        (point,) = game.read("day", "2030-05-06")
        assert (point.count, point.sum, point.players) == (number, wanted, number)
    assert (point.n, point.min, point.max) == (3, 1, 6)
    assert game.read("hour", "2030-05-06T10") == [point]


def test_an_hour_that_is_gone_is_refused_and_never_taken_for_an_empty_one(game: Game) -> None:
    game.now = utc("2030-05-07T00:10")
    game.record(event("2030-05-06T10:00", "ada", 4), event("2030-05-06T12:00", "ada", 0))
    game.roll_up()
    end = game.now + 7 * DAY  # of the last write
    game.move_to(end - timedelta(seconds=1))
    assert [game.read("hour", f"2030-05-06T{hour}")[0].count for hour in (10, 11, 12)] == [1, 0, 1]
    game.move_to(end)
    assert [refused(game, "hour", f"2030-05-06T{hour}") for hour in (10, 11, 12)] == [True, False, True]
    game.record(event("2030-05-06T10:10", "bob", 6), event("2030-05-06T11:00", "bob"))
    for _ in range(3):  # part of it would be a lie; an hour that is new is whole
        assert [refused(game, "hour", f"2030-05-06T{hour}") for hour in (10, 11, 12)] == [True, False, True]
        assert game.read("hour", "2030-05-06T11") == [Point(count=1, players=1)]
        assert game.read("day", "2030-05-06") == [Point(count=4, n=3, sum=10, min=0, max=6, players=2)]
        game.roll_up()
    with pytest.raises(InvalidInput, match="2030-05-06T10"):
        game.reading([period(game, "hour", f"2030-05-06T{hour:02}") for hour in range(24)])


def test_an_hour_that_is_gone_stays_so_when_hours_are_to_be_kept_longer(game: Game) -> None:
    game.now, game.hours_kept = utc("2030-05-07T00:10"), 1
    game.record(event("2030-05-06T10:00", "ada", 4))
    game.roll_up()
    game.move_to(utc("2030-05-07T02:00"))
    game.hours_kept = 168
    assert refused(game, "hour", "2030-05-06T10")


def test_an_hour_that_goes_while_it_is_read(game: Game, monkeypatch: pytest.MonkeyPatch) -> None:
    game.now = utc("2030-05-07T00:10")
    game.record(event("2030-05-06T10:00", "ada", 4))
    game.roll_up()
    find_pending = StatReader._pending

    def pending(*args: object) -> object:
        game.move_to(utc("2030-05-20"))
        return find_pending(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(StatReader, "_pending", pending)
    game.now = utc("2030-05-13T23:59")
    assert refused(game, "hour", "2030-05-06T10")


def test_how_long_everything_lives(game: Game) -> None:
    game.now = utc("2030-05-06T12:00")
    prefix, hour = f"st:{{{game.name}:s}}:", "2030-05-06T10"
    names = {f"stats:{{{game.name}}}:names": None}
    years = 7320 * DAY

    def lives(**days: datetime) -> dict[str, int]:
        return {prefix + key: int(at.timestamp()) for key, at in days.items()}

    def rolled_up(now: datetime) -> dict[str, int]:
        ends = {"2030-05-06": "2030-05-07", "2030-W19": "2030-05-13", "2030-05": "2030-06-01", "2030": "2031-01-01"}
        last = {key: max(utc(at), now) for key, at in ends.items()}
        sketches = zip(last.items(), (400, 1098, 1830, 7320), strict=True)
        return lives(**{key: at + years for key, at in last.items()}) | lives(
            **{key + ":u": at + days * DAY for (key, at), days in sketches}
        )

    game.record(event("2030-05-06T10:00", "ada", 4))
    spare = game.now + years  # as long as the figures that it is for
    pending = lives(**{hour + ":new": spare, hour + ":u": spare})
    assert game.keys() == names | {prefix + "open": None} | pending
    game.now = utc("2030-05-07T00:10")
    game.roll_up()
    kept = game.now + 7 * DAY
    assert game.keys() == names | lives(**{hour: kept, hour + ":u": kept}) | rolled_up(game.now)

    game.move_to(utc("2032-05-06T12:00"))  # from here on the last write is what counts
    game.record(event("2030-05-06T13:00", "bob", 1))
    late = "2030-05-06T13"
    assert lives(**{late + ":new": game.now + years}).items() <= game.keys().items()
    game.now += DAY
    game.roll_up()
    kept = game.now + 7 * DAY
    assert game.keys() == names | lives(**{late: kept, late + ":u": kept}) | rolled_up(game.now)
    assert game.read("month", "2030-05") == [Point(count=2, n=2, sum=5, min=1, max=4, players=2)]


def test_players_of_a_sketch_that_is_gone_are_not_known(game: Game) -> None:
    """Or still known, but never fewer than there were."""
    game.now = utc("2030-05-07T00:10")
    game.record(*(event("2030-05-06T10:00", f"a{number}") for number in range(3)))
    game.roll_up()
    game.move_to(utc("2031-07-01"))
    assert game.read("day", "2030-05-06")[0].players in (None, 3)
    game.record(*(event("2030-05-06T10:00", f"b{number}") for number in range(4)))
    for _ in range(2):
        assert game.read("day", "2030-05-06")[0].players in (None, 7)
        assert game.read("month", "2030-05")[0].players == 7
        game.roll_up()


def test_a_backfill_of_very_old_events_can_be_read(game: Game) -> None:
    game.now = utc("2030-05-07T00:10")
    game.record(event("1995-05-06T10:00", "ada", 4), event("1995-05-06T11:00", "bob"))
    old: tuple[tuple[PeriodName, str], ...] = (("day", "1995-05-06"), ("month", "1995-05"), ("year", "1995"))
    for _ in range(2):
        assert game.read("hour", "1995-05-06T10") == [Point(count=1, n=1, sum=4, min=4, max=4, players=1)]
        for one in old:
            assert game.read(*one) == [Point(count=2, n=1, sum=4, min=4, max=4, players=2)]
        game.roll_up()


def test_what_is_older_than_anything_is_kept(game: Game) -> None:
    game.now = utc("2030-05-07T00:10")
    game.record(event("2030-05-06T10:00", "ada", 4))
    game.roll_up()
    game.move_to(utc("2051-06-01"))
    assert set(game.keys()) == {f"stats:{{{game.name}}}:names"}
    assert [refused(game, *one) for one in WIDE] == [True] * 4


def test_an_hour_whose_day_is_gone_too(game: Game) -> None:
    game.now = utc("2030-05-07T00:10")
    game.record(event("2030-05-06T10:00", "ada", 4))
    game.roll_up()
    game.move_to(utc("2051-06-01"))
    assert refused(game, "hour", "2030-05-06T10")


def test_what_is_not_rolled_up_outlives_its_retention(game: Game) -> None:
    game.now = utc("2030-05-06T12:00")
    game.record(event("2030-05-06T10:00", "ada", 4))
    game.move_to(game.now + 36 * DAY)
    point = Point(count=1, n=1, sum=4, min=4, max=4, players=1)
    assert game.read("day", "2030-05-06") == game.read("hour", "2030-05-06T10") == [point]
    assert game.roll_up() == {"hours": 1, "events": 1}
    assert game.read("year", "2030") == game.read("hour", "2030-05-06T10") == [point]


def test_what_nobody_rolls_up_is_kept_as_long_as_what_is(game: Game) -> None:
    game.record(event("2030-05-06T10:00", "ada", 4))
    game.move_to(utc("2034-12-01"))
    assert game.read("day", "2030-05-06") == [Point(count=1, n=1, sum=4, min=4, max=4, players=1)]
    other = Game(game.store, now=game.now)
    other.record(event("2030-05-06T10:00"))
    assert other.roll_up() == {"hours": 1, "events": 1}
    game.move_to(utc("2051-01-01"))  # a job that comes too late finds nothing, and tidies up
    assert game.roll_up() == NOTHING
    assert set(game.keys()) == {f"stats:{{{game.name}}}:names"}


def test_an_hour_in_which_a_day_begins_is_part_of_both(game: Game) -> None:
    game.calendar, game.now = Calendar(day_start="04:30"), utc("2030-05-07T04:39:59")
    game.record(event("2030-05-06T04:20", "ada", 1), event("2030-05-06T04:40", "bob", 2), event("2030-05-06T05:00"))
    for hours in (1, 0, 2):  # the day of the 6th has its grace yet
        assert [(point.count, point.sum) for point in game.read("day", "2030-05-05", "2030-05-06")] == [(1, 1), (2, 2)]
        assert game.read("hour", "2030-05-06T04") == [Point(count=2, n=2, sum=3, min=1, max=2, players=2)]
        assert game.roll_up()["hours"] == hours
        game.now += timedelta(seconds=0.5)
    assert [game.read("hour", "2030-05-06T04")[0].sum, game.read("week", "2030-W18")[0].sum] == [3, 1]


def test_the_hour_that_comes_twice(game: Game) -> None:
    game.calendar, game.now = Calendar("America/New_York"), utc("2030-11-05")
    game.record(event("2030-11-03T05:30", value=1), event("2030-11-03T06:30", value=2))
    hours = [period(game, "hour", one) for one in ("2030-11-03T01", "2030-11-03T01b")]
    for _ in range(2):
        assert [point.sum for point in game.reading(hours).points] == [1, 2]
        assert game.read("day", "2030-11-03")[0].sum == 3
        game.roll_up()
    game.move_to(utc("2030-11-20"))
    assert [refused(game, "hour", hour) for hour in ("2030-11-03T00", "2030-11-03T01", "2030-11-03T01b")] == [
        False, True, True,
    ]  # fmt: skip


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
        ([5e-324, 5e-324], 1e-323),
        ([0.1 + 0.2], 0.30000000000000004),
    ],
)
def test_sums(game: Game, values: list[float], wanted: float) -> None:
    game.now = utc("2030-05-08")
    game.record(*(event("2030-05-06T10:00", value=value) for value in values))
    for _ in range(2):
        for one in (("hour", "2030-05-06T10"), *WIDE):
            (point,) = game.read(*one)
            assert (point.sum, type(point.sum)) == (wanted, type(wanted))
            assert (point.min, point.max, point.n) == (min(values), max(values), len(values))
        game.roll_up()


def test_a_sum_stops_at_the_end_of_the_doubles(game: Game) -> None:
    client, key = game.store.client, f"st:{{{game.name}:s}}:2030-05-06"
    game.now = utc("2030-05-08")
    client.hset(key, "0", "1 1 1.7976931348623157e+308 0 0 0")
    client.expireat(key, utc("2031-05-06"))
    game.record(*(event("2030-05-06T10:00", value=1e300) for _ in range(1000)))
    for _ in range(2):
        assert game.read("day", "2030-05-06")[0].sum == 1.7976931348623157e308
        game.roll_up()


def test_many_events_names_and_hours_in_one_call(game: Game) -> None:
    game.now = utc("2030-03-01")
    start = utc("2030-01-01")
    game.record(*(Event(f"n{i % 3}", f"p{i % 7}", i, start + i * timedelta(minutes=20)) for i in range(360)))
    hours = [game.calendar.containing("hour", start + i * timedelta(hours=1)) for i in range(120)]
    wanted = [Point(count=1, n=1, sum=3 * i + 1, min=3 * i + 1, max=3 * i + 1, players=1) for i in range(120)]
    for rolled in (360, 0):
        assert game.reading(hours, "n1").points == wanted
        assert game.read("year", "2030", stat="n2")[0] == Point(120, sum(range(2, 360, 3)), 2, 359, 120, 7)
        assert game.roll_up() == {"hours": rolled, "events": rolled}


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
    with pytest.raises(TimeOutOfRange):
        game.record(event("2030-05-06T10:00"), event("1800-05-06T10:00"))
    with pytest.raises(ValueError, match="offset"):
        game.record(Event("s", None, None, utc("2030-05-06").replace(tzinfo=None)))
    game.record()
    assert game.keys() == {}
    with pytest.raises(NotFound) as unknown:
        game.read("day", "2030-05-06")
    assert unknown.value.code == "unknown_stat"
    game.record(event("2030-05-06T10:00"))
    with pytest.raises(ValueError, match="'all'"):
        game.read("all", "all")


def test_a_job_that_is_interrupted_goes_on_from_there(game: Game, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollup, "_DAYS_AT_ONCE", 1)
    game.now = utc("2030-06-08")
    game.record(*(event(f"2030-05-{day}T10:00", "ada", 1) for day in range(10, 20)))

    def stop(number: int) -> None:
        if number == 5:
            raise Interrupted("claim lost")

    with pytest.raises(Interrupted):
        game.roll_up(FakeRun(stop))
    assert game.store.client.zcard(f"st:{{{game.name}:s}}:open") == 7  # one checkpoint is for the game
    assert game.read("month", "2030-05")[0].sum == 10
    assert game.roll_up() == {"hours": 7, "events": 7}
    assert game.read("month", "2030-05")[0].sum == 10


def test_two_at_once(game: Game, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollup, "_DAYS_AT_ONCE", 3)
    game.now = utc("2030-06-08")
    game.record(*(event(f"2030-05-{day}T10:00", "ada", 1) for day in range(10, 20)))
    others = []

    def other(number: int) -> None:
        if number == 3:
            others.append(game.roll_up())
            game.record(event("2030-05-10T10:30", "bob", 5))

    assert game.roll_up(FakeRun(other)) == {"hours": 3, "events": 3}
    assert others == [{"hours": 7, "events": 7}]
    for _ in range(2):
        assert game.read("month", "2030-05") == [Point(count=11, n=11, sum=15, min=1, max=5, players=2)]
        game.roll_up()


def test_a_reader_meets_a_rollup(game: Game, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between looking for pending hours and reading them; late events come in besides."""
    game.now = utc("2030-05-07T00:10")
    game.record(*(event(f"2030-05-06T{hour}:00", f"p{hour}", 1) for hour in range(10, 20)))
    find_pending = StatReader._pending

    def pending(*args: object) -> object:
        found = find_pending(*args)  # type: ignore[arg-type]
        game.roll_up()
        return found

    monkeypatch.setattr(StatReader, "_pending", pending)
    for late in range(3):
        for one in WIDE:
            point = game.read(*one)[0]
            assert (point.count, point.sum, point.players) == (10 + late, 10 + late, 10)
        assert game.read("hour", "2030-05-06T10")[0].count == 1 + late
        game.record(event("2030-05-06T10:30", "p10", 1))


def test_games_are_found_in_the_data(game: Game) -> None:
    game.now = utc("2030-05-07T12:00")
    other, broken = Game(game.store, now=game.now), Game(game.store, now=game.now)
    everybody = (game, other, broken)
    for one in everybody:
        one.record(event("2030-05-06T10:00"))
    asked: list[str] = []

    def calendar_of(name: str) -> Calendar:
        asked.append(name)
        if name not in (game.name, other.name):  # those of other tests besides, whose work is not done for them
            raise ValueError("no such zone")
        return game.calendar

    assert Rollup(game.store, game.lifetimes).run(game.now, FakeRun(), calendar_of) == {"hours": 2, "events": 2}
    assert {one.name for one in everybody} <= set(asked)
    assert [one.store.client.zcard(f"st:{{{one.name}:s}}:open") for one in everybody] == [0, 0, 1]


@pytest.mark.parametrize(
    ("zone", "at"),
    [
        ("America/New_York", "1900-01-01T01:00"),  # the first day of known time begins before it
        ("Pacific/Kwajalein", "1969-10-01T10:30"),  # a day of 47 hours
        ("Mars/Olympus_Mons", "2030-05-06T10:00"),  # a calendar that is not known here
    ],
)
def test_one_game_does_not_hold_up_the_others(game: Game, zone: str, at: str) -> None:
    game.now = utc("2030-05-07T12:00")
    known = Calendar() if zone.startswith("Mars") else Calendar(zone)
    odd = Game(game.store, known, now=game.now, name="0" + game.name)  # whose turn is before
    for one in (odd, game):
        one.record(event(at if one is odd else "2030-05-06T10:00"))

    def calendar_of(name: str) -> Calendar:
        if name == odd.name and zone.startswith("Mars"):
            raise Unavailable("The game's calendar is not known here.", code="unknown_calendar")
        if name not in (odd.name, game.name):
            raise ValueError("of another test")
        return known if name == odd.name else game.calendar

    Rollup(game.store, game.lifetimes).run(game.now, FakeRun(), calendar_of)
    assert game.store.client.exists(f"st:{{{game.name}:s}}:open") == 0


def test_a_store_that_is_away() -> None:
    settings_url = "unix:///nowhere/at/all.sock"
    store = Store.connect(Settings(redis_url=settings_url, redis_retries=0), settings_url)
    lifetimes, calendar, now = Lifetimes(168), Calendar(), utc("2030-05-06T12:00")
    reader, counters = StatReader(store, lifetimes), Counters(store)
    days = [calendar.containing("day", now)]
    calls: list[Callable[[], object]] = [
        lambda: Recorder(store, lifetimes).record("g", [event("2030-05-06T10:00")], now, calendar),
        lambda: reader.read("g", "s", days, now, calendar),
        lambda: reader.names("g"),
        lambda: Rollup(store, lifetimes).run(now, FakeRun(), lambda _game: calendar),
        lambda: counters.add("g", "c", 1),
        lambda: counters.add_many("g", [Increment(0, "c", 1)], chunk_items=10),
        lambda: counters.all("g"),
        lambda: counters.value("g", "c"),
        lambda: counters.remove("g", "c"),
    ]
    for call in calls:
        with pytest.raises(StoreUnavailable):
            call()
    store.close()
