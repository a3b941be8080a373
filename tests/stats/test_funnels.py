"""Funnels worked out by hand: their paths, how long times are kept, what is known of which day."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import permutations

import pytest

from leaderboard.archive.database import Database
from leaderboard.boards.periods import Calendar
from leaderboard.config import Settings
from leaderboard.errors import Interrupted, InvalidInput, NotFound
from leaderboard.stats.events import Event
from leaderboard.store.connection import Store
from leaderboard.store.stat_keys import funnel_makings
from tests.stats.drive import FakeRun, utc
from tests.stats.funnel_stage import SECOND, Stage, event

DAY = timedelta(days=1)
TODAY = "2030-01-01"


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = Database.connect(Settings(data_dir=tmp_path_factory.mktemp("funnels")))
    yield database
    database.close()


@pytest.fixture
def stage(stat_store: Store, database: Database) -> Stage:
    return Stage(stat_store, database)


def test_who_came_how_far(stage: Stage) -> None:
    stage.put("a", "b", "c", window=3600)
    stage.record(
        event("a", "2030-01-01T10:00:00", "all"),
        event("b", "2030-01-01T10:00:00.900", "all"),
        event("c", "2030-01-01T10:00:00.100", "all"),  # the same second is in order
        event("a", "2030-01-01T10:00:00", "edge"),
        event("b", "2030-01-01T11:00:00.999", "edge"),
        event("c", "2030-01-01T11:00:01", "edge"),
        event("b", "2030-01-01T09:59:59", "before"),
        event("a", "2030-01-01T10:00:00", "before"),
        event("a", "2030-01-01T08:00:00", "again"),
        event("b", "2030-01-01T08:59:00", "again"),
        event("a", "2030-01-01T09:30:00", "again"),  # the second try is not in time for `b`
        event("c", "2030-01-01T09:31:00", "again"),
        event("a", "2030-01-01T08:00:00", "second"),
        event("a", "2030-01-01T09:30:00", "second"),
        event("b", "2030-01-01T09:40:00", "second"),
        event("c", "2030-01-01T10:10:00", "second"),
        event("b", "2030-01-01T10:00:00", "never"),
        event("a", "2030-01-01T10:00:00", None),
        event("z", "2030-01-01T10:00:00"),
    )
    assert stage.players("2029-12-31", "2030-01-02") == [None, (5, 4, 2), (0, 0, 0)]
    assert not stage.read(TODAY).uncertain
    assert not any("z" in key for key in stage.expiries())


def test_over_midnight_and_windows_of_days(stage: Stage) -> None:
    stage.put("a", "b", window=86_400)
    stage.put("a", "b", window=30 * 86_400, name="long")
    stage.record(
        event("a", "2030-01-01T23:59:59"),
        event("b", "2030-01-02T23:59:59"),
        event("a", "2030-01-01T23:59:59", "bob"),
        event("b", "2030-01-03T00:00:00", "bob"),
        event("a", "2030-01-02T00:00:00", "bob"),
        event("a", "2030-01-01T23:59:59", "lin"),
        event("b", "2030-01-31T23:59:59", "lin"),
        event("a", "2030-01-01T00:00:00", "tom"),
        event("b", "2030-01-31T00:00:01", "tom"),
    )
    assert stage.players("2030-01-01", "2030-01-03") == [(4, 1), (1, 1), (0, 0)]
    assert stage.read("2030-01-01", "2030-01-03").total == (5, 2)
    assert stage.players("2030-01-01", name="long") == [(4, 3)]


def test_days_of_23_and_25_hours(stat_store: Store, database: Database) -> None:
    stage = Stage(stat_store, database, Calendar("America/New_York", day_start="01:00"))
    stage.now = utc("2030-03-01T12:00")
    stage.put("a", "b", window=25 * 3600)
    stage.record(
        event("a", "2030-03-10T05:59:59"),  # 00:59:59, so still the 9th
        event("b", "2030-03-11T06:59:59"),
        event("a", "2030-03-11T04:59:59", "bob"),  # 00:59:59 EDT of a day of 23 hours
        event("b", "2030-03-12T06:00:00", "bob"),
        event("a", "2030-11-04T05:59:59", "lin"),  # the last second of a day of 25 hours
        event("b", "2030-11-05T06:59:59", "lin"),
    )
    assert stage.players("2030-03-09", "2030-03-11") == [(1, 1), (1, 0), (0, 0)]
    assert stage.players("2030-11-03", "2030-11-04") == [(1, 1), (0, 0)]
    assert stage.read("2030-03-10").days[0].day.end - stage.read("2030-03-10").days[0].day.start == timedelta(hours=23)


def test_any_order_of_arrival_and_twice(stage: Stage) -> None:
    stage.put("a", "b", "c")
    events = [
        event("a", "2030-01-01T10:00"),
        event("b", "2030-01-01T10:05"),
        event("a", "2030-01-01T10:06"),
        event("c", "2030-01-01T10:04"),
        event("c", "2030-01-02T10:05"),
    ]
    for number, some in enumerate(permutations(events)):
        if number % 13 == 0:
            day = DAY * 40 * number
            for one in some:
                moved = Event(one.name, f"p{number}", None, one.at + day)
                assert stage.record(moved) == [1]
                assert stage.record(moved, moved) == [0]
            assert stage.players(str((utc(TODAY) + day).date())) == [(1, 1, 0)], some
    days = stage.store.client.hgetall(stage.funnel().keys("a").days)
    assert {text.split()[1] for text in days.values()} == {b"2"}


def test_more_times_than_are_kept(stage: Stage) -> None:
    stage.put("a", "b", window=600)
    minute = 60 * SECOND
    times = [utc("2030-01-01T10:00") + number * 15 * minute for number in range(40)]
    for player, order in (("up", times), ("down", times[::-1]), ("mixed", times[::2] + times[1::2])):
        for at in order:
            stage.record(Event("a", player, None, at))
    stored = {packed for shard in range(3) for packed in _values(stage, shard)}
    assert [len(packed) for packed in stored] == [64]
    assert stage.players(TODAY) == [(3, 0)]
    assert not stage.read(TODAY).uncertain  # nobody ever did the next step
    stage.record(Event("b", "up", None, times[10] + 10 * minute))
    assert (stage.players(TODAY), stage.read(TODAY).uncertain) == ([(3, 1)], False)
    stage.record(Event("b", "down", None, times[11] + minute))
    assert (stage.players(TODAY), stage.read(TODAY).uncertain) == ([(3, 1)], True)


def test_long_ids(stage: Stage) -> None:
    stage.put("a", "b")
    players = ["é" * 32, "é" * 33, "x" * 128, "x" * 127 + "y"]
    for player in players:
        stage.record(event("a", "2030-01-01T10:00", player), event("b", "2030-01-01T11:00", player))
    assert stage.players(TODAY) == [(4, 4)]
    for left, player in zip((3, 2, 1, 0), players, strict=True):
        assert stage.funnels.forget(stage.name, player)
        assert stage.players(TODAY) == [(left, left)]


def _values(stage: Stage, shard: int) -> list[bytes]:
    return list(stage.store.client.hvals(stage.funnel().keys("a").shard(TODAY, shard)))


def test_how_long_everything_lives(stage: Stage) -> None:
    stage.put("a", "b")
    known = stage.now + 500 * DAY
    assert stage.expiries() == {"}:makings": known, "}:rev": None}
    stage.record(event("a", "2030-01-01T10:00"))
    (shard,) = [key for key in stage.expiries() if TODAY in key]
    dies = utc("2030-01-02") + 67 * DAY
    assert stage.expiries() == {"}:makings": known, "}:rev": None, ":a}:days": known, shard: dies}
    stage.now += 40 * DAY
    stage.record(event("a", "2030-01-01T11:00"), event("b", "2029-01-01T10:00", "bob"))
    expiries = stage.expiries()
    assert expiries[shard] == dies  # all times of a day go at once
    assert expiries[":a}:days"] == stage.now + 500 * DAY
    assert [at for key, at in expiries.items() if "2029" in key] == [stage.now + 37 * DAY]
    assert stage.count() == 1
    assert stage.expiries()["}:f:counts"] == stage.now + 400 * DAY
    stage.now += 100 * DAY
    stage.count()
    expiries = stage.expiries()
    assert {expiries[name] for name in ("}:makings", ":a}:days", ":b}:days")} == {stage.now + 500 * DAY}
    assert expiries["}:f:counts"] == stage.now + 300 * DAY
    stage.now -= 1000 * DAY  # a job that is run for a day long ago removes nothing
    stage.count()
    assert stage.expiries() == expiries
    stage.record(event("a", "2040-01-01T10:00"))  # what is known of times lives as long as they do
    assert max(at for key, at in stage.expiries().items() if "2040" in key) == stage.expiries()[":a}:days"]


def test_counts_outlive_the_times(stage: Stage) -> None:
    stage.put("a", "b")
    stage.record(event("a", "2030-01-01T10:00"), event("b", "2030-01-02T10:00"))
    stage.now = utc("2030-01-02T23:59:59")
    assert (stage.count(), stage.read(TODAY).days[0].complete) == (0, False)
    stage.now += SECOND
    assert (stage.count(), stage.count(), stage.read(TODAY).days[0].complete) == (1, 0, True)
    stage.record(event("a", "2030-01-01T12:00", "bob"))
    assert stage.players(TODAY) == [(2, 1)]  # also before the job
    assert (stage.count(), stage.players(TODAY)) == (1, [(2, 1)])
    stage.move_to("2030-03-07T23:59:59")
    stage.record(event("b", "2030-01-01T13:00", "bob"))
    assert stage.players(TODAY) == [(2, 2)]
    stage.move_to("2030-03-08T12:00")  # the times are read no more, but the job was not there yet
    reading = stage.read(TODAY)
    assert (reading.days[0].players, reading.late) == ((2, 1), True)
    assert stage.count() == 1
    reading = stage.read(TODAY)
    assert (reading.days[0].players, reading.late) == ((2, 2), False)
    stage.move_to("2030-06-01")
    assert not any(TODAY in key for key in stage.expiries())
    assert stage.players(TODAY, "2030-01-03") == [(2, 2), (0, 0), (0, 0)]
    assert stage.count() == 0
    stage.record(event("b", "2030-01-01T13:30", "lin"), event("a", "2030-01-01T13:30", "lin"))
    assert not any(TODAY in key for key in stage.expiries())
    reading = stage.read(TODAY)
    assert (reading.days[0].players, reading.late) == ((2, 2), True)
    assert not stage.read("2030-01-03").late


def test_days_that_were_not_counted_in_time(stage: Stage) -> None:
    stage.put("a", "b")
    stage.record(event("a", "2030-01-01T10:00"), event("a", "2030-01-03T10:00"))
    stage.now += 60 * DAY
    stage.record(event("b", "2030-01-02T09:00"))  # will be kept for longer than what it belongs to
    assert stage.players(TODAY) == [(1, 1)]
    stage.move_to("2030-03-08")
    with pytest.raises(InvalidInput, match="2030-01-01 is not kept any more; ask from 2030-01-02 on") as refused:
        stage.read("2029-12-01", "2030-01-05")
    assert refused.value.code == "step_not_kept"
    assert stage.players("2030-01-02", "2030-01-03") == [(0, 0), (1, 0)]


def test_who_enters_first_when_the_other_times_are_gone(stage: Stage) -> None:
    stage.put("a", "b")
    stage.record(event("b", "2030-01-01T11:00"))
    stage.move_to("2030-03-20")
    assert stage.players(TODAY) == [(0, 0)]
    stage.record(event("a", "2030-01-01T10:00"))
    for _ in range(2):
        reading = stage.read(TODAY)
        assert (reading.days[0].players, reading.late) == ((0, 0), True)
        assert stage.count() == 0


def test_who_enters_first_when_times_of_later_days_are_gone(stage: Stage) -> None:
    stage.put("a", "b")
    stage.record(event("b", "2030-01-02T11:00"), event("b", "2030-01-02T12:00", "bob"))
    stage.move_to("2030-03-20")
    stage.record(event("a", "2030-01-01T10:00"), event("b", "2030-01-01T11:00"))
    reading = stage.read(TODAY)  # who came to the end did so whatever is gone
    assert (reading.days[0].players, reading.late) == ((1, 1), False)
    stage.record(event("a", "2030-01-01T13:00", "bob"))
    for days in (0, 30, 30):
        stage.move_to(stage.now + days * DAY)
        reading = stage.read(TODAY)
        assert (reading.days[0].players, reading.late) == ((2, 1), True)
        assert stage.count() == (days == 0)


def test_what_is_known_of_a_day_before_the_funnel(stage: Stage) -> None:
    stage.now = utc("2030-01-10T12:00")
    stage.put("a", "b")
    assert stage.players("2030-01-08", "2030-01-11") == [None, None, (0, 0), (0, 0)]
    stage.record(event("a", "2030-01-08T10:00"))  # a backfill, in which nobody came to `b`
    assert stage.players("2030-01-08", "2030-01-10") == [(1, 0), None, (0, 0)]
    assert stage.read("2030-01-08", "2030-01-09").total == (1, 0)
    stage.now += 3 * DAY
    stage.put("a", "c", name="younger")
    assert stage.players("2030-01-08", "2030-01-13", "younger") == [*[None] * 5, (0, 0)]
    stage.record(event("a", "2030-01-11T10:00"))
    assert stage.players("2030-01-11", "2030-01-13", "younger") == [(1, 0), None, (0, 0)]
    stage.record(event("c", "2030-01-11T10:00"))
    assert stage.players("2030-01-11", "2030-01-12", "younger") == [(1, 1), None]
    assert stage.count() == 3
    stage.now += 3 * DAY
    stage.put("a", "c")
    assert stage.players("2030-01-11", "2030-01-16") == [*[None] * 5, (0, 0)]
    assert stage.players("2030-01-11", name="younger") == [(1, 1)]


def test_a_funnel_knows_what_came_since_it_was_made(stage: Stage) -> None:
    """Of all its steps, whatever another one knows, or did under its name; and another window takes nothing away."""
    stage.put("a", "b", name="other")
    stage.record(event("a", "2030-01-01T10:00"))
    stage.put("a", "b", "c")
    stage.record(event("b", "2030-01-01T11:00"), event("c", "2030-01-01T11:00"))
    assert (stage.players(TODAY), stage.players(TODAY, name="other")) == ([(0, 0, 0)], [(1, 1)])
    stage.record(event("a", "2030-01-01T11:00"))
    stage.put("a", "b", "c", window=60)
    assert (stage.players(TODAY), stage.players(TODAY, name="other")) == ([(1, 1, 1)], [(1, 1)])
    stage.put("a", "c")
    assert stage.players(TODAY) == [(0, 0)]
    stage.record(event("a", "2030-01-01T12:00"))
    assert stage.players(TODAY) == [(1, 0)]
    stage.delete()
    stage.record(event("c", "2030-01-01T13:00"))
    stage.put("a", "c")
    stage.record(event("a", "2030-01-01T12:00"))
    assert (stage.players(TODAY), stage.players(TODAY, name="other")) == ([(1, 0)], [(1, 1)])


def test_changing_and_removing(stage: Stage) -> None:
    assert stage.put("a", "b")
    stage.record(event("a", "2030-01-01T10:00"), event("b", "2030-01-02T10:00"), event("c", "2030-01-01T10:00"))
    created = stage.funnel().created_at
    stage.now += 10 * DAY
    assert stage.count() == 1
    assert not stage.put("a", "b")
    assert "}:f:counts" in stage.expiries()
    assert not stage.put("a", "b", window=3600)
    assert "}:f:counts" not in stage.expiries()
    assert stage.players(TODAY) == [(1, 0)]
    assert not stage.put("b", "a")  # begins anew
    assert stage.funnel().created_at == created
    assert stage.players(TODAY, "2030-01-02") == [None, None]
    stage.record(event("a", "2030-01-01T10:00"), event("b", "2030-01-02T10:00"))
    assert stage.players(TODAY, "2030-01-02") == [(0, 0), (1, 0)]
    assert stage.count() == 1
    stage.delete()
    assert "}:f:counts" not in stage.expiries()
    for call in (stage.funnel, stage.delete):
        with pytest.raises(NotFound) as unknown:
            call()
        assert unknown.value.code == "unknown_funnel"
    assert stage.record(event("a", "2030-01-11T10:00")) == []
    stage.put("a", "b")  # since the removal nothing was kept
    assert stage.players("2030-01-01", "2030-01-11") == [*[None] * 10, (0, 0)]


def test_times_that_no_funnel_has_any_more_are_removed(stage: Stage) -> None:
    stage.put("a", "b", name="other")
    stage.put("a", "b")
    outdated = stage.process()
    events = [event(name, f"2030-{month:02}-01T10:00") for month in range(1, 13) for name in "ab"]
    late = outdated.calls(stage.name, [event("a", "2030-05-05T10:00")], stage.now, stage.calendar)
    old = stage.funnel()
    stage.record(*events)
    stage.put("b", "c")
    assert outdated.is_outdated(stage.name, "")
    stage.store.run_all(late)
    stage.count()  # somebody may be reading them
    assert stage.players(TODAY, name="other") == [(1, 1)]
    assert any(key.startswith(old.keys("a").prefix) for key in stage.all_keys())
    stage.now += timedelta(minutes=11)
    with pytest.raises(Interrupted):
        stage.count(FakeRun(_interrupt))
    for _ in range(2):
        stage.count()
    assert not any(old.token in key for key in stage.all_keys())
    makings = stage.store.client.smembers(funnel_makings(stage.name))
    assert makings == {keys.making.encode() for name in ("f", "other") for keys in stage.funnel(name).makings}
    assert stage.players(TODAY, name="other") == [(1, 1)]


def _interrupt(checkpoint: int) -> None:
    if checkpoint == 3:
        raise Interrupted("It is to end.")


def test_other_processes_learn_of_it_in_time(stage: Stage) -> None:
    other = stage.process()
    events = [event("a", "2030-01-01T10:00")]
    assert other.calls(stage.name, events, stage.now, stage.calendar) == []
    stage.put("a", "b")
    assert len(stage.funnels.calls(stage.name, events, stage.now, stage.calendar)) == 1
    assert other.calls(stage.name, events, stage.now, stage.calendar) == []
    stage.ticks.at += 1.5
    assert len(other.calls(stage.name, events, stage.now, stage.calendar)) == 1
    stage.delete()
    assert stage.funnels.calls(stage.name, events, stage.now, stage.calendar) == []


def test_without_funnels_events_cost_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.record()
    monkeypatch.setattr(Database, "begin", None)
    monkeypatch.setattr(stage.funnels, "_store", None)
    assert stage.funnels.calls(stage.name, [event("a", "2030-01-01T10:00")], stage.now, stage.calendar) == []


def test_twenty_funnels(stage: Stage) -> None:
    for number in range(20):
        stage.put("a", f"step{number}", name=f"f{number}")
    with pytest.raises(InvalidInput) as refused:
        stage.put("a", "b")
    assert refused.value.code == "too_many_funnels"
    assert not stage.put("a", "b", name="f0")


def test_forgetting_a_player(stage: Stage) -> None:
    stage.put("a", "b", "c")
    stage.put("a", "b", name="g")
    stage.record(
        *(event("a", f"2030-01-0{day}T10:00", player) for day in (1, 2, 3) for player in ("ada", "bob", "lin")),
        event("b", "2030-01-02T10:00"),
        event("b", "2030-01-02T11:00", "bob"),
    )
    stage.now += 30 * DAY
    stage.count()
    before = stage.funnel()
    stage.put("x", "y")
    assert stage.funnels.forget(stage.name, "ada")
    assert stage.players("2030-01-01", "2030-01-03", "g") == [(2, 0), (2, 1), (2, 0)]
    assert stage.record(event("a", "2030-01-31T10:00"))
    deleted = stage.funnel("g")
    stage.delete("g")  # times of what no funnel has any more are forgotten too
    assert stage.funnels.forget(stage.name, "ada")
    assert not stage.funnels.forget(stage.name, "ada")
    assert not stage.funnels.forget(stage.name, "nobody")
    assert stage.fields(deleted.keys("a")) == stage.fields(before.keys("a")) == {b"bob", b"lin"}
    assert stage.fields(deleted.keys("b")) == stage.fields(before.keys("b")) == {b"bob"}


def test_the_job_goes_on_where_it_was_stopped(stage: Stage) -> None:
    stage.put("a", "b")
    stage.record(*(event("a", f"2030-{month:02}-01T10:00") for month in range(1, 13)))
    stage.now = utc("2031-01-01")
    calls: list[int] = []
    stage.funnels.keep_counts(stage.now, _Counting(calls), lambda _: stage.calendar)
    assert len(calls) > 1
    assert stage.count() == 0


class _Counting:
    token = ""

    def __init__(self, calls: list[int]) -> None:
        self._calls = calls

    def checkpoint(self) -> None:
        self._calls.append(1)
