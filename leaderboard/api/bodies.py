"""Request bodies: how they are read, unpacked and bounded."""

import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import IO

import zstandard
from flask import Request

from leaderboard.errors import TooLarge, UnreadableBody, UnsupportedMedia

JSON = "application/json"
NDJSON = "application/x-ndjson"
_PIECE = 64 * 1024
_MOST_PARTS = 64  # each costs a copy of what follows
_ZSTD_PIECE = 128
_ZSTD_WINDOW = 8 * 1024 * 1024
_DRAIN_AT_MOST = 256 * 1024 * 1024


def read(request: Request, limit: int, media_types: tuple[str, ...] = (JSON,)) -> tuple[str, bytes]:
    """The media type of the body, and its bytes unpacked, at most `limit` of them.

    Raises UnsupportedMedia, TooLarge, UnreadableBody.
    """
    media_type = request.mimetype
    if media_type not in media_types:
        raise UnsupportedMedia(f"Send {' or '.join(media_types)}.")
    if request.mimetype_params.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        raise UnsupportedMedia("Send UTF-8.")
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "zstd"):
        raise UnsupportedMedia("Send the body plain, or with gzip or zstd.")
    if (request.content_length or 0) > limit:
        raise TooLarge(f"The body may have {limit} bytes.")
    packed = _bounded(request.stream, limit)
    if len(packed) < (request.content_length or 0):
        raise UnreadableBody("The body is cut off.")
    if encoding == "gzip":
        return media_type, _collect(_gunzip(packed), limit)
    if encoding == "zstd":
        return media_type, _collect(_unzstd(packed), limit)
    return media_type, packed


def drain(request: Request) -> bool:
    """Reads what is left of a body and forgets it; whether that was all.

    A client that is still sending when the connection closes would never see the answer.
    """
    size = 0
    with suppress(UnreadableBody):
        while size < _DRAIN_AT_MOST:
            piece = _read_some(request.stream, _PIECE)
            if not piece:
                return True
            size += len(piece)
    return False


def _bounded(stream: IO[bytes], limit: int) -> bytes:
    pieces, size = [], 0
    while piece := _read_some(stream, min(_PIECE, limit + 1 - size)):
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            raise TooLarge(f"The body may have {limit} bytes.")
    return b"".join(pieces)


def _read_some(stream: IO[bytes], size: int) -> bytes:
    try:
        return stream.read(size)
    except Exception as error:
        raise UnreadableBody("The body is cut off, or framed wrongly.") from error


def _collect(pieces: Iterator[bytes], limit: int) -> bytes:
    found, size = [], 0
    for piece in pieces:
        size += len(piece)
        if size > limit:
            raise TooLarge(f"The body may have {limit} bytes unpacked.")
        found.append(piece)
    return b"".join(found)


def _gunzip(packed: bytes) -> Iterator[bytes]:
    for _ in range(_MOST_PARTS):  # a gzip file may have several members
        if not packed:
            return
        unpacker = zlib.decompressobj(wbits=31)
        try:
            while not unpacker.eof:
                piece = unpacker.decompress(packed, _PIECE)
                packed = unpacker.unconsumed_tail
                if not piece and not packed and not unpacker.eof:
                    raise UnreadableBody("The gzip body is cut off.")
                yield piece
        except zlib.error as error:
            raise UnreadableBody("The body is not gzip.") from error
        packed = unpacker.unused_data
    raise TooLarge(f"The body has more than {_MOST_PARTS} gzip members.")


def _unzstd(packed: bytes) -> Iterator[bytes]:
    for _ in range(_MOST_PARTS):  # frames may follow one another
        if not packed:
            return
        unpacker = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()
        start = 0
        try:
            while not unpacker.eof:
                if start >= len(packed):
                    raise UnreadableBody("The zstd body is cut off.")
                # Little by little: four bytes can unpack into a block of 128 KiB.
                yield unpacker.decompress(packed[start : start + _ZSTD_PIECE])
                start += _ZSTD_PIECE
        except zstandard.ZstdError as error:
            raise UnreadableBody("The body is not zstd.") from error
        packed = unpacker.unused_data + packed[start:]
    raise TooLarge(f"The body has more than {_MOST_PARTS} zstd frames.")
