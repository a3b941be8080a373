"""Players: found by their id, shown with all there is of them, taken off boards or forgotten."""

from typing import Any, Final

import structlog
from flask import Blueprint, Response, flash, request, url_for

from leaderboard.errors import InvalidInput, UnknownBoard
from leaderboard.fields import check_player
from leaderboard.services import Services
from leaderboard.web import playerfacts
from leaderboard.web.boardfields import PERIOD_LABELS, WINDOW_LABELS
from leaderboard.web.boardform import number_text
from leaderboard.web.finding import require_game
from leaderboard.web.guard import account, may, signed_in
from leaderboard.web.paging import page_number
from leaderboard.web.rendering import back_to, render, services
from leaderboard.web.standings import Place

Page = str | tuple[str, int] | Response

_SHOWING: Final = {"labels": {**PERIOD_LABELS, **WINDOW_LABELS}, "number_text": number_text}
_log = structlog.get_logger(__name__)
blueprint = Blueprint("players_pages", __name__)


@blueprint.get("/games/<game>/players")
@signed_in("viewer")
def search(game: str) -> Page:
    """A form for an id, and the leaders of the boards to begin with."""
    wired = services()
    require_game(game)
    player = request.args.get("player", "")
    wrong = ""
    if "player" in request.args:
        wrong = _wrong_with(player)
        if not wrong:
            return back_to(player_url(game, player))
    leaders, more_boards = playerfacts.leaders(wired, game)
    page = render(
        "players/search.html", game=game, player=player, wrong=wrong, leaders=leaders, more_boards=more_boards,
        url_of=player_url, **_SHOWING,
    )  # fmt: skip
    return (page, 422) if wrong else page


@blueprint.get("/games/<game>/players/<player:player>")
@signed_in("viewer")
def show(game: str, player: str) -> Page:
    """Everything there is of a player."""
    wired = services()
    require_game(game)
    _check(player)
    return _page(wired, game, player)


@blueprint.post("/games/<game>/players/<player:player>")
@signed_in("editor")
def remove(game: str, player: str) -> Page:
    """Takes a player off one board, or forgets them everywhere; whoever asks types the id once more."""
    wired = services()
    require_game(game)
    _check(player)
    board, everywhere = request.form.get("board", ""), request.form.get("action") == "forget"
    action = "forget" if everywhere else "remove"
    if request.form.get(f"confirm_{action}", "") != player:
        wrong = "Type the player’s id exactly as it is shown above; nothing was removed."
        return _page(wired, game, player, wrong={action: wrong}, board=board)
    if everywhere:
        _forget(wired, game, player)
        return back_to(url_for(".search", game=game))
    try:
        periods = wired.removal.forget(wired.registry.fresh(game, board), player)
    except UnknownBoard:
        return _page(wired, game, player, wrong={"remove": "Choose one of the boards."}, board=board)
    if not periods:
        flash(f"The player has no score on {board}: there was nothing to remove.", "error")
    else:
        _log.info("player removed from board", game=game, board=board, periods=periods, by=account().name)
        flash(f"Removed from {board}: {_counted(periods, 'period')}, archived ones included.", "success")
    return back_to(player_url(game, player))


def player_url(game: str, player: str, **query: Any) -> str:
    """Where a player's page is."""
    return url_for("players_pages.show", game=game, player=player, **query)


def board_url(game: str, board: str) -> str:
    """Where a board's table is."""
    return Place(game, board).url()


def _page(wired: Services, game: str, player: str, *, wrong: dict[str, str] | None = None, board: str = "") -> Page:
    facts = playerfacts.read(wired, game, player, page_number(request.args))
    page = render(
        "players/show.html", game=game, player=player, facts=facts, wrong=wrong or {}, board=board,
        can_change=may("editor"), board_url=board_url, player_url=player_url, **_SHOWING,
    )  # fmt: skip
    return (page, 422) if wrong else (page, 200 if facts.is_known or facts.page.pages > 1 else 404)


def _forget(wired: Services, game: str, player: str) -> None:
    """As the API's DELETE does. The message names nobody: it is kept until it is shown."""
    forgotten = wired.forget_player(game, player)
    counts = forgotten.boards
    _log.info("player forgotten", game=game, boards=len(counts), periods=sum(counts.values()), by=account().name)
    if not forgotten:
        flash("There was nothing of this player to forget.", "error")
        return
    boards, periods = _counted(len(counts), "board"), _counted(sum(counts.values()), "period")
    flash(f"The player is forgotten: removed from {boards} ({periods}), and from the analytics.", "success")


def _wrong_with(player: str) -> str:
    try:
        check_player(player)
    except ValueError as error:
        return str(error)
    return ""


def _check(player: str) -> None:
    wrong = _wrong_with(player)
    if wrong:
        raise InvalidInput(wrong, code="invalid_player", fields={"player": [wrong]})


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
