"""`/stats`: events over time."""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from leaderboard.api.events import WarningAnswer
from leaderboard.api.operations import Call, Operation
from leaderboard.api.ranges import RangeAnswer, RangeQuery, head, range_of
from leaderboard.api.replies import Answer
from leaderboard.api.schemas import NoQuery
from leaderboard.fields import Text, Whole
from leaderboard.stats.points import Point
from leaderboard.stats.ranges import MOST_STEPS, STEPS, Range
from leaderboard.stats.reading import Reading
from leaderboard.stats.series import MOST_PROPERTIES, Selection
from leaderboard.stats.tables import as_csv, as_ndjson, cut_off, figures, rows
from leaderboard.times import format_time

EXPECTED_ERROR = 0.0081  # of `players`: HyperLogLog's standard error with 2^14 registers, 1.04 / sqrt(2^14)
_FORMATS = ("json", "csv", "ndjson")


class PropertyNames(Text):
    """Names between commas; a list of them in Python."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        names = super()._deserialize(value, attr, data, **kwargs).split(",")
        if len(set(names)) < len(names) or not 1 <= len(names) <= MOST_PROPERTIES or not all(names):
            raise ValidationError(f"1 to {MOST_PROPERTIES} different names between commas.")
        return names


class StatsQuery(RangeQuery):
    """Which events are counted, and how."""

    open_prefix = "prop."  # any parameter of such a name goes to `prop`

    step = Text(load_default="day", validate=validate.OneOf(STEPS))
    group_by = PropertyNames(metadata={"description": "Properties, between commas."})
    format = Text(load_default="json", validate=validate.OneOf(_FORMATS))
    prop = fields.Dict(
        keys=Text(),
        values=fields.List(Text()),
        load_default=dict,
        metadata={"description": "`prop.country=AT`: only those; given twice, either; empty for those without."},
    )


class PointAnswer(Schema):
    at = Text(required=True, metadata={"format": "date-time"})
    count = Whole(required=True)
    sum = fields.Float(required=True)
    min = fields.Float(required=True, allow_none=True)
    max = fields.Float(required=True, allow_none=True)
    mean = fields.Float(required=True, allow_none=True)
    players = Whole(required=True, allow_none=True)


class TotalAnswer(PointAnswer):
    class Meta:
        exclude = ("at", "players")


class GroupAnswer(Schema):
    properties = fields.Dict(keys=Text(), values=Text(allow_none=True), required=True)
    points = fields.List(fields.Nested(PointAnswer), required=True)
    total = fields.Nested(TotalAnswer, required=True)


class StatAnswer(RangeAnswer):
    name = Text(required=True)
    step = Text(required=True)
    expected_error = fields.Float(required=True)
    points = fields.List(fields.Nested(PointAnswer), required=True)
    total = fields.Nested(TotalAnswer, required=True)
    groups = fields.List(fields.Nested(GroupAnswer))
    warnings = fields.List(fields.Nested(WarningAnswer), required=True)


class StatNameAnswer(Schema):
    name = Text(required=True)
    properties = fields.List(Text(), required=True)


class StatNamesAnswer(Schema):
    stats = fields.List(fields.Nested(StatNameAnswer), required=True)


def show_all(call: Call) -> Answer:
    found = call.services.stats.names(call.game)
    return Answer({"stats": [{"name": name, "properties": properties} for name, properties in found.items()]})


def show(call: Call) -> Answer:
    query, calendar = call.query, call.services.calendar_of(call.game)
    found = range_of(call, calendar, query["step"], most=MOST_STEPS)
    by = query.get("group_by", [])
    name, selection = call.path["event"], Selection(query["prop"], by)
    reading = call.services.stats.read(call.game, name, found.steps, call.now, calendar, selection)
    if query["format"] == "csv":
        return _file(reading, as_csv(rows(reading, found.steps, by), by), "text/csv; charset=utf-8", f"{name}.csv")
    if query["format"] == "ndjson":
        return _file(reading, as_ndjson(rows(reading, found.steps, by)), "application/x-ndjson", f"{name}.ndjson")
    document = {
        "name": name,
        "step": query["step"],
        **head(calendar, found, approximate=True),
        "expected_error": EXPECTED_ERROR,
        "points": _points(found, reading.points),
        "total": _total(reading.total),
        "warnings": _warnings(reading),
    }
    if by:
        document["groups"] = [
            {
                "properties": dict(zip(by, group.key, strict=True)),
                "points": _points(found, group.points),
                "total": _total(group.total),
            }
            for group in reading.groups
        ]
    return Answer(document)


def delete(call: Call) -> Answer:
    call.services.stat_names.remove(call.game, call.path["event"])
    return Answer(status=204)


def _file(reading: Reading, data: bytes, content_type: str, name: str) -> Answer:
    # Names of stats have nothing in them that a header would have to escape; a colon is no part of a file's name.
    headers = {"Content-Disposition": f'attachment; filename="{name.replace(":", "_")}"'}
    if reading.cut:
        headers["Leaderboard-Warning"] = "property_cut_off " + ",".join(reading.cut)
    return Answer(data, headers=headers, content_type=content_type)


def _points(found: Range, points: list[Point]) -> list[dict[str, Any]]:
    return [
        {"at": format_time(step.start) if step.start else None, **figures(point)}
        for step, point in zip(found.steps, points, strict=True)
    ]


def _total(point: Point) -> Mapping[str, Any]:
    total = figures(point)
    del total["players"]
    return total


def _warnings(reading: Reading) -> list[dict[str, str]]:
    return [
        {
            "code": "property_cut_off",
            "name": name,
            "detail": cut_off(name, count),
        }
        for name, count in reading.cut.items()
    ]


OPERATIONS = [
    Operation(show_all, "GET", "/stats", "The names of all stats", {200: StatNamesAnswer}, NoQuery),
    Operation(
        show,
        "GET",
        "/stats/{event}",
        "Events over time",
        {200: StatAnswer},
        StatsQuery,
        files=("text/csv", "application/x-ndjson"),
        refusals=(404,),
    ),
    Operation(
        delete,
        "DELETE",
        "/stats/{event}",
        "Remove all that is kept of the events of a name",
        {204: None},
        NoQuery,
        server_only=True,
        refusals=(404,),
    ),
]
