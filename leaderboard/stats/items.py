"""Events as they come: decoded with msgspec, and where that finds anything odd, item by item with marshmallow.

Both ways end in the same checks, so that they accept and refuse the same; a property test holds that.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from marshmallow import ValidationError, fields

from leaderboard import jsontext
from leaderboard.errors import Forbidden, InvalidInput, TooLarge, UnreadableBody
from leaderboard.fields import BOARD_NAME, ScoreText, Strict, Text, Time, check_player, flatten
from leaderboard.jsontext import Numeral
from leaderboard.numerals import OrderingError, exact, read_number
from leaderboard.reports import Refusal, Rejection
from leaderboard.stats.events import MOST_VALUE, Event, Properties
from leaderboard.stats.series import MOST_PROPERTIES
from leaderboard.times import parse_time

_EARLIEST, _LATEST = datetime(1901, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)  # every calendar knows those
_FUTURE = timedelta(seconds=60)  # how far ahead a clock may be
_LONGEST_TEXT = 64
_MOST_EXACT = 2**53
_NAME = re.compile(BOARD_NAME)
_PROPERTY_NAME = re.compile(r"[A-Za-z0-9._-]{1,32}", re.ASCII)
_MOST_KNOWN = 10_000

Value = int | float


class EventBody(Strict):
    """Something that happened."""

    player = Text(load_default=None, allow_none=True)
    value = ScoreText(load_default=None, allow_none=True, metadata={"description": "Up to 1e300 either way."})
    at = Time(load_default=None, allow_none=True, metadata={"description": "Default now; server keys only."})
    properties = fields.Dict(
        keys=Text(),
        load_default=None,
        allow_none=True,
        metadata={"description": "Up to 8; values are texts of up to 64 characters, integers or booleans."},
    )


class EventItem(EventBody):
    """One of many events."""

    name = Text(required=True, metadata={"pattern": rf"^{BOARD_NAME.replace(chr(92) + 'Z', '$')}$"})


class EventsBody(Strict):
    """Many events."""

    events = fields.List(fields.Nested(EventItem), required=True)


@dataclass(frozen=True, slots=True)
class Context:
    """What events are judged by."""

    now: datetime
    backfill: bool = False
    by_client: bool = False


@dataclass(slots=True)
class Items:
    """What a body holds: how many items, the events, and what cannot be one."""

    received: int = 0
    events: list[Event] = field(default_factory=list)
    indexes: list[int] = field(default_factory=list)  # of the events, in the body
    rejected: list[Rejection] = field(default_factory=list)

    def add(self, index: int, found: Event | Refusal) -> None:
        if isinstance(found, Event):
            self.events.append(found)
            self.indexes.append(index)
        else:
            self.rejected.append(Rejection(index, found))

    def refuse(self, names: Collection[str], refusal: Refusal) -> None:
        """Takes the events of these names out again."""
        both = list(zip(self.indexes, self.events, strict=True))
        self.rejected += [Rejection(index, refusal) for index, event in both if event.name in names]
        self.rejected.sort(key=lambda one: one.index)
        self.indexes = [index for index, event in both if event.name not in names]
        self.events = [event for event in self.events if event.name not in names]


class _FastEvent(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    player: str | None = None
    value: int | float | None = None
    at: str | None = None
    properties: dict[str, str | int | bool] | None = None


class _FastBody(msgspec.Struct, forbid_unknown_fields=True):
    events: list[_FastEvent]


_fast_body = msgspec.json.Decoder(_FastBody)
_fast_line = msgspec.json.Decoder(_FastEvent)
_event_body, _event_item = EventBody(), EventItem()
_ODD = (msgspec.MsgspecError, RecursionError, ValueError)


class _Refused(Exception):
    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.refusal = Refusal(code, detail, detail.partition(":")[0])


class _OddError(ValueError):
    """Something that the slow way should look at."""


class Reader:
    """Reads the items of one request."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._latest = context.now + _FUTURE
        self._names: set[str] = set()  # known to be good; they come again and again
        self._properties: dict[tuple[tuple[str, Any], ...], Properties] = {}

    def read_json(self, body: bytes, most: int) -> Items:
        """A JSON body. Raises UnreadableBody, InvalidInput, TooLarge."""
        try:
            fast = _fast_body.decode(body).events
            _check_count(len(fast), most)
            return self._collect(map(self._fast, fast), len(fast))
        except _ODD:
            document = jsontext.loads(body)
        if not isinstance(document, dict) or not isinstance(document.get("events"), list) or len(document) > 1:
            raise InvalidInput('Send {"events": [...]}.', fields={"events": ["A list of events is required."]})
        documents = document["events"]
        _check_count(len(documents), most)
        return self._collect(map(self._slow, documents), len(documents))

    def read_lines(self, body: bytes, most: int) -> Items:
        """The same for NDJSON: one item a line, empty lines passed over."""
        lines = [line for line in body.split(b"\n") if line.strip()]
        _check_count(len(lines), most)
        try:
            return self._collect((self._fast(_fast_line.decode(line)) for line in lines), len(lines))
        except _ODD:
            documents = [jsontext.loads_line(line) for line in lines]
        if lines and all(isinstance(document, UnreadableBody) for document in documents):
            raise UnreadableBody("No line of the body is JSON.")
        return self._collect(map(self._slow, documents), len(documents))

    def read_one(self, name: str, document: Any) -> Event:
        """One event of that name. Raises InvalidInput with the code that a bulk would report, Forbidden."""
        try:
            data = _event_body.load(document)
            value = _number_of(data["value"])
        except ValidationError as error:
            raise InvalidInput("The event is not acceptable.", fields=flatten(error.messages)) from error
        found = self._event(name, data["player"], value, data["at"], data["properties"])
        if isinstance(found, Refusal) and found.code == "forbidden":
            raise Forbidden(found.detail)
        if isinstance(found, Refusal):
            raise InvalidInput(found.detail, code=found.code, fields={found.field: [found.detail]})
        return found

    def _collect(self, found: Iterable[Event | Refusal], received: int) -> Items:
        items = Items(received)
        for index, one in enumerate(found):
            items.add(index, one)
        return items

    def _fast(self, item: _FastEvent) -> Event | Refusal:
        value = item.value
        if isinstance(value, float) and abs(value) >= _MOST_EXACT and abs(value) <= MOST_VALUE:
            raise _OddError  # it may have been rounded by now
        at = None if item.at is None else parse_time(item.at)
        return self._event(item.name, item.player, value, at, item.properties)

    def _slow(self, document: Any) -> Event | Refusal:
        if isinstance(document, UnreadableBody):
            return Refusal(document.code, document.detail)
        try:
            data = _event_item.load(document)
            value = _number_of(data["value"])
        except ValidationError as error:
            messages = flatten(error.messages)
            return Refusal(
                "validation_error", "; ".join(f"{name}: {' '.join(texts)}" for name, texts in messages.items())
            )
        return self._event(data["name"], data["player"], value, data["at"], data["properties"])

    def _event(
        self,
        name: str,
        player: str | None,
        value: Value | None,
        at: datetime | None,
        properties: Mapping[str, Any] | None,
    ) -> Event | Refusal:
        try:
            if name not in self._names:
                self._check_name(name)
            if player is not None:
                check_player(player)
            if value is not None:
                _check_value(value)
            time = self._context.now if at is None else self._checked_time(at)
            return Event(name, player, value, time, self._checked(properties) if properties else ())
        except _Refused as error:
            return error.refusal
        except ValueError as error:
            return Refusal("validation_error", f"player: {error}", "player")

    def _check_name(self, name: str) -> None:
        if _NAME.fullmatch(name) is None:
            raise _Refused("validation_error", "name: 1 to 64 letters, digits, '.', '_', '-', ':'; not '.' or '..'.")
        self._names.add(name)

    def _checked_time(self, at: datetime) -> datetime:
        if self._context.by_client:
            raise _Refused("forbidden", "at: Only server keys may set the time of an event.")
        if not _EARLIEST <= at < _LATEST:
            raise _Refused("time_out_of_range", "at: From 1901 to 2199.")
        if at > self._latest and not self._context.backfill:
            raise _Refused("time_in_future", "at: This time is more than a minute ahead.")
        return at

    def _checked(self, properties: Mapping[str, Any]) -> Properties:
        # With the kind of each value: 1 == True, but they are not spelled the same.
        key = tuple((name, type(value), value) for name, value in properties.items())
        try:
            return self._properties[key]  # type: ignore[index]
        except (KeyError, TypeError):  # or not hashable, and so no property
            found = _read_properties(properties)
        if len(self._properties) < _MOST_KNOWN:
            self._properties[key] = found  # type: ignore[index]
        return found


