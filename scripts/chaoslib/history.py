"""What clients did and what they were told: the one input of the checker."""

import hashlib
import json
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

GOOD = 200
NO_ANSWER = 0
TOO_MANY = 429


@dataclass(frozen=True, slots=True)
class Item:
    """One score."""

    board: str
    player: str
    amount: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request and what came of it. Times as of `time.monotonic`."""

    began: float
    ended: float
    status: int  # NO_ANSWER: the connection broke, or nothing came in time
    answer: bytes = b""  # a digest of the answer's content, where it was good
    score: int | None = None  # the score that the answer to a single told
    replayed: bool = False

    @property
    def is_good(self) -> bool:
        return self.status == GOOD

    @property
    def may_count(self) -> bool:
        """Whether it may have been counted all the same: it was not refused as it stood."""
        return not 400 <= self.status < 500


@dataclass(slots=True)
class Op:
    """One submission, single or bulk: what was asked, and all attempts at it."""

    number: int
    items: tuple[Item, ...]
    key: str | None  # Idempotency-Key
    is_bulk: bool = False
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def is_acknowledged(self) -> bool:
        return any(attempt.is_good for attempt in self.attempts)

    @property
    def is_refused(self) -> bool:
        """Whether all answers said that it was not taken."""
        return not any(attempt.may_count for attempt in self.attempts)

    @property
    def acknowledged_at(self) -> float:
        """When the first good answer was there; infinity if there is none."""
        return min((attempt.ended for attempt in self.attempts if attempt.is_good), default=float("inf"))

    @property
    def began_at(self) -> float:
        """When it was sent first; infinity if it never was."""
        return min((attempt.began for attempt in self.attempts), default=float("inf"))


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What a reader saw of one player while others wrote; None: nobody of that name."""

    board: str
    player: str
    began: float
    ended: float
    score: int | None


@dataclass(frozen=True, slots=True)
class Page:
    """The top of a board as a reader saw it while others wrote."""

    board: str
    began: float
    ended: float
    rows: tuple[tuple[int, str, int], ...]  # rank, player, score

    def glimpses(self) -> Iterator[Glimpse]:
        """What it tells of each player."""
        return (Glimpse(self.board, player, self.began, self.ended, score) for _, player, score in self.rows)


class History:
    """Everything that was done, by many threads."""

    def __init__(self) -> None:
        self.ops: list[Op] = []
        self.glimpses: list[Glimpse] = []
        self.pages: list[Page] = []
        self.reads: dict[int, int] = {}  # status -> how often
        self._lock = threading.Lock()

    def begin(self, items: Iterable[Item], key: str | None, *, is_bulk: bool) -> Op:
        """A new op."""
        with self._lock:
            op = Op(len(self.ops), tuple(items), key and f"{key}-{len(self.ops)}", is_bulk)
            self.ops.append(op)
        return op

    def saw(self, status: int, seen: Glimpse | Page | None) -> None:
        """A read during the run."""
        with self._lock:
            self.reads[status] = self.reads.get(status, 0) + 1
            if isinstance(seen, Glimpse):
                self.glimpses.append(seen)
            elif seen is not None:
                self.pages.append(seen)

    def unanswered(self) -> list[Op]:
        """Those with a key that have no good answer yet: they may be sent again."""
        return [op for op in self.ops if op.key is not None and not op.is_acknowledged and not op.is_refused]


def digest(document: Any) -> bytes:
    """A digest of what a JSON document says, however it is spelled."""
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).digest()[:12]
