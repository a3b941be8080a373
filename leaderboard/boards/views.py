"""What reading a board is about: views, entries, and the rows of script answers turned into them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from leaderboard.boards.definition import Board
from leaderboard.boards.numerals import Score
from leaderboard.boards.periods import Period
from leaderboard.store.scripts import Call


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a board."""

    rank: int
    player: str
    score: Score
    subscore: Score | None
    metadata: str | None = None  # JSON text; None where it was not asked for or there is none


@dataclass(frozen=True, slots=True)
class View:
    """What is read: a period of a board, as of a time."""

    board: Board
    period: Period
    now: datetime
    metadata: bool = False

    @property
    def state(self) -> str:
        """open until the period's end, then closed."""
        return "open" if self.period.end is None or self.now < self.period.end else "closed"


@dataclass(frozen=True, slots=True)
class Stamp:
    """What an answer is true for."""

    rev: str
    version: int
    total: int


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
    keys, period_id = view.board.keys, view.period.id
    names = [keys.meta, keys.standings(period_id), keys.dense(period_id), keys.metadata(period_id)]
    return Call(script, names, args)


def flag(view: View) -> str:
    return "1" if view.metadata else "0"


def is_stale(view: View, answer: Sequence[Any]) -> bool:
    return bool(answer[0] != view.board.rev.encode())


def read_stamp(answer: Sequence[Any]) -> Stamp:
    return Stamp(answer[0].decode(), int(answer[1]), answer[2])


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
