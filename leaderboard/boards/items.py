"""Bulk bodies: decoded with msgspec, and where that finds anything odd, item by item with marshmallow.

msgspec is some seventy times faster and takes only what is plainly right; everything else goes the slow way, which
says what is wrong with each item. A property test holds that both ways accept and refuse the same.
"""

from collections.abc import Iterable
from typing import Any

import msgspec
from marshmallow import ValidationError, fields

from leaderboard import jsontext
from leaderboard.boards.batches import Submission
from leaderboard.boards.chunks import Item
from leaderboard.errors import InvalidInput, TooLarge, UnreadableBody
from leaderboard.fields import PlayerId, ScoreText, Strict, Text, Time, flatten
from leaderboard.numerals import read_number
from leaderboard.reports import Refusal, Rejection
from leaderboard.times import parse_time


class SubmissionBody(Strict):
    """One score."""

    player = PlayerId(required=True)
    score = ScoreText(required=True, metadata={"description": "Any JSON number the board can hold exactly."})
    subscore = ScoreText(load_default=None, allow_none=True)
    at = Time(load_default=None, allow_none=True, metadata={"description": "When it was reached; server keys only."})
    metadata = fields.Dict(load_default=None, allow_none=True, keys=Text(), metadata={"description": "Up to 1 KiB."})


class BulkItem(SubmissionBody):
    """One of many scores."""

    board = Text(required=True)


class BulkBody(Strict):
    """Many scores, for any boards of the game."""

    scores = fields.List(fields.Nested(BulkItem), required=True)


METADATA_BYTES = 1024
_NOTHING = msgspec.Raw()
_NULL = msgspec.Raw(b"null")
_item_schema = BulkItem()
_submission_schema = SubmissionBody()


class _FastSubmission(msgspec.Struct, forbid_unknown_fields=True):
    player: str
    score: msgspec.Raw
    subscore: msgspec.Raw = _NOTHING
    at: str | None = None
    metadata: msgspec.Raw = _NOTHING


class _FastItem(_FastSubmission, forbid_unknown_fields=True):
    board: str = ""


class _FastBody(msgspec.Struct, forbid_unknown_fields=True):
    scores: list[_FastItem]


_fast_body = msgspec.json.Decoder(_FastBody)
_fast_lines = msgspec.json.Decoder(_FastItem)
_fast_submission = msgspec.json.Decoder(_FastSubmission)


class _OddError(Exception):
    """Something that the slow way should look at."""


def read_json_items(body: bytes, most: int) -> tuple[int, list[Item], list[Rejection]]:
    """How many items a JSON body has, those that can be tried, and those that cannot.

    Raises UnreadableBody, InvalidInput, TooLarge.
    """
    try:
        fast = _fast_body.decode(body).scores
        _check_count(len(fast), most)
        return len(fast), [_fast_item(index, item) for index, item in enumerate(fast)], []
    except (msgspec.MsgspecError, _OddError, RecursionError, ValueError):
        document = jsontext.loads(body)
    if not isinstance(document, dict) or not isinstance(document.get("scores"), list) or len(document) > 1:
        raise InvalidInput('Send {"scores": [...]}.', fields={"scores": ["A list of scores is required."]})
    _check_count(len(document["scores"]), most)
    return (len(document["scores"]), *_slow_items(document["scores"]))


def read_lines(body: bytes, most: int) -> tuple[int, list[Item], list[Rejection]]:
    """The same for NDJSON: one item a line, empty lines passed over."""
    # Not msgspec's decode_lines: that takes several documents on one line for several lines.
    lines = [line for line in body.split(b"\n") if line.strip()]
    _check_count(len(lines), most)
    try:
        return len(lines), [_fast_item(n, _fast_lines.decode(line)) for n, line in enumerate(lines)], []
    except (msgspec.MsgspecError, _OddError, RecursionError, ValueError):
        documents = [jsontext.loads_line(line) for line in lines]
    if lines and all(isinstance(document, UnreadableBody) for document in documents):
        raise UnreadableBody("No line of the body is JSON.")
    return (len(lines), *_slow_items(documents))


