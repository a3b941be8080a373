"""What a request's items become on their way: chunks of one board each, and what became of them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from leaderboard.boards.batches import REFUSED_BY_TOTAL, Batch, Submission
from leaderboard.boards.definition import Board
from leaderboard.boards.partitioning import part_of
from leaderboard.numerals import Score
from leaderboard.reports import Refusal, Rejection, Report

DETAILS: Final = 5  # for each period that is shown


class Item(msgspec.Struct, frozen=True):
    """A submission, its board, and its place in the request."""

    index: int
    board: str
    submission: Submission


class PeriodOutcome(msgspec.Struct, frozen=True):
    """What a submission did in one period. Ranks are None where they were not asked for, or there is none."""

    name: str
    id: str
    score: Score | None
    subscore: Score | None
    rank: int | None
    previous_rank: int | None
    updated: bool
    ranked: bool


@dataclass(slots=True)
class Chunk:
    """Items of one part of a board that go in one script call, and what became of them."""

    board: str
    number: int
    items: Sequence[Item]
    part: int = 0
    parts: int = 1  # that the board has, as far as is known
    is_unknown: bool = False  # the board
    batch: Batch | None = None
    refused: list[Rejection] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)
    shown: list[tuple[str, str, bool]] = field(default_factory=list)
    status: str = ""  # of the script's answer; `parted`: the board has another number of parts
    letters: str = ""
    details: list[str] = field(default_factory=list)
    behind: list[str] = field(default_factory=list)  # what the caller did not know: closed, drops, windows, periods
    absent: dict[str, int] = field(default_factory=dict)  # see Batch
    gone: set[str] = field(default_factory=set)
    born_of_batch: str = ""  # of the board for which that was found out
    replayed_digest: str | None = None
    born: str = ""  # of the board that a replayed answer was given on

    def settle(self, answer: Sequence[Any]) -> None:
        """Reads what `submit.lua` answered."""
        self.status = answer[0].decode()
        if self.status == "behind":
            self.behind = [part.decode() for part in answer[1:]]
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


def details_of_each(chunk: Chunk) -> Iterator[tuple[int, str, Sequence[tuple[str, str, bool]], list[str]]]:
    """Of every item that was tried: its index, its letter, what it shows, and its part of the details."""
    assert chunk.batch is not None  # noqa: S101 - only what was sent has been tried
    start = 0
    for place, (index, letter) in enumerate(zip(chunk.taken, chunk.letters, strict=True)):
        shown: list[tuple[str, str, bool]] = [
            (period.name, period.id, show == 2) for period, show in chunk.batch.steps(place)
        ]
        end = start + (DETAILS * len(shown) if letter != "x" else 0)
        yield index, letter, shown, chunk.details[start:end]
        start = end


def make_chunks(items: Iterable[Item], size: int, parts_of: Callable[[str], int]) -> list[Chunk]:
    """Groups items by board and part, and cuts each group; the borders depend on the items and those parts alone.

    `parts_of`: how many parts a board has.
    """
    counts: dict[str, int] = {}
    groups: dict[tuple[str, int], list[Item]] = {}
    for item in items:
        if item.board not in counts:
            counts[item.board] = parts_of(item.board)
        part = part_of(item.submission.player, counts[item.board])
        groups.setdefault((item.board, part), []).append(item)
    return [
        Chunk(board, number, group[start : start + size], part, counts[board])
        for (board, part), group in groups.items()
        for number, start in enumerate(range(0, len(group), size))
    ]


def outcomes(board: Board, shown: Iterable[tuple[str, str, bool]], details: Sequence[str]) -> list[PeriodOutcome]:
    """The details of one item, period by period, narrowest first."""
    found = []
    for number, (name, period_id, ranked) in enumerate(shown):
        _, rank_before, key, rank, moved = details[number * DETAILS : number * DETAILS + DETAILS]
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


def count(chunk: Chunk, report: Report) -> None:
    report.rejected += chunk.refused
    for index, letter in zip(chunk.taken, chunk.letters, strict=True):
        if letter == "u":
            report.applied += 1
        elif letter == "s":
            report.unchanged += 1
        else:
            report.rejected.append(Rejection(index, REFUSED_BY_TOTAL))
