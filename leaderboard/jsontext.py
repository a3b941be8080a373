"""JSON in and out without a number ever being rounded on the way.

Python's and msgspec's float fields round in silence (9007199254740993.0 becomes ...992), so numerals are kept
as the text the client wrote until a board's codec has looked at them.
"""

import json
from typing import Any, NoReturn

import msgspec

from leaderboard.errors import UnreadableBody


class Numeral:
    """A JSON number, as its literal text. Deliberately no string and no number, so that it is taken for neither."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def loads(body: bytes | str) -> Any:
    """Decodes one JSON text; every number in it comes back as a `Numeral`.

    Raises UnreadableBody for anything that is not JSON in UTF-8, NaN and infinities included.
    """
    try:
        text = body if isinstance(body, str) else body.decode("utf-8")
        return _DECODER.decode(text)
    except UnicodeDecodeError as error:
        raise UnreadableBody(f"The body is not UTF-8: {error.reason} at byte {error.start}.") from error
    except json.JSONDecodeError as error:
        raise UnreadableBody(
            f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from error
    except RecursionError as error:
        raise UnreadableBody("The body is nested too deeply.") from error


def loads_line(line: bytes) -> Any:
    """The same of one line of many, of which a bad one spoils no other: it comes back as its UnreadableBody."""
    try:
        return loads(line)
    except UnreadableBody as error:
        return error


def dumps(value: Any) -> bytes:
    """Encodes as compact JSON; a Decimal or a Numeral becomes a number with exactly its digits."""
    return _ENCODER.encode(value)


def _no_constant(name: str) -> NoReturn:
    raise UnreadableBody(f"The body is not JSON: {name} is no JSON number.")


def _encode_other(value: Any) -> msgspec.Raw:
    if isinstance(value, Numeral):
        return msgspec.Raw(value.text.encode())
    raise TypeError(f"{type(value).__name__} is no JSON.")


_DECODER = json.JSONDecoder(parse_int=Numeral, parse_float=Numeral, parse_constant=_no_constant)
_ENCODER = msgspec.json.Encoder(decimal_format="number", enc_hook=_encode_other)
