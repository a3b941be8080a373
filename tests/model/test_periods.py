"""The model's calendar against boundaries worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .periods import LONGEST_FIRST, WEEKDAYS, Calendar
from .strategies import ZONES


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "period_id", "starts_at", "ends_at"),
    [
        ("year", "2026", "2026-01-01", "2027-01-01"),
        ("month", "2026-11", "2026-11-01", "2026-12-01"),
        ("week", "2026-W47", "2026-11-16", "2026-11-23"),
        ("day", "2026-11-22", "2026-11-22", "2026-11-23"),
        ("hour", "2026-11-22T10", "2026-11-22T10:00", "2026-11-22T11:00"),
    ],
)
def test_in_utc(name: str, period_id: str, starts_at: str, ends_at: str) -> None:
    period = Calendar().at(name, utc("2026-11-22T10:30"))
    assert (period.id, period.starts_at, period.ends_at) == (period_id, utc(starts_at), utc(ends_at))


@pytest.mark.parametrize(
    ("zone", "instant", "period_id", "starts_at", "ends_at"),
    [
        ("America/New_York", "2025-11-02T05:59", "2025-11-02T01", "2025-11-02T05:00", "2025-11-02T06:00"),
        ("America/New_York", "2025-11-02T06:00", "2025-11-02T01b", "2025-11-02T06:00", "2025-11-02T07:00"),
        ("Europe/Berlin", "2026-03-29T01:00", "2026-03-29T03", "2026-03-29T01:00", "2026-03-29T02:00"),
        ("Asia/Kathmandu", "2026-11-22T10:20", "2026-11-22T16", "2026-11-22T10:15", "2026-11-22T11:15"),
        ("Australia/Lord_Howe", "2026-04-04T15:10", "2026-04-05T01b", "2026-04-04T15:00", "2026-04-04T15:30"),
    ],
)
def test_hours_follow_the_wall_clock(zone: str, instant: str, period_id: str, starts_at: str, ends_at: str) -> None:
    period = Calendar(zone).at("hour", utc(instant))
    assert (period.id, period.starts_at, period.ends_at) == (period_id, utc(starts_at), utc(ends_at))


def test_days_have_23_to_25_hours() -> None:
    berlin = Calendar("Europe/Berlin")
    lengths = {}
    for noon in ("2026-03-29T12:00", "2026-10-25T12:00", "2026-06-01T12:00"):
        day = berlin.at("day", utc(noon))
        assert day.starts_at is not None
        assert day.ends_at is not None
        lengths[day.id] = (day.ends_at - day.starts_at) / timedelta(hours=1)
    assert lengths == {"2026-03-29": 23, "2026-10-25": 25, "2026-06-01": 24}
    midnight_twice = Calendar("America/Havana").at("day", utc("2026-11-01T05:30"))
    assert (midnight_twice.id, midnight_twice.starts_at) == ("2026-11-01", utc("2026-11-01T04:00"))


def test_where_a_day_and_a_week_begin() -> None:
    calendar = Calendar("UTC", "friday", "04:00")
    before, after = utc("2027-01-01T03:59"), utc("2027-01-01T04:00")
    assert [calendar.at(name, before).id for name in ("year", "month", "week", "day", "hour")] == [
        "2026",
        "2026-12",
        "2026-W53",
        "2026-12-31",
        "2027-01-01T03",
    ]
    week = calendar.at("week", after)
    assert (week.id, week.starts_at, week.ends_at) == ("2027-W01", after, utc("2027-01-08T04:00"))
    assert calendar.ago("week", after, 1).id == "2026-W53"


@given(
    st.sampled_from(ZONES),
    st.sampled_from(WEEKDAYS),
    st.sampled_from(("00:00", "04:00", "06:30")),
    st.sampled_from(LONGEST_FIRST[1:]),
    st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis adds the zone
)
def test_periods_cover_time_without_gap_or_overlap(
    zone: str, week_start: str, day_start: str, name: str, instant: datetime
) -> None:
    calendar = Calendar(zone, week_start, day_start)
    period = calendar.at(name, instant)
    assert period.starts_at is not None
    assert period.ends_at is not None
    assert period.starts_at <= instant < period.ends_at
    assert calendar.at(name, period.starts_at) == period
    assert calendar.at(name, period.ends_at).starts_at == period.ends_at
    assert calendar.ago(name, instant, 1).ends_at == period.starts_at
    assert calendar.ago(name, instant, 1).id != period.id
