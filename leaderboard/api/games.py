"""`/game`: the settings of the caller's game."""

from marshmallow import Schema

from leaderboard.api.operations import Call, Operation
from leaderboard.api.replies import Answer
from leaderboard.api.schemas import NoQuery
from leaderboard.fields import Flag, Text
from leaderboard.games.settings import GameSchema


class GameAnswer(Schema):
    name = Text(required=True)
    time_zone = Text(required=True)
    week_start = Text(required=True)
    day_start = Text(required=True)
    client_events = Flag(required=True)


def show_game(call: Call) -> Answer:
    return Answer(call.services.games.show(call.game).shown(call.game))


def put_game(call: Call) -> Answer:
    return Answer(call.services.games.put(call.game, call.read_json()).shown(call.game))


OPERATIONS = [
    Operation(show_game, "GET", "/game", "The game's settings", {200: GameAnswer}, NoQuery),
    Operation(
        put_game,
        "PUT",
        "/game",
        "Change the game's settings",
        {200: GameAnswer},
        NoQuery,
        body=GameSchema,
        server_only=True,
        refusals=(409,),
    ),
]
