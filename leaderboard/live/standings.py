"""The top of a period, what became of it, and what it was before. Pure: no store and no clock."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from typing import NamedTuple


class Row(NamedTuple):
    """A player and their sort key; rows are in the order of the board, for ids sort as their bytes do."""

    key: float
    player: str


class Move(NamedTuple):
    """From which key to which a player went; None where they were not, or are not any more, on the board."""

    player: str
    old: float | None
    new: float | None


class Place(NamedTuple):
    """Where a player stands."""

    rank: int
    key: float


@dataclass(frozen=True, slots=True)
class Passed:
    """Who went past a player: the best of them, as rows, and how many."""

    by: list[Row]
    count: int


@dataclass(frozen=True, slots=True)
class Difference:
    """What became of a top: rows that are new or moved, each with its rank and the one before, and who is not in it any
    more."""

    rows: list[tuple[int, Row, int | None]]
    left: list[str]


def read_moves(text: str) -> Iterator[Move]:
    """The moves of an entry, as feed.lua writes them."""
    parts = text.split("\n")
    for n in range(0, len(parts) - 2, 3):
        player, old, new = parts[n : n + 3]
        yield Move(player, float(old) if old else None, float(new) if new else None)


def net(moves: Iterable[Move]) -> list[Move]:
    """Moves in a row as one for each player; who is where they were has not moved."""
    found: dict[str, Move] = {}
    for move in moves:
        before = found.get(move.player)
        found[move.player] = move if before is None else Move(move.player, before.old, move.new)
    return [move for move in found.values() if move.old != move.new]


def unwound(rows: Sequence[Row], moves: Sequence[Move]) -> list[Row]:
    """The rows as they were before those moves, as far down as all of them are known.

    Where `rows` are all there are, those are all there were. Else the last of them mark how far that is.
    """
    moved = {move.player for move in moves}
    before = [row for row in rows if row.player not in moved]
    before += [Row(move.old, move.player) for move in moves if move.old is not None]
    return sorted(before)


def ranks_of(rows: Sequence[Row], ties: str) -> list[int]:
    """The ranks of the first rows of a board. `ties`: shared, dense or unique."""
    ranks: list[int] = []
    for number, row in enumerate(rows):
        if ties != "unique" and number and rows[number - 1].key == row.key:
            ranks.append(ranks[-1])
        elif ties == "dense" and number:
            ranks.append(ranks[-1] + 1)
        else:
            ranks.append(number + 1)
    return ranks


def difference(before: Sequence[Row], after: Sequence[Row], ties: str) -> Difference:
    """What became of a top."""
    old = {row.player: (rank, row.key) for rank, row in zip(ranks_of(before, ties), before, strict=True)}
    changed: list[tuple[int, Row, int | None]] = []
    for rank, row in zip(ranks_of(after, ties), after, strict=True):
        was = old.pop(row.player, None)
        if was != (rank, row.key):
            changed.append((rank, row, was and was[0]))
    return Difference(changed, list(old))


def passed(player: str, before: Place, after: Place, moves: Iterable[Move], ties: str, most: int) -> Passed:
    """Who was not ahead of a player, and is now, by moves of their own; the best `most` of them."""
    # Asked for each of maybe a thousand players, about as many moves. Among equals nobody is ahead, but where ranks are
    # unique.
    is_unique, was, now = ties == "unique", before.key, after.key
    by = [
        (new, mover)
        for mover, old, new in moves
        if new is not None
        and (new < now or (is_unique and new == now and mover < player))
        and (old is None or old > was or (old == was and (not is_unique or mover > player)))
        and mover != player
    ]
    return Passed([Row(*row) for row in nsmallest(most, by)], len(by))
