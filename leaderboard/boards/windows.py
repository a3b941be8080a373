"""Rolling windows as values: which buckets one spans, and what it is called.

A window is some days (hours, for 24h) up to and with the one it is named after: `7d` as of 2026-11-22 spans the
seven days from 2026-11-16 on. Pure, as `periods` is.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

from leaderboard.boards.periods import Calendar, Period, PeriodName, TimeOutOfRange

SPANS: Final[dict[str, tuple[PeriodName, int]]] = {"24h": ("hour", 24), "7d": ("day", 7), "30d": ("day", 30)}


@dataclass(frozen=True, slots=True)
class Window:
    """One window as of one bucket."""

    name: str  # 24h, 7d or 30d
    as_of: Period

    @property
    def id(self) -> str:
        """That of its last bucket."""
        return self.as_of.id

    @property
    def member(self) -> str:
        """Its name among the board's live windows."""
        return f"{self.name}:{self.id}"

    @property
    def key_id(self) -> str:
        """Its name among the board's keys."""
        return f"r{self.name}:{self.id}"

    @property
    def buckets(self) -> tuple[Period, ...]:
        """What it spans, newest first."""
        return _buckets(self.name, self.as_of)

    @property
    def start(self) -> datetime | None:
        """When its first bucket begins."""
        return self.buckets[-1].start

    @property
    def end(self) -> datetime | None:
        """When its last bucket ends."""
        return self.as_of.end

    def spans(self, bucket: Period) -> bool:
        """Whether a day or an hour is one of its buckets."""
        first, start, end = self.start, bucket.start, self.as_of.end
        if bucket.name != self.as_of.name or first is None or start is None or end is None:
            return False
        return first <= start < end

    def next(self) -> "Window":
        """The window that is read when this one's time is over."""
        return Window(self.name, self.as_of.next())


def current(calendar: Calendar, name: str, now: datetime) -> Window:
    """The window that is read at a time. Raises TimeOutOfRange."""
    return Window(name, calendar.containing(SPANS[name][0], now))


def parse(calendar: Calendar, member: str) -> Window:
    """What `member` spelled. Raises InvalidPeriodId."""
    name, _, period_id = member.partition(":")
    return Window(name, calendar.parse(SPANS[name][0], period_id))


@lru_cache(maxsize=1024)
def _buckets(name: str, as_of: Period) -> tuple[Period, ...]:
    found = [as_of]
    while len(found) < SPANS[name][1]:
        try:
            found.append(found[-1].previous())
        except TimeOutOfRange:  # known time begins here
            break
    return tuple(found)
