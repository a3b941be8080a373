"""What Flask knows of a request and metrics and traces are to tell: its route, and the game it is about."""

import re
from functools import cache

from flask import Flask, request

from leaderboard.metrics import SEEN, Seen

_PARAMETER = re.compile(r"<(?:[^:<>]+:)?(\w+)>")


def install(app: Flask) -> None:
    """Notes the route of every request; to be called before anything that may refuse one."""
    app.before_request(_note_route)


def note_game(game: str) -> None:
    """Notes which game the request is about."""
    seen = _seen()
    if seen is not None:
        seen.game = game


def _note_route() -> None:
    seen = _seen()
    if seen is not None and request.url_rule is not None:
        seen.route = _route_of(request.url_rule.rule)


def _seen() -> Seen | None:
    """None where another server than ours is in front."""
    return request.environ.get(SEEN)


@cache
def _route_of(rule: str) -> str:
    """Flask's rule as the API's description writes it: `/v1/boards/{board}`."""
    return _PARAMETER.sub(r"{\1}", rule)
