"""The one way in: submissions of any number and origin become batches, and batches calls of `submit.lua`.

A call whose definition the store knows to be out of date is made anew with the fresh one. Idempotent requests and
loads may be sent again after any failure, because what they applied is marked in the same script call; all others
are sent once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from leaderboard.boards.batches import REFUSED_BY_TOTAL, Batch, Context, Refusal, Submission
from leaderboard.boards.definition import Board
from leaderboard.boards.numerals import Score
from leaderboard.boards.registry import Registry
from leaderboard.errors import StoreUnavailable, UnknownBoard
from leaderboard.store.connection import Store, as_text, translated
from leaderboard.store.scripts import Call

_MOST_TRIES = 5


class Item(msgspec.Struct, frozen=True):
    """A submission, its board, and its place in the request."""

    index: int
    board: str
    submission: Submission


@dataclass(frozen=True, slots=True)
class PeriodOutcome:
    """What a submission did in one period. Ranks are None where they were not asked for, or there is none."""

    name: str
    id: str
    score: Score | None
    subscore: Score | None
    rank: int | None
    previous_rank: int | None
    updated: bool
    ranked: bool


@dataclass(frozen=True, slots=True)
class Rejection:
    """An item that was not taken."""

    index: int
    refusal: Refusal


@dataclass(slots=True)
class Report:
    """What became of many items."""

    received: int = 0
    applied: int = 0
    unchanged: int = 0
    rejected: list[Rejection] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Marking:
    """How the chunks of an idempotent request are marked, so that none is applied twice."""

    request: str
    digest: str
    lifetime_ms: int
    mark_refused: bool = True  # False: what was refused whole may be sent again, corrected


@dataclass(slots=True)
class Chunk:
    """Items of one board that go in one script call, and what became of them."""

    board: str
    number: int
    items: Sequence[Item]
    batch: Batch | None = None
    refused: list[Rejection] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)
    shown: list[tuple[str, str, bool]] = field(default_factory=list)
    status: str = ""  # of the script's answer
    letters: str = ""
    details: list[str] = field(default_factory=list)
    replayed_digest: str | None = None
    born: str = ""  # of the board that a replayed answer was given on

    def settle(self, answer: Sequence[Any]) -> None:
        """Reads what `submit.lua` answered."""
        self.status = answer[0].decode()
        if self.status not in ("done", "replay"):
            return
        outcome = answer[1].decode()
        if self.status == "replay":
            extra, _, outcome = outcome.partition("\n")
            self._restore(msgspec.json.decode(extra))
        self.letters, _, details = outcome.partition("|")
        self.details = details.split(",") if details else []

    def kept_beside(self, digest: str) -> str:
        """What the marker keeps beside the outcome, so that a replay gives the same answer."""
        refused = [(one.index, one.refusal.code, one.refusal.detail) for one in self.refused]
        assert self.batch is not None  # noqa: S101 - only prepared chunks are sent
        return msgspec.json.encode([digest, self.batch.board.born, refused, self.taken, self.shown]).decode()

    def _restore(self, extra: list[Any]) -> None:
        self.replayed_digest, self.born, refused, self.taken, shown = extra
        self.refused = [Rejection(index, Refusal(code, detail)) for index, code, detail in refused]
        self.shown = [tuple(one) for one in shown]


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

    def __init__(self, store: Store, registry: Registry) -> None:
        self._store = store
        self._registry = registry

    def submit(self, board: Board, submission: Submission, context: Context, marking: Marking | None = None) -> Result:
        """Takes one score."""
        chunk = Chunk(board.name, 0, [Item(0, board.name, submission)])
        self._run(board.game, [chunk], context, marking)
        refusal = chunk.refused[0].refusal if chunk.refused else None
        if chunk.letters == "x":
            refusal = REFUSED_BY_TOTAL
        found = [] if refusal or chunk.batch is None else outcomes(chunk.batch.board, chunk.shown, chunk.details)
        known = chunk.batch.board if chunk.batch else None
        return Result(known, refusal, chunk.letters == "u", found, chunk.replayed_digest, chunk.born)

    def submit_many(
        self, game: str, items: Sequence[Item], context: Context, *, chunk_items: int, marking: Marking | None = None
    ) -> Report:
        """Takes many scores, for any boards of a game; a bad one stops no other."""
        chunks = make_chunks(items, chunk_items)
        self._run(game, chunks, context, marking)
        report = Report(received=len(items))
        for chunk in chunks:
            _count(chunk, report)
        report.rejected.sort(key=lambda rejection: rejection.index)
        return report

    def load(
        self, board: Board, submissions: Sequence[Submission], now: datetime, place: dict[str, Any]
    ) -> tuple[list[Rejection], str]:
        """Backfills one chunk of a load and moves its place in the same call: (rejections, the place now)."""
        items = [Item(index, board.name, submission) for index, submission in enumerate(submissions)]
        chunk = Chunk(board.name, 0, items)
        self._run(board.game, [chunk], Context(now, backfill=True), None, place)
        report = Report()
        if chunk.status == "done":
            _count(chunk, report)
        return report.rejected, self.place_of(board, place["id"]) or ""

    def place_of(self, board: Board, load_id: str) -> str | None:
        """How far a load has come: "line applied unchanged refused"."""
        with translated():
            place = self._store.client.hget(board.keys.loads, load_id)
        return as_text(place) if place is not None else None

    def _run(
        self,
        game: str,
        chunks: Sequence[Chunk],
        context: Context,
        marking: Marking | None,
        place: dict[str, Any] | None = None,
    ) -> None:
        """Sends every chunk until none is answered 'stale'."""
        pending = list(chunks)
        for attempt in range(_MOST_TRIES):
            for chunk in pending:
                self._prepare(game, chunk, context, fresh=attempt > 0)
            pending = [chunk for chunk in pending if chunk.batch is not None]
            calls = [self._call(chunk, marking, place) for chunk in pending]
            if not calls:
                return
            resend = marking is not None or place is not None
            for chunk, answer in zip(pending, self._store.run_all(calls, resend=resend), strict=True):
                chunk.settle(answer)
            pending = [chunk for chunk in pending if chunk.status == "stale"]
            if not pending:
                return
        raise StoreUnavailable("The board keeps changing; try again.")

    def _prepare(self, game: str, chunk: Chunk, context: Context, *, fresh: bool) -> None:
        chunk.batch, chunk.refused, chunk.taken = None, [], []
        try:
            board = self._registry.fresh(game, chunk.board) if fresh else self._registry.get(game, chunk.board)
        except UnknownBoard as error:
            refusal = Refusal(error.code, error.detail)
            chunk.refused = [Rejection(item.index, refusal) for item in chunk.items]
            chunk.status = "done"
            return
        if not board.keeps_metadata and any(item.submission.metadata is not None for item in chunk.items):
            board = self._registry.keep_metadata(board, context.now)
        batch = Batch(board, context)
        for item in chunk.items:
            why = batch.add(item.submission)
            if why is None:
                chunk.taken.append(item.index)
            else:
                chunk.refused.append(Rejection(item.index, why))
        chunk.batch = batch
        if chunk.taken and context.ranks is not None:
            chunk.shown = [(period.name, period.id, show == 2) for period, show in batch.steps()]

    def _call(self, chunk: Chunk, marking: Marking | None, place: dict[str, Any] | None) -> Call:
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


def make_chunks(items: Iterable[Item], size: int) -> list[Chunk]:
    """Groups items by board and cuts each group; the borders depend on the items alone."""
    groups: dict[str, list[Item]] = {}
    for item in items:
        groups.setdefault(item.board, []).append(item)
    return [
        Chunk(board, number, group[start : start + size])
        for board, group in groups.items()
        for number, start in enumerate(range(0, len(group), size))
    ]


def outcomes(board: Board, shown: Iterable[tuple[str, str, bool]], details: Sequence[str]) -> list[PeriodOutcome]:
    """The details of one item, period by period, narrowest first."""
    found = []
    for number, (name, period_id, ranked) in enumerate(shown):
        _, rank_before, key, rank, moved = details[number * 5 : number * 5 + 5]
        score, subscore = board.ordering.decode(float(key)) if key else (None, None)
        found.append(
            PeriodOutcome(
                name,
                period_id,
                score,
                subscore,
                int(rank) if rank else None,
                int(rank_before) if rank_before else None,
                moved == "1",
                ranked,
            )
        )
    return found


def _count(chunk: Chunk, report: Report) -> None:
    report.rejected += chunk.refused
    for index, letter in zip(chunk.taken, chunk.letters, strict=True):
        if letter == "u":
            report.applied += 1
        elif letter == "s":
            report.unchanged += 1
        else:
            report.rejected.append(Rejection(index, REFUSED_BY_TOTAL))
