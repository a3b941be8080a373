"""What the store tells of a board that is followed: its top, and who moved since."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from leaderboard.boards.definition import Board
from leaderboard.boards.partitioning import part_of
from leaderboard.errors import BoardsChanged
from leaderboard.live.standings import Move, Place, Row, net, read_moves
from leaderboard.store.scripts import Call
from leaderboard.store.steps import Steps

Versions = tuple[int, ...]  # of each part
Entry = tuple[int, list[Move] | None]  # a version, and who moved then; None where that were too many

_FOLLOWED = timedelta(minutes=2)  # for so long after the last look moves are noted: who comes back by then missed none


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of one period of a board."""

    period_id: str
    rows: int
    since: Versions | None  # the oldest versions since which moves are wanted
    players: Sequence[str]  # whose places are wanted


@dataclass(frozen=True, slots=True)
class Moment:
    """A period at one moment; of a board with parts, of one moment each, and with all that those keep.

    Of a board with parts and `max_entries` more is kept than shown.
    """

    versions: Versions
    history: str  # that the versions are of: those of another one say nothing
    total: int
    rows: list[Row]
    places: dict[str, Place]  # of those players who were asked for and have one
    _entries: list[list[Entry]]  # of each part, the oldest first
    _told: dict[Versions, list[Move] | None] = field(default_factory=dict)  # many who come back have seen the same

    def moves_since(self, versions: Versions) -> list[Move] | None:
        """Who moved since then; None where that is not known any more, or there is more to it than moves."""
        if versions not in self._told:
            self._told[versions] = self._moves_since(versions)
        return self._told[versions]

    def _moves_since(self, versions: Versions) -> list[Move] | None:
        found: list[Move] = []
        if len(versions) != len(self.versions):
            return None
        for since, now, entries in zip(versions, self.versions, self._entries, strict=True):
            later = [moves for version, moves in entries if version > since]
            # Each version that only moved players has an entry; a player who was removed, say, left none.
            if len(later) != now - since:
                return None
            known = [moves for moves in later if moves is not None]
            if len(known) < len(later):
                return None
            found += net(move for moves in known for move in moves)
        return found


def look(board: Board, question: Question, now: datetime) -> Steps[Moment]:
    """Looks at a period, and says that the board is followed. Raises BoardsChanged."""
    answers = yield [_call(part, number, question, now, board) for number, part in enumerate(board.parts)]
    for part, answer in zip(board.parts, answers, strict=True):
        if answer[0] != part.rev.encode():
            raise BoardsChanged(board.name)
    rows = sorted(
        Row(float(answer[3][n + 1]), answer[3][n].decode()) for answer in answers for n in range(0, len(answer[3]), 2)
    )
    total = sum(answer[2] for answer in answers)
    places = _places(board, question.players, answers)
    if len(board.parts) > 1:
        places = yield from _among_all(board, question.period_id, places)  # a moment later
    return Moment(
        versions=tuple(int(answer[1]) for answer in answers),
        history=f"{zlib.crc32(b'.'.join(answer[6] for answer in answers)):08x}",
        total=total,
        rows=rows[: question.rows],
        places=places,
        _entries=[_entries(answer[4]) for answer in answers],
    )


def _entries(told: Sequence[bytes]) -> list[Entry]:
    found: list[Entry] = []
    for n in range(len(told) - 2, -1, -2):
        text = told[n + 1].decode()
        found.append((int(told[n]), None if text == "many" else list(read_moves(text))))
    return found


def _call(part: Board, number: int, question: Question, now: datetime, board: Board) -> Call:
    keys = part.keys
    standings, dense, _ = keys.triple(question.period_id)
    until = int((now + _FOLLOWED).timestamp() * 1000)
    since = "" if question.since is None or number >= len(question.since) else question.since[number]
    mine = [player for player in question.players if part_of(player, len(board.parts)) == number]
    return Call(
        "feed_read",
        [keys.meta, standings, dense, keys.feed],
        [until, part.ties, question.rows, since, question.period_id, *mine],
    )


def _places(board: Board, players: Sequence[str], answers: Sequence[Sequence[object]]) -> dict[str, Place]:
    """By their own parts."""
    found: dict[str, Place] = {}
    told = [iter(answer[5]) for answer in answers]  # type: ignore[call-overload]
    for player in players:
        mine = told[part_of(player, len(board.parts))]
        key, rank = next(mine), next(mine)
        if key:
            found[player] = Place(rank, float(key))
    return found


def _among_all(board: Board, period_id: str, places: dict[str, Place]) -> Steps[dict[str, Place]]:
    """Among the players of all parts; without those who are not among the best `max_entries`."""
    if not places:
        return places
    most: int | None = board.definition["max_entries"]
    asked: list[str | int] = ["1" if board.ties == "unique" or most is not None else "0"]
    for player, place in places.items():
        asked += [2, repr(place.key), player]
    answers = yield [Call("ahead", [part.keys.meta, part.keys.standings(period_id)], asked) for part in board.parts]
    for part, answer in zip(board.parts, answers, strict=True):
        if answer[0] != part.rev.encode():
            raise BoardsChanged(board.name)
    found = {}
    for n, (player, place) in enumerate(places.items()):
        below, before = (sum(answer[1 + 2 * n + which] for answer in answers) for which in (0, 1))
        if most is None or before < most:
            found[player] = Place(1 + (before if board.ties == "unique" else below), place.key)
    return found
