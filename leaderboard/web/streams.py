"""The streams that pages follow: of a board for who is signed in, and of a public one for everybody."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, request

from leaderboard.boards.definition import Board
from leaderboard.errors import InvalidInput, NotFound, UnknownBoard
from leaderboard.live.events import EventId
from leaderboard.live.following import HEADERS
from leaderboard.live.listeners import Subscription, anybody
from leaderboard.web import guard, sessions
from leaderboard.web.choosing import asked_player, period_name, require_public, whole
from leaderboard.web.rendering import services

_ROWS = 50
_MOST_ROWS = 100

blueprint = Blueprint("stream_pages", __name__)


@blueprint.get("/games/<game>/boards/<board:name>/stream")
@guard.signed_in()
def of_board(game: str, name: str) -> Response:
    """Any board, as long as the session is good."""
    wired = services()
    session_id, account = sessions.current_id(), guard.account()

    def is_allowed() -> bool:
        is_there = wired.sessions.read(session_id, wired.clock()) is not None
        found = wired.accounts.find(account.name)
        return is_there and found is not None and found.stamp == account.stamp

    return _stream(wired.registry.get(game, name), f"session {session_id}", is_allowed)


@blueprint.get("/b/<game>/<board:name>/stream")
def of_public_board(game: str, name: str) -> Response:
    """A public board, as long as it is one."""
    wired = services()

    def public_board() -> Board:
        try:
            board = wired.registry.get(game, name)
            require_public(wired, board)
        except UnknownBoard as error:
            raise NotFound("There is no public board at this address.", code="unknown_board") from error
        return board

    return _stream(public_board(), f"public {game}:{name}", lambda: bool(public_board()), _is_public)


def _is_public(board: Board) -> bool:
    return bool(board.definition["public"])


def _stream(
    board: Board, who: str, is_allowed: Callable[[], bool], may_see: Callable[[Board], bool] = anybody
) -> Response:
    """Raises InvalidInput."""
    fixed = [name for name in ("id", "ago", "window") if request.args.get(name)]
    if fixed:
        raise InvalidInput("Only the period that is open is followed.", fields={fixed[0]: ["Is not followed."]})
    subscription = Subscription(
        game=board.game,
        board=board.name,
        period=period_name(board, request.args),
        limit=whole(request.args, "limit", _ROWS, 1, _MOST_ROWS),
        player=asked_player(request.args),
        last=EventId.parse(request.headers.get("Last-Event-ID")),
        who=who,
        is_allowed=is_allowed,
        may_see=may_see,
    )
    following: Any = services().live.follow(subscription)
    return Response(following, headers=dict(HEADERS), direct_passthrough=True)
