"""`/game`: the settings of the caller's game."""

from typing import Any

from marshmallow import Schema, fields

from leaderboard.api.operations import Call, Operation
from leaderboard.api.replies import Answer
from leaderboard.api.schemas import NoQuery
from leaderboard.errors import InvalidInput
from leaderboard.fields import Flag, Text
from leaderboard.games.settings import GameSchema, GameSettings


class LimitsAnswer(Schema):
    player_submissions = Text(required=True, allow_none=True, metadata={"examples": ["10/s burst 20"]})
    key_reads = Text(required=True, allow_none=True, metadata={"examples": ["6000/60s"]})
    daily_submissions = Text(required=True, allow_none=True, metadata={"examples": ["1000000/day"]})


class GameBody(GameSchema):
    limits = fields.Nested(LimitsAnswer, metadata={"description": "As they are, or left out: an operator sets them."})


class GameAnswer(Schema):
    name = Text(required=True)
    time_zone = Text(required=True)
    week_start = Text(required=True)
    day_start = Text(required=True)
    client_events = Flag(required=True)
    limits = fields.Nested(LimitsAnswer, required=True, metadata={"description": "What an operator set; none is null."})


def show_game(call: Call) -> Answer:
    return _answer(call, call.services.games.show(call.game))


def put_game(call: Call) -> Answer:
    document = call.read_json()
    if isinstance(document, dict) and "limits" in document:
        document = {**document}
        if document.pop("limits") != call.services.limits.show(call.game).shown:
            wrong = {"limits": ["An operator sets them; leave them out, or as they are."]}
            raise InvalidInput("The game's settings are not acceptable.", fields=wrong)
    return _answer(call, call.services.games.put(call.game, document))


def _answer(call: Call, settings: GameSettings) -> Answer:
    limits: dict[str, Any] = {"limits": call.services.limits.show(call.game).shown}
    return Answer(settings.shown(call.game) | limits)


OPERATIONS = [
    Operation(show_game, "GET", "/game", "The game's settings", {200: GameAnswer}, NoQuery),
    Operation(
        put_game,
        "PUT",
        "/game",
        "Change the game's settings",
        {200: GameAnswer},
        NoQuery,
        body=GameBody,
        server_only=True,
        refusals=(409,),
    ),
]
