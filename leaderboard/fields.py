"""marshmallow fields that never round and never guess: a string is no number, a number no string."""

from collections.abc import Mapping
from decimal import Context, Decimal
from typing import Any

from marshmallow import Schema, ValidationError, fields

from leaderboard import numerals
from leaderboard.jsontext import Numeral
from leaderboard.times import parse_time

GAME_NAME = r"[a-z0-9_-]{1,32}"
BOARD_NAME = r"(?!\.{1,2}\Z)[A-Za-z0-9._:-]{1,64}"  # also of counters, events and funnels
_LONGEST_PLAYER = 128
_EXACT = Context(prec=100)  # more digits than `as_decimal` takes


def check_player(player: str) -> None:
    """Raises ValueError, with the reason, for an id that no player can have."""
    if not 1 <= len(player) <= _LONGEST_PLAYER:
        raise ValueError(f"A player's id has 1 to {_LONGEST_PLAYER} characters.")
    if not player.isprintable() and any(_forbidden(ord(character)) for character in player):
        raise ValueError("A player's id has no control characters and no surrogates.")
    if ("/" in player or player[0] == ".") and any(part in ("", ".", "..") for part in player.split("/")):
        raise ValueError("A player's id must be able to end a path: no segment that is empty, '.' or '..'.")


def _forbidden(code: int) -> bool:
    return code < 0x20 or 0x7F <= code < 0xA0 or 0xD800 <= code < 0xE000


class Strict(Schema):
    """Refuses what it does not know, so that a misspelt name is never passed over in silence."""

    error_messages = {"unknown": "Unknown field.", "type": "Not an object."}  # noqa: RUF012 - marshmallow's own way


class Text(fields.String):
    """A string without lone surrogates."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        if any(0xD800 <= ord(character) < 0xE000 for character in text):
            raise ValidationError("Not valid Unicode.")
        return text


class PlayerId(Text):
    """A player's id."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            check_player(text)
        except ValueError as error:
            raise ValidationError(str(error)) from error
        return text


class Whole(fields.Integer):
    """An integer, written as a JSON number; 12.0 is one too."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:  # noqa: ARG002
        number = as_decimal(value)
        if number != number.to_integral_value():
            raise self.make_error("invalid")
        return int(number)


class Number(fields.Decimal):
    """A JSON number, exactly; a Decimal in Python."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:  # noqa: ARG002
        return as_decimal(value)


class ScoreText(fields.Float):
    """A score or subscore: any JSON number, kept as its text for the board's codec."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:  # noqa: ARG002
        if isinstance(value, Numeral):
            return value.text
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
        raise self.make_error("invalid")


class Flag(fields.Boolean):
    """true or false, and nothing that looks like them."""

    truthy = {True}  # noqa: RUF012 - marshmallow's own way
    falsy = {False}  # noqa: RUF012

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class Time(Text):
    """An RFC 3339 time with an offset; an aware datetime in Python."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.metadata = {**self.metadata, "format": "date-time"}

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        try:
            return parse_time(super()._deserialize(value, attr, data, **kwargs))
        except ValueError as error:
            if isinstance(error, ValidationError):
                raise
            raise ValidationError(str(error)) from error


def as_decimal(value: Any) -> Decimal:
    """A JSON number of at most 40 digits as a Decimal. Raises ValidationError."""
    literal = value.text if isinstance(value, Numeral) else value
    try:
        number, power = numerals.read_number(
            literal if isinstance(value, Numeral) or not isinstance(value, str) else ""
        )
    except numerals.OrderingError:
        raise ValidationError("Not a valid number.") from None
    if abs(number) >= 10**40 or abs(power) > 40:
        raise ValidationError("More digits than this takes.")
    return Decimal(number).scaleb(power, _EXACT) if number else Decimal(0)


def flatten(messages: Any, prefix: str = "") -> dict[str, list[str]]:
    """marshmallow's nested messages as field -> messages, with dots between the levels."""
    if not isinstance(messages, dict):
        return {_printable(prefix.removesuffix(".")) or "_body": [_printable(str(message)) for message in messages]}
    flat: dict[str, list[str]] = {}
    for name, inner in messages.items():
        flat.update(flatten(inner, prefix if name == "_schema" else f"{prefix}{name}."))
    return flat


def _printable(text: str) -> str:
    """The text with lone surrogates spelled out, which no answer could carry."""
    return text.encode("utf-8", "backslashreplace").decode()
