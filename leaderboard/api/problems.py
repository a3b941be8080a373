"""Every error as problem+json (RFC 9457), from one table; pages may have it dressed otherwise."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import TypeVar

import structlog
from flask import Flask, Response, g
from werkzeug.exceptions import HTTPException

from leaderboard import errors
from leaderboard.api import replies

_CODES = {404: "not_found", 405: "method_not_allowed", 413: "too_large", 415: "unsupported_media_type"}
Dress = Callable[[Response, Exception], Response]
_Error = TypeVar("_Error", bound=Exception)
_log = structlog.get_logger(__name__)


def response_of(reply: replies.Reply) -> Response:
    """A reply as Flask sends it."""
    response = Response(reply.body, reply.status, reply.headers)
    if "Content-Type" not in reply.headers:
        del response.headers["Content-Type"]
    return response


def from_error(error: errors.LeaderboardError) -> Response:
    """The response for one of our errors."""
    if isinstance(error, errors.Unavailable):
        _log.warning("unavailable", code=error.code, detail=error.detail, cause=repr(error.__cause__))
    return response_of(replies.problem_of(error, g.get("request_id", "")))


def from_http(error: HTTPException) -> Response:
    """The response for an error of the framework."""
    status = error.code or 500
    code = _CODES.get(status, HTTPStatus(status).phrase.lower().replace(" ", "_").replace("-", "_"))
    detail = error.description or HTTPStatus(status).phrase
    response = response_of(replies.problem(status, code, detail, g.get("request_id", "")))
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response


def from_bug(error: Exception) -> Response:
    """The response for what should not have happened; the log has the rest."""
    _log.error("unexpected error", exc_info=error)
    return response_of(replies.problem(500, "internal_error", replies.UNEXPECTED, g.get("request_id", "")))


def install(app: Flask, dress: Dress) -> None:
    """Makes the app answer every error this way; `dress` may make another response of it."""
    app.register_error_handler(errors.LeaderboardError, _dressed(from_error, dress))
    app.register_error_handler(HTTPException, _dressed(from_http, dress))
    app.register_error_handler(Exception, _dressed(from_bug, dress))


def _dressed(handle: Callable[[_Error], Response], dress: Dress) -> Callable[[_Error], Response]:
    @wraps(handle)
    def handler(error: _Error) -> Response:
        return dress(handle(error), error)

    return handler
