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
MOST_STEPS: Final = 10_000  # of one reading of a stat
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
    usually looked at, or as the calendar knows. Raises InvalidInput: `invalid_range`, `too_many_points` for more than
    `most` steps.
    """
    until = now + timedelta.resolution if given[1] is None else _instant(calendar, given[1], "to")
    if given[0] is None:
        return _backwards(calendar, step, until, min(most, _DEFAULT_STEPS[step]))
    start = _instant(calendar, given[0], "from")
    if start >= until:
        raise _invalid("from", "Not before now.") if given[1] is None else _invalid("to", "Not after from.")
    return _forwards(calendar, step, start, until, most)


def _forwards(calendar: CalendarLike, step: StatPeriod, start: datetime, until: datetime, most: int) -> Range:
    unit = timedelta(hours=1) if step == "hour" else timedelta(days=1)
    if (until - start) / (unit * _SHORTEST[step]) > 2 * most + 2:  # certainly; spares the counting
        raise _too_many(step, most)
    steps = [_containing(calendar, step, start, "from")]
    while (end := span(steps[-1])[1]) < until:
        if len(steps) == most:
            raise _too_many(step, most)
        steps.append(_containing(calendar, step, end, "to"))
    return Range(steps)


def _backwards(calendar: CalendarLike, step: StatPeriod, until: datetime, count: int) -> Range:
    if until == datetime.min.replace(tzinfo=UTC):
        raise _invalid("to", "There is no time before that.")
    steps = [_containing(calendar, step, until - timedelta.resolution, "to")]
    while len(steps) < count:
        try:
            steps.append(calendar.containing(step, span(steps[-1])[0] - timedelta.resolution))
        except ValueError:  # known time begins here
            break
    return Range(steps[::-1])


def _containing(calendar: CalendarLike, step: StatPeriod, at: datetime, field: str) -> PeriodLike:
    try:
        return calendar.containing(step, at)
    except ValueError as error:
        raise _invalid(field, f"{str(error).removesuffix('.')}.") from error


def _invalid(field: str, reason: str) -> InvalidInput:
    return InvalidInput(f"{field}: {reason}", code="invalid_range", fields={field: [reason]})


def _too_many(step: str, most: int) -> InvalidInput:
    return InvalidInput(
        f"More than {most} {step}s; ask for a shorter range.",
        code="too_many_points",
        fields={"from": [f"More than {most} steps before the end."]},
    )


def _instant(calendar: CalendarLike, text: str, field: str) -> datetime:
    is_date = _DATE.fullmatch(text) is not None
    try:
        return calendar.beginning(date.fromisoformat(text)).astimezone(UTC) if is_date else parse_time(text)
    except (ValueError, OverflowError) as error:
        form = "A date such as 2026-11-22, or a time with an offset such as 2026-11-22T10:15:00Z."
        raise _invalid(field, "There is no such day." if is_date else form) from error
