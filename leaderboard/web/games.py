"""The pages of games: making one, its boards, its settings and limits."""

from collections.abc import Mapping
from typing import Any

import structlog
from flask import Blueprint, flash, request
from flask.typing import ResponseReturnValue

from leaderboard.errors import Conflict, InvalidInput
from leaderboard.games.creation import create_game
from leaderboard.games.settings import WEEKDAYS
from leaderboard.limits.rules import EXAMPLES, KINDS, NO_LIMIT
from leaderboard.web.choosing import whole
from leaderboard.web.finding import require_game
from leaderboard.web.gameboards import lines_of, named_like
from leaderboard.web.guard import account, signed_in
from leaderboard.web.rendering import back_to, render, services
from leaderboard.web.standings import game_address

_BOARDS = 100
_SETTINGS = ("time_zone", "week_start", "day_start")
_LIMITS = {
    "player_submissions": ("Submissions of one player", "A bucket: so many in a time, and so many at once."),
    "key_reads": ("Reads of one key", "In any stretch of that length."),
    "daily_submissions": ("Submissions of the game in a day", "A day of UTC."),
}
_log = structlog.get_logger(__name__)

blueprint = Blueprint("games_pages", __name__)


@blueprint.get("/games/new")
@signed_in("editor")
def new() -> ResponseReturnValue:
    """The form of a new game."""
    return render("games/new.html", name="", errors={})


@blueprint.post("/games/new")
@signed_in("editor")
def create() -> ResponseReturnValue:
    """Makes a game, or shows why not."""
    wired, name = services(), request.form.get("name", "").strip()
    try:
        create_game(wired.database, name, wired.clock())
    except InvalidInput as error:
        return render("games/new.html", name=name, errors=error.fields), 422
    except Conflict as error:
        return render("games/new.html", name=name, errors={"name": [error.detail]}), 409
    _log.info("game made", game=name, by=account().name)
    flash(f"Game {name} is made.", "success")
    return back_to(game_address(name))


@blueprint.get("/games/<game>")
@blueprint.get("/games/<game>/boards", endpoint="boards")
@signed_in("viewer")
def show(game: str) -> ResponseReturnValue:
    """The boards of a game."""
    require_game(game)
    wired, query = services(), request.args.get("q", "").strip()
    offset = whole(request.args, "offset", 0, 0, 10_000_000)
    every = wired.registry.all(game)
    boards = named_like(every, query)
    lines = lines_of(wired, boards[offset : offset + _BOARDS])
    more = {"q": query} if query else {}
    return render(
        "games/show.html",
        game=game,
        game_url=game_address(game),
        query=query,
        lines=lines,
        total=len(every),
        found=len(boards),
        is_away=any(line.players is None for line in lines),
        next_query={**more, "offset": offset + _BOARDS} if len(boards) > offset + _BOARDS else None,
        previous_query={**more, "offset": max(0, offset - _BOARDS)} if offset else None,
    )


@blueprint.get("/games/<game>/settings")
@signed_in("viewer")
def settings(game: str) -> ResponseReturnValue:
    """What a game counts by, and its limits."""
    require_game(game)
    return _settings_page(game)


@blueprint.post("/games/<game>/settings")
@signed_in("editor")
def change(game: str) -> ResponseReturnValue:
    """Changes by which days a game counts, and who may send events."""
    require_game(game)
    sent: dict[str, Any] = {name: request.form[name].strip() for name in _SETTINGS if name in request.form}
    sent["client_events"] = "client_events" in request.form
    try:
        services().games.change(game, sent)
    except InvalidInput as error:
        return _settings_page(game, values=sent, errors=error.fields), 422
    except Conflict as error:
        return _settings_page(game, values=sent, errors={"_calendar": [error.detail]}), 409
    _log.info("game settings changed", game=game, by=account().name)
    flash("The settings are saved.", "success")
    return back_to(f"/games/{game}/settings")


@blueprint.post("/games/<game>/limits")
@signed_in("admin")
def limit(game: str) -> ResponseReturnValue:
    """Changes the limits of a game; an empty one is the default."""
    require_game(game)
    sent = {name: request.form.get(name, "").strip() for name in KINDS}
    try:
        services().limits.change(game, {name: text or None for name, text in sent.items()})
    except InvalidInput as error:
        return _settings_page(game, limits=sent, errors=error.fields), 422
    _log.info("game limits changed", game=game, by=account().name)
    flash("The limits are saved; every process follows them within seconds.", "success")
    return back_to(f"/games/{game}/settings")


def _settings_page(
    game: str,
    *,
    values: Mapping[str, Any] | None = None,
    limits: Mapping[str, str] | None = None,
    errors: Mapping[str, Any] | None = None,
) -> str:
    wired = services()
    own = wired.limits.own(game) if limits is None else limits
    in_effect = wired.limits.show(game).shown
    return render(
        "games/settings.html",
        game=game,
        game_url=game_address(game),
        values={**wired.games.show(game).shown(game), **(values or {})},
        weekdays=[(day, day.capitalize()) for day in WEEKDAYS],
        limits=[
            (name, *_LIMITS[name], own.get(name, ""), in_effect[name] or NO_LIMIT, EXAMPLES[kind])
            for name, kind in KINDS.items()
        ],
        errors=errors or {},
    )
