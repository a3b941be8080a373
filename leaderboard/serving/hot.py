"""A request that may go the short way, and what is read of it."""

import random
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from marshmallow import Schema

from leaderboard.api.operations import Call, Operation, load
from leaderboard.boards.definition import Board
from leaderboard.limits.rules import LimitRules
from leaderboard.limits.standing import Standing
from leaderboard.metrics import Seen
from leaderboard.serving.bridge import Scope

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")
_HEADERS = frozenset(
    b"authorization content-type content-encoding idempotency-key if-none-match cache-control x-request-id".split()
)


@dataclass(slots=True)
class Hot:
    """The request."""

    operation: Operation
    call: Call
    board: Board
    target: str  # the path, decoded
    query: bytes
    headers: dict[bytes, bytes]
    request_id: str
    rules: LimitRules
    seen: Seen | None
    standing: Standing | None = None  # once it has passed a limit


def headers_of(scope: Scope) -> dict[bytes, bytes] | None:
    """The headers that matter; None where one of them comes twice."""
    found: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name in _HEADERS:
            if name in found:
                return None
            found[name] = value
    return found


def request_id_of(headers: dict[bytes, bytes]) -> str:
    """The one that was given, or a new one."""
    given = headers.get(b"x-request-id")
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given.decode("ascii")
    return f"{random.getrandbits(64):016x}"


@lru_cache(maxsize=10_000)
def query_of(schema: type[Schema], query: bytes) -> Any:
    """What a query asks. Raises LeaderboardError, ValueError."""
    pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True)
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("given twice")
    return load(schema(), values)
