"""What reading a board is about: views, entries, and the rows of script answers turned into them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from leaderboard.boards.definition import Board
from leaderboard.boards.periods import Period
from leaderboard.boards.slots import end_ms
from leaderboard.boards.windows import Window
from leaderboard.errors import BoardsChanged
from leaderboard.numerals import Score
from leaderboard.store.scripts import Call


class Entry(msgspec.Struct, frozen=True):  # there are many, and a frozen dataclass takes its time
    """One row of a board."""

    rank: int
    player: str
    score: Score
    subscore: Score | None
    metadata: str | None = None  # JSON text; None where it was not asked for or there is none


class WindowNotBuilt(BoardsChanged):
    """A rolling window that nobody has built yet."""

    def __init__(self, board: str, window: Window) -> None:
        super().__init__(board)
        self.window = window


@dataclass(frozen=True, slots=True)
class View:
    """What is read: a period of a board, as of a time."""

    board: Board
    period: Period | Window
    now: datetime
    metadata: bool = False
    is_hurried: bool = False  # BoardsChanged is raised rather than the database asked, or a window built

    @property
    def key_id(self) -> str:
        """The name of what is read among the board's keys."""
        return self.period.key_id if isinstance(self.period, Window) else self.period.id

    @property
    def state(self) -> str:
        """open until the period's end, then closed; what a `Stamp` says comes after it has been looked at."""
        return "open" if self.period.end is None or self.now < self.period.end else "closed"


@dataclass(frozen=True, slots=True)
class Stamp:
    """What an answer is true for."""

    rev: str
    version: int | str  # changes whenever the board does; of one with parts, theirs in a row
    total: int
    state: str  # open, closed, or archived: sealed, and read from wherever it is
    to_seal: bool = False  # what is there, if only that somebody was removed, is to be sealed


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows in a row."""

    stamp: Stamp
    entries: list[Entry]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """One player's place, and the rows around it."""

    stamp: Stamp
    entry: Entry
    percentile: float
    entries: list[Entry]


def player_call(view: View, player: str, around: int) -> Call:
    """The call that reads one player's standing."""
    return call("player", view, view.board.ties, view.board.ordering.time_bits, around, flag(view), player)


def read_standing(view: View, player: str, answer: tuple[Any, ...]) -> Standing | None:
    """What `player.lua` answered."""
    stamp, *rest = answer
    if not rest:
        return None
    key, rank, better, metadata, index, first_rank, rows, metadatas = rest
    entry = read_entry(view, rank, player, float(key), metadata or None)
    percentile = 100 * (stamp.total - (better + 1)) / stamp.total
    return Standing(stamp, entry, percentile, read_entries(view, first_rank, index, rows, metadatas))


def call(script: str, view: View, *args: Any) -> Call:
    keys = view.board.keys
    return Call(script, [keys.meta, *keys.triple(view.key_id), keys.open], args)


def flag(view: View) -> str:
    return "1" if view.metadata else "0"


def is_stale(view: View, answer: Sequence[Any]) -> bool:
    return bool(answer[0] != view.board.rev.encode())


def read_stamp(view: View, answer: Sequence[Any]) -> Stamp:
    """What an answer begins with. Raises WindowNotBuilt."""
    rev, version, total, (closed, to_seal, windows) = answer[:4]
    state = view.state
    if isinstance(view.period, Window):
        if view.period.member not in windows.decode().split():
            raise WindowNotBuilt(view.board.whole.name, view.period)
    elif is_past(view.period, int(closed)) and total and not to_seal:
        state = "archived"
    return Stamp(rev.decode(), int(version), total, state, to_seal=bool(to_seal))


def is_past(period: Period, closed: int) -> bool:
    """Whether a period is behind the mark (Unix milliseconds) that closes periods."""
    return period.end is not None and end_ms(period) < closed


def read_entries(
    view: View, rank: int, index: int, rows: Sequence[bytes], metadata: Sequence[bytes | None]
) -> list[Entry]:
    """Rows of consecutive standings; only the first one's rank had to be asked for."""
    found = []
    before: float | None = None
    for number in range(len(rows) // 2):
        key = float(rows[2 * number + 1])
        if before is not None and (view.board.ties == "unique" or key != before):
            rank = rank + 1 if view.board.ties == "dense" else index + number + 1
        before = key
        extra = metadata[number] if metadata else None
        found.append(read_entry(view, rank, rows[2 * number].decode(), key, extra))
    return found


def read_entry(view: View, rank: int, player: str, key: float, metadata: bytes | None) -> Entry:
    score, subscore = view.board.ordering.decode(key)
    return Entry(rank, player, score, subscore, metadata.decode() if metadata else None)


def key_text(key: float) -> str:
    return repr(float(key))
