"""Ranges of steps: worked out by hand at every edge, and in any zone without a gap."""

from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaderboard.boards.periods import WEEKDAYS, Calendar
from leaderboard.errors import InvalidInput
from leaderboard.stats.lifetimes import StatPeriod, span
from leaderboard.stats.ranges import STEPS, Range, read_range
from leaderboard.times import format_time
from tests.stats.drive import utc

NOW = utc("2026-11-23T12:34:56")
TICK = timedelta.resolution
MOST = 10_000
IN_UTC = Calendar()
VIENNA = Calendar("Europe/Vienna")
APIA = Calendar("Pacific/Apia")
LATE = Calendar("Europe/Vienna", "sunday", "04:30")


def read(
    calendar: Calendar, step: StatPeriod, since: str | None, to: str | None, now: datetime = NOW, most: int = MOST
) -> Range:
    return read_range(calendar, step, (since, to), now, most=most)


def ids(found: Range) -> list[str]:
    return [one.id for one in found.steps]


def edges(found: Range) -> tuple[str, str]:
    return format_time(found.start), format_time(found.end)


@pytest.mark.parametrize(
    ("calendar", "step", "since", "to", "wanted"),
    [
        # `to` is excluded; dates are of the calendar's days.
        (IN_UTC, "day", "2026-11-01", "2026-11-03", "2026-11-01 2026-11-02"),
        (IN_UTC, "day", "2026-11-01T00:00:00Z", "2026-11-03T00:00:00Z", "2026-11-01 2026-11-02"),
        (
            IN_UTC,
            "day",
            "2026-11-01T23:59:59.999999Z",
            "2026-11-03T00:00:00.000001Z",
            "2026-11-01 2026-11-02 2026-11-03",
        ),
        (VIENNA, "day", "2026-11-01", "2026-11-02", "2026-11-01"),
        (VIENNA, "day", "2026-11-01T22:59:59Z", "2026-11-01T23:00:01Z", "2026-11-01 2026-11-02"),
        (VIENNA, "day", "2026-11-02T00:00:00+01:00", "2026-11-03T00:00:00+01:00", "2026-11-02"),
        (VIENNA, "hour", "2026-11-02T00:30:00+01:00", "2026-11-01t19:00:00-06:00", "2026-11-02T00 2026-11-02T01"),
        (VIENNA, "hour", "2026-11-02", "2026-11-02T00:00:00+01:00", None),
        # A step that is touched is there whole.
        (IN_UTC, "week", "2026-11-22", "2026-11-24", "2026-W47 2026-W48"),
        (LATE, "week", "2026-11-22", "2026-11-24", "2026-W48"),
        (IN_UTC, "month", "2026-10-31T23:00:00Z", "2026-11-01", "2026-10"),
        (IN_UTC, "year", "2025-12-31", "2026-01-02", "2025 2026"),
        # Where the clocks change: 23 and 25 hours, hours twice and not at all.
        (VIENNA, "hour", "2026-03-29T00:00:00Z", "2026-03-29T02:00:00Z", "2026-03-29T01 2026-03-29T03"),
        (VIENNA, "hour", "2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z", "2026-10-25T02 2026-10-25T02b"),
        (VIENNA, "day", "2026-03-29T22:00:00Z", "2026-03-29T22:00:00.000001Z", "2026-03-30"),
        (VIENNA, "day", "2026-10-25T22:59:59Z", "2026-10-25T23:00:00Z", "2026-10-25"),
        # A day that there never was.
        (APIA, "day", "2011-12-29", "2012-01-01", "2011-12-29 2011-12-31"),
        (APIA, "day", "2011-12-30", "2012-01-01", "2011-12-31"),
        (APIA, "day", "2011-12-29", "2011-12-30", "2011-12-29"),
        (APIA, "day", "2011-12-30", "2011-12-31", None),
        # A day that begins at 04:30, on the day when 02:00 to 03:00 is missing too.
        (LATE, "day", "2026-03-29", "2026-03-30", "2026-03-29"),
        (LATE, "day", "2026-03-29T02:29:59Z", "2026-03-29T02:30:01Z", "2026-03-28 2026-03-29"),
        (LATE, "day", "2026-03-29T00:00:00+01:00", "2026-03-29T00:00:01+01:00", "2026-03-28"),
        # What is known at all.
        (IN_UTC, "year", "1900-01-01", "1901-01-01", "1900"),
        (IN_UTC, "hour", "2200-12-31T23:00:00Z", "2201-01-01", "2200-12-31T23"),
        (Calendar("America/New_York"), "day", "2200-12-31", "2201-01-01", "2200-12-31"),
        # From the future into it.
        (IN_UTC, "day", "2026-12-24", "2026-12-26", "2026-12-24 2026-12-25"),
    ],
)
def test_by_hand(calendar: Calendar, step: StatPeriod, since: str, to: str, wanted: str | None) -> None:
    if wanted is None:
        with pytest.raises(InvalidInput):
            read(calendar, step, since, to)
    else:
        assert ids(read(calendar, step, since, to)) == wanted.split()


