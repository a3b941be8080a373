"""Standings in a list, with everything that the twins of the reading scripts ask of an archived period."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from leaderboard.archive.periods import Row
from leaderboard.archive.sheets import Sheet
from leaderboard.boards import cold
from leaderboard.boards.definition import Board, new_board, read_definition
from leaderboard.boards.gathering import Answer
from leaderboard.boards.merging import answered
from leaderboard.boards.partitioning import part_of
from leaderboard.boards.views import Stamp, View, call
from leaderboard.store.scripts import Call
from leaderboard.store.steps import Steps

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@dataclass
class Listed:
    """A sheet over (key, player) pairs."""

    ties: str
    places: list[tuple[float, bytes]]

    @property
    def total(self) -> int:
        return len(self.places)

    def rows(self, start: int, count: int) -> list[Row]:
        return [self._row(index) for index in range(start, min(start + count, self.total))]

    def at(self, indices: Sequence[int]) -> dict[int, Row]:
        return {index: self._row(index) for index in indices if index < self.total}

    def player(self, player: str) -> tuple[int, Row] | None:
        found = [index for index, place in enumerate(self.places) if place[1] == player.encode()]
        return (found[0], self._row(found[0])) if found else None

    def players(self, players: Sequence[str]) -> dict[str, Row]:
        rows = (self.player(player) for player in players)
        return {row[1].player: row[1] for row in rows if row}

    def below(self, key: float, *, inclusive: bool = False) -> int:
        return (bisect_right if inclusive else bisect_left)([key for key, _ in self.places], key)

    def index_after(self, key: float, player: str) -> int:
        return bisect_right(self.places, (key, player.encode()))

    def _row(self, index: int) -> Row:
        key, player = self.places[index]
        rank = index if self.ties == "unique" else self.below(key)
        return Row(player.decode(), key, rank + 1, f'"{player.decode()}"')


class Spread:
    """The same standings twice: in one list, and over the parts of a board."""

    def __init__(self, places: Sequence[tuple[float, str]], parts: int, ties: str, most: int | None = None) -> None:
        definition = {"ties": ties, "partitions": parts, "max_entries": most}
        self.board = new_board("g", "b", read_definition(definition))
        ordered = sorted((key, player.encode()) for key, player in places)
        self.whole = Listed(self.board.ties, ordered[:most])
        self.lists = [
            Listed(self.board.ties, [place for place in ordered if part_of(place[1].decode(), parts) == n][:most])
            for n in range(parts)
        ]
        self.view = View(self.board, self.board.named("all"), NOW, metadata=True)
        self.rounds = 0

    def ask(self, script: str, *args: Any) -> tuple[Any, Any]:
        """What the parts answer together behind the stamp, and what one list does."""
        asked = call(script, self.view, *args)
        expected = _twin(self.whole, self.view, asked)
        steps, self.rounds = answered(self._carry, self.view, asked), 0
        try:
            calls = next(steps)
            while True:
                calls = steps.send([self._answer(one) for one in calls])
        except StopIteration as end:
            stamp, *rest = end.value
        assert stamp.total == self.whole.total or not rest  # who is not there asked one part only
        return rest, expected

    def _carry(self, asked: Sequence[tuple[View, Call]]) -> Steps[list[Answer]]:
        self.rounds += 1
        answers = yield [one for _, one in asked]
        found = []
        for (view, one), total in zip(asked, answers, strict=True):
            rest = _twin(self._list_of(view.board), view, one)
            found.append((Stamp(view.board.rev, 1, total, "open"), *rest))
        return found

    def _answer(self, one: Call) -> int:
        number = next(n for n, part in enumerate(self.board.parts) if part.keys.meta == one.keys[0])
        return self.lists[number].total

    def _list_of(self, part: Board) -> Listed:
        return self.lists[self.board.parts.index(part)]


def _twin(sheet: Listed, view: View, asked: Call) -> Any:
    twins: dict[str, Any] = cold._TWINS
    return twins[asked.script](cast("Sheet", sheet), view, asked.args)
