"""`/funnels`: what they are, and how far players come in them."""

from typing import Any

from marshmallow import Schema, fields

from leaderboard.api.activity import DayAnswer
from leaderboard.api.events import WarningAnswer
from leaderboard.api.operations import Call, Operation
from leaderboard.api.ranges import RangeAnswer, RangeQuery, head, range_of
from leaderboard.api.replies import Answer
from leaderboard.api.schemas import NoQuery
from leaderboard.fields import Flag, Text, Whole
from leaderboard.stats.funnels.definitions import Funnel
from leaderboard.stats.funnels.reading import FunnelReading
from leaderboard.stats.funnels.schema import FunnelSchema, doubts
from leaderboard.times import format_time

MOST_DAYS = 92


class FunnelAnswer(Schema):
    name = Text(required=True)
    steps = fields.List(Text(), required=True)
    window_seconds = Whole(required=True)
    created_at = Text(required=True, metadata={"format": "date-time"})


class FunnelsAnswer(Schema):
    funnels = fields.List(fields.Nested(FunnelAnswer), required=True)


class FunnelTotalAnswer(Schema):
    players = fields.List(Whole(allow_none=True), required=True)
    conversion = fields.List(fields.Float(allow_none=True), required=True)


class FunnelDayAnswer(DayAnswer, FunnelTotalAnswer):
    complete = Flag(required=True)


class FunnelReadAnswer(RangeAnswer):
    funnel = Text(required=True)
    steps = fields.List(Text(), required=True)
    window_seconds = Whole(required=True)
    days = fields.List(fields.Nested(FunnelDayAnswer), required=True)
    total = fields.Nested(FunnelTotalAnswer, required=True)
    warnings = fields.List(fields.Nested(WarningAnswer), required=True)


def put(call: Call) -> Answer:
    wanted = call.load(FunnelSchema())
    definitions = call.services.funnels.definitions
    funnel, is_new = definitions.put(
        call.game, call.path["funnel"], wanted["steps"], wanted["window_seconds"], call.now
    )
    return Answer(_shown(funnel), 201 if is_new else 200)


def show(call: Call) -> Answer:
    return Answer(_shown(call.services.funnels.definitions.get(call.game, call.path["funnel"])))


def show_all(call: Call) -> Answer:
    return Answer({"funnels": [_shown(funnel) for funnel in call.services.funnels.definitions.all(call.game)]})


def delete(call: Call) -> Answer:
    call.services.funnels.definitions.delete(call.game, call.path["funnel"], call.now)
    return Answer(status=204)


def read(call: Call) -> Answer:
    calendar = call.services.calendar_of(call.game)
    found = range_of(call, calendar, most=MOST_DAYS)
    reading = call.services.funnels.read(call.game, call.path["funnel"], found.steps, call.now, calendar)
    funnel = reading.funnel
    return Answer(
        {
            "funnel": funnel.name,
            "steps": funnel.steps,
            "window_seconds": funnel.window_seconds,
            **head(calendar, found, approximate=reading.uncertain),
            "days": [
                {
                    "day": one.day.id,
                    "at": one.day.start and format_time(one.day.start),
                    **_reached(one.players or (None,) * len(funnel.steps)),
                    "complete": one.complete,
                }
                for one in reading.days
            ],
            "total": _reached(reading.total),
            "warnings": _warnings(reading),
        }
    )


def _shown(funnel: Funnel) -> dict[str, Any]:
    return {
        "name": funnel.name,
        "steps": funnel.steps,
        "window_seconds": funnel.window_seconds,
        "created_at": format_time(funnel.created_at),
    }


def _reached(players: tuple[int | None, ...]) -> dict[str, Any]:
    entered = players[0]
    return {
        "players": players,
        "conversion": [one / entered if one is not None and entered else None for one in players],
    }


def _warnings(reading: FunnelReading) -> list[dict[str, str]]:
    return [{"code": code, "name": reading.funnel.name, "detail": detail} for code, detail in doubts(reading).items()]


def _operation(view: Any, method: str, path: str, summary: str, answers: Any, **more: Any) -> Operation:
    return Operation(view, method, path, summary, answers, more.pop("query", NoQuery), **more)


OPERATIONS = [
    _operation(
        put,
        "PUT",
        "/funnels/{funnel}",
        "Create or change a funnel",
        {200: FunnelAnswer, 201: FunnelAnswer},
        body=FunnelSchema,
        server_only=True,
    ),
    _operation(show_all, "GET", "/funnels", "All funnels of the game", {200: FunnelsAnswer}),
    _operation(show, "GET", "/funnels/{funnel}", "One funnel", {200: FunnelAnswer}, refusals=(404,)),
    _operation(
        delete,
        "DELETE",
        "/funnels/{funnel}",
        "Remove a funnel",
        {204: None},
        server_only=True,
        refusals=(404,),
    ),
    _operation(
        read,
        "GET",
        "/analytics/funnels/{funnel}",
        "How far players came",
        {200: FunnelReadAnswer},
        query=RangeQuery,
        refusals=(404,),
    ),
]