def test_the_edges_are_those_of_the_steps() -> None:
    assert edges(read(LATE, "day", "2026-03-28", "2026-03-29")) == ("2026-03-28T03:30:00Z", "2026-03-29T02:30:00Z")
    assert edges(read(VIENNA, "hour", "2026-10-25", "2026-10-26")) == ("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z")
    assert len(read(VIENNA, "hour", "2026-10-25", "2026-10-26").steps) == 25
    assert len(read(VIENNA, "hour", "2026-03-29", "2026-03-30").steps) == 23
    assert edges(read(LATE, "week", "2026-11-23", "2026-11-24")) == ("2026-11-22T03:30:00Z", "2026-11-29T03:30:00Z")


@pytest.mark.parametrize(
    ("step", "count", "first", "last"),
    [
        ("hour", 24, "2026-11-22T13", "2026-11-23T12"),
        ("day", 30, "2026-10-25", "2026-11-23"),
        ("week", 12, "2026-W37", "2026-W48"),
        ("month", 12, "2025-12", "2026-11"),
        ("year", 5, "2022", "2026"),
    ],
)
def test_what_is_usually_looked_at(step: StatPeriod, count: int, first: str, last: str) -> None:
    found = ids(read(IN_UTC, step, None, None))
    assert (len(found), found[0], found[-1]) == (count, first, last)
    assert ids(read(IN_UTC, step, None, None, most=3)) == found[-3:]
    # Up to `to`, where that is given; from `from` until now, where that is.
    end = read(IN_UTC, step, None, None).end
    assert ids(read(IN_UTC, step, None, format_time(end), now=utc("2031-01-01"))) == found
    assert ids(read(IN_UTC, step, format_time(read(IN_UTC, step, None, None).start), None)) == found


def test_now_is_within_the_last_step() -> None:
    midnight = utc("2026-11-23T00:00")
    assert ids(read(IN_UTC, "day", None, None, now=midnight))[-1] == "2026-11-23"
    assert ids(read(IN_UTC, "day", None, None, now=midnight - TICK))[-1] == "2026-11-22"
    assert ids(read(IN_UTC, "day", None, "2026-11-23", now=midnight))[-1] == "2026-11-22"
    assert ids(read(IN_UTC, "day", "2026-11-23", None, now=midnight)) == ["2026-11-23"]
    assert len(read(APIA, "day", None, "2012-01-02").steps) == 30


def test_what_is_known_begins_somewhere() -> None:
    assert ids(read(IN_UTC, "day", None, "1900-01-03")) == ["1900-01-01", "1900-01-02"]
    assert ids(read(IN_UTC, "year", None, "1902-06-01")) == ["1900", "1901", "1902"]


@pytest.mark.parametrize(
    ("since", "to", "at_fault"),
    [
        ("2026-11-02", "2026-11-02", "to"),
        ("2026-11-02", "2026-11-01", "to"),
        ("2026-11-02T10:00:00+02:00", "2026-11-02T08:00:00Z", "to"),
        ("2026-11-24", None, "from"),
        ("2026-11-23T12:34:56.000001Z", None, "from"),
        ("1899-12-31", "1900-01-02", "from"),
        (None, "1900-01-01", "to"),
        ("2200-12-31", "2201-01-02", "to"),
        (None, "2201-01-02", "to"),
        ("9999-12-31", "9999-12-31T23:59:59.999999Z", "from"),
        (None, "0001-01-01", "to"),
        (None, "0001-01-01T00:00:00Z", "to"),
        *((None, text, "to") for text in ("0000-01-01", "2026-02-29", "2026-13-01", "2026-11-31", "9999-99-99")),
        *((text, None, "from") for text in ("", " ", "now", "yesterday", "2026", "2026-11", "2026-W47", "2026-1-1")),
        *((text, None, "from") for text in ("2026-11-02T10:00:00", "2026-11-02T10:00Z", "2026-11-02 ", "-2026-11-02")),
        *(
            (text, None, "from")
            for text in ("2026-11-02T10:00:00 01:00", "2026-11-02T10:00:00+24:00", "２０２６-11-02")
        ),
        *((text, None, "from") for text in ("2026-11-02\n", "1" * 40, "-1", "1e300", "Infinity", "NaN", "\ud800")),
        *((text, None, "from") for text in ("2026-11-02T24:00:01Z", "2026-11-02T10:00:60Z", "99999-01-01T00:00:00Z")),
    ],
)
def test_what_is_no_range(since: str | None, to: str | None, at_fault: str) -> None:
    for step in ("hour", "day", "year"):
        with pytest.raises(InvalidInput) as caught:
            read(IN_UTC, step, since, to)
        assert caught.value.code == "invalid_range"
        assert caught.value.fields.keys() == {at_fault}
        assert all(text for texts in caught.value.fields.values() for text in texts)


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_days_that_no_clock_shows(zone: str, text: str) -> None:
    for given_ in ((text, "9999-12-31"), (text, None), (None, text)):
        with pytest.raises(InvalidInput):
            read(Calendar(zone), "day", *given_)


