"""Events with properties: grouped, filtered, and cut off where there are too many values."""

import hashlib
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from leaderboard.config import Settings
from leaderboard.errors import InvalidInput, StoreUnavailable
from leaderboard.stats import counting, reading
from leaderboard.stats.events import Event
from leaderboard.stats.points import Point
from leaderboard.stats.reading import Reading, StatReader
from leaderboard.store import connection
from leaderboard.store.connection import Store
from leaderboard.store.scripts import Script
from tests.stats.drive import DyingStore, Game, utc

DAY = "2030-05-06"
LATER = utc("2030-05-07T00:10")  # that day may be rolled up
Shown = dict[tuple[str | None, ...], tuple[float | None, ...]]


def event(
    player: str | None = None, value: float | None = None, at: str = "2030-05-06T10:00", **properties: str
) -> Event:
    return Event("s", player, value, utc(at), tuple(sorted(properties.items())))


def day(game: Game, day_id: str = DAY, **selection: object) -> Reading:
    return game.reading([game.calendar.parse("day", day_id)], **selection)


def shown(reading: Reading, *fields: str) -> Shown:
    """Those fields of each group's one point, in the order of the answer."""
    return {group.key: tuple(getattr(group.points[0], field) for field in fields) for group in reading.groups}


def cut_by(game: Game, *events: Event) -> list[str]:
    """The properties that recording these events said were cut off."""
    recorded = game.recorder().record(game.name, events, game.now, game.calendar)
    return recorded.cut.get("s", [])


@pytest.fixture
def visits(game: Game) -> Game:
    """A day of visits, of which three are from nowhere."""
    game.now = LATER
    game.record(
        event("ada", 1, country="AT", tier="gold"),
        event("ada", 5, country="AT", tier="free"),
        event("bob", 2, country="AT"),
        event("bob", 3, country="DE", tier="free"),
        event("eve", None, "2030-05-06T11:00", country="DE", tier="free"),
        event("eve", 7, "2030-05-06T11:00", tier="free"),
        event("kim", None, "2030-05-06T12:00"),
        event(None, -4, "2030-05-06T12:00"),
    )
    return game


def test_groups(visits: Game) -> None:
    for _ in range(2):
        reading = day(visits, by=["country"])
        assert reading.points == [Point(count=8, n=6, sum=14, min=-4, max=7, players=4)]
        assert [(group.key, group.points) for group in reading.groups] == [
            (("AT",), [Point(count=3, n=3, sum=8, min=1, max=5, players=2)]),
            ((None,), [Point(count=3, n=2, sum=3, min=-4, max=7, players=2)]),
            (("DE",), [Point(count=2, n=1, sum=3, min=3, max=3, players=2)]),
        ]
        assert [group.total.players for group in reading.groups] == [None] * 3
        assert shown(day(visits, by=["tier"]), "count", "players") == {
            ("free",): (4, 3),
            (None,): (3, 2),
            ("gold",): (1, 1),
        }
        assert list(shown(day(visits, by=["tier", "country"]), "count").items()) == [
            (("free", "DE"), (2,)),
            ((None, None), (2,)),
            (("free", "AT"), (1,)),
            (("free", None), (1,)),
            (("gold", "AT"), (1,)),
            ((None, "AT"), (1,)),
        ]
        assert visits.roll_up()["hours"] in (3, 0)


def test_filters(visits: Game) -> None:
    cases: list[tuple[dict[str, list[str]], tuple[int, float, int]]] = [
        ({"country": ["AT"]}, (3, 8, 2)),
        ({"country": ["AT", "DE"]}, (5, 11, 3)),
        ({"country": [""]}, (3, 3, 2)),
        ({"country": ["", "DE"]}, (5, 6, 3)),
        ({"country": ["AT"], "tier": ["free", "gold"]}, (2, 6, 1)),
        ({"country": [""], "tier": [""]}, (2, -4, 1)),
        ({"country": ["CH"]}, (0, 0, 0)),
        ({"country": ["at"]}, (0, 0, 0)),
    ]
    for _ in range(2):
        for where, wanted in cases:
            reading = day(visits, where=where)
            point = reading.points[0]
            assert (point.count, point.sum, point.players) == wanted, where
            assert (reading.groups, reading.total) == ([], replace(point, players=None))
        reading = day(visits, where={"tier": ["free", ""]}, by=["country"])
        assert shown(reading, "count", "players") == {(None,): (3, 2), ("AT",): (2, 2), ("DE",): (2, 2)}
        assert (reading.points[0].count, reading.points[0].players) == (7, 4)
        visits.roll_up()


