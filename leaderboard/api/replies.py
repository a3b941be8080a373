"""Answers and problems as status, headers and bytes: the same whether Flask or the short way sends them."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from leaderboard import errors, jsontext

READS = ("GET", "HEAD")
STATUSES: dict[type[errors.LeaderboardError], int] = {
    errors.UnreadableBody: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.TooSlow: 408,
    errors.Conflict: 409,
    errors.TooLarge: 413,
    errors.UnsupportedMedia: 415,
    errors.InvalidInput: 422,
    errors.TooManyRequests: 429,
    errors.Unavailable: 503,
}
UNEXPECTED = "Something unexpected happened; the log has it under this request_id."
_REVALIDATE = "private, max-age=0, must-revalidate"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a view answers: a document or finished bytes, and what it is true for."""

    document: Any = None
    status: int = 200
    etag_of: tuple[Any, ...] | None = None  # what the ETag covers, beside the request itself
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes out. An `etag` is without its quotes."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    etag: str | None = None

    def unless(self, if_none_match: str | None) -> "Reply":
        """304 in its place where the client says that it has this already (RFC 9110, 13.1.2)."""
        if if_none_match is None or self.etag is None or not _names(if_none_match, self.etag):
            return self
        kept = {name: value for name, value in self.headers.items() if name != "Content-Type"}
        return Reply(304, kept, b"", self.etag)


# What a short way comes to: a reply, what went wrong, or None: the long way has to be gone.
Found = Reply | Exception | None


def reply_of(answer: Answer, method: str, path: str, query: bytes) -> Reply:
    """The reply of an answer to such a request."""
    headers = dict(answer.headers)
    if answer.status == 204:
        return Reply(204, headers, b"")
    body = answer.document if isinstance(answer.document, bytes) else jsontext.dumps(answer.document)
    headers["Content-Type"] = answer.content_type
    etag = None
    if method in READS:
        headers["Cache-Control"] = "no-store"
        if answer.etag_of is not None:
            seen = repr((path, query, answer.etag_of)).encode("utf-8", "surrogatepass")
            etag = hashlib.sha256(seen).hexdigest()[:32]
            headers |= {"Cache-Control": _REVALIDATE, "ETag": f'"{etag}"'}
    return Reply(answer.status, headers, body, etag)


def problem(
    status: int,
    code: str,
    detail: str,
    request_id: str,
    fields: errors.FieldErrors | None = None,
    more: Mapping[str, Any] | None = None,
) -> Reply:
    """A reply that says what went wrong (RFC 9457); `more` are members of its own."""
    body: dict[str, Any] = {
        "type": f"urn:leaderboard:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": request_id,
        **(more or {}),
    }
    if fields:
        body["errors"] = fields
    return Reply(status, {"Content-Type": "application/problem+json"}, jsontext.dumps(body))


def problem_of(error: errors.LeaderboardError, request_id: str) -> Reply:
    """The reply for one of our errors."""
    status = next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), 500)
    fields = error.fields if isinstance(error, errors.InvalidInput) else None
    found = problem(status, error.code, error.detail, request_id, fields)
    more: dict[str, str] = {}
    if isinstance(error, errors.TooManyRequests):
        more |= error.headers
    if isinstance(error, errors.Unavailable | errors.TooManyRequests):
        more["Retry-After"] = str(error.retry_after)
    if status == 401:
        more["WWW-Authenticate"] = 'Bearer realm="leaderboard"'
    return Reply(status, {**found.headers, **more}, found.body)


def _names(if_none_match: str, etag: str) -> bool:
    given = (one.strip().removeprefix("W/").strip('"') for one in if_none_match.split(","))
    return if_none_match.strip() == "*" or etag in given
