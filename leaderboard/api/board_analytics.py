"""How the scores of a board are spread, and how its top changed."""

from fractions import Fraction
from typing import Any

from marshmallow import Schema, fields, validate

from leaderboard import jsontext
from leaderboard.api import schemas
from leaderboard.api.operations import Call, Operation
from leaderboard.api.remembered import remember
from leaderboard.api.replies import Answer
from leaderboard.api.views import answer, entry_document, head, period_view_of, read, view_of
from leaderboard.boards.captures import DEPTH
from leaderboard.boards.changes import Move, Then
from leaderboard.boards.periods import PeriodName
from leaderboard.boards.views import View
from leaderboard.fields import Flag, Text, Whole
from leaderboard.times import format_time

_PERCENTS = (50, 90, 99)


class ChangesQuery(schemas.PeriodQuery):
    """How many of the best."""

    limit = schemas.QueryWhole(load_default=10, validate=validate.Range(1, DEPTH))


class PercentilesAnswer(Schema):
    p50 = fields.Float(required=True, allow_none=True)
    p90 = fields.Float(required=True, allow_none=True)
    p99 = fields.Float(required=True, allow_none=True)


class AnalyticsAnswer(schemas.DistributionAnswer):
    min = fields.Float(required=True, allow_none=True)
    max = fields.Float(required=True, allow_none=True)
    percentiles = fields.Nested(PercentilesAnswer, required=True)


class ComparedAnswer(Schema):
    at = Text(required=True, metadata={"format": "date-time"})
    id = Text(required=True)
    depth = Whole(required=True, metadata={"description": "How many entries are known of then, from the best on."})
    complete = Flag(required=True, metadata={"description": "Whether there were no more."})


class MoveAnswer(schemas.EntryAnswer):
    previous_rank = Whole(required=True, allow_none=True)
    previous_score = fields.Float(required=True, allow_none=True)
    change = Whole(required=True, allow_none=True, metadata={"description": "Places won."})


class LeftAnswer(Schema):
    player = Text(required=True)
    rank = Whole(required=True, allow_none=True)
    score = fields.Float(required=True, allow_none=True)
    subscore = fields.Float(required=True, allow_none=True)
    previous_rank = Whole(required=True)
    previous_score = fields.Float(required=True)
    change = Whole(required=True, allow_none=True)


class ChangesAnswer(schemas.BoardRead):
    compared_with = fields.Nested(ComparedAnswer, required=True, allow_none=True)
    entries = fields.List(fields.Nested(MoveAnswer), required=True)
    left = fields.List(fields.Nested(LeftAnswer), required=True)


def analytics(call: Call) -> Answer:
    view = view_of(call)
    return remember(call, "analytics", view, lambda: _analytics(call, view))


def changes(call: Call) -> Answer:
    view = period_view_of(call)
    # What it is compared with has no version, and is another one from the day's or the next period's beginning on.
    names: tuple[PeriodName, ...] = ("day", call.query.get("period", "all"))
    now = tuple(view.board.calendar.containing(name, call.now).id for name in names)
    return remember(call, "changes", view, lambda: _changes(call, view), exact=False, also=now)


def _analytics(call: Call, view: View) -> Answer:
    found = call.services.rankings.analysis(view, [Fraction(percent) for percent in _PERCENTS], call.query["bins"])
    names = (f"p{percent}" for percent in _PERCENTS)
    rest = {
        "min": found.low,
        "max": found.high,
        "percentiles": dict(zip(names, found.percentiles, strict=True)),
        "bins": [{"from": low, "to": high, "count": count} for low, high, count in found.bins],
    }
    return answer(view, found.stamp, rest)


def _changes(call: Call, view: View) -> Answer:
    found = call.services.changes.since(view, call.query["limit"])
    document = {
        **head(view, found.stamp),
        "compared_with": found.then and _compared_with(found.then),
        "entries": [{**entry_document(view, move.now), **_before(move)} for move in found.entries if move.now],
        "left": [{**_left(move), **_before(move)} for move in found.left],
    }
    # What it is compared with has no version: it is taken, and removed, while the board stays as it is.
    return Answer(document, etag_of=(found.stamp.rev, jsontext.dumps(document)))


def _compared_with(then: Then) -> dict[str, Any]:
    return {"at": format_time(then.at), "id": then.period_id, "depth": then.depth, "complete": then.complete}


def _left(move: Move) -> dict[str, Any]:
    now = move.now
    return {
        "player": move.player,
        "rank": now and now.rank,
        "score": None if now is None else now.score,
        "subscore": None if now is None else now.subscore,
    }


def _before(move: Move) -> dict[str, Any]:
    then = move.then
    rank, score = (None, None) if then is None else (then.rank, then.score)
    return {"previous_rank": rank, "previous_score": score, "change": move.change}


OPERATIONS: list[Operation] = [
    read(
        analytics,
        "/boards/{board}/analytics",
        "How the scores are spread",
        AnalyticsAnswer,
        schemas.DistributionQuery,
    ),
    read(changes, "/boards/{board}/changes", "How the top changed", ChangesAnswer, ChangesQuery),
]