def test_groups_by_the_step(visits: Game) -> None:
    hours = [visits.calendar.parse("hour", f"2030-05-06T{hour}") for hour in (10, 11, 12)]
    for _ in range(2):
        groups = visits.reading(hours, by=["country"]).groups
        assert {group.key: [point.count for point in group.points] for group in groups} == {
            ("AT",): [3, 0, 0],
            (None,): [0, 1, 2],
            ("DE",): [1, 1, 0],
        }
        visits.roll_up()


def test_how_long_series_live(visits: Game) -> None:
    """As long as the total; only what is small and needed for ever has no end."""
    prefix = f"st:{{{visits.name}:s}}:"
    for immortal in ({"open", "series"}, {"series"}):
        keys = {key.removeprefix(prefix): at for key, at in visits.keys().items() if key.startswith(prefix)}
        assert {key for key, at in keys.items() if at is None} == immortal
        sketches = [key for key in keys if ":u" in key]
        assert len({key for key in sketches if key[-1] != "u"}) >= 6
        assert all(keys[key] == keys[key.rpartition(":u")[0] + ":u"] for key in sketches)
        assert keys["admitted:2030"] == int((utc("2031-01-01") + timedelta(days=7320)).timestamp())
        visits.roll_up()


def test_names_with_their_properties(visits: Game) -> None:
    visits.record(Event("bare", None, None, visits.now))
    assert StatReader(visits.store, visits.lifetimes).names(visits.name) == {"bare": [], "s": ["country", "tier"]}


def test_a_property_that_no_event_ever_had(visits: Game) -> None:
    selections: list[dict[str, object]] = [{"by": ["colour"]}, {"where": {"colour": [""]}}]
    for selection in selections:
        with pytest.raises(InvalidInput) as refused:
            day(visits, **selection)
        field = "group_by" if "by" in selection else "prop.colour"
        assert (refused.value.code, list(refused.value.fields)) == ("unknown_property", [field])


