"""The one way in: submissions of any number and origin become batches, and batches calls of `submit.lua`.

A call whose definition the store knows to be out of date is made anew with the fresh one. Idempotent requests and
loads may be sent again after any failure, because what they applied is marked in the same script call; all others
are sent once. Every call is of one part of a board.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from leaderboard.boards.batches import REFUSED_BY_TOTAL, Batch, Context, Situation, Submission
from leaderboard.boards.chunks import Chunk, Item, PeriodOutcome, count, make_chunks, outcomes
from leaderboard.boards.definition import Board
from leaderboard.boards.partitioning import part_of
from leaderboard.boards.placing import Placed, among_all, is_shown, without_ranks
from leaderboard.boards.registry import Registry
from leaderboard.boards.revival import Revival
from leaderboard.errors import StoreUnavailable, UnknownBoard
from leaderboard.reports import Marking, Refusal, Rejection, Report
from leaderboard.store.connection import Store, as_text, translated
from leaderboard.store.scripts import Call

_MOST_TRIES = 8
_MOST_SITUATIONS = 50_000


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a single submission."""

    board: Board | None
    refusal: Refusal | None
    updated: bool
    periods: Sequence[PeriodOutcome]
    replayed_digest: str | None
    born: str


class Submissions:
    """Takes scores."""

    def __init__(self, store: Store, registry: Registry, revival: Revival) -> None:
        self._store = store
        self._registry = registry
        self._revival = revival
        self._situations: dict[tuple[str, str, str], Situation] = {}  # by the part

    def submit(self, board: Board, submission: Submission, context: Context, marking: Marking | None = None) -> Result:
        """Takes one score."""
        (chunk,) = self._run(board.game, [Item(0, board.name, submission)], 1, context, marking)
        refusal = chunk.refused[0].refusal if chunk.refused else None
        if chunk.letters == "x":
            refusal = REFUSED_BY_TOTAL
        known, updated = chunk.batch.board if chunk.batch else None, chunk.letters == "u"
        found: Sequence[PeriodOutcome] = []
        if known is not None and not refusal:
            found = outcomes(known, chunk.shown, chunk.details)
            if chunk.parts > 1 and found:
                placed = Placed(known, submission.player, found, chunk.details)
                (found,) = self.placed_among_all([placed], may_fail=marking is None)
                updated = updated and is_shown(known, found)
        return Result(known, refusal, updated, found, chunk.replayed_digest, chunk.born)

    def submit_many(
        self, game: str, items: Sequence[Item], context: Context, *, chunk_items: int, marking: Marking | None = None
    ) -> Report:
        """Takes many scores, for any boards of a game; a bad one stops no other."""
        report = Report(received=len(items))
        for chunk in self._run(game, items, chunk_items, context, marking):
            count(chunk, report)
        report.rejected.sort(key=lambda rejection: rejection.index)
        return report

    def load(
        self, board: Board, submissions: Sequence[Submission], now: datetime, place: dict[str, Any]
    ) -> tuple[list[Rejection], list[str]]:
        """Backfills one chunk of a load and moves its places in the same calls: (rejections, the places now)."""
        parts = len(board.parts)
        groups: list[list[Item]] = [[] for _ in range(parts)]
        for index, submission in enumerate(submissions):
            groups[part_of(submission.player, parts)].append(Item(index, board.name, submission))
        chunks = [Chunk(board.name, 0, group, part, parts) for part, group in enumerate(groups)]
        self._send(board.game, chunks, Context(now, backfill=True), None, place)
        report = Report()
        for chunk in chunks:
            if chunk.status == "parted":
                raise StoreUnavailable("The board is another one by now; try again.")
            if chunk.status == "done":
                count(chunk, report)
        report.rejected.sort(key=lambda rejection: rejection.index)
        return report.rejected, self.places_of(board, place["id"])

    def places_of(self, board: Board, load_id: str) -> list[str]:
        """How far a load has come in each part of a board: "line applied unchanged refused"."""
        with translated():
            pipeline = self._store.client.pipeline(transaction=False)
            for part in board.parts:
                pipeline.hget(part.keys.loads, load_id)
            return [as_text(place) if place is not None else "0 0 0 0" for place in pipeline.execute()]

    def _run(
        self, game: str, items: Sequence[Item], size: int, context: Context, marking: Marking | None
    ) -> list[Chunk]:
        """Sends items in chunks of a size, until nothing is left; answers the chunks."""
        unknown = self._registry.unknown(game, {item.board for item in items})
        chunks = make_chunks(items, size, lambda board: 1 if board in unknown else self._parts_of(game, board))
        for chunk in chunks:
            chunk.is_unknown = chunk.board in unknown
        done: list[Chunk] = []
        for _ in range(_MOST_TRIES):
            self._send(game, chunks, context, marking)
            parted = [chunk for chunk in chunks if chunk.status == "parted"]
            done += [chunk for chunk in chunks if chunk.status != "parted"]
            if not parted:
                return done
            # Another number of parts than was known. It does not change while there are scores; so what was applied
            # before was so on a board that is gone, and what is left has chunks of its own, and is marked by those.
            boards = {chunk.board for chunk in parted}
            if marking is not None and any(chunk.board in boards for chunk in done):
                break
            left = sorted((item for chunk in parted for item in chunk.items), key=lambda item: item.index)
            chunks = make_chunks(left, size, lambda board: self._parts_of(game, board))
        raise StoreUnavailable("The board keeps changing; try again.")

    def _send(
        self,
        game: str,
        chunks: Sequence[Chunk],
        context: Context,
        marking: Marking | None,
        place: dict[str, Any] | None = None,
    ) -> None:
        """Sends every chunk until none is answered 'stale' or 'behind'."""
        pending = list(chunks)
        for attempt in range(_MOST_TRIES):
            for chunk in pending:
                self.prepare(game, chunk, context, fresh=attempt > 0 and chunk.status == "stale")
            pending = [chunk for chunk in pending if chunk.batch is not None]
            calls = [self.call_of(chunk, marking, place) for chunk in pending]
            if not calls:
                return
            resend = marking is not None or place is not None
            for chunk, answer in zip(pending, self._store.run_all(calls, resend=resend), strict=True):
                chunk.settle(answer)
            pending = [chunk for chunk in pending if chunk.status in ("stale", "behind")]
            if not pending:
                return
            for chunk in pending:
                self._learn(chunk, context.now)
        raise StoreUnavailable("The board keeps changing; try again.")

    def _parts_of(self, game: str, board: str) -> int:
        try:
            return len(self._registry.get(game, board).parts)
        except UnknownBoard:
            return 1

    def placed_among_all(self, placed: Sequence[Placed], *, may_fail: bool) -> list[list[PeriodOutcome]]:
        """What submissions to boards with parts did, with their ranks among all.

        `may_fail`: without ranks where the store is away by now. Raises StoreUnavailable.
        """
        try:
            return among_all(self._store, placed)
        except StoreUnavailable:
            if not may_fail:  # it may come again, and gets all of its answer then
                raise
            # Taken it is: who is told to try again would submit a second time.
            return [without_ranks(one.found) for one in placed]

    def known(self, game: str, name: str) -> Board | None:
        """A board, if this process knows it."""
        return self._registry.known(game, name)

    def prepare(
        self, game: str, chunk: Chunk, context: Context, *, fresh: bool = False, known: Board | None = None
    ) -> None:
        """Makes the batch of a chunk, as of now; what the board cannot take is refused.

        `known`: the board, where nobody is to be asked for it. Raises Unavailable.
        """
        chunk.batch, chunk.refused, chunk.taken, chunk.status = None, [], [], ""
        try:
            if chunk.is_unknown:
                raise UnknownBoard(chunk.board)  # noqa: TRY301 - as whoever looks it up does
            look = self._registry.fresh if fresh else self._registry.get
            board = known or look(game, chunk.board)
            if not board.keeps_metadata and any(item.submission.metadata is not None for item in chunk.items):
                board = self._registry.keep_metadata(board, context.now)  # the board as it is by then: maybe another
        except UnknownBoard as error:
            refusal = Refusal(error.code, error.detail)
            chunk.refused = [Rejection(item.index, refusal) for item in chunk.items]
            chunk.status = "done"
            return
        if len(board.parts) != chunk.parts:
            chunk.status = "parted"
            return
        board = board.parts[chunk.part]
        if chunk.born_of_batch != board.born:
            chunk.born_of_batch, chunk.absent, chunk.gone = board.born, {}, set()
        batch = Batch(board, context, self._situations.get(board.identity, Situation()), chunk.absent, chunk.gone)
        for item in chunk.items:
            why = batch.add(item.submission)
            if why is None:
                chunk.taken.append(item.index)
            else:
                chunk.refused.append(Rejection(item.index, why))
        chunk.batch = batch
        if chunk.taken and context.ranks is not None:
            chunk.shown = [(period.name, period.id, show == 2) for period, show in batch.steps()]

    def _learn(self, chunk: Chunk, now: datetime) -> None:
        """Takes in what the store said of the board's periods, and brings back those that must be there."""
        if chunk.status != "behind" or chunk.batch is None:
            return
        board = chunk.batch.board
        closed, drops, windows, *missing = chunk.behind
        if len(self._situations) >= _MOST_SITUATIONS:
            self._situations.clear()
        self._situations[board.identity] = Situation(int(closed), windows)
        chunk.gone |= self._revival.reopen(board, missing, now)
        chunk.absent |= dict.fromkeys(missing, int(drops))

    def call_of(self, chunk: Chunk, marking: Marking | None, place: dict[str, Any] | None = None) -> Call:
        """The script call of a chunk that is prepared."""
        batch = chunk.batch
        assert batch is not None  # noqa: S101 - only prepared chunks are called
        if place is not None:
            place = {**place, "refused": len(chunk.refused)}
        if marking is None:
            message, keys = batch.message(place=place), batch.key_names()
        else:
            extra = chunk.kept_beside(marking.digest)
            message = batch.message(
                marker_ms=marking.lifetime_ms, extra=extra, mark_refused=marking.mark_refused, place=place
            )
            keys = batch.key_names(batch.board.keys.marker(marking.request, chunk.number))
        return Call("submit", keys, [self._store.pack(message)])
