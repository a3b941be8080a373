"""What an operation of the API is: how it is routed, checked, called, answered and documented.

A view is a function `view(call) -> Answer`; everything around it happens here: who calls, what the path, query and body
say, request ids, ETags.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import Any, cast
from urllib.parse import unquote_to_bytes

from flask import Flask, Response, current_app, request
from marshmallow import Schema, ValidationError
from werkzeug.routing import BaseConverter

from leaderboard import jsontext
from leaderboard.api import bodies, limiting, observing, problems
from leaderboard.api.replies import Answer, reply_of
from leaderboard.boards.definition import Board
from leaderboard.errors import BoardsChanged, Forbidden, InvalidInput, NotFound, Unauthenticated
from leaderboard.fields import BOARD_NAME, check_player, flatten
from leaderboard.games.access import Identity
from leaderboard.live.following import HEADERS, Following
from leaderboard.services import Services
from leaderboard.store.steps import Steps, finish

BODY_BYTES = 1024 * 1024  # of everything but bulk
_MOST_TRIES = 5
_ORIGIN = re.compile(r"^[a-zA-Z][a-zA-Z0-9+.-]*://[^/]*")
_VALID_NAME = re.compile(BOARD_NAME)
_CONVERTERS = {"board": "board", "counter": "board", "event": "board", "funnel": "board", "player": "player"}
_NAMED = {"boards": "board", "counters": "counter", "events": "event", "stats": "event", "funnels": "funnel"}


@dataclass(frozen=True, slots=True)
class Call:
    """One request, checked."""

    services: Services
    identity: Identity
    now: datetime
    request: Any  # Flask's; None on the short way, whose views do not read it
    query: Mapping[str, Any]
    path: Mapping[str, str]
    board: Board | None = None  # on the short way, where nothing may be looked up: the one in the path
    _body: list[tuple[str, bytes]] = field(default_factory=list)  # kept, for it can be read only once

    @property
    def game(self) -> str:
        return self.identity.game

    @property
    def is_client(self) -> bool:
        """Whether a game client is calling."""
        return self.identity.role != "server"

    def check_limits(self, player: str) -> None:
        """To be called before a submission is taken up. Raises TooManyRequests."""
        limiting.check_submission(self.services, self.identity, player)

    @property
    def is_limited(self) -> bool:
        """Whether submissions of the game are."""
        return self.services.limits.of(self.game).limits_submissions

    def over_limits(self, players: Sequence[str]) -> Mapping[str, Sequence[int]]:
        """Which of many submissions are over a limit, by their places, and why."""
        return limiting.over_limits(self.services, self.identity, players)

    def read_body(self, limit: int = BODY_BYTES, media_types: tuple[str, ...] = (bodies.JSON,)) -> tuple[str, bytes]:
        """The media type and the bytes of the body. Raises UnsupportedMedia, TooLarge, UnreadableBody."""
        if not self._body:
            self._body.append(bodies.read(self.request, limit, media_types))
        return self._body[0]

    def read_json(self) -> Any:
        """The JSON body, its numbers as `Numeral`s. Raises as `read_body`."""
        return jsontext.loads(self.read_body()[1])

    def load(self, schema: Schema) -> Any:
        """The JSON body, checked. Raises InvalidInput besides."""
        return load(schema, self.read_json())


View = Callable[[Call], Answer | Steps[Answer] | Following]


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path."""

    view: View
    method: str
    path: str
    summary: str
    answers: Mapping[int, type[Schema] | None]
    query: type[Schema]
    body: type[Schema] | None = None
    line: type[Schema] | None = None  # of an NDJSON body, where one is taken too
    files: tuple[str, ...] = ()  # media types that it answers besides JSON, where they are asked for
    server_only: bool = False
    refusals: tuple[int, ...] = ()
    route: str = field(init=False, default="")  # the path as metrics and traces name it

    def __post_init__(self) -> None:
        object.__setattr__(self, "route", "/v1" + self.path)

    @property
    def may_repeat(self) -> bool:
        """Whether it takes an Idempotency-Key: it adds something."""
        return self.method == "POST" and not self.path.endswith("/lookup")

    @property
    def is_read(self) -> bool:
        """Whether it is one of those that a key's reads are limited by."""
        return self.method == "GET" or self.path.endswith("/lookup")

    @property
    def is_limited(self) -> bool:
        """Whether a limit may refuse it."""
        return self.is_read or (self.method == "POST" and self.path.endswith("/scores"))

    @property
    def rule(self) -> str:
        """The path as Flask writes it."""
        return "/v1" + re.sub(r"\{(\w+)\}", lambda name: f"<{_CONVERTERS[name[1]]}:{name[1]}>", self.path)


class BoardConverter(BaseConverter):
    """One segment, whatever it holds: a name that nothing can have is refused by the view, not by routing."""

    regex = "[^/]*"


class PlayerConverter(BaseConverter):
    """The rest of the path."""

    regex = r"[\s\S]*"  # a newline too, which the view then refuses
    part_isolating = False


def install(app: Flask, operations: list[Operation]) -> None:
    """Routes the operations."""
    limiting.install(app)
    for operation in operations:
        app.add_url_rule(
            operation.rule,
            endpoint=f"{operation.method} {operation.path}",
            view_func=_view_function(operation),
            methods=[operation.method],
        )


