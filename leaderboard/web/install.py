"""Puts the pages into the app: what is routed where, sessions, protection of forms, headers, error pages."""

from flask import Flask, Response, request
from flask_wtf.csrf import CSRFProtect

from leaderboard.accounts.secret import secret_key
from leaderboard.services import Services
from leaderboard.web import (
    account,
    accounts,
    analytics,
    board,
    boards,
    docs,
    funnels,
    games,
    guard,
    headers,
    home,
    keys,
    operations,
    players,
    public,
    rendering,
    sessions,
    signin,
    streams,
)
from leaderboard.web.assets import Assets
from leaderboard.web.errorpages import become_unavailable
from leaderboard.web.sessions import SessionInterface

# Every module of pages has its blueprint here.
_PAGES = (
    home.blueprint,
    signin.blueprint,
    account.blueprint,
    accounts.blueprint,
    players.blueprint,
    keys.blueprint,
    operations.blueprint,
    analytics.blueprint,
    funnels.blueprint,
    games.blueprint,
    boards.blueprint,
    board.blueprint,
    public.blueprint,
    streams.blueprint,
)
_MOST_FORM_BYTES = 1024 * 1024
_SAFE = ("GET", "HEAD", "OPTIONS")


def install(app: Flask, services: Services) -> None:
    """Adds all pages, and the documentation of the API. Raises DatabaseUnavailable."""
    app.secret_key = secret_key(services.database, services.settings.secret_key)
    app.config.update(
        SESSION_COOKIE_NAME=sessions.COOKIE,
        WTF_CSRF_CHECK_DEFAULT=False,  # it is checked here, for pages only
        WTF_CSRF_TIME_LIMIT=None,  # a form is good as long as its session
        WTF_CSRF_SSL_STRICT=False,  # the token is of the session; a proxy may have changed the host
    )
    app.session_interface = SessionInterface(app, services, become_unavailable)
    assets = Assets()
    rendering.install(app, assets)
    headers.install(app)
    app.add_url_rule("/static/<name>", "static", assets.serve)
    docs.install(app)
    _protect(app, CSRFProtect(app), {pages.name for pages in _PAGES})
    for pages in _PAGES:
        app.register_blueprint(pages)


def _protect(app: Flask, csrf: CSRFProtect, names: set[str]) -> None:
    @app.before_request
    def check_form() -> Response | None:
        """Refuses what changes something and comes from elsewhere. Raises CSRFError."""
        if request.blueprint not in names or request.method in _SAFE:
            return None
        request.max_content_length = _MOST_FORM_BYTES
        sessions.load()
        role = guard.role_of(app.view_functions[str(request.endpoint)])
        refusal = None if role is None else guard.refused(role)  # first: who is signed out has no good form either
        if refusal is None:
            csrf.protect()
        return refusal
