"""What a board is: its definition as people write it, checked, and compiled into what the code works with."""

import dataclasses
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, cast

from marshmallow import ValidationError

from leaderboard import jsontext, numerals
from leaderboard.boards.ordering import make_ordering
from leaderboard.boards.partitioning import part_name, part_of
from leaderboard.boards.periods import PERIOD_NAMES, Calendar, Period, PeriodName
from leaderboard.boards.schema import BoardSchema
from leaderboard.boards.sortkey import Field, Ordering
from leaderboard.boards.windows import SPANS, Window
from leaderboard.errors import InvalidInput
from leaderboard.fields import flatten
from leaderboard.store.keys import BoardKeys

FIXED = ("order", "operator", "score", "subscore", "ties", "time_zone", "week_start", "day_start", "partitions")
_MISSING_BOUND = Decimal(1_000_000_000)
_MARGIN_SECONDS = 30 * 86_400
_NOMINAL_SECONDS = {"hour": 3600, "day": 86_400, "week": 7 * 86_400, "month": 31 * 86_400, "year": 366 * 86_400}


@dataclass(frozen=True)
class Board:
    """A board ready to work: its definition, codec, calendar and keys. `rev` names this very definition.

    One with `partitions` is spread over its `parts`. Each of them is a board in all but name ("points#2", in the store
    and in the archive): it has all of some players, and knows nothing of the others.
    """

    game: str
    name: str
    rev: str
    definition: Mapping[str, Any]
    born: str  # the rev it was made with: tells a board from one that had its name before
    # Which change of the definition brought each period in: what is younger lacks what came before.
    added: Mapping[str, int] = dataclasses.field(default_factory=dict)
    trimmed: bool = False  # it had max_entries once, so a period may lack what one inside it has
    keeps_metadata: bool = False  # some score came with metadata since the board was made
    is_part_of: "Board | None" = dataclasses.field(default=None, repr=False, compare=False)

    @cached_property
    def ordering(self) -> Ordering:
        """The codec of its sort keys."""
        return self.is_part_of.ordering if self.is_part_of else _make_ordering(self.definition)

    @cached_property
    def calendar(self) -> Calendar:
        """Its periods."""
        return self.is_part_of.calendar if self.is_part_of else _calendar(self.definition)

    @cached_property
    def parts(self) -> "tuple[Board, ...]":
        """Where its data is: the boards that it is spread over, or itself alone."""
        count: int = self.definition["partitions"]
        if count == 1 or self.is_part_of is not None:
            return (self,)
        names = (part_name(self.name, number) for number in range(count))
        return tuple(dataclasses.replace(self, name=name, is_part_of=self) for name in names)

    @property
    def whole(self) -> "Board":
        """The board that people know, of which this may be a part."""
        return self.is_part_of or self

    def part_with(self, player: str) -> "Board":
        """The part that has a player."""
        return self.parts[part_of(player, len(self.parts))]

    @cached_property
    def keys(self) -> BoardKeys:
        """Its keys in the store; of a board with parts only `meta`, `lock` and finished answers."""
        return BoardKeys(self.game, self.name)

    @property
    def families(self) -> list[BoardKeys]:
        """The keys of all that has its definition: its parts', and its own last."""
        return [part.keys for part in self.parts if part is not self] + [self.keys]

    @property
    def identity(self) -> tuple[str, str, str]:
        """What tells it from other parts, and from a board that had its name before."""
        return self.game, self.name, self.born

    @cached_property
    def periods(self) -> tuple[PeriodName, ...]:
        """The periods it keeps, widest first."""
        return tuple(name for name in PERIOD_NAMES if name in self.definition["periods"])

    @cached_property
    def rolling(self) -> tuple[str, ...]:
        """The rolling windows it keeps, shortest first."""
        return tuple(name for name in SPANS if name in self.definition["rolling"])

    @cached_property
    def kept(self) -> tuple[PeriodName, ...]:
        """The periods it keeps, and the buckets that its rolling windows take, widest first."""
        return kept_periods(self.definition)

    @cached_property
    def ties(self) -> str:
        """How ranks are counted: shared, dense or unique."""
        ties = cast("str", self.definition["ties"])
        return "unique" if ties in ("first", "last") else ties

    def named(self, period_id: str) -> Period:
        """The period with this id: no two names spell alike. Raises InvalidPeriodId."""
        name: PeriodName = "all" if period_id == "all" else "hour" if "T" in period_id else "week"
        if name == "week" and "W" not in period_id:
            name = ("year", "month", "day")[min(period_id.count("-"), 2)]
        return self.calendar.parse(name, period_id)

    def hot_periods(self, name: PeriodName) -> int:
        """How many closed periods of that name stay in the store: what retention says, or a rolling window takes."""
        taken = (SPANS[span][1] for span in self.rolling if SPANS[span][0] == name)
        return max(int(self.definition["retention"][name]), *taken, 0)

    def expires_at(self, period: Period, now: datetime) -> int | None:
        """When the key of a period may go, should nobody have sealed it: Unix seconds; None for `all`."""
        if period.end is None:
            return None
        kept = self.hot_periods(period.name) * _NOMINAL_SECONDS[period.name]
        return int(max(period.end.timestamp() + kept, now.timestamp())) + _MARGIN_SECONDS

    def window_expires_at(self, window: Window) -> int:
        """When the keys of a window may go, should nobody have dropped it: Unix seconds."""
        assert window.as_of.end is not None  # noqa: S101 - for the type checker
        return int(window.as_of.end.timestamp()) + 7 * _NOMINAL_SECONDS[window.as_of.name]

    def shown(self) -> dict[str, Any]:
        """The board as the API shows it."""
        low, high = self.ordering.exact_range
        answer = {"name": self.name, **self.definition, "exact_range": {"min": _tidy(low), "max": _tidy(high)}}
        for name in ("score", "subscore"):
            if answer[name]:
                spec = answer[name]
                answer[name] = {**spec, "min": _tidy(spec["min"]), "max": _tidy(spec["max"])}
        if self.ordering.tie_resolution_ms is not None:
            answer["tie_resolution_ms"] = self.ordering.tie_resolution_ms
            answer["tie_from"] = "2000-01-01T00:00:00Z"
            answer["tie_until"] = "2100-01-01T00:00:00Z"
        return answer

    def dump(self) -> str:
        """The board as it is kept, in the database and beside its data."""
        document = {
            "born": self.born,
            "definition": self.definition,
            "added": self.added,
            "trimmed": self.trimmed,
            "keeps_metadata": self.keeps_metadata,
        }
        return jsontext.dumps(document).decode()

    @classmethod
    def parse(cls, game: str, name: str, rev: str, text: str | bytes) -> "Board":
        """What `dump` wrote."""
        document = jsontext.loads(text)
        added = {period: int(number.text) for period, number in document["added"].items()}
        definition = BoardSchema().load(document["definition"])
        flags = document["trimmed"], document["keeps_metadata"]
        return cls(game, name, rev, definition, document["born"], added, *flags)

    def succeeded_by(self, definition: Mapping[str, Any]) -> "Board":
        """The same board with another definition."""
        change = max(self.added.values(), default=0) + 1
        added: dict[str, int] = {name: self.added.get(name, change) for name in kept_periods(definition)}
        trimmed = self.trimmed or bool(self.definition["max_entries"])
        return dataclasses.replace(self, rev=new_rev(), definition=definition, added=added, trimmed=trimmed)

    def fixed_differences(self, definition: Mapping[str, Any]) -> list[str]:
        """What differs and cannot be changed once there are scores."""
        return [name for name in FIXED if self.definition[name] != definition[name]]


