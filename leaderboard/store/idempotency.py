"""Plans of idempotent requests: what a retry needs to do exactly what the first try would have done.

The first act of a bulk request with an Idempotency-Key keeps its plan: a digest of what was asked, the time it counts
as, and how it is cut into chunks. Each chunk's script call marks the chunk beside the data, so a retry after any
crash applies what is missing, nothing twice, and puts together the same answer; that is then kept in the plan's place.
A single submission needs no plan: its marker is in the one script call there is.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from leaderboard.errors import InvalidInput
from leaderboard.store import keys
from leaderboard.store.connection import Store, translated
from leaderboard.times import format_time, parse_time

Limited = Mapping[str, Sequence[int]]  # why items are over a limit -> their indices


@dataclass(frozen=True, slots=True)
class Plan:
    """How a request is carried out, or what it was answered."""

    digest: str
    at: datetime
    chunk_items: int
    answer: bytes | None = None
    limited: Limited = field(default_factory=dict)  # left out when the chunks are cut, so a retry leaves out the same


class Plans:
    """Keeps plans for as long as a client may retry."""

    def __init__(self, store: Store, lifetime_ms: int) -> None:
        self._store = store
        self.lifetime_ms = lifetime_ms

    def begin(self, request: str, plan: Plan) -> Plan:
        """Keeps the plan, or finds the one that is there.

        Raises InvalidInput (`idempotency_key_reused`) when the same key came with something else.
        """
        kept = self._store.run("plan", [keys.plan(request)], [_encode(plan), self.lifetime_ms, 0])
        if kept is None:
            return plan
        found = _decode(kept)
        check_digest(found.digest, plan.digest)
        return found

    def find(self, request: str) -> Plan | None:
        """What is kept of a request."""
        with translated():
            kept: Any = self._store.client.get(keys.plan(request))
        return None if kept is None else _decode(kept)

    def finish(self, request: str, plan: Plan, answer: bytes) -> None:
        """Keeps the answer in the plan's place."""
        done = Plan(plan.digest, plan.at, plan.chunk_items, answer)
        self._store.run("plan", [keys.plan(request)], [_encode(done), self.lifetime_ms, 1])


def request_name(parts: Iterable[str]) -> str:
    """One short name for the scope of a key: API key, method, path and the key itself."""
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def digest_of(*parts: bytes) -> str:
    """A digest of everything a request asks."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()[:32]


def check_digest(kept: str, given: str) -> None:
    """Raises InvalidInput unless both are the same request."""
    if kept != given:
        raise InvalidInput("This Idempotency-Key came with another request before.", code="idempotency_key_reused")


def _encode(plan: Plan) -> bytes:
    return msgspec.msgpack.encode((plan.digest, format_time(plan.at), plan.chunk_items, plan.answer, plan.limited))


def _decode(kept: bytes) -> Plan:
    digest, at, *rest = msgspec.msgpack.decode(kept)  # one of an earlier version is shorter
    return Plan(digest, parse_time(at), *rest)