def services() -> Services:
    """The services of the running app."""
    return cast("Services", current_app.extensions["leaderboard"])


def load(schema: Schema, document: Any) -> Any:
    """A document, checked. Raises InvalidInput with what is wrong with each field."""
    try:
        return schema.load(document)
    except ValidationError as error:
        raise InvalidInput("Something in the request is not acceptable.", fields=flatten(error.messages)) from error


def check_raw_path(environ: Mapping[str, Any]) -> None:
    """Refuses a path that is no UTF-8, that begins with two slashes, or has a name with a slash percent-encoded.

    Servers decode the path before routing, so the one that came is looked at where they keep it.
    """
    try:
        environ.get("PATH_INFO", "").encode("latin-1").decode("utf-8")
    except UnicodeError as error:
        raise InvalidInput("The path is not UTF-8.", code="invalid_path") from error
    if environ.get("PATH_INFO", "").startswith("//"):  # which routing takes for one slash
        raise NotFound("There is nothing here.", code="not_found")
    raw = (environ.get("RAW_URI") or environ.get("REQUEST_URI") or "").split("?", 1)[0]
    if "%2f" not in raw.lower():
        return
    path = _ORIGIN.sub("", raw)  # a request line may name the whole URL
    segments = [unquote_to_bytes(part).decode("utf-8", "replace") for part in path.lstrip("/").split("/")]
    if segments[:2] == ["v1", "analytics"]:  # /analytics/funnels/{funnel} has its name one further
        del segments[1]
    if segments[0] == "v1" and len(segments) > 2 and segments[1] in _NAMED and "/" in segments[2]:
        check_name(_NAMED[segments[1]], segments[2])


def check_name(kind: str, name: str) -> None:
    """Raises InvalidInput (`invalid_board_name`, ...) for a name that no board, counter, event or funnel can have."""
    if _VALID_NAME.fullmatch(name) is None:
        raise InvalidInput(
            "Names have 1 to 64 letters, digits, '.', '_', '-' and ':', and are not '.' or '..'.",
            code=f"invalid_{kind}_name",
        )


def _view_function(operation: Operation) -> Callable[..., Response]:
    query_schema = operation.query()

    def view(**path: str) -> Response:
        wired = services()
        identity = _identify(wired)
        observing.note_game(identity.game)
        if operation.is_read:
            limiting.check_read(wired, identity)
        if operation.server_only and identity.role != "server":
            raise Forbidden("This needs a server key.")
        _check_names(path)
        call = Call(wired, identity, wired.clock(), request, _read_query(query_schema), path)
        return _respond(_carry_out(operation, call))

    return view


def _carry_out(operation: Operation, call: Call) -> Answer | Following:
    """Calls the view; anew where this process turns out to know an old definition of a board it read or judged by."""
    registry = call.services.registry
    for _ in range(_MOST_TRIES):
        try:
            made = operation.view(call)
            return made if isinstance(made, Answer | Following) else finish(call.services.store, made)
        except BoardsChanged as error:
            for name in error.boards:
                registry.fresh(call.game, name)
        except InvalidInput:
            if "board" not in call.path or not registry.is_outdated(call.game, call.path["board"]):
                raise
    raise BoardsChanged


def _identify(wired: Services) -> Identity:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise Unauthenticated("Send 'Authorization: Bearer <key>'.", code="missing_key")
    return wired.access.identify(key.strip())


def _check_names(path: Mapping[str, str]) -> None:
    for kind in ("board", "counter", "event", "funnel"):
        if kind in path:
            check_name(kind, path[kind])
    if "player" in path:
        try:
            check_player(path["player"])
        except ValueError as error:
            raise InvalidInput(str(error), code="invalid_player", fields={"player": [str(error)]}) from error


def _read_query(schema: Schema) -> Mapping[str, Any]:
    if not request.query_string and (defaults := _defaults_of(type(schema))) is not None:
        return defaults
    values: dict[str, Any] = {}
    more: dict[str, list[str]] = {}
    prefix: str | None = getattr(schema, "open_prefix", None)
    for name, given in request.args.lists():
        if prefix is not None and name.startswith(prefix):
            more[name.removeprefix(prefix)] = given
            continue
        if len(given) > 1:
            raise InvalidInput("A parameter is given twice.", fields={name: ["Given twice."]})
        values[name] = given[0]
    if prefix is not None:
        if prefix.rstrip(".") in values:
            name = prefix.rstrip(".")
            raise InvalidInput(f"Write {prefix}<name>=<value>.", fields={name: ["Names no property."]})
        values[prefix.rstrip(".")] = more
    return cast("Mapping[str, Any]", load(schema, values))


@cache
def _defaults_of(schema: type[Schema]) -> Mapping[str, Any] | None:
    """What an empty query means; None where something is required."""
    try:
        return MappingProxyType(cast("dict[str, Any]", schema().load({})))
    except ValidationError:
        return None


def _respond(answer: Answer | Following) -> Response:
    if isinstance(answer, Following):
        return Response(cast("Any", answer), headers=dict(HEADERS), direct_passthrough=True)
    reply = reply_of(answer, request.method, request.path, request.query_string)
    return problems.response_of(reply.unless(request.headers.get("If-None-Match")))
