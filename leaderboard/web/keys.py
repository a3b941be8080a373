"""The API keys of a game: listed, made and revoked."""

import math
from typing import Final

import structlog
from flask import Blueprint, Response, flash, make_response, request, url_for

from leaderboard.errors import NotFound
from leaderboard.games.access import ROLES
from leaderboard.services import Services
from leaderboard.web.examples import submission_of
from leaderboard.web.finding import require_game
from leaderboard.web.guard import account, signed_in
from leaderboard.web.paging import page_number, page_of
from leaderboard.web.rendering import back_to, is_confirmed, render, services

Page = str | tuple[str, int] | Response

_ROLES_SAID: Final = {
    "server": "server – may do everything in this game; keep it on your servers",
    "client": "client – reads, and submits to boards that allow it; may be inside a game",
}
_KEYS_A_PAGE: Final = 100
_log = structlog.get_logger(__name__)
blueprint = Blueprint("keys_pages", __name__)


@blueprint.get("/games/<game>/keys")
@signed_in("admin")
def show(game: str) -> Page:
    """All keys of the game; none of them can be shown again."""
    wired = services()
    require_game(game)
    return _page(wired, game)


@blueprint.post("/games/<game>/keys")
@signed_in("admin")
def create(game: str) -> Page:
    """Makes a key, and shows it on the answer's page: nowhere else, and never again."""
    wired = services()
    require_game(game)
    role = request.form.get("role", "")
    if role not in ROLES:
        return _page(wired, game, error="Choose server or client."), 422
    key = wired.access.create_key(game, role, wired.clock())
    _log.info("api key made", game=game, role=role, by=account().name)
    return _unkept(_page(wired, game, made=key, made_role=role))


@blueprint.post("/games/<game>/keys/<key_id>/revoke")
@signed_in("admin")
def revoke(game: str, key_id: str) -> Response:
    """Ends a key of the game."""
    wired = services()
    known = {key.id: key for key in wired.access.list_keys(game)}
    if key_id not in known:
        raise NotFound("This game has no such key.", code="unknown_key")
    if not is_confirmed():
        return back_to(url_for(".show", game=game))
    if known[key_id].revoked_at is not None:
        flash(f"Key {key_id} was revoked before.", "error")
    else:
        wired.access.revoke(key_id, wired.clock())
        _log.info("api key revoked", game=game, key=key_id, by=account().name)
        flash(f"Key {key_id} is revoked: every process refuses it within {_refused_within(wired)} seconds.", "success")
    return back_to(url_for(".show", game=game))


def _page(wired: Services, game: str, *, made: str = "", made_role: str = "", error: str = "") -> str:
    boards = wired.registry.all(game) if made else []
    every = sorted(wired.access.list_keys(game), key=lambda key: key.revoked_at is not None)
    page = page_of(every, page_number(request.args), _KEYS_A_PAGE)
    return render(
        "keys/show.html", game=game, keys=page.rows, page=page, made=made, made_role=made_role, error=error,
        roles=list(_ROLES_SAID.items()), refused_within=_refused_within(wired),
        board=boards[0].name if boards else "", example=submission_of(boards[0]) if boards else "",
    )  # fmt: skip


def _unkept(page: str) -> Response:
    response = make_response(page)
    response.headers["Cache-Control"] = "no-store"
    return response


def _refused_within(wired: Services) -> int:
    """A key's role is cached in the process and in the store, one after the other."""
    return math.ceil(2 * wired.settings.key_cache_seconds)
