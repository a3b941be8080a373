"""`/counters`: numbers that only know their value."""

from datetime import datetime
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from leaderboard import jsontext
from leaderboard.api import bulk
from leaderboard.api.bulk import carry_out, report_document, single_marking
from leaderboard.api.events import check_may_count
from leaderboard.api.operations import Call, Operation
from leaderboard.api.replies import Answer
from leaderboard.api.schemas import BulkAnswer, NoQuery
from leaderboard.errors import InvalidInput, TooLarge, UnreadableBody
from leaderboard.fields import BOARD_NAME, Strict, Text, Whole, flatten
from leaderboard.reports import Marking, Refusal, Rejection
from leaderboard.stats.counters import Increment
from leaderboard.store.idempotency import Plan, check_digest

_Items = tuple[int, list[Increment], list[Rejection]]


class CounterBody(Strict):
    by = Whole(load_default=1, metadata={"description": "Any integer; 1 where it is left out."})


class CounterItem(CounterBody):
    name = Text(required=True, validate=validate.Regexp(BOARD_NAME + r"\Z"))


class CountersBody(Strict):
    counters = fields.List(fields.Nested(CounterItem), required=True)


class CounterAnswer(Schema):
    name = Text(required=True)
    value = Whole(required=True)


class CountersAnswer(Schema):
    counters = fields.List(fields.Nested(CounterAnswer), required=True)


_item = CounterItem()


def count(call: Call) -> Answer:
    check_may_count(call)
    by = call.load(CounterBody())["by"]
    name, marking = call.path["counter"], single_marking(call)
    counted = call.services.counters.add(call.game, name, by, marking)
    if marking is None or counted.replayed_digest is None:
        return Answer({"name": name, "value": counted.value})
    check_digest(counted.replayed_digest, marking.digest)
    return Answer({"name": name, "value": counted.value}, headers={"Idempotency-Replayed": "true"})


def count_many(call: Call) -> Answer:
    check_may_count(call)

    def parse(body: bulk.Body, _at: datetime) -> _Items:
        return _read(body, call.services.settings.max_bulk_items)

    def run(parsed: _Items, plan: Plan, marking: Marking | None) -> dict[str, Any]:
        received, increments, rejected = parsed
        report = call.services.counters.add_many(call.game, increments, chunk_items=plan.chunk_items, marking=marking)
        report.received = received
        report.rejected = sorted([*report.rejected, *rejected], key=lambda one: one.index)
        return report_document(report)

    return carry_out(call, parse, run)


def show_all(call: Call) -> Answer:
    found = call.services.counters.all(call.game)
    return Answer({"counters": [{"name": name, "value": value} for name, value in found.items()]})


def show(call: Call) -> Answer:
    name = call.path["counter"]
    return Answer({"name": name, "value": call.services.counters.value(call.game, name)})


def delete(call: Call) -> Answer:
    call.services.counters.remove(call.game, call.path["counter"])
    return Answer(status=204)


def _read(body: bulk.Body, most: int) -> _Items:
    documents = _lines(body.data) if body.is_lines else _documents(body.data)
    if len(documents) > most:
        raise TooLarge(f"One request may carry {most} items.")
    found = [_read_item(index, document) for index, document in enumerate(documents)]
    increments = [one for one in found if isinstance(one, Increment)]
    return len(documents), increments, [one for one in found if isinstance(one, Rejection)]


def _read_item(index: int, document: Any) -> Increment | Rejection:
    if isinstance(document, UnreadableBody):
        return Rejection(index, Refusal(document.code, document.detail))
    try:
        data = _item.load(document)
    except ValidationError as error:
        messages = flatten(error.messages)
        detail = "; ".join(f"{name}: {' '.join(texts)}" for name, texts in messages.items())
        return Rejection(index, Refusal("validation_error", detail))
    return Increment(index, data["name"], data["by"])


def _documents(data: bytes) -> list[Any]:
    document = jsontext.loads(data)
    if not isinstance(document, dict) or not isinstance(document.get("counters"), list) or len(document) > 1:
        raise InvalidInput('Send {"counters": [...]}.', fields={"counters": ["A list of counters is required."]})
    return list(document["counters"])


def _lines(data: bytes) -> list[Any]:
    documents = [jsontext.loads_line(line) for line in data.split(b"\n") if line.strip()]
    if documents and all(isinstance(document, UnreadableBody) for document in documents):
        raise UnreadableBody("No line of the body is JSON.")
    return documents


OPERATIONS = [
    Operation(show_all, "GET", "/counters", "All counters of the game", {200: CountersAnswer}, NoQuery),
    Operation(
        count_many,
        "POST",
        "/counters",
        "Add to many counters",
        {200: BulkAnswer},
        NoQuery,
        body=CountersBody,
        line=CounterItem,
        refusals=(403,),
    ),
    Operation(show, "GET", "/counters/{counter}", "One counter", {200: CounterAnswer}, NoQuery, refusals=(404,)),
    Operation(
        count,
        "POST",
        "/counters/{counter}",
        "Add to one counter",
        {200: CounterAnswer},
        NoQuery,
        body=CounterBody,
        refusals=(403,),
    ),
    Operation(
        delete,
        "DELETE",
        "/counters/{counter}",
        "Remove a counter",
        {204: None},
        NoQuery,
        server_only=True,
        refusals=(404,),
    ),
]
