"""How pages are made: the services they ask, the values that every template has, redirects that stay here."""

from datetime import UTC, datetime
from typing import Any, NamedTuple, cast
from urllib.parse import quote, urlsplit

from flask import Flask, Response, current_app, flash, g, redirect, render_template, request
from flask_wtf.csrf import generate_csrf
from markupsafe import Markup

from leaderboard.services import Services
from leaderboard.web import guard, sessions
from leaderboard.web.assets import Assets

THEME_COOKIE = "leaderboard_theme"
_THEMES = ("light", "dark")


class Tab(NamedTuple):
    """A link of the navigation."""

    text: str
    url: str
    is_current: bool


_NAVIGATION = (("Games", "/", "home_pages", "viewer"), ("Operations", "/operations", "operations_pages", "viewer"))
_ACCOUNTS = ("Accounts", "/accounts", "account_pages", "admin")
_OF_GAME = (
    ("Boards", "", "games_pages", "viewer"),
    ("Analytics", "/analytics", "analytics_pages", "viewer"),
    ("Players", "/players", "players_pages", "viewer"),
    ("Keys", "/keys", "keys_pages", "admin"),
    ("Settings", "/settings", "games_pages", "viewer"),
)


def services() -> Services:
    """The services of the running app."""
    return cast("Services", current_app.extensions["leaderboard"])


def render(template: str, /, **values: Any) -> str:
    """A page: the template with these values, and with `account`, `nav` and `theme`."""
    account = guard.known()
    theme = request.cookies.get(THEME_COOKIE, "")
    values = {
        "account": account,
        "nav": _navigation() if account else (),
        "theme": theme if theme in _THEMES else "",
        **values,
    }
    return render_template(template, **values)


def back_to(url: str, otherwise: str = "/") -> Response:
    """A redirect (303) to a page of this site; to `otherwise` where the URL is another site's."""
    return cast("Response", redirect(local_path(url) or otherwise, code=303))


def is_confirmed() -> bool:
    """Whether the box of `ui.confirm_button` was ticked, by hand or by the dialog; who did not is told."""
    if request.form.get("confirm") == "yes":
        return True
    flash("Tick the box to confirm; nothing was changed.", "error")
    return False


def local_path(url: str) -> str | None:
    """A URL as a path of this site, with its query; None where a browser could take it for another site's."""
    if not url.startswith("/") or url.startswith("//") or "\\" in url or not url.isprintable() or len(url) > 2000:
        return None
    parts = urlsplit(url)
    if parts.scheme or parts.netloc:
        return None
    return quote(url, safe="/%?&=+:;,@!$'()*~#-._")


def allow_embedding() -> None:
    """Lets any site show this answer in a frame."""
    g.is_embeddable = True


def game_tabs(game: str) -> list[Tab]:
    """The parts of a game, for `ui.tabs`."""
    found = []
    for text, rest, blueprint, role in _OF_GAME:
        url = f"/games/{game}{rest}"
        if _is_there(blueprint, role):
            found.append(Tab(text, url, _is_at(url) if rest else not _is_at_other_part(game)))
    return found


def install(app: Flask, assets: Assets) -> None:
    """Gives templates what they call."""
    app.jinja_env.globals.update(
        asset=assets.url, csrf_field=csrf_field, game_tabs=game_tabs, may=guard.may, is_there=_is_there
    )
    app.jinja_env.filters.update(utc=utc, iso=iso, number=number)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True


def csrf_field() -> Markup:
    """The hidden field that every form which changes something has."""
    sessions.load()
    return Markup('<input type="hidden" name="csrf_token" value="{}">').format(generate_csrf())


def utc(at: datetime) -> str:
    """A time as people read it."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def iso(at: datetime) -> str:
    """A time as programs read it."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def number(value: Any) -> str:
    """An integer with its thousands apart; anything else as it is."""
    if isinstance(value, bool) or not isinstance(value, int):
        return str(value)
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def _navigation() -> list[Tab]:
    return [
        Tab(text, url, request.path == url or (url != "/" and _is_at(url)) or (url == "/" and _is_at("/games")))
        for text, url, blueprint, role in (*_NAVIGATION, _ACCOUNTS)
        if _is_there(blueprint, role)
    ]


def _is_there(blueprint: str, role: Any = "viewer") -> bool:
    """Whether there are such pages, and the visitor may see them."""
    return blueprint in current_app.blueprints and guard.may(role)


def _is_at(url: str) -> bool:
    return request.path == url or request.path.startswith(url + "/")


def _is_at_other_part(game: str) -> bool:
    return any(_is_at(f"/games/{game}{rest}") for _, rest, *_ in _OF_GAME if rest)
