"""Server-sent events (the event-stream format of the HTML standard), as `docs/live.md` tells them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from leaderboard import jsontext
from leaderboard.boards.definition import Board
from leaderboard.boards.periods import Period
from leaderboard.live.feed import Versions
from leaderboard.live.standings import Difference, Passed, Place, Row, ranks_of
from leaderboard.times import format_time

_EVENT_ID = re.compile(
    r"(?P<rev>[\w-]{1,32})~(?P<history>\w{1,16})~(?P<period>[\w-]{1,20})~(?P<versions>\d{1,18}(?:\.\d{1,18}){0,63})"
    r"(?:~(?P<rank>\d{1,18})~(?P<key>[\d.einf+-]{0,32}))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class EventId:
    """What a listener has seen: of which definition and period, as of which versions of which history, and where their
    player stood."""

    rev: str
    history: str
    period_id: str
    versions: Versions
    player: "Place | None" = None
    knows_player: bool = False

    @classmethod
    def parse(cls, text: str | None) -> "EventId | None":
        """What a client sends as its Last-Event-ID; None for what is none."""
        found = _EVENT_ID.fullmatch(text or "")
        if found is None:
            return None
        versions = tuple(int(number) for number in found["versions"].split("."))
        rank, place = found["rank"], None
        if rank is not None and rank != "0":
            try:
                place = Place(int(rank), float(found["key"]))
            except ValueError:
                return None
        return cls(found["rev"], found["history"], found["period"], versions, place, rank is not None)

    def line(self) -> bytes:
        """The line of an event that tells it."""
        text = f"{self.rev}~{self.history}~{self.period_id}~{'.'.join(map(str, self.versions))}"
        if self.knows_player:
            text += f"~{self.player.rank}~{self.player.key!r}" if self.player else "~0~"
        return f"id: {text}\n".encode()


def snapshot(board: Board, period: Period, total: int, rows: Sequence[Row]) -> bytes:
    """The top as it is."""
    entries = [_entry(board, rank, row) for rank, row in zip(ranks_of(rows, board.ties), rows, strict=True)]
    shown = {
        "name": period.name,
        "id": period.id,
        "starts_at": period.start and format_time(period.start),
        "ends_at": period.end and format_time(period.end),
        "state": "open",
    }
    return _event("snapshot", {"board": board.name, "period": shown, "total": total, "entries": entries})


def change(board: Board, total: int, found: Difference) -> bytes:
    """What became of it."""
    entries = [{**_entry(board, rank, row), "previous_rank": before} for rank, row, before in found.rows]
    return _event("change", {"total": total, "entries": entries, "left": found.left})


def standing(board: Board, player: str, place: Place | None, total: int) -> bytes:
    """Where one player stands."""
    score, subscore = board.ordering.decode(place.key) if place else (None, None)
    rank = place.rank if place else None
    return _event("standing", {"player": player, "rank": rank, "score": score, "subscore": subscore, "total": total})


def overtaken(board: Board, player: str, before: Place, after: Place, found: Passed) -> bytes:
    """Who went past them."""
    by = []
    for row in found.by:
        score, subscore = board.ordering.decode(row.key)
        by.append({"player": row.player, "score": score, "subscore": subscore})
    document = {"player": player, "rank": after.rank, "previous_rank": before.rank, "by": by, "count": found.count}
    return _event("overtaken", document)


def gone(reason: str) -> bytes:
    """There is nothing to follow any more."""
    return _event("gone", {"reason": reason})


def retry(milliseconds: int) -> bytes:
    """How long a client is to wait before it comes back."""
    return b"retry: %d\n\n" % milliseconds


def _entry(board: Board, rank: int, row: Row) -> dict[str, Any]:
    score, subscore = board.ordering.decode(row.key)
    return {"rank": rank, "player": row.player, "score": score, "subscore": subscore}


def _event(name: str, data: dict[str, Any]) -> bytes:
    # JSON has no line break in it, so one `data` line carries it.
    return b"event: %s\ndata: %s\n\n" % (name.encode(), jsontext.dumps(data))