@pytest.mark.parametrize("calendar", [IN_UTC, VIENNA, APIA, LATE], ids=lambda one: f"{one.time_zone} {one.day_start}")
@pytest.mark.parametrize("step", STEPS)
def test_one_step_too_many(calendar: Calendar, step: StatPeriod) -> None:
    end = format_time(calendar.containing(step, NOW).start or NOW)
    start = calendar.containing(step, NOW).start or NOW
    for _ in range(40):
        start = span(calendar.containing(step, start - TICK))[0]
    assert len(read(calendar, step, format_time(start), end, most=40).steps) == 40
    for since, to in ((start - TICK, end), (start, format_time(NOW))):
        with pytest.raises(InvalidInput) as caught:
            read(calendar, step, format_time(since), to, most=40)
        assert (caught.value.code, caught.value.fields.keys()) == ("too_many_points", {"from"})


@pytest.mark.parametrize("step", ["hour", "day", "week"])
def test_all_of_time_is_too_much(step: StatPeriod) -> None:
    with pytest.raises(InvalidInput) as caught:
        read(IN_UTC, step, "1900-01-01", "2201-01-01")
    assert caught.value.code == "too_many_points"


zones = st.sampled_from(
    ["UTC", "Europe/Vienna", "Pacific/Apia", "Australia/Lord_Howe", "America/St_Johns", "Africa/Cairo"]
)
calendars = st.builds(Calendar, zones, st.sampled_from(WEEKDAYS), st.sampled_from(["00:00", "02:30", "04:30", "23:59"]))
instants = st.floats(0, 1).map(lambda share: utc("1901-01-01") + share * (utc("2199-12-31") - utc("1901-01-01")))


@settings(max_examples=200, deadline=None)
@given(calendar=calendars, step=st.sampled_from(STEPS), since=instants, share=st.floats(0, 1), most=st.integers(1, 60))
def test_steps_cover_what_was_asked_and_no_more(
    calendar: Calendar, step: StatPeriod, since: datetime, share: float, most: int
) -> None:
    longest = {"hour": 1 / 24, "day": 1, "week": 7, "month": 31, "year": 366}[step] * 40
    to = min(since + TICK + timedelta(days=longest) * share, utc("2200-06-01"))
    wanted = [calendar.containing(step, since)]
    while span(wanted[-1])[1] < to:
        wanted.append(calendar.containing(step, span(wanted[-1])[1]))
    if len(wanted) > most:
        with pytest.raises(InvalidInput, match=f"More than {most}"):
            read(calendar, step, format_time(since), format_time(to), most=most)
        return
    found = read(calendar, step, format_time(since), format_time(to), most=most)
    assert ids(found) == [one.id for one in wanted]
    assert found.start <= since < to <= found.end
    assert all(span(one)[1] == span(another)[0] for one, another in pairwise(found.steps))
    assert span(found.steps[0])[1] > since
    assert span(found.steps[-1])[0] < to


@settings(max_examples=100, deadline=None)
@given(calendar=calendars, day=st.dates(date(1902, 1, 1), date(2199, 1, 1)), length=st.integers(1, 40))
def test_dates_are_days_of_the_calendar(calendar: Calendar, day: date, length: int) -> None:
    last = day + timedelta(days=length)
    found = ids(read(calendar, "day", str(day), str(last)))
    named = [str(day + timedelta(days=number)) for number in range(length)]
    assert set(found) <= set(named)
    assert set(named) - set(found) <= {"2011-12-30"}  # which Apia never had
