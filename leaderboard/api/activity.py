"""Who plays: daily, weekly and monthly players, retention, streaks."""

import re
from dataclasses import asdict
from typing import Any

from marshmallow import Schema, fields, validate

from leaderboard.api import schemas
from leaderboard.api.operations import Call, Operation
from leaderboard.api.ranges import MOST_DAYS, RangeAnswer, RangeQuery, head, range_of
from leaderboard.api.replies import Answer
from leaderboard.fields import Text, Whole
from leaderboard.stats.lifetimes import PeriodLike, span
from leaderboard.times import format_time

_MOST_OFFSETS = 20
_LONGEST_OFFSET = 365
_OFFSET = r"[1-9][0-9]{0,2}"
_OFFSETS = f"{_OFFSET}(,{_OFFSET}){{0,{_MOST_OFFSETS - 1}}}"


class OffsetsText(Text):
    """Different numbers of days between commas; a list of integers in Python."""

    default_error_messages = {  # noqa: RUF012 - marshmallow's own way
        "invalid": f"1 to {_MOST_OFFSETS} different whole numbers from 1 to {_LONGEST_OFFSET}, between commas."
    }

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        if re.fullmatch(_OFFSETS, text) is None:
            raise self.make_error("invalid")
        offsets = [int(one) for one in text.split(",")]
        if max(offsets) > _LONGEST_OFFSET or len(set(offsets)) < len(offsets):
            raise self.make_error("invalid")
        return offsets


class RetentionQuery(RangeQuery):
    """Which cohorts, and how many days after."""

    days = OffsetsText(
        load_default=lambda: [1, 3, 7, 14, 30],
        metadata={
            "pattern": f"^{_OFFSETS}$",
            "description": f"Up to {_MOST_OFFSETS} different ones, up to {_LONGEST_OFFSET}. Default `1,3,7,14,30`.",
        },
    )


class DayAnswer(Schema):
    day = Text(required=True, metadata={"format": "date"})
    at = Text(required=True, metadata={"format": "date-time"})


class ActiveDayAnswer(DayAnswer):
    dau = Whole(required=True)
    wau = Whole(required=True, allow_none=True)
    mau = Whole(required=True, allow_none=True)
    new = Whole(required=True)
    stickiness = fields.Float(required=True, allow_none=True, validate=validate.Range(0, 1))


class ActiveAnswer(RangeAnswer):
    days = fields.List(fields.Nested(ActiveDayAnswer), required=True)


class CohortAnswer(DayAnswer):
    size = Whole(required=True)
    retention = fields.Dict(
        keys=Text(), values=fields.Float(allow_none=True, validate=validate.Range(0, 1)), required=True
    )


class RetentionAnswer(RangeAnswer):
    cohorts = fields.List(fields.Nested(CohortAnswer), required=True)


class PlayerActivityAnswer(Schema):
    player = Text(required=True)
    first_day = Text(required=True, metadata={"format": "date"})
    last_day = Text(required=True, allow_none=True, metadata={"format": "date"})
    active_days = Whole(required=True)
    current_streak = Whole(required=True)
    longest_streak = Whole(required=True)
    since = Text(required=True, metadata={"format": "date"})


def active_players(call: Call) -> Answer:
    calendar = call.services.calendar_of(call.game)
    found = range_of(call, calendar, most=_most_days(call))
    days = call.services.activity.active(call.game, found.steps, call.now, calendar)
    rows = [
        {**_day(one.day), "dau": one.dau, "wau": one.wau, "mau": one.mau, "new": one.new, "stickiness": one.stickiness}
        for one in days
    ]
    return Answer({**head(calendar, found, approximate=False), "days": rows})


def _most_days(call: Call) -> int:
    """By default no further back than days are kept."""
    return MOST_DAYS if "from_" in call.query else min(MOST_DAYS, call.services.settings.activity_days_kept)


def retention(call: Call) -> Answer:
    calendar = call.services.calendar_of(call.game)
    found, offsets = range_of(call, calendar, most=_most_days(call)), call.query["days"]
    cohorts = call.services.activity.retention(call.game, found.steps, offsets, call.now, calendar)
    rows = [
        {**_day(one.day), "size": one.size, "retention": {str(n): one.share(n) for n in offsets}} for one in cohorts
    ]
    return Answer({**head(calendar, found, approximate=False), "cohorts": rows})


def player_activity(call: Call) -> Answer:
    player, calendar = call.path["player"], call.services.calendar_of(call.game)
    found = call.services.activity.player(call.game, player, call.now, calendar)
    return Answer({"player": player, **asdict(found)})


def _day(day: PeriodLike) -> dict[str, Any]:
    return {"day": day.id, "at": format_time(span(day)[0])}


OPERATIONS = [
    Operation(
        active_players, "GET", "/analytics/active", "Daily, weekly and monthly players", {200: ActiveAnswer}, RangeQuery
    ),
    Operation(retention, "GET", "/analytics/retention", "How many come back", {200: RetentionAnswer}, RetentionQuery),
    Operation(
        player_activity,
        "GET",
        "/analytics/players/{player}",
        "One player's days and streaks",
        {200: PlayerActivityAnswer},
        schemas.NoQuery,
        refusals=(404,),
    ),
]
