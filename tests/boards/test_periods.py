"""Periods: examples worked out by hand, an oracle that walks the minutes, and properties in every zone."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaderboard.boards.periods import (
    EARLIEST,
    LATEST,
    PERIOD_NAMES,
    WEEKDAYS,
    Calendar,
    InvalidPeriodId,
    Period,
    PeriodName,
    TimeOutOfRange,
)

ZONES = sorted(available_timezones() - {"localtime"})
BOUNDED: tuple[PeriodName, ...] = PERIOD_NAMES[1:]
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)

few = settings(max_examples=150, deadline=None)
many = settings(max_examples=500, deadline=None)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(zone: str, text: str) -> datetime:
    """A wall time; a `b` after it is its second coming."""
    wall = datetime.fromisoformat(text.removesuffix("b"))
    return wall.replace(tzinfo=ZoneInfo(zone), fold=text.endswith("b"))


def span(period: Period) -> tuple[datetime, datetime]:
    assert period.start is not None
    assert period.end is not None
    return period.start, period.end


def holds_its_instants(period: Period) -> bool:
    """Whether its first instant, the last and some between lead to it, in a calendar without memory."""
    start, end = span(period)
    instants = [start, end - TICK, *(start + (end - start) * part / 50 for part in range(1, 50))]
    return all(replace(period.calendar).containing(period.name, at) == period for at in instants)


def hours_long(period: Period) -> float:
    start, end = span(period)
    return (end - start) / HOUR


# --- ids and boundaries, by hand -----------------------------------------------------------------------


def test_all_names_around_one_instant() -> None:
    vienna = Calendar("Europe/Vienna")
    found = {name: vienna.containing(name, utc("2026-11-22T09:15")) for name in PERIOD_NAMES}
    assert {name: period.id for name, period in found.items()} == {
        "all": "all",
        "year": "2026",
        "month": "2026-11",
        "week": "2026-W47",
        "day": "2026-11-22",
        "hour": "2026-11-22T10",
    }
    assert (found["all"].start, found["all"].end) == (None, None)
    assert span(found["year"]) == (utc("2025-12-31T23:00"), utc("2026-12-31T23:00"))
    assert span(found["month"]) == (utc("2026-10-31T23:00"), utc("2026-11-30T23:00"))
    assert span(found["week"]) == (utc("2026-11-15T23:00"), utc("2026-11-22T23:00"))
    assert span(found["day"]) == (utc("2026-11-21T23:00"), utc("2026-11-22T23:00"))
    assert span(found["hour"]) == (utc("2026-11-22T09:00"), utc("2026-11-22T10:00"))
    for period in found.values():
        assert period.start is None or period.start.tzinfo is UTC
        assert period.end is None or period.end.tzinfo is UTC


@pytest.mark.parametrize(
    ("week_start", "day", "expected"),
    [
        ("monday", "2015-12-31", "2015-W53"),
        ("monday", "2016-01-03", "2015-W53"),
        ("monday", "2016-01-04", "2016-W01"),
        ("monday", "2018-12-31", "2019-W01"),
        ("monday", "2019-12-30", "2020-W01"),
        ("monday", "2020-12-31", "2020-W53"),
        ("monday", "2021-01-03", "2020-W53"),
        ("monday", "2021-01-04", "2021-W01"),
        ("monday", "2024-12-29", "2024-W52"),
        ("monday", "2024-12-30", "2025-W01"),
        ("monday", "2026-12-31", "2026-W53"),
        ("monday", "2026-11-22", "2026-W47"),
        # From Sunday the fourth day is a Wednesday, from Saturday a Tuesday, from Thursday a Sunday.
        ("sunday", "2026-11-21", "2026-W47"),
        ("sunday", "2026-11-22", "2026-W48"),
        ("sunday", "2021-01-02", "2020-W53"),
        ("sunday", "2021-01-03", "2021-W01"),
        ("saturday", "2026-11-20", "2026-W47"),
        ("saturday", "2026-11-21", "2026-W48"),
        ("saturday", "2016-01-01", "2015-W53"),
        ("saturday", "2016-01-02", "2016-W01"),
        ("thursday", "2020-12-31", "2020-W53"),
        ("thursday", "2021-01-06", "2020-W53"),
        ("thursday", "2021-01-07", "2021-W01"),
        ("friday", "2020-12-31", "2020-W53"),
        ("friday", "2021-01-01", "2021-W01"),
        ("tuesday", "2020-12-29", "2020-W53"),
        ("tuesday", "2020-12-28", "2020-W52"),
        ("wednesday", "2020-12-30", "2020-W53"),
        ("wednesday", "2020-12-29", "2020-W52"),
    ],
)
def test_a_week_has_the_iso_id_of_its_fourth_day(week_start: str, day: str, expected: str) -> None:
    week = Calendar("UTC", week_start).containing("week", utc(day))
    start, end = span(week)
    assert week.id == expected
    assert WEEKDAYS[start.weekday()] == week_start
    assert end - start == 7 * DAY
    assert (start + 3 * DAY).strftime("%G-W%V") == expected


@pytest.mark.parametrize(
    ("zone", "day_start", "day", "start", "end"),
    [
        ("UTC", "00:00", "2024-02-29", "2024-02-29T00:00", "2024-03-01T00:00"),
        ("Asia/Kolkata", "00:00", "2026-11-22", "2026-11-21T18:30", "2026-11-22T18:30"),
        ("Pacific/Kiritimati", "00:00", "2026-11-22", "2026-11-21T10:00", "2026-11-22T10:00"),
        # 23 and 25 hours
        ("Europe/Vienna", "00:00", "2026-03-29", "2026-03-28T23:00", "2026-03-29T22:00"),
        ("Europe/Vienna", "00:00", "2026-10-25", "2026-10-24T22:00", "2026-10-25T23:00"),
        ("America/New_York", "00:00", "2026-03-08", "2026-03-08T05:00", "2026-03-09T04:00"),
        ("America/New_York", "00:00", "2025-11-02", "2025-11-02T04:00", "2025-11-03T05:00"),
        # The night of the change belongs to the day before where days begin at four.
        ("Europe/Vienna", "04:00", "2026-03-28", "2026-03-28T03:00", "2026-03-29T02:00"),
        ("Europe/Vienna", "04:00", "2026-03-29", "2026-03-29T02:00", "2026-03-30T02:00"),
        ("Europe/Vienna", "04:30", "2026-10-24", "2026-10-24T02:30", "2026-10-25T03:30"),
        # A beginning that the clock jumps over, one that it shows twice.
        ("Europe/Vienna", "02:30", "2026-03-29", "2026-03-29T01:00", "2026-03-30T00:30"),
        ("Europe/Vienna", "02:30", "2026-10-25", "2026-10-25T00:30", "2026-10-26T01:30"),
        ("Europe/Vienna", "03:00", "2026-03-29", "2026-03-29T01:00", "2026-03-30T01:00"),
        # Half an hour
        ("Australia/Lord_Howe", "00:00", "2026-04-05", "2026-04-04T13:00", "2026-04-05T13:30"),
        ("Australia/Lord_Howe", "02:15", "2026-10-04", "2026-10-03T15:30", "2026-10-04T15:15"),
        # Changes at midnight
        ("America/Sao_Paulo", "00:00", "2018-11-04", "2018-11-04T03:00", "2018-11-05T02:00"),
        ("America/Sao_Paulo", "00:00", "2018-02-17", "2018-02-17T02:00", "2018-02-18T03:00"),
        ("America/Havana", "00:00", "2019-03-10", "2019-03-10T05:00", "2019-03-11T04:00"),
        ("America/Havana", "00:00", "2019-11-03", "2019-11-03T04:00", "2019-11-04T05:00"),
        ("Asia/Beirut", "00:00", "2026-03-29", "2026-03-28T22:00", "2026-03-29T21:00"),
        ("Asia/Beirut", "00:00", "2026-10-24", "2026-10-23T21:00", "2026-10-24T22:00"),
        # At 00:01 back to 23:01: the new day began a minute before, and goes on.
        ("America/St_Johns", "00:00", "2010-11-06", "2010-11-06T02:30", "2010-11-07T02:30"),
        ("America/St_Johns", "00:00", "2010-11-07", "2010-11-07T02:30", "2010-11-08T03:30"),
        # The date line: a day left out, a day of 47 hours
        ("Pacific/Apia", "00:00", "2011-12-29", "2011-12-29T10:00", "2011-12-30T10:00"),
        ("Pacific/Apia", "00:00", "2011-12-31", "2011-12-30T10:00", "2011-12-31T10:00"),
        ("Pacific/Kwajalein", "00:00", "1969-09-30", "1969-09-29T13:00", "1969-10-01T12:00"),
        # Where days begin at four, the first hours after the jump are the night of the day left out.
        ("Pacific/Apia", "04:00", "2011-12-29", "2011-12-29T14:00", "2011-12-30T10:00"),
        ("Pacific/Apia", "04:00", "2011-12-30", "2011-12-30T10:00", "2011-12-30T14:00"),
        ("Pacific/Apia", "04:00", "2011-12-31", "2011-12-30T14:00", "2011-12-31T14:00"),
        # Odd amounts
        ("Asia/Pyongyang", "00:00", "2015-08-14", "2015-08-13T15:00", "2015-08-14T15:30"),
        ("Asia/Pyongyang", "00:00", "2018-05-04", "2018-05-03T15:30", "2018-05-04T15:00"),
        ("America/Caracas", "00:00", "2007-12-09", "2007-12-09T04:00", "2007-12-10T04:30"),
        ("Asia/Kathmandu", "00:00", "1986-01-01", "1985-12-31T18:30", "1986-01-01T18:15"),
        ("Africa/Monrovia", "00:00", "1972-01-07", "1972-01-07T00:44:30", "1972-01-08T00:00"),
    ],
)
def test_where_a_day_begins_and_ends(zone: str, day_start: str, day: str, start: str, end: str) -> None:
    calendar = Calendar(zone, day_start=day_start)
    period = calendar.parse("day", day)
    assert span(period) == (utc(start), utc(end))
    assert holds_its_instants(period)


@pytest.mark.parametrize(
    ("zone", "hours"),
    [
        (
            "Europe/Vienna",
            [
                ("2026-03-29T01", "2026-03-29T00:00"),
                ("2026-03-29T03", "2026-03-29T01:00"),
                ("2026-03-29T04", "2026-03-29T02:00"),
            ],
        ),
        (
            "America/New_York",
            [
                ("2025-11-02T00", "2025-11-02T04:00"),
                ("2025-11-02T01", "2025-11-02T05:00"),
                ("2025-11-02T01b", "2025-11-02T06:00"),
                ("2025-11-02T02", "2025-11-02T07:00"),
            ],
        ),
        (
            "Australia/Lord_Howe",
            [
                ("2026-04-05T01", "2026-04-04T14:00"),
                ("2026-04-05T01b", "2026-04-04T15:00"),
                ("2026-04-05T02", "2026-04-04T15:30"),
                ("2026-04-05T03", "2026-04-04T16:30"),
            ],
        ),
        (
            "Australia/Lord_Howe",
            [
                ("2026-10-04T01", "2026-10-03T14:30"),
                ("2026-10-04T02", "2026-10-03T15:30"),
                ("2026-10-04T03", "2026-10-03T16:00"),
            ],
        ),
        (
            "America/St_Johns",
            [
                ("2010-11-06T23", "2010-11-07T01:30"),
                ("2010-11-07T00", "2010-11-07T02:30"),
                ("2010-11-06T23b", "2010-11-07T02:31"),
                ("2010-11-07T00b", "2010-11-07T03:30"),
                ("2010-11-07T01", "2010-11-07T04:30"),
            ],
        ),
        (
            "America/Havana",
            [
                ("2019-11-02T23", "2019-11-03T03:00"),
                ("2019-11-03T00", "2019-11-03T04:00"),
                ("2019-11-03T00b", "2019-11-03T05:00"),
                ("2019-11-03T01", "2019-11-03T06:00"),
            ],
        ),
        (
            "Asia/Beirut",
            [
                ("2026-10-24T23", "2026-10-24T20:00"),
                ("2026-10-24T23b", "2026-10-24T21:00"),
                ("2026-10-25T00", "2026-10-24T22:00"),
            ],
        ),
        (
            "America/Sao_Paulo",
            [("2018-11-03T23", "2018-11-04T02:00"), ("2018-11-04T01", "2018-11-04T03:00")],
        ),
        (
            "Asia/Pyongyang",
            [
                ("2015-08-14T23", "2015-08-14T14:00"),
                ("2015-08-14T23b", "2015-08-14T15:00"),
                ("2015-08-15T00", "2015-08-14T15:30"),
            ],
        ),
        (
            "Asia/Pyongyang",
            [("2018-05-04T23", "2018-05-04T14:30"), ("2018-05-05T00", "2018-05-04T15:00")],
        ),
        (
            "America/Caracas",
            [
                ("2007-12-09T02", "2007-12-09T06:00"),
                ("2007-12-09T02b", "2007-12-09T07:00"),
                ("2007-12-09T03", "2007-12-09T07:30"),
            ],
        ),
        (
            "Asia/Kathmandu",
            [
                ("1985-12-31T23", "1985-12-31T17:30"),
                ("1986-01-01T00", "1985-12-31T18:30"),
                ("1986-01-01T01", "1985-12-31T19:15"),
            ],
        ),
        (
            "Europe/Athens",  # put forward from 00:01 to 00:26:08, within an hour
            [
                ("1916-07-27T23", "1916-07-27T21:25:08"),
                ("1916-07-28T00", "1916-07-27T22:25:08"),
                ("1916-07-28T01", "1916-07-27T23:00"),
            ],
        ),
        (
            "Antarctica/Troll",
            [
                ("2026-10-25T01", "2026-10-24T23:00"),
                ("2026-10-25T02", "2026-10-25T00:00"),
                ("2026-10-25T01b", "2026-10-25T01:00"),
                ("2026-10-25T02b", "2026-10-25T02:00"),
                ("2026-10-25T03", "2026-10-25T03:00"),
            ],
        ),
    ],
)
def test_hours_in_order(zone: str, hours: list[tuple[str, str]]) -> None:
    calendar = Calendar(zone, day_start="04:00")  # which hours do not mind
    periods = [calendar.parse("hour", hour) for hour, _ in hours]
    assert [period.start for period in periods] == [utc(start) for _, start in hours]
    for earlier, later in pairwise(periods):
        assert earlier.end == later.start
        assert (earlier.next(), later.previous()) == (later, earlier)
    assert all(map(holds_its_instants, periods))


def test_months_and_years_begin_with_their_first_day() -> None:
    calendar = Calendar("Europe/Vienna", day_start="04:30")
    night = local("Europe/Vienna", "2027-01-01T04:29:59")
    assert calendar.containing("year", night).id == "2026"
    assert calendar.containing("month", night).id == "2026-12"
    assert calendar.containing("day", night).id == "2026-12-31"
    assert calendar.containing("hour", night).id == "2027-01-01T04"
    morning = night + timedelta(seconds=1)
    assert calendar.containing("year", morning).id == "2027"
    assert calendar.containing("month", morning).start == morning.astimezone(UTC)
    assert hours_long(calendar.parse("month", "2024-02")) == 29 * 24
    assert hours_long(calendar.parse("month", "2100-02")) == 28 * 24
    assert hours_long(calendar.parse("month", "2026-03")) == 31 * 24 - 1
    assert hours_long(calendar.parse("year", "2024")) == 366 * 24


def test_the_day_that_apia_left_out() -> None:
    apia = Calendar("Pacific/Apia", "friday")
    before, after = apia.parse("day", "2011-12-29"), apia.parse("day", "2011-12-31")
    assert (before.next(), after.previous()) == (after, before)
    for name, id_ in (("day", "2011-12-30"), ("hour", "2011-12-30T00"), ("hour", "2011-12-30T23")):
        with pytest.raises(InvalidPeriodId):
            apia.parse(name, id_)  # type: ignore[arg-type]
    week = apia.containing("week", utc("2011-12-30T10:00"))
    assert (week.id, week.start, hours_long(week)) == ("2012-W01", utc("2011-12-30T10:00"), 6 * 24)


# --- reading ids ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("all", "|ALL|All|all |2026"),
        ("year", "|all|26|02026|+2026| 2026|2026 |2026\n|2026-11|٢٠٢٦|２０２６|-2026|2_26|\ud800|\0"),
        ("year", "0000|0001|1850|1898|2202|9999|10000"),
        ("month", "|2026|2026-1|2026-00|2026-13|2026-011|202611|2026-11 |2026/11|2026-W47|2026-11-22"),
        ("month", "2026-1１|0001-01|9999-12"),
        ("week", "|2026-w47|2026W47|2026-W7|2026-W00|2025-W53|2026-W54|2026-47|2026-W47-1|2026-W4７"),
        ("week", " 2026-W47|2026-W047|2026-11-22|0001-W01|9999-W52"),
        ("day", "|2026-02-29|2026-02-30|2100-02-29|2026-11-31|2026-00-10|2026-2-3|20261122"),
        ("day", "2026-11-22T10|2026-11-22 |2026-W47-7|1899-12-30|2201-01-02|0001-01-01|9999-12-31"),
        ("hour", "|b|2026-11-22|2026-11-22T24|2026-11-22T1|2026-11-22t10|2026-11-22 10|2026-11-22T10b"),
        ("hour", "2026-11-22T10B|2026-11-22T10bb|2026-11-22T10:00|2026-11-22T10Z|2026-11-22T10+01:00"),
        ("hour", "2026-03-29T02|2026-03-29T02b|2026-10-25T01b|2026-10-25T02a|2026-10-25T03b|2026-02-29T10"),
        ("hour", "0001-01-01T00|0001-01-01T00b|9999-12-31T23|9999-12-31T23b"),
    ],
)
def test_every_other_spelling_is_refused(name: PeriodName, ids: str) -> None:
    vienna = Calendar("Europe/Vienna")
    for id_ in ids.split("|"):
        with pytest.raises(InvalidPeriodId):
            vienna.parse(name, id_)


@few
@given(st.sampled_from(PERIOD_NAMES), st.text("0123456789-WTb:Z .+", max_size=16) | st.text(max_size=16))
def test_parse_answers_with_that_id_or_refuses(name: PeriodName, text: str) -> None:
    with suppress(InvalidPeriodId):
        assert Calendar("Europe/Vienna").parse(name, text).id == text


def test_the_same_week_ids_exist_wherever_weeks_begin() -> None:
    for week_start in WEEKDAYS:
        calendar = Calendar("UTC", week_start)
        assert calendar.parse("week", "2026-W53").next().id == "2027-W01"
        with pytest.raises(InvalidPeriodId):
            calendar.parse("week", "2027-W53")


# --- ago -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "name", "now", "count", "expected"),
    [
        ("Europe/Vienna", "hour", "2026-10-25T03:30", 0, "2026-10-25T03"),
        ("Europe/Vienna", "hour", "2026-10-25T03:30", 1, "2026-10-25T02b"),
        ("Europe/Vienna", "hour", "2026-10-25T03:30", 2, "2026-10-25T02"),
        ("Europe/Vienna", "hour", "2026-10-25T03:30", 3, "2026-10-25T01"),
        ("Europe/Vienna", "hour", "2026-10-25T02:30b", 1, "2026-10-25T02"),
        ("Europe/Vienna", "hour", "2026-10-26T00:00", 25, "2026-10-25T00"),
        ("Europe/Vienna", "hour", "2026-03-29T03:00", 1, "2026-03-29T01"),
        ("Europe/Vienna", "hour", "2026-03-30T00:00", 48, "2026-03-27T23"),
        ("Australia/Lord_Howe", "hour", "2026-04-05T02:10", 2, "2026-04-05T01"),
        ("Australia/Lord_Howe", "hour", "2026-04-06T00:00", 23, "2026-04-05T01b"),
        ("UTC", "hour", "2026-11-22T10:59", 1_000_000, "1912-10-24T18"),
        ("Europe/Vienna", "day", "2026-10-26T00:00", 1, "2026-10-25"),
        ("Europe/Vienna", "day", "2026-03-01T12:00", 1, "2026-02-28"),
        ("America/New_York", "day", "2024-03-01T12:00", 1, "2024-02-29"),
        ("UTC", "day", "2026-11-22T10:00", 36_500, "1926-12-17"),
        ("Pacific/Apia", "day", "2011-12-31T12:00", 1, "2011-12-29"),
        ("Pacific/Apia", "day", "2012-01-02T12:00", 5, "2011-12-27"),
        ("Pacific/Apia", "day", "2011-12-29T12:00", 5, "2011-12-24"),
        ("Pacific/Kwajalein", "day", "1993-08-22T12:00", 1, "1993-08-20"),
        ("UTC", "week", "2021-01-04T00:00", 1, "2020-W53"),
        ("UTC", "week", "2026-11-22T00:00", 52, "2025-W47"),
        ("Europe/Vienna", "month", "2026-03-31T23:00", 1, "2026-02"),
        ("Europe/Vienna", "month", "2026-03-31T23:00", 13, "2025-02"),
        ("Europe/Vienna", "month", "2026-01-01T00:00", 1, "2025-12"),
        ("Europe/Vienna", "year", "2026-01-01T00:00", 26, "2000"),
        ("UTC", "all", "2026-01-01T00:00", 0, "all"),
    ],
)
def test_ago(zone: str, name: PeriodName, now: str, count: int, expected: str) -> None:
    assert Calendar(zone).ago(name, local(zone, now), count).id == expected


@pytest.mark.parametrize("name", PERIOD_NAMES)
def test_ago_before_the_first_period(name: PeriodName) -> None:
    now = utc("2026-11-22T10:00")
    for zone in ("UTC", "Europe/Vienna", "America/Los_Angeles"):
        calendar = Calendar(zone)
        for count in (10**7, 10**12, 10**5000):
            with pytest.raises(TimeOutOfRange):
                calendar.ago(name, now, count)
        with pytest.raises(ValueError, match="negative"):
            calendar.ago(name, now, -1)
        if name == "all":
            with pytest.raises(TimeOutOfRange):
                calendar.ago(name, now, 1)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Vienna", "America/Los_Angeles", "Africa/Monrovia"])
@pytest.mark.parametrize("name", BOUNDED)
def test_ago_reaches_exactly_to_the_first_period(zone: str, name: PeriodName) -> None:
    calendar = Calendar(zone)
    period, count = calendar.containing(name, EARLIEST), 0
    for count in range(1, 40):  # noqa: B007 - the last one is used
        period = period.next()
    assert calendar.ago(name, span(period)[0], count) == calendar.containing(name, EARLIEST)
    with pytest.raises(TimeOutOfRange):
        calendar.ago(name, span(period)[0], count + 1)


# --- what a calendar, a time and a period are ----------------------------------------------------------


def test_an_unknown_zone_is_refused() -> None:
    zones = (
        "| |..|.|/|Mars/Olympus|Europe|Europe/|/Europe/Vienna|/etc/localtime|localtime|posixrules"
        "|posix/Europe/Vienna|right/UTC|europe/vienna|utc|Europe/Vienna |tzdata.zi|zone.tab|../zoneinfo/UTC"
        "|Europe/../UTC|Europe\\Vienna|UTC\0|\ud800|+01:00"
    )
    for zone in [*zones.split("|"), "x" * 5000]:
        with pytest.raises(ValueError, match="unknown time zone"):
            Calendar(zone)


@pytest.mark.parametrize("week_start", ["", "Monday", "mon", "0", "montag"])
def test_an_unknown_weekday_is_refused(week_start: str) -> None:
    with pytest.raises(ValueError, match="unknown weekday"):
        Calendar("UTC", week_start)


@pytest.mark.parametrize("time", ["", "4:00", "04", "0400", "24:00", "04:60", "04:00:00", "04:00\n", "٠٤:00"])
def test_a_bad_day_start_is_refused(time: str) -> None:
    with pytest.raises(ValueError, match="bad time of day"):
        Calendar("UTC", day_start=time)


class Nowhere(tzinfo):
    """A zone that does not know its offset, which makes its times naive."""

    def utcoffset(self, _: datetime | None) -> None:
        return None

    dst = utcoffset

    def tzname(self, _: datetime | None) -> None:
        return None


@pytest.mark.parametrize("at", [datetime(2026, 11, 22), datetime(2026, 11, 22, tzinfo=Nowhere())])  # noqa: DTZ001
@pytest.mark.parametrize("name", PERIOD_NAMES)
def test_naive_times_are_refused(name: PeriodName, at: datetime) -> None:
    calendar = Calendar()
    period = calendar.containing(name, utc("2026-11-22"))
    with pytest.raises(ValueError, match="offset is needed"):
        calendar.containing(name, at)
    with pytest.raises(ValueError, match="offset is needed"):
        calendar.ago(name, at, 1)
    with pytest.raises(ValueError, match="offset is needed"):
        period.contains(at)


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "America/Los_Angeles", "Pacific/Rarotonga"])
@pytest.mark.parametrize("name", PERIOD_NAMES)
def test_known_time_has_ends(zone: str, name: PeriodName) -> None:
    calendar = Calendar(zone, day_start="04:00")
    first, last = calendar.containing(name, EARLIEST), calendar.containing(name, LATEST - TICK)
    assert calendar.parse(name, first.id) == first
    assert calendar.parse(name, last.id) == last
    with pytest.raises(TimeOutOfRange):
        first.previous()
    with pytest.raises(TimeOutOfRange):
        last.next()
    far = (
        datetime.min.replace(tzinfo=timezone(14 * HOUR)),
        datetime.max.replace(tzinfo=timezone(-12 * HOUR)),
    )
    for at in (EARLIEST - TICK, LATEST, *far):
        with pytest.raises(TimeOutOfRange):
            calendar.containing(name, at)


def test_all_holds_everything_and_has_no_neighbours() -> None:
    everything = Calendar().containing("all", utc("2026-11-22"))
    assert everything.contains(datetime.min.replace(tzinfo=UTC))
    with pytest.raises(TimeOutOfRange):
        everything.next()
    with pytest.raises(TimeOutOfRange):
        everything.previous()


def test_lies_inside() -> None:
    calendar = Calendar("Europe/Vienna")
    everything, year, month, week, day, hour = (
        calendar.containing(name, utc("2026-11-30T12:00")) for name in PERIOD_NAMES
    )
    assert all(period.lies_inside(everything) for period in (everything, year, month, week, day, hour))
    assert all(period.lies_inside(period) for period in (everything, year, month, week, day, hour))
    assert hour.lies_inside(day)
    assert day.lies_inside(week)
    assert day.lies_inside(month)
    assert month.lies_inside(year)
    assert not week.lies_inside(month)  # it goes on into December
    assert not month.lies_inside(week)
    assert not everything.lies_inside(year)
    assert not day.lies_inside(hour)
    half = Calendar("Europe/Vienna", day_start="12:30")
    assert not half.containing("hour", utc("2026-11-30T11:45")).lies_inside(half.parse("day", "2026-11-30"))


def test_periods_are_values() -> None:
    at = utc("2026-11-22T10:00")
    one, same, other = (Calendar(zone).containing("day", at) for zone in ("UTC", "UTC", "Etc/UTC"))
    assert one == same
    assert hash(one) == hash(same)
    assert one != other  # the same instants, by another calendar
    assert repr(one).startswith("Period(name='day', id='2026-11-22', start=")
    assert "Calendar" not in repr(one)
    assert pickle.loads(pickle.dumps(one)) == copy.deepcopy(one) == one  # noqa: S301 - its own
    assert Calendar("UTC") == Calendar()
    assert len({Calendar("UTC"), Calendar(), Calendar(day_start="04:00")}) == 2
    with pytest.raises(AttributeError):
        one.id = "2026"  # type: ignore[misc]


def test_the_current_period_is_remembered() -> None:
    calendar = Calendar("Europe/Vienna")
    for name in PERIOD_NAMES:
        first = calendar.containing(name, utc("2026-11-22T10:00"))
        assert calendar.containing(name, utc("2026-11-22T10:30")) is first


def test_threads_may_share_a_calendar() -> None:
    calendar = Calendar("Europe/Vienna", day_start="04:00")
    instants = [utc("2026-03-20") + number * 3 * HOUR for number in range(200)]

    def ask(offset: int) -> bool:
        shifted = instants[offset:] + instants[:offset]
        return all(calendar.containing(name, at).contains(at) for at in shifted for name in BOUNDED)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(0, 200, 25)))


# --- an oracle that knows nothing but what the clock shows each minute ---------------------------------


CHANGES = [
    ("Europe/Vienna", "2026-03-29"),
    ("Europe/Vienna", "2026-10-25"),
    ("America/New_York", "2025-11-02"),
    ("Australia/Lord_Howe", "2026-04-04"),
    ("Australia/Lord_Howe", "2026-10-03"),
    ("America/Sao_Paulo", "2018-02-18"),
    ("America/Sao_Paulo", "2018-11-04"),
    ("America/Havana", "2019-03-10"),
    ("America/Havana", "2019-11-03"),
    ("Asia/Beirut", "2026-03-28"),
    ("Asia/Beirut", "2026-10-24"),
    ("America/St_Johns", "1987-10-25"),
    ("America/St_Johns", "1988-04-03"),  # two hours, over midnight
    ("America/St_Johns", "2010-11-07"),
    ("Pacific/Apia", "2011-12-30"),
    ("Pacific/Kwajalein", "1969-09-30"),
    ("Pacific/Kwajalein", "1993-08-21"),
    ("Pacific/Kiritimati", "1994-12-31"),
    ("Asia/Pyongyang", "2015-08-14"),
    ("Asia/Pyongyang", "2018-05-04"),
    ("America/Caracas", "2007-12-09"),
    ("America/Caracas", "2016-05-01"),
    ("Asia/Kathmandu", "1985-12-31"),
    ("Antarctica/Troll", "2026-10-25"),
    ("Antarctica/Casey", "2020-10-03"),
    ("Africa/Casablanca", "2026-02-15"),
    ("Pacific/Chatham", "2026-04-04"),
]


@lru_cache(maxsize=1)
def shown(zone: str, change: str) -> list[tuple[datetime, datetime]]:
    """Each minute of the four days about a change, and the wall time then."""
    minutes = [utc(change) + number * timedelta(minutes=1) for number in range(-2880, 2880)]
    return [(at, at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)) for at in minutes]


def check(calendar: Calendar, name: PeriodName, beginnings: list[tuple[datetime, str]]) -> None:
    """Whether these periods have those beginnings; the first began before the walk, the last has no end."""
    for (start, id_), (end, _) in pairwise(beginnings[1:]):
        period = calendar.parse(name, id_)
        assert (period.id, period.start, period.end) == (id_, start, end)
        assert holds_its_instants(period)


@pytest.mark.parametrize(("zone", "change"), CHANGES)
def test_hours_are_what_the_clock_shows(zone: str, change: str) -> None:
    beginnings: list[tuple[datetime, str]] = []
    seen: set[datetime] = set()
    before = datetime.min  # noqa: DTZ901 - a wall time
    for at, wall in shown(zone, change):
        hour = wall.replace(minute=0, second=0)
        if wall < before or hour > before:
            beginnings.append((at, f"{hour:%Y-%m-%dT%H}" + "b" * (hour in seen)))
            seen.add(hour)
        before = wall
    check(Calendar(zone), "hour", beginnings)


@pytest.mark.parametrize("day_start", ["00:00", "02:30", "04:00"])
@pytest.mark.parametrize(("zone", "change"), CHANGES)
def test_days_are_what_the_clock_shows(zone: str, change: str, day_start: str) -> None:
    beginnings: list[tuple[datetime, str]] = []
    furthest = datetime.min  # noqa: DTZ901 - a wall time
    for at, wall in shown(zone, change):
        furthest = max(furthest, wall)
        day = (furthest - timedelta(hours=int(day_start[:2]), minutes=int(day_start[3:]))).date().isoformat()
        if not beginnings or beginnings[-1][1] != day:
            beginnings.append((at, day))
    check(Calendar(zone, day_start=day_start), "day", beginnings)


# --- properties ----------------------------------------------------------------------------------------


@lru_cache(maxsize=2000)
def days_of_change(zone: str, year: int) -> list[datetime]:
    """The days of a year, beginning at midnight UTC, in which a zone changes its clocks."""
    days = [datetime(year, 1, 1, tzinfo=UTC) + number * DAY for number in range(366)]
    offsets = [day.astimezone(ZoneInfo(zone)).utcoffset() for day in days]
    return [day for day, before, after in zip(days, offsets, offsets[1:], strict=False) if before != after]


@st.composite
def instants(draw: st.DrawFn, zone: str) -> datetime:
    """Anything from 1970 to 2100, half of the time about a change of the clocks."""
    if draw(st.booleans()):
        changes = days_of_change(zone, draw(st.integers(1970, 2100)))
        if changes:
            return draw(st.sampled_from(changes)) + draw(st.timedeltas(-DAY, 2 * DAY))
    return EARLIEST.replace(year=1970) + timedelta(seconds=draw(st.integers(0, 131 * 365 * 86400)))


calendars = st.builds(
    Calendar,
    st.sampled_from(ZONES),
    st.sampled_from(WEEKDAYS),
    st.sampled_from(["00:00", "04:00", "04:30"]) | st.times().map(lambda time: time.strftime("%H:%M")),
)


@st.composite
def moments(draw: st.DrawFn) -> tuple[Calendar, datetime]:
    calendar = draw(calendars)
    return calendar, draw(instants(calendar.time_zone))


@many
@given(moments(), st.sampled_from(BOUNDED))
def test_periods_tile_time(moment: tuple[Calendar, datetime], name: PeriodName) -> None:
    calendar, at = moment
    period = calendar.containing(name, at)
    start, end = span(period)
    assert start <= at < end
    assert period.contains(at)
    assert calendar.containing(name, start) == calendar.containing(name, end - TICK) == period
    later, earlier = period.next(), period.previous()
    assert calendar.containing(name, end) == later
    assert (later.start, earlier.end) == (end, start)
    assert later.previous() == earlier.next() == period
    assert len({earlier.id, period.id, later.id}) == 3
    assert calendar.parse(name, period.id) == period


@many
@given(moments(), st.sampled_from(BOUNDED), st.integers(0, 60))
def test_ago_is_previous_again(moment: tuple[Calendar, datetime], name: PeriodName, count: int) -> None:
    calendar, now = moment
    period = calendar.containing(name, now)
    for _ in range(count):
        period = period.previous()
    assert calendar.ago(name, now, count) == period


@few
@given(moments())
def test_which_period_lies_inside_which(moment: tuple[Calendar, datetime]) -> None:
    calendar, at = moment
    everything, year, month, week, day, hour = (calendar.containing(name, at) for name in PERIOD_NAMES)
    assert year.lies_inside(everything)
    assert month.lies_inside(year)
    assert day.lies_inside(month)
    assert day.lies_inside(week)
    assert hour.lies_inside(day) or not calendar.day_start.endswith(":00")


@few
@given(moments())
def test_a_day_begins_when_the_clock_reaches_its_day_start(moment: tuple[Calendar, datetime]) -> None:
    calendar, at = moment
    day = calendar.containing("day", at)
    start, _ = span(day)
    zone = ZoneInfo(calendar.time_zone)
    wanted = datetime.fromisoformat(f"{day.id}T{calendar.day_start}")
    shown = start.astimezone(zone).replace(tzinfo=None)
    shown_before = (start - TICK).astimezone(zone).replace(tzinfo=None)
    assert shown_before < wanted <= shown
    assert shown == wanted or shown - shown_before > TICK  # a jump


@few
@given(moments(), st.sampled_from(ZONES), st.sampled_from(BOUNDED))
def test_any_zone_may_tell_the_time(moment: tuple[Calendar, datetime], zone: str, name: PeriodName) -> None:
    calendar, at = moment
    elsewhere = at.astimezone(ZoneInfo(zone))
    assert replace(calendar).containing(name, elsewhere) == calendar.containing(name, at)


@few
@given(calendars, st.data())
def test_answers_do_not_depend_on_what_was_asked_before(calendar: Calendar, data: st.DataObject) -> None:
    for at in data.draw(st.lists(instants(calendar.time_zone), max_size=5)):
        for name in PERIOD_NAMES:
            assert calendar.containing(name, at) == replace(calendar).containing(name, at)


@few
@given(st.sampled_from(ZONES), st.dates(date(1901, 1, 1), date(2200, 12, 1)))
def test_any_day_of_known_time_is_there_or_left_out(zone: str, day: date) -> None:
    calendar = Calendar(zone)
    try:
        period = calendar.parse("day", day.isoformat())
    except InvalidPeriodId:
        around = calendar.parse("day", (day - DAY).isoformat())
        assert around.next().id == (day + DAY).isoformat()
    else:
        assert 20 <= hours_long(period) <= 48
