"""Ranges of time as clients ask for them, cut into the steps of a game's calendar."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from leaderboard.errors import InvalidInput
from leaderboard.stats.lifetimes import CalendarLike, PeriodLike, StatPeriod, span
from leaderboard.times import parse_time

STEPS: Final[tuple[StatPeriod, ...]] = ("hour", "day", "week", "month", "year")
_DEFAULT_STEPS: Final = {"hour": 24, "day": 30, "week": 12, "month": 12, "year": 5}
# Hours of the first, days of the others.
_SHORTEST: Final = {
    "hour": 0.5,
    "day": 22 / 24,
    "week": 6.5,
    "month": 27,
    "year": 364,
}
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


@dataclass(frozen=True, slots=True)
class Range:
    """Whole steps in a row, at least one."""

    steps: Sequence[PeriodLike]

    @property
    def start(self) -> datetime:
        return span(self.steps[0])[0]

    @property
    def end(self) -> datetime:
        return span(self.steps[-1])[1]


def read_range(
    calendar: CalendarLike, step: StatPeriod, given: tuple[str | None, str | None], now: datetime, *, most: int
) -> Range:
    """The steps that the time from `given[0]` to before `given[1]` touches: dates of the calendar's days, or times.

    The end is now, and all of the current step, where it is not given; the beginning as many steps before as are
    usually looked at. Raises InvalidInput: `invalid_range`, `too_many_points` for more than `most` steps.
    """
    try:
        until = _instant(calendar, given[1], "to") if given[1] is not None else now + timedelta.resolution
        if given[0] is not None:
            return _forwards(calendar, step, _instant(calendar, given[0], "from"), until, most)
        return _backwards(calendar, step, until, min(most, _DEFAULT_STEPS[step]))
    except (ValueError, OverflowError) as error:
        raise InvalidInput(str(error), code="invalid_range", fields={"from": [str(error)]}) from error


def _forwards(calendar: CalendarLike, step: StatPeriod, start: datetime, until: datetime, most: int) -> Range:
    if start >= until:
        raise InvalidInput("to must be after from.", code="invalid_range", fields={"to": ["Not after from."]})
    unit = timedelta(hours=1) if step == "hour" else timedelta(days=1)
    if (until - start) / (unit * _SHORTEST[step]) > 2 * most + 2:  # certainly; spares the counting
        raise _too_many(most)
    steps = [calendar.containing(step, start)]
    while (end := span(steps[-1])[1]) < until:
        if len(steps) == most:
            raise _too_many(most)
        steps.append(calendar.containing(step, end))
    return Range(steps)


def _backwards(calendar: CalendarLike, step: StatPeriod, until: datetime, count: int) -> Range:
    steps = [calendar.containing(step, until - timedelta.resolution)]
    while len(steps) < count:
        steps.append(calendar.containing(step, span(steps[-1])[0] - timedelta.resolution))
    return Range(steps[::-1])


def _too_many(most: int) -> InvalidInput:
    return InvalidInput(
        f"More than {most} steps; ask for longer steps or a shorter range.",
        code="too_many_points",
        fields={"step": ["Too fine for this range."]},
    )


def _instant(calendar: CalendarLike, text: str, field: str) -> datetime:
    if _DATE.fullmatch(text) is None:
        try:
            return parse_time(text)
        except ValueError as error:
            reason = "A date such as 2026-11-22, or a time with an offset such as 2026-11-22T10:15:00Z."
            raise InvalidInput(reason, code="invalid_range", fields={field: [str(error)]}) from error
    day = date.fromisoformat(text)
    return calendar.beginning(day).astimezone(UTC)
