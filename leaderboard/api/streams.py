"""Boards as they change, as server-sent events."""

from flask import request

from leaderboard.api import schemas
from leaderboard.api.operations import Call, Operation
from leaderboard.api.views import period_of
from leaderboard.boards.windows import Window
from leaderboard.live.events import EventId
from leaderboard.live.following import CONTENT_TYPE, Following
from leaderboard.live.listeners import Subscription


def stream(call: Call) -> Following:
    board = call.services.registry.get(call.game, call.path["board"])
    period = period_of(call, board, call.query)
    assert not isinstance(period, Window)  # noqa: S101 - the query has no window
    key, access = request.headers["Authorization"].partition(" ")[2].strip(), call.services.access

    def is_allowed() -> bool:
        return access.identify(key).game == board.game

    return call.services.live.follow(
        Subscription(
            game=board.game,
            board=board.name,
            period=period.name,
            limit=call.query["limit"],
            player=call.query.get("player"),
            last=EventId.parse(request.headers.get("Last-Event-ID")),
            who=f"key {call.identity.key_id}",
            is_allowed=is_allowed,
        )
    )


OPERATIONS = [
    Operation(
        stream,
        "GET",
        "/boards/{board}/stream",
        "The top of the current period, and what becomes of it, as server-sent events",
        {200: None},
        schemas.StreamQuery,
        files=(CONTENT_TYPE,),
        refusals=(404,),
    )
]
