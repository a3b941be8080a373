"""Requests with many items, and requests that may come again: what they have in common, whatever the items are."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from leaderboard import jsontext
from leaderboard.api import bodies
from leaderboard.api.operations import Call
from leaderboard.api.replies import Answer
from leaderboard.errors import Forbidden, InvalidInput
from leaderboard.reports import Marking, Report
from leaderboard.store.idempotency import Limited, Plan, digest_of, request_name

_LONGEST_KEY = 200
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Body:
    """What came, and whether as NDJSON."""

    is_lines: bool
    data: bytes


def single_marking(call: Call) -> Marking | None:
    """How the one thing that a request does is marked; None where it has no Idempotency-Key."""
    key = call.request.headers.get("Idempotency-Key")
    if key is None:
        return None
    media_type, data = call.read_body()
    asked = Asked(call.identity.key_id, call.request.method, call.request.path, call.request.query_string)
    return marking_of(asked, key, media_type, data, call.services.plans.lifetime_ms)


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks for what."""

    key_id: str
    method: str
    path: str
    query: bytes

    def name(self, key: str) -> str:
        """The name of such a request that may come again. Raises InvalidInput (`invalid_idempotency_key`)."""
        if not 1 <= len(key) <= _LONGEST_KEY:
            detail = f"An Idempotency-Key has 1 to {_LONGEST_KEY} characters."
            raise InvalidInput(detail, code="invalid_idempotency_key")
        return request_name((self.key_id, self.method, self.path, key))


def marking_of(asked: Asked, key: str, media_type: str, data: bytes, lifetime_ms: int) -> Marking:
    """How the one thing is marked that such a request with an Idempotency-Key does. Raises as `Asked.name`."""
    digest = digest_of(media_type.encode(), data, asked.query)
    return Marking(asked.name(key), digest, lifetime_ms, mark_refused=False)


def carry_out(
    call: Call,
    parse: Callable[[Body, datetime], _T],
    run: Callable[[_T, Plan, Marking | None], dict[str, Any]],
    limit: Callable[[_T], Limited] = lambda _: {},
) -> Answer:
    """Answers a request with items: `parse` reads them as of a time, `run` makes the answer of them.

    `limit` says which of them are over a limit; a retry goes by what it said the first time.

    What cannot be parsed changes nothing. With an Idempotency-Key the plan is kept before anything is done, and the
    answer in its place at the end; who comes again gets that, or what is missing is done as of the first time.
    """
    settings, plans = call.services.settings, call.services.plans
    media_type, data = call.read_body(settings.max_body_bytes, (bodies.JSON, bodies.NDJSON))
    if call.query.get("backfill") and call.is_client:
        raise Forbidden("A backfill needs a server key.")
    body = Body(media_type == bodies.NDJSON, data)
    parsed = parse(body, call.now)
    plan = Plan(digest_of(media_type.encode(), data, call.request.query_string), call.now, settings.chunk_items)
    plan = replace(plan, limited=limit(parsed))
    key = call.request.headers.get("Idempotency-Key")
    if key is None:
        return Answer(jsontext.dumps(run(parsed, plan, None)))
    name = Asked(call.identity.key_id, call.request.method, call.request.path, call.request.query_string).name(key)
    plan = plans.begin(name, plan)
    if plan.answer is not None:
        return Answer(plan.answer, headers={"Idempotency-Replayed": "true"})
    if plan.at != call.now:
        parsed = parse(body, plan.at)
    answer = jsontext.dumps(run(parsed, plan, Marking(name, plan.digest, plans.lifetime_ms)))
    plans.finish(name, plan, answer)
    return Answer(answer)


def report_document(report: Report) -> dict[str, Any]:
    """The report of a bulk."""
    return {
        "received": report.received,
        "applied": report.applied,
        "unchanged": report.unchanged,
        "rejected": [
            {"index": one.index, "code": one.refusal.code, "detail": one.refusal.detail} for one in report.rejected
        ],
    }
