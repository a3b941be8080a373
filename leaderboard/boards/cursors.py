"""Cursors: the last row shown, so that a page goes on behind it whatever has moved meanwhile."""

import base64
import binascii
import math

import msgspec

from leaderboard.boards.periods import Period
from leaderboard.boards.windows import Window
from leaderboard.errors import InvalidInput

_Fields = tuple[str, str, str, float, str]
_decoder = msgspec.msgpack.Decoder(_Fields)


def write(born: str, period: Period | Window, key: bytes, player: bytes) -> str:
    """A cursor behind this row."""
    fields = (born, period.name, period.id, float(key), player.decode())
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(fields)).decode().rstrip("=")


def read(cursor: str, born: str, period: Period | Window) -> tuple[str, str]:
    """The (key, player) that a cursor stands behind. Raises InvalidInput for one of another board or period."""
    cursor_born, name, period_id, key, player = _decode(cursor)
    if (cursor_born, name, period_id) != (born, period.name, period.id):
        raise InvalidInput("This cursor belongs to another board, period or time.", code="invalid_cursor")
    return repr(key), player


def period_of(cursor: str) -> tuple[str, str]:
    """The name and id of the period a cursor pages through. Raises InvalidInput."""
    _, name, period_id, _, _ = _decode(cursor)
    return name, period_id


def _decode(cursor: str) -> _Fields:
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        fields: _Fields = _decoder.decode(raw)
    except (ValueError, binascii.Error, msgspec.DecodeError) as error:
        raise InvalidInput("This is no cursor of this service.", code="invalid_cursor") from error
    if not math.isfinite(fields[3]):
        raise InvalidInput("This is no cursor of this service.", code="invalid_cursor")
    return fields
