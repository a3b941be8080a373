"""Making a board, changing what it is, and removing it."""

import re

import structlog
from flask import Blueprint, flash, request
from flask.typing import ResponseReturnValue

from leaderboard.boards.definition import Board
from leaderboard.errors import Conflict, InvalidInput
from leaderboard.fields import BOARD_NAME
from leaderboard.web.boardfields import SECTIONS
from leaderboard.web.boardform import BoardForm, fingerprint, losses, written
from leaderboard.web.finding import require_game
from leaderboard.web.guard import account, signed_in
from leaderboard.web.rendering import back_to, render, services
from leaderboard.web.standings import Place, game_address

_NAME = re.compile(BOARD_NAME)
_BAD_NAME = "A board's name has 1 to 64 letters, digits, '.', '_', '-' and ':', and is not '.' or '..'."
_CHANGED = (
    "Somebody changed this board since you opened the page. Nothing is saved yet: what you typed is still here, and "
    "the definition as it is now is at the end of the page. Save again to replace it."
)
_log = structlog.get_logger(__name__)

blueprint = Blueprint("boards_pages", __name__)


@blueprint.get("/games/<game>/boards/new")
@signed_in("editor")
def new(game: str) -> ResponseReturnValue:
    """The form of a board that is not there yet."""
    require_game(game)
    return _new_page(game, "", BoardForm.new())


@blueprint.post("/games/<game>/boards/new")
@signed_in("editor")
def create(game: str) -> ResponseReturnValue:
    """Makes a board, or shows what is wrong with it."""
    require_game(game)
    wired, form, name = services(), BoardForm.sent(request.form), request.form.get("name", "").strip()
    try:
        if _NAME.fullmatch(name) is None:
            form.errors["name"] = [_BAD_NAME]
        definition = form.definition()
        if form.errors:
            return _new_page(game, name, form), 422
        wired.registry.put(game, name, definition, wired.clock(), must_be_new=True)
    except InvalidInput as error:
        form.refuse(error)
        return _new_page(game, name, form), 422
    except Conflict as error:
        form.errors["name"] = [error.detail]
        return _new_page(game, name, form), 409
    _log.info("board made", game=game, board=name, by=account().name)
    flash(f"Board {name} is made.", "success")
    return back_to(Place(game, name).url())


@blueprint.get("/games/<game>/boards/<board:name>/settings")
@signed_in("viewer")
def settings(game: str, name: str) -> ResponseReturnValue:
    """The definition of a board, to change or to copy."""
    board = services().registry.fresh(game, name)
    return _settings_page(board, BoardForm.of(board.definition))


@blueprint.post("/games/<game>/boards/<board:name>/settings")
@signed_in("editor")
def change(game: str, name: str) -> ResponseReturnValue:
    """Changes a board, or says why that cannot be."""
    wired = services()
    board = wired.registry.fresh(game, name)
    form = BoardForm.sent(request.form, board.definition)
    try:
        definition = form.definition()
        _require_seen(board)
        lost = losses(board, definition)
        if lost and "lose" not in request.form and wired.registry.has_data(board):
            return _settings_page(board, form, lost=lost), 409
        board, _ = wired.registry.put(game, name, definition, wired.clock())
    except InvalidInput as error:
        form.refuse(error)
        return _settings_page(board, form), 422
    except Conflict as error:
        form.general.append(error.detail)
        return _settings_page(board, form), 409
    _log.info("board changed", game=game, board=name, by=account().name)
    flash("The board is saved.", "success")
    return back_to(Place(game, name).url("settings"))


@blueprint.post("/games/<game>/boards/<board:name>/settings/delete")
@signed_in("editor")
def delete(game: str, name: str) -> ResponseReturnValue:
    """Removes a board whose name was typed."""
    wired = services()
    board = wired.registry.fresh(game, name)
    if request.form.get("confirm", "").strip() != name:
        form = BoardForm.of(board.definition)
        form.errors["confirm"] = [f"Type {name} to remove it. Nothing is removed."]
        return _settings_page(board, form), 422
    wired.registry.delete(game, name)
    _log.info("board removed", game=game, board=name, by=account().name)
    flash(f"Board {name} and all its scores are removed.", "success")
    return back_to(game_address(game))


def _require_seen(board: Board) -> None:
    """Raises Conflict where somebody changed the board after the form was made."""
    if request.form.get("seen") != fingerprint(board.definition):
        raise Conflict(_CHANGED)


def _new_page(game: str, name: str, form: BoardForm) -> str:
    return render(
        "boards/new.html",
        game=game,
        game_url=game_address(game),
        name=name,
        form=form,
        sections=SECTIONS,
        has_scores=False,
    )


def _settings_page(board: Board, form: BoardForm, lost: list[str] | None = None) -> str:
    public = Place(board.game, board.name, is_public=True)
    root = request.host_url.rstrip("/")
    has_scores = services().registry.has_data(board)
    if has_scores:
        form.keep_fixed(board.definition)
    return render(
        "boards/settings.html",
        game=board.game,
        game_url=game_address(board.game),
        place=Place(board.game, board.name),
        board=board,
        form=form,
        sections=SECTIONS,
        has_scores=has_scores,
        seen=fingerprint(board.definition),
        json=written(board.definition),
        lost=lost or [],
        public_url=root + public.url(),
        embed_url=root + public.url("embed", period=board.periods[0], limit=10),
        overlay_url=root + public.url("embed", period=board.periods[0], limit=10, overlay=1),
    )