def _read_properties(properties: Mapping[str, Any]) -> Properties:
    if len(properties) > MOST_PROPERTIES:
        raise _Refused("validation_error", f"properties: More than {MOST_PROPERTIES}.")
    found = []
    for name, value in sorted(properties.items()):
        if _PROPERTY_NAME.fullmatch(name) is None:
            raise _Refused("validation_error", "properties: A name has 1 to 32 letters, digits, '_', '-' and '.'.")
        found.append((name, _text_of(value)))
    return tuple(found)


def _text_of(value: Any) -> str:
    if isinstance(value, Numeral):
        digits = value.text.removeprefix("-")
        value = int(value.text) if digits.isdecimal() and len(digits) < _LONGEST_TEXT else None
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value) if isinstance(value, str | int) else ""
    if not 1 <= len(text) <= _LONGEST_TEXT or any(_is_control(ord(character)) for character in text):
        raise _Refused(
            "validation_error",
            f"properties: A value is a text of 1 to {_LONGEST_TEXT} characters, none of them a control character; "
            "an integer; or a boolean.",
        )
    return text


def _is_control(code: int) -> bool:
    return code < 0x20 or 0x7F <= code < 0xA0 or 0xD800 <= code < 0xE000


def _number_of(literal: str | int | float | None) -> Value | None:
    """A JSON number: an int where its value is one, however it is written."""
    if literal is None:
        return None
    try:
        number, power = read_number(literal)
        if power >= 0:
            return int(number * 10**power)
        return float(exact(literal))
    except OrderingError as error:
        raise ValidationError({"value": ["Not a number between -1e300 and 1e300."]}) from error


def _check_value(value: Value) -> None:
    if not -MOST_VALUE <= value <= MOST_VALUE:
        raise _Refused("validation_error", "value: Not a number between -1e300 and 1e300.")
    if isinstance(value, int) and abs(value) > _MOST_EXACT and int(float(value)) != value:
        raise _Refused("value_not_exact", "value: A double does not hold this integer exactly.")


def _check_count(count: int, most: int) -> None:
    if count > most:
        raise TooLarge(f"One request may carry {most} items.")
