"""Players' activity worked out by hand."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaderboard.boards.periods import Calendar
from leaderboard.errors import InvalidInput, NotFound
from leaderboard.stats.activity.bitmaps import Window, numbers
from leaderboard.stats.activity.marks import by_day
from leaderboard.stats.events import Event
from leaderboard.store.connection import Store
from tests.stats.activity import Play, utc

DAY = timedelta(days=1)


@pytest.fixture
def play(stat_store: Store) -> Play:
    return Play(stat_store, utc("2030-05-31T12:00"))


def refused(play: Play, first: str, last: str, *offsets: int) -> bool:
    """Whether those days are not kept; the two reads agree."""
    codes = []
    for read in (lambda: play.active(first, last), lambda: play.retention(first, last, *(offsets or (1,)))):
        try:
            read()
        except InvalidInput as error:
            codes.append(error.code)
    assert codes in ([], ["step_not_kept"] * 2)
    return bool(codes)


def test_who_plays(play: Play) -> None:
    play.mark_days("ada", "2030-05-01", "2030-05-02", "2030-05-03")
    play.mark_days("bob", "2030-05-02")
    play.mark_days("eve", "2030-05-08", "2030-05-30")
    play.mark((None, utc("2030-05-02T10:00")), ("bob", utc("2030-05-02T23:59:59.9")), ("bob", utc("2030-05-03")))
    assert play.active("2030-04-30", "2030-05-03") == [(0, 0, 0, 0), (1, 1, 1, 1), (2, 2, 2, 1), (2, 2, 2, 0)]
    assert play.active("2030-05-07", "2030-05-10") == [(0, 2, 2, 0), (1, 3, 3, 1), (0, 3, 3, 0), (0, 1, 3, 0)]
    assert play.active("2030-05-30", "2030-06-02") == [(1, 1, 3, 0), (0, 1, 3, 0), (0, 1, 3, 0), (0, 1, 1, 0)]
    days = play.activity.active(play.name, play.days("2030-04-30", "2030-05-30"), play.now, play.calendar)
    assert [days[number].stickiness for number in (0, 1, -1)] == [0, 1, 1 / 3]


def test_who_comes_back(play: Play) -> None:
    for player in ("ada", "bob", "eve"):
        play.mark_days(player, "2030-05-01")
    play.mark_days("ada", "2030-05-02", "2030-05-31")
    play.mark_days("bob", "2030-05-02", "2030-05-04")
    play.mark_days("new", "2030-05-30", "2030-05-31")
    assert play.retention("2030-05-01", "2030-05-02", 1, 2, 3, 30, 31) == [
        (3, {1: 2, 2: 0, 3: 1, 30: 1, 31: None}),
        (0, {1: 0, 2: 0, 3: 0, 30: None, 31: None}),
    ]
    assert play.retention("2030-05-30", "2030-06-01", 2, 1) == [
        (1, {2: None, 1: 1}),
        (0, {2: None, 1: None}),
        (0, {2: None, 1: None}),
    ]
    cohorts = play.activity.retention(play.name, play.days("2030-05-01", "2030-05-02"), [1, 365], play.now, Calendar())
    assert [(one.share(1), one.share(365)) for one in cohorts] == [(2 / 3, None), (None, None)]


def test_streaks(play: Play) -> None:
    play.mark_days("ada", "2030-05-01", "2030-05-02", "2030-05-03", "2030-05-29", "2030-05-30")
    ada = play.player("ada")
    assert (ada.first_day, ada.last_day, ada.active_days) == ("2030-05-01", "2030-05-30", 5)
    assert (ada.current_streak, ada.longest_streak, ada.since) == (2, 3, "2029-04-26")  # the day 400 days before today
    play.mark_days("ada", "2030-06-01", "2030-05-31")  # the one ahead counts when it begins
    assert (play.player("ada").current_streak, play.player("ada").last_day) == (3, "2030-05-31")
    play.now += DAY
    assert play.player("ada").current_streak == 4
    play.now += 2 * DAY
    assert (play.player("ada").current_streak, play.player("ada").longest_streak) == (0, 4)
    with pytest.raises(NotFound) as caught:
        play.player("bob")
    assert caught.value.code == "unknown_player"


def test_late_events_move_players_to_earlier_cohorts(play: Play) -> None:
    for day, cohorts in (
        ("2030-05-20", {"2030-05-20"}),
        ("2030-05-25", {"2030-05-20"}),
        ("2030-05-10", {"2030-05-10"}),
        ("2029-12-31", {"2029-12-31"}),
        ("2030-05-15", {"2029-12-31"}),
    ):
        play.mark_days("ada", day, day)
        play.mark_days("ada", day)
        found = play.activity.active(play.name, play.days("2029-12-31", "2030-05-31"), play.now, play.calendar)
        assert {one.day.id for one in found if one.new} == cohorts
        assert play.player("ada").first_day in cohorts
    assert play.player("ada").active_days == 5


def test_one_call_a_day_and_thousand_players(play: Play) -> None:
    events = [Event("e", f"p{number}", None, utc("2030-05-30T23:00")) for number in range(1001)]
    events += [Event("e", f"p{number}", None, utc("2030-05-31T01:00")) for number in (5, 5, 4, 3, 2000)]
    play.segment = 300
    calls = play.activity.calls(play.name, events, play.now, play.calendar)
    assert play.store.run_all(calls) == [1000, 1, 4]
    assert play.store.run_all([*reversed(calls), *calls]) == [0] * 6
    assert play.active("2030-05-30", "2030-05-31") == [(1001, 1001, 1001, 1001), (4, 1002, 1002, 1)]
    assert play.retention("2030-05-30", "2030-05-30", 1) == [(1001, {1: 3})]
    lengths = [play.store.client.strlen(f"act:{{{play.name}}}:a:2030-05-31:{segment}") for segment in range(4)]
    assert lengths == [38, 0, 0, 13]  # a segment that all have their numbers of is made whole
    assert play.activity.calls(play.name, [Event("e", None, None, play.now)], play.now, play.calendar) == []


def test_events_by_day_in_any_order() -> None:
    hours = [utc("2030-05-31T12:00") - timedelta(hours=7 * number % 50) for number in range(50)]
    found = list(by_day([Event("e", f"{at:%d}", None, at) for at in hours * 2], Calendar(day_start="06:00")))
    assert sorted(day.id for day, _ in found) == ["2030-05-29", "2030-05-30", "2030-05-31"]
    for day, players in found:
        wanted = {f"{at:%d}" for at in hours if day.contains(at)}
        assert (len(players), set(players)) == (len(wanted), wanted)


def test_who_was_forgotten_comes_back_as_somebody_new(play: Play) -> None:
    play.mark_days("ada", "2030-05-20", "2030-05-21")
    assert play.activity.forget(play.name, "ada")
    assert not play.activity.forget(play.name, "ada")
    with pytest.raises(NotFound):
        play.player("ada")
    assert play.active("2030-05-20", "2030-05-21") == [(1, 1, 1, 1), (1, 1, 1, 0)]
    play.mark_days("ada", "2030-05-21", "2030-05-22")
    assert play.active("2030-05-20", "2030-05-22") == [(1, 1, 1, 1), (2, 2, 2, 1), (1, 2, 2, 0)]
    assert (play.player("ada").first_day, play.player("ada").active_days) == ("2030-05-21", 2)


@pytest.mark.parametrize(
    ("zone", "first", "last", "missing"),
    [
        ("Pacific/Apia", "2011-12-26", "2012-01-03", "2011-12-30"),
        ("America/New_York", "2030-03-06", "2030-03-13", ""),
        ("America/New_York", "2030-11-01", "2030-11-07", ""),
        ("Australia/Lord_Howe", "2030-10-03", "2030-10-09", ""),
    ],
)
def test_days_in_a_row_are_those_of_the_calendar(
    stat_store: Store, zone: str, first: str, last: str, missing: str
) -> None:
    calendar = Calendar(zone, day_start="00:00" if missing else "02:15")
    play = Play(stat_store, calendar.parse("day", last).start + timedelta(hours=1), calendar, days_kept=10_000)
    days = play.days(first, last)
    assert missing not in [day.id for day in days]
    for day, following in pairwise(days):
        play.mark(("first", day.start), ("last", day.end - timedelta.resolution), (day.id, day.start))
        play.mark((day.id, following.start))
    seen = [{"first", "last", one.id, before.id} for before, one in pairwise([days[0], *days[:-1]])]
    seen.append({days[-2].id})
    wanted = [(len(seen[at]), len(set().union(*seen[max(0, at - 6) : at + 1]))) for at in range(len(days))]
    assert [one[:2] for one in play.active(first, last)] == wanted
    cohorts = play.retention(first, last, 1)
    assert [cohorts[at] for at in (0, 1, -2, -1)] == [(3, {1: 3}), (1, {1: 1}), (1, {1: 1}), (0, {1: None})]
    for player in ("first", "last"):
        found = play.player(player)
        assert (found.current_streak, found.longest_streak, found.active_days) == (len(days) - 1,) * 3


def test_how_long_everything_lives(play: Play) -> None:
    play.now, kept = utc("2030-05-30T23:00"), 400 * DAY
    end, forever = utc("2030-05-31"), dict.fromkeys(("players", "next", "days"))
    play.mark_days("ada", "2030-05-30")
    expires = (end + kept + 2 * DAY).timestamp()  # its answers end at `end + kept`
    assert play.keys() == forever | {"a:2030-05-30:0": expires, "n:2030-05-30:0": expires}
    assert play.store.client.zscore(f"act:{{{play.name}}}:days", "2030-05-30") == (end + kept).timestamp()
    play.now = utc("2030-07-01T06:30")
    play.mark(*((f"p{number}", utc("2030-05-29T10:00")) for number in range(20)))
    late = (utc("2030-07-03") + kept).timestamp()
    wanted = forever | {"a:2030-05-30:0": expires, "n:2030-05-30:0": expires}
    wanted |= {f"{kind}:2030-05-29:{segment}": late for kind in "an" for segment in (0, 1)}
    assert play.keys() == wanted
    play.mark_days("p19", "2030-05-30")  # a late event in one segment keeps the whole day, of which nothing may be lost
    wanted |= {f"{key}:2030-05-30:{number}": late for key, number in (("a", 0), ("a", 1), ("n", 0))}
    assert play.keys() == wanted
    play.mark_days("p19", "2030-05-20")  # from its old cohort to one with a lifetime
    wanted |= {"a:2030-05-20:1": late, "n:2030-05-20:1": late}
    play.days_kept = 100
    play.mark_days("p0", "2030-05-20")  # less is kept from now on, but no day in part
    wanted |= {"a:2030-05-20:0": late, "n:2030-05-20:0": late}
    assert play.keys() == wanted


def test_what_is_not_kept_is_not_guessed(play: Play) -> None:
    for day, players in (("2030-05-20", ["ada"]), ("2030-05-22", ["ada", "bob"]), ("2030-05-23", ["bob"])):
        play.now = utc(day + "T13:00")
        play.mark(*((player, play.now) for player in players))
    play.move_to(utc("2031-06-25"))  # 2030-05-20 ended 400 days ago
    play.mark_days("eve", "2030-05-20")  # the rest of that day is lost, so it stays unanswered
    for days_pruned in (1, 0):
        assert play.active("2030-05-19", "2030-05-19") == [(0, 0, 0, 0)]  # never had anybody
        assert refused(play, "2030-05-20", "2030-05-22")
        assert play.active("2030-05-21", "2030-05-23") == [(0, None, None, 0), (2, None, None, 1), (1, None, None, 0)]
        ada = play.player("ada")
        assert (ada.since, ada.first_day, ada.last_day, ada.active_days) == (
            "2030-05-21",
            "2030-05-20",
            "2030-05-22",
            1,
        )
        assert play.prune() == days_pruned
        play.mark_days("ada", "2030-05-20")
    play.mark_days("eve", "2030-05-23")
    assert refused(play, "2030-05-20", "2030-05-20")
    assert not any("2030-05-20" in key and expires is None for key, expires in play.keys().items())
    assert play.active("2030-05-21", "2030-05-23") == [(0, None, None, 0), (2, None, None, 1), (2, None, None, 0)]
    assert (play.player("eve").first_day, play.player("eve").active_days) == ("2030-05-20", 1)


def test_old_events_can_be_read_with_the_days_between_them(play: Play) -> None:
    play.mark_days("ada", "2024-02-28", "2024-03-01")
    assert play.active("2024-02-28", "2024-03-02") == [(1, 1, 1, 1), (0, 1, 1, 0), (1, 1, 1, 0), (0, 1, 1, 0)]
    assert play.retention("2024-02-28", "2024-02-29", 2) == [(1, {2: 1}), (0, {2: 0})]
    assert (play.player("ada").since, play.player("ada").active_days) == ("2024-02-28", 2)
    assert play.active("2024-02-27", "2024-02-27") == [(0, 0, 0, 0)]
    play.move_to(play.now + 401 * DAY)
    assert play.prune() == 2
    assert play.player("ada").since == "2030-06-01"
    assert play.player("ada").last_day is None
    play.mark_days("ada", "2024-02-29")  # never had anybody, so this is all of it
    assert play.active("2024-02-29", "2024-02-29") == [(1, None, None, 0)]  # but the day before is lost
    assert refused(play, "2024-02-29", "2024-03-01")
    ada = play.player("ada")
    assert (ada.since, ada.first_day, ada.last_day, ada.active_days) == ("2024-03-02", "2024-02-28", None, 0)


def test_a_day_is_moved_from_a_cohort_that_is_gone(play: Play) -> None:
    play.mark_days("ada", "2030-05-20")
    play.move_to(play.now + 500 * DAY)
    play.mark_days("ada", "2030-05-19")
    assert play.player("ada").first_day == "2030-05-19"
    assert {key for key, expires in play.keys().items() if expires is None} == {"players", "next", "days"}
    assert play.active("2030-05-19", "2030-05-19") == [(1, 1, 1, 1)]


@given(st.lists(st.integers(0, 255), max_size=40), st.integers(1, 9))
def test_a_window_is_the_union_of_its_last(row: list[int], size: int) -> None:
    window = Window(size)
    for end in range(1, len(row) + 1):
        union = 0
        for bits in row[max(0, end - size) : end]:
            union |= bits
        assert window.push(row[end - 1]) == union


@given(st.sets(st.integers(0, 200)))
def test_the_numbers_in_a_bitmap_are_the_stores(found: set[int]) -> None:
    text = bytearray(26)
    for number in found:
        text[number // 8] |= 128 >> number % 8
    assert list(numbers(bytes(text))) == sorted(found)