def read_submission(document: Any) -> Submission:
    """One submission from its JSON document. Raises InvalidInput."""
    try:
        return _submission(_submission_schema.load(document))
    except ValidationError as error:
        raise InvalidInput("The submission is not acceptable.", fields=flatten(error.messages)) from error


def read_plain_submission(body: bytes) -> Submission | None:
    """One submission from its JSON; None for anything odd, which `read_submission` has to look at."""
    try:
        return _fast(_fast_submission.decode(body))
    except (msgspec.MsgspecError, _OddError, RecursionError, ValueError):
        return None


def read_line(index: int, line: bytes, board: str | None = None) -> Item | Rejection:
    """One line of many, for `board` whatever it names itself."""
    try:
        fast = _fast_lines.decode(line)
        fast.board = board or fast.board
        return _fast_item(index, fast)
    except (msgspec.MsgspecError, _OddError, RecursionError, ValueError):
        document = jsontext.loads_line(line)
    if isinstance(document, UnreadableBody):
        return Rejection(index, Refusal(document.code, document.detail))
    return read_item(index, document, board)


def read_item(index: int, document: Any, board: str | None = None) -> Item | Rejection:
    """One document of many, for `board` whatever it names itself."""
    try:
        if board is not None and isinstance(document, dict):
            document = {**document, "board": board}
        data = _item_schema.load(document)
        return Item(index, data["board"], _submission(data))
    except ValidationError as error:
        messages = flatten(error.messages)
        detail = "; ".join(f"{field}: {' '.join(texts)}" for field, texts in messages.items())
        return Rejection(index, Refusal("validation_error", detail))


def _slow_items(documents: Iterable[Any]) -> tuple[list[Item], list[Rejection]]:
    items, refused = [], []
    for index, document in enumerate(documents):
        if isinstance(document, UnreadableBody):
            refused.append(Rejection(index, Refusal(document.code, document.detail)))
            continue
        found = read_item(index, document)
        if isinstance(found, Item):
            items.append(found)
        else:
            refused.append(found)
    return items, refused


def _submission(data: dict[str, Any]) -> Submission:
    metadata = data["metadata"]
    text = None
    if metadata is not None:
        try:
            text = jsontext.dumps(metadata).decode()
        except UnicodeEncodeError as error:
            raise ValidationError({"metadata": ["Not valid Unicode."]}) from error
        _check_metadata(text)
    return Submission(data["player"], data["score"], data["subscore"], data["at"], text)


def _check_metadata(text: str) -> None:
    if len(text.encode()) > METADATA_BYTES:
        raise ValidationError({"metadata": [f"More than {METADATA_BYTES} bytes."]})


def _fast_item(index: int, item: _FastItem) -> Item:
    if not item.board:
        raise _OddError
    return Item(index, item.board, _fast(item))


def _fast(found: _FastSubmission) -> Submission:
    return Submission(
        found.player,
        _numeral(bytes(found.score)),
        None if found.subscore is _NOTHING or found.subscore == _NULL else _numeral(bytes(found.subscore)),
        None if found.at is None else parse_time(found.at),
        None if found.metadata is _NOTHING or found.metadata == _NULL else _metadata(bytes(found.metadata)),
    )


def _numeral(raw: bytes) -> str:
    text = raw.decode("ascii")
    if not text.isdigit():
        read_number(text)  # raises a ValueError for what is no number
    return text


def _metadata(raw: bytes) -> str:
    if raw[:1] != b"{":
        raise _OddError
    compact = msgspec.json.format(raw, indent=-1)
    if len(compact) > METADATA_BYTES:
        raise _OddError
    return compact.decode()


def _check_count(count: int, most: int) -> None:
    if count > most:
        raise TooLarge(f"At most {most} items at once.")
