"""What the resources take and answer, for checking and for the OpenAPI document. Limits live here."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from leaderboard.boards.periods import PERIOD_NAMES
from leaderboard.fields import Flag, PlayerId, Strict, Text, Whole

MOST_ROWS = 1000
MOST_FOLLOWED_ROWS = 100


class NumeralText(fields.Float):
    """A number in a query: its text, kept for the board's codec."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        return str(value)


class QueryWhole(fields.Integer):
    """An integer in a query, in plain ASCII digits."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        digits = value.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 9):
            raise self.make_error("invalid")
        return int(value)


class QueryFlag(fields.Boolean):
    """true or false in a query."""

    truthy = {"true"}  # noqa: RUF012 - marshmallow's own way
    falsy = {"false"}  # noqa: RUF012


class NoQuery(Strict):
    """No parameters."""


class PeriodQuery(Strict):
    """Which period of a board is read, as every read takes it."""

    period = Text(validate=validate.OneOf(PERIOD_NAMES), metadata={"description": "Default `all`."})
    id = Text(validate=validate.Length(1, 20), metadata={"description": "Of a past period, such as `2026-W47`."})
    ago = QueryWhole(validate=validate.Range(0, 1_000_000), metadata={"description": "0 now, 1 the one before."})
    window = Text(validate=validate.OneOf(("24h", "7d", "30d")))
    metadata = QueryFlag(load_default=False, metadata={"description": "Show the metadata of scores."})

    @validates_schema
    def _one_way(self, data: dict[str, Any], **_: Any) -> None:
        if "id" in data and "ago" in data:
            raise ValidationError("Either id or ago.", "ago")
        if "window" in data and ({"period", "id", "ago"} & set(data)):
            raise ValidationError("Either a window or a period.", "window")


class TopQuery(PeriodQuery):
    """A page of standings."""

    limit = QueryWhole(load_default=10, validate=validate.Range(1, MOST_ROWS))
    cursor = Text(validate=validate.Length(1, 2000))


class StreamQuery(Strict):
    """What of a board is followed: always the period that is open."""

    period = Text(validate=validate.OneOf(PERIOD_NAMES), metadata={"description": "Default `all`."})
    limit = QueryWhole(load_default=10, validate=validate.Range(1, MOST_FOLLOWED_ROWS))
    player = PlayerId(metadata={"description": "Of whom it is told where they stand, and who overtakes them."})


class PlayerQuery(PeriodQuery):
    """One player, with rows around."""

    around = QueryWhole(validate=validate.Range(1, MOST_ROWS))


class ScoresQuery(PeriodQuery):
    """A range of scores; a bound that is left out is open."""

    min = NumeralText()
    max = NumeralText()
    limit = QueryWhole(load_default=10, validate=validate.Range(1, MOST_ROWS))


class RankQuery(PeriodQuery):
    """A score that was not submitted."""

    score = NumeralText(required=True)
    subscore = NumeralText()


class PercentileQuery(PeriodQuery):
    """A share of the players, in percent: 0 to 100, up to 6 decimals."""

    p = NumeralText(required=True, metadata={"minimum": 0, "maximum": 100})


class DistributionQuery(PeriodQuery):
    """How finely to count."""

    bins = QueryWhole(load_default=20, validate=validate.Range(1, MOST_ROWS))


class PeriodsQuery(PeriodQuery):
    """Which known periods."""

    limit = QueryWhole(load_default=10, validate=validate.Range(1, MOST_ROWS))


class SubmitQuery(Strict):
    """Which ranks a submission answers."""

    ranks = Text(metadata={"description": "Names of periods between commas, or `none`; default all of the board's."})


class BulkQuery(Strict):
    """How many submissions are taken."""

    backfill = QueryFlag(load_default=False, metadata={"description": "Accept any `at` and fill closed periods."})


class LookupBody(Strict):
    """Players to look up."""

    players = fields.List(PlayerId(), required=True, validate=validate.Length(0, MOST_ROWS))


class PeriodAnswer(Schema):
    name = Text(required=True)
    id = Text(required=True)
    starts_at = Text(required=True, allow_none=True, metadata={"format": "date-time"})
    ends_at = Text(required=True, allow_none=True, metadata={"format": "date-time"})
    state = Text(required=True, validate=validate.OneOf(("open", "closed", "archived")))


class EntryAnswer(Schema):
    rank = Whole(required=True)
    player = Text(required=True)
    score = fields.Float(required=True)
    subscore = fields.Float(required=True, allow_none=True)
    metadata = fields.Dict(allow_none=True)


class BoardRead(Schema):
    board = Text(required=True)
    period = fields.Nested(PeriodAnswer, required=True)
    total = Whole(required=True)


class EntriesAnswer(BoardRead):
    entries = fields.List(fields.Nested(EntryAnswer), required=True)


class TopAnswer(EntriesAnswer):
    next = Text(required=True, allow_none=True)


class LookupAnswer(EntriesAnswer):
    missing = fields.List(Text(), required=True)


class PlayerAnswer(BoardRead):
    player = Text(required=True)
    rank = Whole(required=True)
    score = fields.Float(required=True)
    subscore = fields.Float(required=True, allow_none=True)
    percentile = fields.Float(required=True)
    metadata = fields.Dict(allow_none=True)
    entries = fields.List(fields.Nested(EntryAnswer))


class PlayerBoardAnswer(PlayerAnswer):
    class Meta:
        exclude = ("player", "entries")


class PlayerBoardsAnswer(Schema):
    player = Text(required=True)
    boards = fields.List(fields.Nested(PlayerBoardAnswer), required=True)


class RankAnswer(BoardRead):
    score = fields.Float(required=True)
    subscore = fields.Float(required=True, allow_none=True)
    rank = Whole(required=True)


class PercentileAnswer(BoardRead):
    p = fields.Float(required=True)
    score = fields.Float(required=True, allow_none=True)


class BinAnswer(Schema):
    from_ = fields.Float(required=True, data_key="from")
    to = fields.Float(required=True)
    count = Whole(required=True)


class DistributionAnswer(BoardRead):
    bins = fields.List(fields.Nested(BinAnswer), required=True)


class WinnerAnswer(Schema):
    player = Text(required=True)
    score = fields.Float(required=True)
    subscore = fields.Float(required=True, allow_none=True)


class KnownPeriodAnswer(PeriodAnswer):
    total = Whole(required=True)
    winner = fields.Nested(WinnerAnswer, required=True, allow_none=True)


class PeriodsAnswer(Schema):
    board = Text(required=True)
    periods = fields.List(fields.Nested(KnownPeriodAnswer), required=True)


class PeriodOutcomeAnswer(Schema):
    id = Text(required=True)
    score = fields.Float(required=True, allow_none=True)
    subscore = fields.Float(allow_none=True)
    rank = Whole(required=True, allow_none=True)
    previous_rank = Whole(required=True, allow_none=True)
    updated = Flag(required=True)


class SubmitAnswer(Schema):
    player = Text(required=True)
    score = fields.Float(required=True, allow_none=True)
    subscore = fields.Float(required=True, allow_none=True)
    updated = Flag(required=True)
    periods = fields.Dict(keys=Text(), values=fields.Nested(PeriodOutcomeAnswer), required=True)


class RejectionAnswer(Schema):
    index = Whole(required=True)
    code = Text(required=True)
    detail = Text(required=True)


class BulkAnswer(Schema):
    received = Whole(required=True)
    applied = Whole(required=True)
    unchanged = Whole(required=True)
    rejected = fields.List(fields.Nested(RejectionAnswer), required=True)


class RemovedAnswer(Schema):
    player = Text(required=True)
    boards = fields.Dict(keys=Text(), values=Whole(), required=True)


class ProblemAnswer(Schema):
    type = Text(required=True)
    title = Text(required=True)
    status = Whole(required=True)
    detail = Text(required=True)
    code = Text(required=True)
    request_id = Text(required=True)
    errors = fields.Dict(keys=Text(), values=fields.List(Text()), metadata={"description": "Field -> messages."})
    checks = fields.Dict(keys=Text(), values=Text(), metadata={"description": "Of `/readyz`: what each store said."})
