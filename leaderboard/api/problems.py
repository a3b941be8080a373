"""Every error as problem+json (RFC 9457), from one table."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from flask import Flask, Response, g
from werkzeug.exceptions import HTTPException

from leaderboard import errors, jsontext

STATUSES: dict[type[errors.LeaderboardError], int] = {
    errors.UnreadableBody: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.TooLarge: 413,
    errors.UnsupportedMedia: 415,
    errors.InvalidInput: 422,
    errors.Unavailable: 503,
}
_CODES = {404: "not_found", 405: "method_not_allowed", 413: "too_large", 415: "unsupported_media_type"}
_log = structlog.get_logger(__name__)


def problem(
    status: int,
    code: str,
    detail: str,
    fields: errors.FieldErrors | None = None,
    more: Mapping[str, Any] | None = None,
) -> Response:
    """A response that says what went wrong; `more` are members of its own."""
    body: dict[str, Any] = {
        "type": f"urn:leaderboard:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": g.get("request_id", ""),
        **(more or {}),
    }
    if fields:
        body["errors"] = fields
    return Response(jsontext.dumps(body), status, content_type="application/problem+json")


def from_error(error: errors.LeaderboardError) -> Response:
    """The response for one of our errors."""
    status = next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), 500)
    fields = error.fields if isinstance(error, errors.InvalidInput) else None
    response = problem(status, error.code, error.detail, fields)
    if isinstance(error, errors.Unavailable):
        response.headers["Retry-After"] = str(error.retry_after)
        _log.warning("unavailable", code=error.code, detail=error.detail, cause=repr(error.__cause__))
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="leaderboard"'
    return response


def from_http(error: HTTPException) -> Response:
    """The response for an error of the framework."""
    status = error.code or 500
    code = _CODES.get(status, HTTPStatus(status).phrase.lower().replace(" ", "_").replace("-", "_"))
    response = problem(status, code, error.description or HTTPStatus(status).phrase)
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response


def from_bug(error: Exception) -> Response:
    """The response for what should not have happened; the log has the rest."""
    _log.error("unexpected error", exc_info=error)
    return problem(500, "internal_error", "Something unexpected happened; the log has it under this request_id.")


def install(app: Flask) -> None:
    """Makes the app answer every error this way."""
    app.register_error_handler(errors.LeaderboardError, from_error)
    app.register_error_handler(HTTPException, from_http)
    app.register_error_handler(Exception, from_bug)
