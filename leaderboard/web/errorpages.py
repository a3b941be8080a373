"""Errors as pages, where a person asked: what went wrong, and what to do now."""

from http import HTTPStatus
from typing import Any, Final

import structlog
from flask import Response, current_app, g, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from leaderboard.errors import LeaderboardError, StoreUnavailable, Unavailable
from leaderboard.web import guard, rendering, sessions

_API = ("/metrics", "/healthz", "/readyz", "/openapi.json", "/v1")
_log = structlog.get_logger(__name__)

# status or code -> title, what to do
_TOLD: Final[dict[int | str, tuple[str, str]]] = {
    400: ("This request cannot be read", "Go back, reload the page and try again."),
    403: ("You may not do this", "An administrator can give your account another role, on the page Accounts."),
    404: ("There is nothing here", "Check the address, or begin at the list of games."),
    405: ("This page cannot be used like that", "Open it by its address, or begin at the list of games."),
    409: ("This does not fit the state of things", "Go back, reload the page and look at what has changed."),
    413: ("This is too large", "Send less at once."),
    422: ("Something is not acceptable", "Go back and change what is named here."),
    429: ("Too many attempts", "Wait, then try again. 'leaderboard signin' on the server makes a link at any time."),
    500: ("Something unexpected happened", "The log has it under the request id below."),
    503: ("The service is busy", "Reload the page in a moment."),
    "store_unavailable": ("The store is away", "Nothing is lost. Reload the page in a moment; /readyz says more."),
    "database_unavailable": (
        "The database is away",
        "Nothing is lost. Reload the page in a moment; /readyz says more.",
    ),
    "csrf": ("This form is too old", "Go back, reload the page, and send the form again."),
}


def dress(response: Response, error: Exception) -> Response:
    """The answer to a request that went wrong: a page where a person asked, else `response`, the API's."""
    if not _wants_page():
        return response
    if response.status_code == 413:
        request.max_content_length = None  # a form's; what comes after it may be read, to be thrown away
    g.pop("is_embeddable", None)  # it may show who is signed in
    page = Response(_page(response.status_code, error), response.status_code, content_type="text/html; charset=utf-8")
    for name, value in response.headers:
        if name.lower() not in ("content-type", "content-length", "www-authenticate"):
            page.headers[name] = value
    page.headers["Cache-Control"] = "no-store"
    return page


def become_unavailable(response: Response, error: StoreUnavailable) -> None:
    """Turns an answer that is finished into one that says that the store is away."""
    _log.warning("unavailable", code=error.code, detail=error.detail, cause=repr(error.__cause__))
    response.status_code = 503
    response.headers.pop("Location", None)
    response.headers["Retry-After"] = str(error.retry_after)
    response.content_type = "text/html; charset=utf-8"
    response.set_data(_page(503, error))


def _wants_page() -> bool:
    """Whether the request is a person's: for one of our pages, or a browser's for something that is not there."""
    if request.path.startswith(_API) and (request.path in _API or request.path.startswith("/v1/")):
        return False
    if request.blueprint is not None and request.blueprint.endswith("_pages"):
        return True
    return "text/html" in request.headers.get("Accept", "")


def _page(status: int, error: Exception) -> str:
    if not isinstance(error, Unavailable) and sessions.COOKIE in request.cookies:
        _look_who_asks()
    title, hint = _told(status, error)
    return rendering.render(
        "error.html",
        status=status,
        title=title,
        detail=_detail(error),
        hint=hint,
        request_id=g.get("request_id", ""),
        **({"account": None, "nav": ()} if isinstance(error, Unavailable) else {}),
    )


def _look_who_asks() -> None:
    """So that the page has its navigation; it is as good without."""
    try:
        guard.current()
    except Unavailable as error:
        current_app.logger.debug("An error page has no account: %s", error)


def _told(status: int, error: Exception) -> tuple[str, str]:
    if isinstance(error, CSRFError):
        return _TOLD["csrf"]
    code: Any = getattr(error, "code", status)
    found = _TOLD.get(code) if isinstance(code, str) else None
    return found or _TOLD.get(status) or (HTTPStatus(status).phrase, "Go back and try again.")


def _detail(error: Exception) -> str:
    if isinstance(error, LeaderboardError):
        return error.detail
    if isinstance(error, HTTPException) and not isinstance(error, CSRFError) and error.code not in (404, 405, 500):
        return error.description or ""
    return ""
