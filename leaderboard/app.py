"""The Flask app, put together."""

import re
import secrets
from typing import Any

import structlog
from flask import Flask, Response, g, request
from werkzeug.middleware.proxy_fix import ProxyFix

from leaderboard import jsontext, logs
from leaderboard.api import (
    activity,
    board_analytics,
    boards,
    bodies,
    counters,
    events,
    funnels,
    games,
    observing,
    openapi,
    operations,
    probes,
    problems,
    rankings,
    scores,
    stats,
    streams,
)
from leaderboard.config import Settings
from leaderboard.services import Clock, Services, build, system_clock
from leaderboard.store.connection import Store
from leaderboard.web import errorpages
from leaderboard.web.install import install as install_pages

_RESOURCES = (boards, scores, rankings, board_analytics, streams, games, counters, events, stats, activity, funnels)
OPERATIONS = [operation for resource in _RESOURCES for operation in resource.OPERATIONS]
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}", re.ASCII)
_log = structlog.get_logger(__name__)


def create_app(settings: Settings | None = None, *, clock: Clock = system_clock, store: Store | None = None) -> Flask:
    """The app, connected. Reads the environment when no settings are given. Raises ConfigError."""
    if settings is None:
        settings = Settings.from_env()
        logs.configure(settings)
    app = Flask(__name__, static_folder=None, template_folder="web/templates")
    app.url_map.merge_slashes = False
    app.url_map.strict_slashes = False
    app.url_map.converters.update(board=operations.BoardConverter, player=operations.PlayerConverter)
    app.extensions["leaderboard"] = wired = build(settings, clock=clock, store=store)
    problems.install(app, errorpages.dress)
    observing.install(app)
    _install_request_ids(app)
    operations.install(app, OPERATIONS)
    app.register_blueprint(probes.blueprint)
    app.add_url_rule("/openapi.json", "openapi", _serve(jsontext.dumps(openapi.document(OPERATIONS))))
    install_pages(app, wired)
    _trust_proxies(app, wired.settings.trusted_proxies)
    _warn(wired)
    return app


def _install_request_ids(app: Flask) -> None:
    @app.before_request
    def begin() -> None:
        given = request.headers.get("X-Request-ID", "")
        g.request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)
        operations.check_raw_path(request.environ)

    @app.after_request
    def end(response: Response) -> Response:
        response.headers["X-Request-ID"] = g.get("request_id", "")
        response.headers["X-Content-Type-Options"] = "nosniff"
        if response.status_code >= 400 and not bodies.drain(request):
            response.headers["Connection"] = "close"
        return response


def _serve(body: bytes) -> Any:
    def view() -> Response:
        return Response(body, content_type="application/json")

    return view


def _trust_proxies(app: Flask, count: int) -> None:
    """Believes what so many proxies in front of the service say of the client and its scheme; not of the host."""
    if count:
        fixed = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=0)
        app.wsgi_app = fixed  # type: ignore[method-assign]  # as Flask's documentation has it


def _warn(wired: Services) -> None:
    for risk in wired.store.risks():
        _log.warning("store at risk", risk=risk)