def new_board(game: str, name: str, definition: Mapping[str, Any]) -> Board:
    """A board that was not there before."""
    rev = new_rev()
    return Board(game, name, rev, definition, rev, dict.fromkeys(kept_periods(definition), 0))


def kept_periods(definition: Mapping[str, Any]) -> tuple[PeriodName, ...]:
    """The periods of a definition, and the buckets that its rolling windows take, widest first."""
    wanted = {*definition["periods"], *(SPANS[span][0] for span in definition["rolling"])}
    return tuple(name for name in PERIOD_NAMES if name in wanted)


def new_rev() -> str:
    """A name for a definition that no other one ever had."""
    return secrets.token_hex(8)


def read_definition(document: Any) -> dict[str, Any]:
    """Checks a definition and fills in what is left out. Raises InvalidInput."""
    try:
        data = cast("dict[str, Any]", BoardSchema().load(document))
        _calendar(data)
    except ValidationError as error:
        raise InvalidInput("The board's definition is not acceptable.", fields=flatten(error.messages)) from error
    except ValueError as error:
        raise InvalidInput("The board's definition is not acceptable.", fields={"time_zone": [str(error)]}) from error
    data["periods"] = [name for name in PERIOD_NAMES if name in data["periods"]]
    data["rolling"] = [name for name in SPANS if name in data["rolling"]]
    _fill_bounds(data)
    try:
        _make_ordering(data)
    except numerals.DoesNotFit as error:
        raise InvalidInput(str(error), code=error.code, fields={"score": [str(error)]}) from error
    return data


def _fill_bounds(data: dict[str, Any]) -> None:
    """What a packed key needs and may be left out: no decimals, and a billion either way."""
    if data["ties"] in ("first", "last") or data["subscore"]:
        score = data["score"]
        score["decimals"] = score["decimals"] or 0
        score["min"] = -_MISSING_BOUND if score["min"] is None else score["min"]
        score["max"] = _MISSING_BOUND if score["max"] is None else score["max"]


def _make_ordering(data: Mapping[str, Any]) -> Ordering:
    score, subscore = data["score"], data["subscore"]
    decimals = 0 if score["type"] == "integer" else score["decimals"]
    first = Field(data["order"] == "desc", score["min"], score["max"], decimals)
    second = subscore and Field(subscore["order"] == "desc", subscore["min"], subscore["max"], subscore["decimals"])
    return make_ordering(first, second, data["ties"] if data["ties"] in ("first", "last") else None)


def _calendar(data: Mapping[str, Any]) -> Calendar:
    return Calendar(data["time_zone"], data["week_start"], data["day_start"])


def _tidy(value: numerals.Score | None) -> numerals.Score | None:
    """A Decimal that is an integer as one."""
    return int(value) if isinstance(value, Decimal) and value == value.to_integral_value() else value