def test_too_many_points(visits: Game, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_POINTS", 5)
    hours = [visits.calendar.parse("hour", f"2030-05-06T{hour}") for hour in (10, 11)]
    assert len(visits.reading(hours, where={"country": ["AT"]}, by=["country"]).groups) == 1
    with pytest.raises(InvalidInput) as refused:
        visits.reading(hours, by=["country"])
    assert refused.value.code == "too_many_points"


def test_eight_properties_with_odd_values(game: Game) -> None:
    game.now = LATER
    values = ["=", "a=b", " ", "ünï", "other", "-", "0", "x" * 64]
    properties = {f"p.{number}": value for number, value in enumerate(values)}
    game.record(event("ada", 1, **properties), event("bob", 2, **properties), event("eve", 4))
    for _ in range(2):
        for name, value in properties.items():
            assert shown(day(game, by=[name]), "count", "sum", "players") == {(value,): (2, 3, 2), (None,): (1, 4, 1)}
            assert day(game, where={name: [value]}).points[0].players == 2
        assert shown(day(game, by=list(properties)), "sum") == {tuple(values): (3,), (None,) * 8: (4,)}
        game.roll_up()


def test_events_without_properties_before_and_after_the_first_with_some(game: Game) -> None:
    """Those before it were counted as all there is; they are told apart from when there is something else."""
    game.now = LATER
    game.record(event("ada", 3, "2030-05-06T09:00"))
    game.record(event("ada", 5), event("bob"))
    game.record(event("bob", 7, country="AT"), event("eve", -1))
    game.record(event("kim", 2, "2030-05-06T11:00"), event("kim", 0, "2030-05-06T11:00", country="AT"))
    for _ in range(2):
        reading = day(game, by=["country"])
        assert reading.points == [Point(count=7, n=6, sum=16, min=-1, max=7, players=4)]
        assert [(group.key, group.points) for group in reading.groups] == [
            ((None,), [Point(count=5, n=4, sum=9, min=-1, max=5, players=4)]),
            (("AT",), [Point(count=2, n=2, sum=7, min=0, max=7, players=2)]),
        ]
        assert day(game, where={"country": [""]}).points == reading.groups[0].points
        assert day(game, where={"country": ["", "AT"]}).points == [
            replace(reading.groups[0].points[0], count=7, n=6, sum=16, max=7)
        ]
        hours = [game.calendar.parse("hour", f"2030-05-06T{hour}") for hour in ("09", "10", "11")]
        assert game.reading(hours, where={"country": [""]}).points == [
            Point(count=1, n=1, sum=3, min=3, max=3, players=1),  # all of that hour is
            Point(count=3, n=2, sum=4, min=-1, max=5, players=3),
            Point(count=1, n=1, sum=2, min=2, max=2, players=1),  # none of that hour
        ]
        game.roll_up()


def test_events_from_before_that_have_no_values_have_no_sum(game: Game) -> None:
    game.now = LATER
    game.record(event("ada"))
    for value, country in ((0.1, "AT"), (0.2, "DE"), (0.4, "AT")):  # whose sum depends on their order
        game.record(event("ada", value, country=country))
    for _ in range(2):
        (bare,) = day(game, where={"country": [""]}).points
        assert (bare.count, bare.n, bare.sum, bare.mean) == (1, 0, 0, None)
        game.roll_up()


def test_a_value_that_is_new_while_it_is_read(game: Game, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is there, or it is not; it is not taken for events without the property."""
    game.now = LATER
    game.record(event("ada", 1, country="AT"))
    find_pending = StatReader._pending

    def pending(*args: object) -> object:
        game.record(event("bob", 2, country="DE"))
        return find_pending(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(StatReader, "_pending", pending)
    assert (None,) not in shown(day(game, by=["country"]), "count")


def test_a_rollup_that_has_done_only_some_series_while_it_is_read(game: Game, monkeypatch: pytest.MonkeyPatch) -> None:
    game.now = LATER
    game.record(*(event("ada", 1, level=str(level)) for level in range(12)))
    game.roll_up()
    find_pending = StatReader._pending

    def pending(*args: object) -> object:
        found = find_pending(*args)  # type: ignore[arg-type]
        game.record(event("bob", 2, level="11"))
        with pytest.raises(StoreUnavailable):
            game.roll_up(store=DyingStore(game.store, 1))
        return found

    game.record(*(event("ada", 1, "2030-05-06T11:00", level=str(level)) for level in range(12)))
    monkeypatch.setattr(StatReader, "_pending", pending)
    assert (None,) not in shown(day(game, by=["level"]), "count")


@pytest.fixture
def half_gone(game: Game) -> Game:
    """A day of which one country had a late event, so that its sketches live longer."""
    game.now = LATER
    game.record(*(event(f"at{number}", country="AT") for number in range(3)))
    game.record(*(event(f"de{number}", country="DE") for number in range(5)))
    game.roll_up()
    game.move_to(utc("2030-05-12"))
    game.record(event("de1", country="DE"))
    game.roll_up()
    return game


def test_players_of_an_hour_whose_sketch_is_gone(half_gone: Game) -> None:
    half_gone.move_to(utc("2030-05-15"))
    hour = half_gone.calendar.parse("hour", "2030-05-06T10")
    groups = shown(half_gone.reading([hour], by=["country"]), "count", "players")
    assert groups["DE",] == (6, 5)
    assert groups["AT",] in ((3, 3), (3, None))


def test_players_of_series_one_of_whose_sketches_is_gone(half_gone: Game) -> None:
    half_gone.move_to(utc("2031-06-13"))
    (point,) = day(half_gone, where={"country": ["AT", "DE"]}).points
    assert (point.count, point.players in (8, None)) == (9, True)


def test_very_many_sketches(game: Game, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "SKETCHES_AT_ONCE", 3)
    game.now = LATER
    hours = [f"2030-05-06T{hour:02}:30" for hour in range(24)]
    game.record(*(event(f"p{n % 11}", n, at, tier=str(n % 2)) for n, at in enumerate(hours)))
    (total,) = day(game).points
    assert (total.count, total.players) == (24, 11)
    assert shown(day(game, by=["tier"]), "count", "players") == {("0",): (12, 11), ("1",): (12, 11)}
    assert game.store.client.keys(f"st:{{{game.name}:s}}:merged:*") == []
    days = [game.calendar.parse("day", DAY), game.calendar.parse("day", "2030-05-07")]
    assert [point.players for point in game.reading(days).points] == [11, 0]


@pytest.mark.parametrize("levels", [8, 9, 10, 19, 20, 25, 30])  # some leave just one series for the last call
def test_many_series_are_rolled_up_in_several_calls_any_of_which_may_be_the_last(game: Game, levels: int) -> None:
    game.now = LATER
    chance = random.Random(1)
    events = [
        event(f"p{chance.randrange(9)}", chance.randrange(100), f"2030-05-06T{hour}:00", level=str(level))
        for level in range(levels)
        for hour in chance.sample(range(10, 24), 3)
    ]
    game.record(*events)
    game.roll_up()  # some is there already
    game.record(*events[::2])
    wanted = {
        (str(level),): (len(some), sum(one.value or 0 for one in some), len({one.player for one in some}))
        for level in range(levels)
        if (some := [one for one in [*events, *events[::2]] if ("level", str(level)) in one.properties])
    }
    for scripts in (1, 1, 1, 5):
        assert shown(day(game, by=["level"]), "count", "sum", "players") == wanted
        assert day(game).points[0].count == len(events) + len(events[::2])
        try:
            game.roll_up(store=DyingStore(game.store, scripts))
        except StoreUnavailable:
            assert scripts == 1
    assert game.roll_up() == {"hours": 0, "events": 0}
    assert shown(day(game, by=["level"]), "count", "sum", "players") == wanted


def test_the_three_hundred_and_first_value(game: Game) -> None:
    game.now = LATER
    assert cut_by(game, *(event("ada", 1, country=f"c{number}") for number in range(300))) == []
    assert cut_by(game, event("bob", 2, country="c300"), event("bob", 2, country="c301", tier="gold")) == ["country"]
    assert cut_by(game, event("eve", 3, country="c300")) == ["country"]
    assert cut_by(game, event("eve", 1, country="c299"), event("eve", 1, tier="gold"), event()) == []
    for _ in range(2):
        reading = day(game, by=["country"])
        found = shown(reading, "count", "sum", "players")
        assert reading.points == [Point(count=306, n=305, sum=309, min=1, max=3, players=3)]
        assert (len(found), found["other",], found["c299",], found[None,]) == (302, (3, 7, 2), (2, 2, 2), (2, 1, 1))
        assert (reading.cut, day(game, by=["tier"]).cut, day(game).cut) == ({"country": 3}, {}, {})
        assert day(game, where={"country": ["other"]}).cut == {"country": 3}
        game.roll_up()


def test_the_seventeenth_property(game: Game) -> None:
    game.now = LATER
    assert cut_by(game, *(event("ada", 1, **{f"p{number:02}": "x"}) for number in range(16))) == []
    assert cut_by(game, event("bob", 2, p00="x", p16="x"), event("eve", 4, p16="y")) == ["p16"]
    for _ in range(2):
        assert shown(day(game, by=["p00"]), "count", "sum", "players") == {(None,): (16, 19, 2), ("x",): (2, 3, 2)}
        assert (day(game).points[0].sum, day(game, by=["p00"]).cut) == (22, {})
        game.roll_up()


def test_a_read_by_the_seventeenth_property_says_why_there_is_none(game: Game) -> None:
    game.now = LATER
    game.record(*(event("ada", 1, **{f"p{number:02}": "x"}) for number in range(17)))
    reading = day(game, by=["p16"])
    assert (shown(reading, "count"), reading.cut) == ({(None,): (17,)}, {"p16": 1})


@pytest.fixture
def fewer(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int, int], None]:
    """Makes a year keep fewer names, values and combinations."""

    def limit(names: int, values: int, combinations: int) -> None:
        load = connection.load

        def loaded(name: str, *, json_batches: bool) -> Script:
            script = load(name, json_batches=json_batches)
            text = script.text.replace("= 16, 300, 2000", f"= {names}, {values}, {combinations}")
            assert (text == script.text) == (name != "stat_record")
            return Script(name, text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())

        monkeypatch.setattr(connection, "load", loaded)

    return limit


def test_a_year_has_its_own_values(game: Game, fewer: Callable[[int, int, int], None]) -> None:
    game.now = utc("2032-01-01")
    fewer(16, 30, 2000)
    first = [event("ada", 1, country=f"c{number}") for number in range(30)]
    assert cut_by(game, *first, event("ada", 1, "2031-05-06T10:00", country="c30")) == []
    assert cut_by(game, event("ada", 1, country="c30"), event("ada", 1, "2031-05-06T10:00", country="c30")) == [
        "country"
    ]
    game.roll_up()
    years = [game.calendar.parse("year", one) for one in ("2030", "2031")]
    reading = game.reading(years, by=["country"])
    counts = {group.key: [point.count for point in group.points] for group in reading.groups}
    assert (counts["c30",], counts["other",], counts["c7",]) == ([0, 2], [1, 0], [1, 0])
    assert [game.reading([year], by=["country"]).cut for year in years] == [{"country": 1}, {}]
    assert reading.cut == {"country": 1}
    sizes = {key.rpartition(":")[2]: at for key, at in game.keys().items() if ":admitted:" in key or ":cut:" in key}
    kept = timedelta(days=7320)
    assert sizes == {"2030": int((game.now + kept).timestamp()), "2031": int((game.now + kept).timestamp())}


def test_too_many_combinations(game: Game, fewer: Callable[[int, int, int], None]) -> None:
    fewer(16, 300, 4)
    game.now = LATER
    assert cut_by(game, *(event("ada", 1, a=a, b=b) for a, b in ("00", "10", "20", "01"))) == []
    assert cut_by(game, event("bob", 2, a="1", b="1")) == ["a"]  # which has three values, and b two
    assert cut_by(game, event("bob", 2, a="3", b="0"), event("eve", 2, a="0", b="0")) == ["a"]
    for _ in range(2):
        by_a, by_b = day(game, by=["a"]), day(game, by=["b"])
        assert shown(by_a, "count", "sum", "players") == {
            ("0",): (3, 4, 2),
            ("other",): (2, 4, 1),
            ("1",): (1, 1, 1),
            ("2",): (1, 1, 1),
        }
        assert shown(by_b, "count", "players") == {("0",): (5, 3), ("1",): (2, 2)}
        assert (by_a.cut, by_b.cut, by_a.points[0].count) == ({"a": 2}, {}, 7)
        game.roll_up()


def test_the_two_thousand_and_first_combination(valkey_url: str) -> None:
    store = Store.connect(Settings(redis_url=valkey_url), valkey_url)
    game = Game(store, now=LATER)
    assert cut_by(game, *(event(None, 1, a=str(n % 50), b=str(n // 50)) for n in range(2000))) == []
    assert cut_by(game, event(None, 1, a="0", b="40")) == ["a"]
    reading = day(game, by=["a"])
    assert (len(reading.groups), shown(reading, "count")["other",], reading.cut) == (51, (1,), {"a": 1})
    assert reading.points[0].count == 2001
    store.close()


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_cut_off_the_sums_are_right(game: Game, fewer: Callable[[int, int, int], None], seed: int) -> None:
    chance = random.Random(seed)
    fewer(4, 5, 12)
    game.now = LATER
    names = [f"p{number}" for number in range(6)]
    events, cut = [], 0
    for _ in range(6):
        some = [
            event(
                f"player-{chance.randrange(20)}",
                chance.randrange(1000),
                f"2030-05-06T{chance.randrange(24):02}:00",
                **{name: str(chance.randrange(9)) for name in chance.sample(names, chance.randrange(4))},
            )
            for _ in range(chance.randrange(1, 40))
        ]
        cut += len(cut_by(game, *some))
        events += some
        if chance.random() < 0.5:
            game.roll_up()
    assert cut
    whole = day(game).points[0]
    players = len({one.player for one in events})
    assert (whole.count, whole.sum, whole.players) == (len(events), sum(one.value or 0 for one in events), players)
    known = StatReader(game.store, game.lifetimes).names(game.name)["s"]
    assert len(known) == 4
    for by in ([known[0]], known[1:3], known):
        reading = day(game, by=by)
        assert reading.points == [whole]
        assert sum(group.points[0].count for group in reading.groups) == whole.count
        assert sum(group.points[0].sum for group in reading.groups) == whole.sum
        assert set(reading.cut) <= set(by)
    for name in known:
        values = {group.key[0]: group.points[0].count for group in day(game, by=[name]).groups}
        assert len(values.keys() - {None, "other"}) <= 5
        # What was not cut off is where it belongs.
        for value, count in values.items():
            if value not in (None, "other"):
                assert count <= sum(dict(one.properties).get(name) == value for one in events)
        cut_off = day(game, by=[name]).cut.get(name, 0)
        # Nothing else is; where there was no room for yet another combination, it is with those that have none.
        without = sum(name not in dict(one.properties) for one in events)
        assert values.get("other", 0) <= cut_off
        assert values.get("other", 0) + values.get(None, 0) == cut_off + without
    series = game.store.client.hlen(f"st:{{{game.name}:s}}:series")
    assert series <= 2 * 12 + 1
