"""`/boards`: making, changing, showing and removing boards."""

from marshmallow import Schema, fields

from leaderboard.api.operations import Call, Operation
from leaderboard.api.replies import Answer
from leaderboard.api.schemas import NoQuery
from leaderboard.boards.definition import read_definition
from leaderboard.boards.schema import BoardSchema


class RangeAnswer(Schema):
    min = fields.Float(required=True)
    max = fields.Float(required=True)


class BoardAnswer(BoardSchema):
    name = fields.String(required=True)
    exact_range = fields.Nested(RangeAnswer, required=True)
    tie_resolution_ms = fields.Integer()
    tie_from = fields.String()
    tie_until = fields.String()


class BoardsAnswer(Schema):
    boards = fields.List(fields.Nested(BoardAnswer), required=True)


def put(call: Call) -> Answer:
    definition = read_definition(call.read_json())
    board, is_new = call.services.registry.put(call.game, call.path["board"], definition, call.now)
    return Answer(board.shown(), 201 if is_new else 200)


def show(call: Call) -> Answer:
    return Answer(call.services.registry.fresh(call.game, call.path["board"]).shown())


def show_all(call: Call) -> Answer:
    return Answer({"boards": [board.shown() for board in call.services.registry.all(call.game)]})


def delete(call: Call) -> Answer:
    call.services.registry.delete(call.game, call.path["board"])
    return Answer(status=204)


OPERATIONS = [
    Operation(
        put,
        "PUT",
        "/boards/{board}",
        "Create or change a board",
        {200: BoardAnswer, 201: BoardAnswer},
        NoQuery,
        body=BoardSchema,
        server_only=True,
        refusals=(409,),
    ),
    Operation(show_all, "GET", "/boards", "All boards of the game", {200: BoardsAnswer}, NoQuery),
    Operation(show, "GET", "/boards/{board}", "One board", {200: BoardAnswer}, NoQuery, refusals=(404,)),
    Operation(
        delete,
        "DELETE",
        "/boards/{board}",
        "Remove a board and all its scores",
        {204: None},
        NoQuery,
        server_only=True,
        refusals=(404,),
    ),
]
