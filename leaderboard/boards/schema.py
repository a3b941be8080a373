"""The shape of a board's definition, as people write it."""

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from leaderboard.boards.partitioning import MOST_PARTS
from leaderboard.boards.periods import PERIOD_NAMES, WEEKDAYS
from leaderboard.boards.windows import SPANS
from leaderboard.fields import Flag, Number, Strict, Text, Whole

_RETENTION = {"hour": 48, "day": 35, "week": 12, "month": 13, "year": 3}
_MAX_DECIMALS = 15


class ScoreSchema(Strict):
    """The numbers that a score can be."""

    type = Text(load_default="number", validate=validate.OneOf(("number", "integer")))
    min = Number(load_default=None, allow_none=True)
    max = Number(load_default=None, allow_none=True)
    decimals = Whole(load_default=None, allow_none=True, validate=validate.Range(0, _MAX_DECIMALS))


class SubscoreSchema(Strict):
    """A second number, compared where scores are equal."""

    order = Text(load_default="desc", validate=validate.OneOf(("desc", "asc")))
    min = Number(required=True)
    max = Number(required=True)
    decimals = Whole(load_default=0, validate=validate.Range(0, _MAX_DECIMALS))


class RetentionSchema(Strict):
    """How many closed periods of each name stay in the store."""

    hour = Whole(load_default=48, validate=validate.Range(0, 100_000))
    day = Whole(load_default=35, validate=validate.Range(0, 10_000))
    week = Whole(load_default=12, validate=validate.Range(0, 10_000))
    month = Whole(load_default=13, validate=validate.Range(0, 1_000))
    year = Whole(load_default=3, validate=validate.Range(0, 1_000))


class BoardSchema(Strict):
    """A board's definition, as `PUT /boards/{board}` takes it; what is left out has its default."""

    order = Text(load_default="desc", validate=validate.OneOf(("desc", "asc")))
    operator = Text(load_default="best", validate=validate.OneOf(("best", "last", "sum")))
    periods = fields.List(
        Text(validate=validate.OneOf(PERIOD_NAMES)),
        load_default=lambda: ["all", "month", "week", "day"],
        validate=validate.Length(min=1, max=2 * len(PERIOD_NAMES)),
    )
    rolling = fields.List(Text(validate=validate.OneOf(tuple(SPANS))), load_default=list)
    time_zone = Text(load_default="UTC")
    week_start = Text(load_default="monday", validate=validate.OneOf(WEEKDAYS))
    day_start = Text(load_default="00:00", validate=validate.Regexp(r"\A([01][0-9]|2[0-3]):[0-5][0-9]\Z"))
    ties = Text(load_default="shared", validate=validate.OneOf(("shared", "dense", "first", "last")))
    score = fields.Nested(ScoreSchema, load_default=lambda: ScoreSchema().load({}))
    subscore = fields.Nested(SubscoreSchema, load_default=None, allow_none=True)
    retention = fields.Nested(RetentionSchema, load_default=lambda: dict(_RETENTION))
    late_grace_seconds = Whole(load_default=600, validate=validate.Range(0, 7 * 86_400))
    max_entries = Whole(load_default=None, allow_none=True, validate=validate.Range(1, 10_000_000))
    writes = Text(load_default="server", validate=validate.OneOf(("server", "client", "signed")))
    partitions = Whole(load_default=1, validate=validate.Range(1, MOST_PARTS))
    public = Flag(
        load_default=False, metadata={"description": "Anybody may see it, without a key, at /b/{game}/{board}."}
    )

    @validates_schema
    def _goes_together(self, data: Mapping[str, Any], **_: Any) -> None:
        if data["max_entries"] is not None and data["operator"] != "best":
            raise ValidationError("Only a board that keeps the best can keep the best N.", "max_entries")
        if data["max_entries"] is not None and data["rolling"]:
            raise ValidationError("Entries that were not kept would be missing in a rolling window.", "max_entries")
        if data["ties"] == "dense" and data["partitions"] > 1:
            raise ValidationError("Dense ranks need all players in one partition.", "ties")
        for name in ("score", "subscore"):
            spec = data[name]
            if spec and None not in (spec["min"], spec["max"]) and spec["min"] > spec["max"]:
                raise ValidationError("min is above max.", name)
        if data["score"]["type"] == "integer" and data["score"]["decimals"]:
            raise ValidationError("An integer has no decimals.", "score")
