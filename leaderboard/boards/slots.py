"""The slots of a batch: the periods and rolling windows that its items touch, as `submit.lua` takes them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from leaderboard.boards import windows
from leaderboard.boards.definition import Board
from leaderboard.boards.periods import Calendar, Period
from leaderboard.boards.windows import Window


@dataclass(frozen=True, slots=True)
class Slot:
    """One of them, and what the script is told of it."""

    period: Period
    key_id: str
    message: dict[str, Any]


@dataclass
class Slots:
    """Numbers the slots of a batch from 1, in the order in which they are first asked for."""

    board: Board
    now: datetime
    absent: Mapping[str, int]
    slots: list[Slot]
    _numbers: dict[str, int] = field(default_factory=dict)

    def number(self, period: Period) -> int:
        """That of a period that is written to."""
        known = self._numbers.get(period.id)
        return known if known is not None else self._add(period.id, Slot(period, period.id, self._period(period)))

    def window_number(self, window: Window) -> int:
        """That of a rolling window."""
        known = self._numbers.get(window.key_id)
        if known is not None:
            return known
        message: dict[str, Any] = {"id": window.key_id, "window": True, "expires": self.board.window_expires_at(window)}
        if is_derived(self.board):
            message["buckets"] = [self._bucket_number(bucket) for bucket in window.buckets]
        return self._add(window.key_id, Slot(window.as_of, window.key_id, message))

    def _bucket_number(self, bucket: Period) -> int:
        """That of a period that is only read, so that nothing is noted for it."""
        name = "read:" + bucket.id
        known = self._numbers.get(name)
        return known if known is not None else self._add(name, Slot(bucket, bucket.id, {"id": bucket.id}))

    def _add(self, name: str, slot: Slot) -> int:
        self.slots.append(slot)
        number = self._numbers[name] = len(self.slots)
        return number

    def _period(self, period: Period) -> dict[str, Any]:
        message: dict[str, Any] = {"id": period.id, "name": f"{period.name}:{period.id}"}
        if period.end is not None:
            message["ends"] = end_ms(period)
            message["expires"] = self.board.expires_at(period, self.now)
            message["late"] = self.now >= period.end
            if period.name in self.board.periods:  # a bucket that only windows read is never sealed
                message["closes"] = closes(self.board, period)
            if period.id in self.absent:
                message["absent"] = self.absent[period.id]
        return message


def end_ms(period: Period) -> int:
    """When a period ends, Unix milliseconds. Only for periods that do."""
    assert period.end is not None  # noqa: S101 - for the type checker
    return int(period.end.timestamp()) * 1000


def closes(board: Board, period: Period) -> int:
    """When a period stops taking late scores, Unix seconds."""
    return end_ms(period) // 1000 + int(board.definition["late_grace_seconds"])


def is_derived(board: Board) -> bool:
    """Whether a rolling window must be made from its buckets: the last write does not tell what it holds.

    Only a `best` can be merged into what is there, and only where nobody asks which bucket it came from.
    """
    merges = board.definition["operator"] == "best" and not board.ordering.time_bits and not board.keeps_metadata
    return bool(board.rolling) and not merges


def window_rule(board: Board) -> dict[str, Any]:
    """How a window is made from its buckets, as store/lua/windows.lua takes it."""
    rule: dict[str, Any] = {
        "operator": board.definition["operator"],
        "late": board.definition["ties"] == "last",
        "time_bits": board.ordering.time_bits,
    }
    if rule["operator"] == "sum":
        limits = board.ordering.sum_limits()
        rule |= {"limits": limits, "packed": len(limits) > 3}
    return rule


@lru_cache(maxsize=4096)
def live_windows(calendar: Calendar, text: str) -> tuple[Window, ...]:
    """The windows of a board that are kept up to date, from what the store says of them."""
    return tuple(windows.parse(calendar, member.rstrip("*")) for member in text.split())
