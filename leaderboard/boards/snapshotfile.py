"""The format of a snapshot file: whole boards as lines of JSON, compressed by zstd, of any size in constant memory.

    {"line": "snapshot", "version": 1, "game": "football", "at": "2026-11-23T03:30:00Z"}
    {"line": "board", "name": "points", "definition": "...", "closed_ms": 1795392600000}
    {"line": "period", "id": "2026-11-22", "name": "day", "open": true, "archived": false}      and "part": 2, if not 0
    [["ada", "-120.0", null], ["bob", "1.2882297539194267e-231", "{\"level\":3}"]]     as often as need be
    {"line": "period end", "rows": 2, "whole": true}
    {"line": "board end", "whole": true, "uneven": false}
    {"line": "end", "lines": 6, "rows": 2, "sha256": "..."}                           of all lines before

A row is a player, the sort key as text that is exact, and the metadata. A player may come twice, because scores come
in while a file is written: then the last row counts. What turns out not to be `whole` is to be passed over: a period
that was removed while it was read, a board whose definition was changed, which is then written once more. `uneven`: a
player was forgotten meanwhile, who may be in some periods only.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

import msgspec
import zstandard

from leaderboard.errors import LeaderboardError

VERSION = 1
_LEVEL = 3
_PIECE = 16 * 1024

SnapshotRow = tuple[str, str, str | None]
Rows = list[SnapshotRow]


class _Line(msgspec.Struct, tag_field="line", frozen=True):
    """A line that is no rows."""


class Head(_Line, tag="snapshot", frozen=True):
    """The first line. `at`: when writing began, RFC 3339."""

    version: int
    game: str
    at: str


class BoardHead(_Line, tag="board", frozen=True):
    """Begins a board. `definition` is what `Board.dump` says, `closed_ms` the mark of its closed periods."""

    name: str
    definition: str
    closed_ms: int | None


class PeriodHead(_Line, tag="period", frozen=True, omit_defaults=True):
    """Begins a period. `open`: it was still to be sealed; `archived`: it was read from the archive.

    `part`: that of the board whose rows these are; the same period may come once a part.
    """

    id: str
    name: str
    open: bool
    archived: bool
    part: int = 0


class PeriodEnd(_Line, tag="period end", frozen=True):
    """Ends a period."""

    rows: int
    whole: bool


class BoardEnd(_Line, tag="board end", frozen=True):
    """Ends a board."""

    whole: bool
    uneven: bool


class End(_Line, tag="end", frozen=True):
    """The last line."""

    lines: int
    rows: int
    sha256: str


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Head | BoardHead | PeriodHead | PeriodEnd | BoardEnd | End | Rows).decode


class DamagedSnapshot(LeaderboardError):
    """The file is no snapshot, or not all of one."""

    code = "damaged_snapshot"


class Writer:
    """Writes lines; without `end` the file is none."""

    def __init__(self, target: BinaryIO, head: Head) -> None:
        compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
        self._stream = compressor.stream_writer(target, closefd=False)
        self._digest = hashlib.sha256()
        self._lines = self._rows = self._rows_of_period = 0
        self._put(head)

    def begin_board(self, head: BoardHead) -> None:
        """The next periods are of this board."""
        self._put(head)

    def begin_period(self, head: PeriodHead) -> None:
        """The next rows are of this period."""
        self._rows_of_period = 0
        self._put(head)

    def rows(self, rows: Sequence[SnapshotRow]) -> None:
        """Adds rows."""
        if rows:
            self._rows += len(rows)
            self._rows_of_period += len(rows)
            self._put(rows)

    def end_period(self, *, whole: bool) -> int:
        """No more rows come of it; answers how many there were."""
        self._put(PeriodEnd(self._rows_of_period, whole))
        return self._rows_of_period

    def end_board(self, *, whole: bool, uneven: bool) -> None:
        """No more periods come of it."""
        self._put(BoardEnd(whole, uneven))

    def end(self) -> None:
        """Writes the last line, and everything that is not written yet."""
        self._put(End(self._lines, self._rows, self._digest.hexdigest()))
        self._stream.close()  # type: ignore[no-untyped-call]

    def _put(self, line: _Line | Sequence[SnapshotRow]) -> None:
        text = _encode(line) + b"\n"
        self._lines += 1
        self._digest.update(text)
        self._stream.write(text)


@dataclass
class Section:
    """One board of a file that was verified."""

    number: int  # among all sections of the file, those that are not whole included
    head: BoardHead
    uneven: bool = False
    whole: set[int] = field(default_factory=set)  # the numbers of its periods that are to be read


@dataclass
class Contents:
    """What a file holds."""

    head: Head
    boards: dict[str, Section] = field(default_factory=dict)


def verify(source: BinaryIO) -> Contents:
    """Reads a whole file, changing nothing. Raises DamagedSnapshot."""
    checks = _Checks()
    for text in _lines(source):
        checks.take(text)
    return checks.contents()


def read(source: BinaryIO, section: Section) -> Iterator[tuple[PeriodHead, Rows | None]]:
    """The periods of a section of a verified file: each with some rows as often as need be, then with None."""
    number, period = 0, 0
    head: PeriodHead | None = None
    for text in _lines(source):
        line = _decoded(text)
        if isinstance(line, BoardHead):
            number += 1
        elif number != section.number:
            continue
        elif isinstance(line, BoardEnd):
            return
        elif isinstance(line, PeriodHead):
            period += 1
            head = line if period in section.whole else None
        elif head is not None:
            yield head, line if isinstance(line, list) else None


class _Checks:
    """Whether lines follow each other as they must, and are those that were written."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._lines = self._rows = self._sections = self._periods = self._rows_of_period = 0
        self._contents: Contents | None = None
        self._section: Section | None = None
        self._in_period = False
        self._ended = False

    def take(self, text: bytes) -> None:
        """The next line."""
        line = _decoded(text)
        if self._ended or (self._contents is None) != isinstance(line, Head):
            raise _damaged("its lines are not in order")
        if isinstance(line, Head):
            self._begin(line)
        elif isinstance(line, End):
            self._end(line)
        elif self._section is None or isinstance(line, BoardHead):
            self._begin_board(line)
        elif self._in_period:
            self._inside_period(line)
        else:
            self._inside_board(line)
        self._lines += 1
        self._digest.update(text + b"\n")

    def contents(self) -> Contents:
        """When all lines were taken."""
        if self._contents is None or not self._ended:
            raise _damaged("its end is missing")
        return self._contents

    def _begin(self, line: Head) -> None:
        if line.version != VERSION:
            raise DamagedSnapshot(f"The file is a snapshot of version {line.version}; this release reads {VERSION}.")
        self._contents = Contents(line)

    def _begin_board(self, line: object) -> None:
        if self._section is not None or not isinstance(line, BoardHead):
            raise _damaged("its lines are not in order")
        self._sections += 1
        self._periods = 0
        self._section = Section(self._sections, line)

    def _inside_board(self, line: object) -> None:
        assert self._section is not None and self._contents is not None  # noqa: PT018, S101 - for the type checker
        if isinstance(line, PeriodHead):
            self._in_period, self._rows_of_period = True, 0
            self._periods += 1
        elif isinstance(line, BoardEnd):
            if line.whole:
                self._section.uneven = line.uneven
                self._contents.boards[self._section.head.name] = self._section
            self._section = None
        else:
            raise _damaged("its lines are not in order")

    def _inside_period(self, line: object) -> None:
        assert self._section is not None  # noqa: S101 - for the type checker
        if isinstance(line, list):
            self._rows += len(line)
            self._rows_of_period += len(line)
        elif isinstance(line, PeriodEnd) and line.rows == self._rows_of_period:
            self._in_period = False
            if line.whole:
                self._section.whole.add(self._periods)
        else:
            raise _damaged("a period has not the rows it should have")

    def _end(self, line: End) -> None:
        if self._section is not None:
            raise _damaged("its lines are not in order")
        if line != End(self._lines, self._rows, self._digest.hexdigest()):
            raise _damaged("its lines are not those that were written")
        self._ended = True


def _lines(source: BinaryIO) -> Iterator[bytes]:
    source.seek(0)
    unpacker = zstandard.ZstdDecompressor().decompressobj()
    rest = b""
    try:
        while piece := source.read(_PIECE):
            *whole, rest = (rest + unpacker.decompress(piece)).split(b"\n")
            yield from whole
    except zstandard.ZstdError as error:
        raise _damaged("it cannot be unpacked") from error
    if rest or not unpacker.eof or unpacker.unused_data:
        raise _damaged("its end is missing" if not unpacker.eof else "something follows its end")


def _decoded(text: bytes) -> object:
    try:
        line: object = _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _damaged("a line in it cannot be read") from error
    return line


def _damaged(why: str) -> DamagedSnapshot:
    return DamagedSnapshot(f"The file is not a whole snapshot: {why}.")
