"""Single submissions of many requests, taken together: those to one board, or one part of a board, in one script call,
all in one round trip; and in another one the ranks among all parts.

Only what goes as expected ends here. Everything else is left as it was, for `Submissions.submit` to take or refuse.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from leaderboard.boards.batches import Context, Submission
from leaderboard.boards.chunks import Chunk, Item, details_of_each, outcomes
from leaderboard.boards.definition import Board
from leaderboard.boards.partitioning import part_of
from leaderboard.boards.placing import Placed, is_shown
from leaderboard.boards.submissions import Result, Submissions
from leaderboard.errors import LeaderboardError, StoreUnavailable
from leaderboard.reports import Marking
from leaderboard.store.connection import Store
from leaderboard.store.scripts import Call


@dataclass(frozen=True, slots=True)
class Order:
    """What one request asks."""

    board: Board
    submission: Submission
    ranks: frozenset[str]
    by_client: bool
    marking: Marking | None


Outcome = Result | Exception | None


class _Group(NamedTuple):
    """Those that go in one call."""

    order: Order
    items: list[Item]
    part: int


class Together:
    """Takes them."""

    def __init__(self, store: Store, submissions: Submissions) -> None:
        self._store = store
        self._submissions = submissions

    def submit(self, orders: Sequence[Order], now: datetime) -> list[Outcome]:
        """What became of each. None: nothing was written; an exception: it may have been.

        Asks nobody but the store, and that once or twice: it is for a thread that others wait for.
        """
        plain: dict[Any, _Group] = {}
        marked: list[_Group] = []
        for number, order in enumerate(orders):
            item, parts = Item(number, order.board.name, order.submission), len(order.board.parts)
            if order.marking is None:
                part = part_of(order.submission.player, parts)
                same = (order.board.game, order.board.name, part, parts, order.ranks, order.by_client)
                plain.setdefault(same, _Group(order, [], part))[1].append(item)
            elif parts == 1:  # its marker is that of a whole call
                marked.append(_Group(order, [item], 0))
        outcomes_of: list[Outcome] = [None] * len(orders)
        self._send(list(plain.values()), now, outcomes_of, resend=False)
        self._send(marked, now, outcomes_of, resend=True)
        return outcomes_of

    def _send(self, groups: Sequence[_Group], now: datetime, found: list[Outcome], *, resend: bool) -> None:
        chunks: list[Chunk] = []
        calls: list[Call] = []
        for order, items, part in groups:
            chunk = Chunk(order.board.name, 0, items, part, len(order.board.parts))
            with suppress(LeaderboardError):
                self._prepare(chunk, order, now)
            if chunk.taken:
                chunks.append(chunk)
                calls.append(self._submissions.call_of(chunk, order.marking))
        if not calls:
            return
        try:
            answers = self._store.run_all(calls, resend=resend, keep_errors=True)
        except StoreUnavailable as error:
            answers = [error] * len(calls)
        for chunk, answer in zip(chunks, answers, strict=True):
            if isinstance(answer, Exception):
                for number in chunk.taken:
                    found[number] = answer
            else:
                chunk.settle(answer)
                _put_down(chunk, found)
        self._place([chunk for chunk in chunks if chunk.parts > 1], found)

    def _place(self, chunks: Sequence[Chunk], found: list[Outcome]) -> None:
        """Gives those of boards with parts their ranks among all."""
        taken = list[tuple[int, Result]]()
        placed = list[Placed]()
        for chunk in chunks:
            players = {item.index: item.submission.player for item in chunk.items}
            for number, _, _, details in details_of_each(chunk) if chunk.status == "done" else ():
                result = found[number]
                if isinstance(result, Result) and result.board is not None:
                    taken.append((number, result))
                    placed.append(Placed(result.board, players[number], result.periods, details))
        if not placed:
            return
        ranked = self._submissions.placed_among_all(placed, may_fail=True)
        for (number, result), one, periods in zip(taken, placed, ranked, strict=True):
            updated = result.updated and is_shown(one.part, periods)
            found[number] = replace(result, periods=periods, updated=updated)

    def _prepare(self, chunk: Chunk, order: Order, now: datetime) -> None:
        known = self._submissions.known(order.board.game, order.board.name)
        if known is None:
            return
        if not known.keeps_metadata:  # the first of a board is noted in the database
            chunk.items = [item for item in chunk.items if item.submission.metadata is None]
        context = Context(now, ranks=order.ranks, by_client=order.by_client)
        self._submissions.prepare(order.board.game, chunk, context, known=known)


def _put_down(chunk: Chunk, found: list[Outcome]) -> None:
    if chunk.status != "done" or chunk.batch is None:
        return
    board = chunk.batch.board
    for number, letter, shown, details in details_of_each(chunk):
        if letter != "x":
            found[number] = Result(board, None, letter == "u", outcomes(board, shown, details), None, board.born)
