"""What the reads over time take: from when to when."""

from typing import Any

from marshmallow import fields, validate

from leaderboard.api.operations import Call
from leaderboard.fields import Strict, Text
from leaderboard.stats.lifetimes import CalendarLike, StatPeriod
from leaderboard.stats.ranges import Range, read_range
from leaderboard.times import format_time

MOST_DAYS = 1000


class RangeQuery(Strict):
    """A range of time."""

    from_ = Text(
        data_key="from",
        validate=validate.Length(1, 40),
        metadata={"description": "A date of the game's days, or a time with an offset."},
    )
    to = Text(validate=validate.Length(1, 40), metadata={"description": "The same; excluded. Default: now."})


class RangeAnswer(Strict):
    """What an answer over time begins with: whole steps."""

    time_zone = Text(required=True)
    from_ = Text(data_key="from", required=True, metadata={"format": "date-time"})
    to = Text(required=True, metadata={"format": "date-time"})
    approximate = fields.Boolean(required=True)


def range_of(call: Call, calendar: CalendarLike, step: StatPeriod = "day", *, most: int = MOST_DAYS) -> Range:
    """The range that a request asks for. Raises InvalidInput."""
    given = call.query.get("from_"), call.query.get("to")
    return read_range(calendar, step, given, call.now, most=most)


def head(calendar: CalendarLike, found: Range, *, approximate: bool) -> dict[str, Any]:
    """What an answer over time begins with."""
    return {
        "time_zone": calendar.time_zone,
        "from": format_time(found.start),
        "to": format_time(found.end),
        "approximate": approximate,
    }
