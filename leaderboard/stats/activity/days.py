"""What is still known of the days of a game's activity.

A day is kept for a while after its end or its last write. Of one that had data and is not kept any more, the store
remembers that there was some: what is written to it later would only look like all of it. Of a day that never had any
nothing can be missing, however old it is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from leaderboard.errors import InvalidInput
from leaderboard.stats.activity.bitmaps import numbers
from leaderboard.stats.lifetimes import CalendarLike, PeriodLike, span
from leaderboard.store.connection import Store, as_text, translated
from leaderboard.store.stat_keys import ActivityKeys

_EARLIEST: Final = datetime(1900, 1, 1, tzinfo=UTC)  # of what calendars know
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class KnownDays:
    """As of one moment; days by their ids, whose order is that of the days."""

    now: datetime
    kept: timedelta  # after its end
    with_data: frozenset[str]
    oldest: str | None  # of those
    lost: frozenset[str]
    numbers: int  # how many players have had one, so far

    def knows(self, day: PeriodLike) -> bool:
        """Whether nothing of it can be missing."""
        return day.id not in self.lost

    def require(self, days: Sequence[PeriodLike], calendar: CalendarLike) -> None:
        """Raises InvalidInput (`step_not_kept`) unless every one of them is known."""
        for day in days:
            if not self.knows(day):
                detail = f"{day.id} is not kept any more; days are from {self.since(calendar)} on."
                raise InvalidInput(detail, code="step_not_kept", fields={"from": [detail]})

    def since(self, calendar: CalendarLike) -> str:
        """The day from which on every one is known."""
        oldest = calendar.containing("day", max(self.now - self.kept, _EARLIEST)).id
        if self.oldest is not None:
            oldest = min(oldest, self.oldest)
        if self.lost:
            after = calendar.beginning(date.fromisoformat(max(self.lost)) + _DAY)
            oldest = max(oldest, calendar.containing("day", after).id)
        return oldest


def read_known(store: Store, keys: ActivityKeys, now: datetime, kept: timedelta) -> KnownDays:
    """What is known now. Raises StoreUnavailable."""
    with translated():
        pipeline = store.client.pipeline(transaction=True)
        pipeline.zrange(keys.days, 0, -1, withscores=True)
        pipeline.get(keys.lost)
        pipeline.get(keys.next)
        days, lost, following = pipeline.execute()
    with_data: set[str] = set()
    gone = {_day_of(number) for number in numbers(lost)}
    for day, expiry in days:
        (with_data if expiry > now.timestamp() else gone).add(as_text(day))
    oldest = min(with_data, default=None)
    return KnownDays(now, kept, frozenset(with_data), oldest, frozenset(gone), int(following or 0))


def onwards(calendar: CalendarLike, day: PeriodLike) -> Iterator[PeriodLike]:
    """The days after a day, as far as time is known."""
    while True:
        try:
            day = calendar.containing("day", span(day)[1])
        except ValueError:
            return
        yield day


def backwards(calendar: CalendarLike, day: PeriodLike) -> Iterator[PeriodLike]:
    """The days before a day, as far as time is known."""
    while True:
        try:
            day = calendar.containing("day", span(day)[0] - timedelta.resolution)
        except ValueError:
            return
        yield day


def streaks(days: Sequence[date], calendar: CalendarLike) -> list[int]:
    """How many days in a row each streak has that some days of the calendar, in order, make up."""
    lengths: list[int] = []
    before: date | None = None
    for day in days:
        if before is not None and _is_next(before, day, calendar):
            lengths[-1] += 1
        else:
            lengths.append(1)
        before = day
    return lengths


def _is_next(before: date, day: date, calendar: CalendarLike) -> bool:
    following = before + _DAY
    # Dates between them that their calendar does not have begin when the next day does.
    return following == day or calendar.beginning(following) == calendar.beginning(day)


def _day_of(number: int) -> str:
    """The day of a number; `activity_days.lua` tells how they are made."""
    months, day = divmod(number, 31)
    return f"{months // 12 + 1899}-{months % 12 + 1:02}-{day + 1:02}"
