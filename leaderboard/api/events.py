"""`/events`: what happened, one or many."""

from datetime import datetime
from typing import Any

from marshmallow import Schema, fields

from leaderboard.api import bulk
from leaderboard.api.bulk import carry_out, report_document
from leaderboard.api.operations import Call, Operation
from leaderboard.api.replies import Answer
from leaderboard.api.schemas import BulkAnswer, BulkQuery
from leaderboard.errors import Forbidden, InvalidInput, UnsupportedMedia
from leaderboard.fields import Flag, Text
from leaderboard.reports import Marking, Report
from leaderboard.stats.items import Context, EventBody, EventItem, EventsBody, Items, Reader
from leaderboard.stats.names import TOO_MANY
from leaderboard.stats.recording import Recorded
from leaderboard.store.idempotency import Plan


class WarningAnswer(Schema):
    code = Text(required=True)
    name = Text(required=True)
    detail = Text(required=True)


class EventsAnswer(BulkAnswer):
    warnings = fields.List(fields.Nested(WarningAnswer), required=True)


class EventAnswer(Schema):
    name = Text(required=True)
    recorded = Flag(required=True)
    warnings = fields.List(fields.Nested(WarningAnswer), required=True)


def record_many(call: Call) -> Answer:
    check_may_count(call)

    def parse(body: bulk.Body, at: datetime) -> Items:
        reader = Reader(_context(call, at))
        read = reader.read_lines if body.is_lines else reader.read_json
        return read(body.data, call.services.settings.max_bulk_items)

    def run(items: Items, plan: Plan, marking: Marking | None) -> dict[str, Any]:
        recorded = _record(call, items, plan, marking)
        report = Report(items.received, applied=len(items.events), rejected=items.rejected)
        return {**report_document(report), "warnings": _warnings(recorded)}

    return carry_out(call, parse, run)


def record_one(call: Call) -> Answer:
    check_may_count(call)
    name = call.path["event"]

    def parse(body: bulk.Body, at: datetime) -> Items:
        if body.is_lines:
            raise UnsupportedMedia("Send application/json; NDJSON goes to /events.")
        if call.services.stat_names.refused(call.game, [name]):
            raise InvalidInput(TOO_MANY.detail, code=TOO_MANY.code)
        return Items(1, [Reader(_context(call, at)).read_one(name, call.read_json())], [0])

    def run(items: Items, plan: Plan, marking: Marking | None) -> dict[str, Any]:
        recorded = _record(call, items, plan, marking)
        return {"name": name, "recorded": True, "warnings": _warnings(recorded)}

    return carry_out(call, parse, run)


def check_may_count(call: Call) -> None:
    """Raises Forbidden for a client of a game that does not let its clients send counters and events."""
    if call.is_client and not call.services.games.settings_of(call.game).client_events:
        raise Forbidden("Game clients may not send counters and events; see client_events of PUT /game.")


def _context(call: Call, at: datetime) -> Context:
    return Context(at, backfill=call.query["backfill"], by_client=call.is_client)


def _record(call: Call, items: Items, plan: Plan, marking: Marking | None) -> Recorded:
    services = call.services
    refused = services.stat_names.refused(call.game, {event.name for event in items.events})
    if refused:
        items.refuse(refused, TOO_MANY)
    if not items.events:
        return Recorded()
    calendar = services.games.bind(call.game)
    return services.recorder.record(
        call.game, items.events, plan.at, calendar, chunk_events=plan.chunk_items, marking=marking
    )


def _warnings(recorded: Recorded) -> list[dict[str, str]]:
    return [
        {
            "code": "property_cut_off",
            "name": name,
            "detail": f"{', '.join(properties)}: too many values or combinations; some are counted as 'other'.",
        }
        for name, properties in recorded.cut.items()
    ]


OPERATIONS = [
    Operation(
        record_many,
        "POST",
        "/events",
        "Record many events",
        {200: EventsAnswer},
        BulkQuery,
        body=EventsBody,
        line=EventItem,
        refusals=(403,),
    ),
    Operation(
        record_one,
        "POST",
        "/events/{event}",
        "Record one event",
        {200: EventAnswer},
        BulkQuery,
        body=EventBody,
        refusals=(403,),
    ),
]
