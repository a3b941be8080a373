"""The range of time at the head of the pages of analytics: a preset, or from, to and step as they were typed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from leaderboard.errors import InvalidInput
from leaderboard.stats.lifetimes import CalendarLike, PeriodLike, StatPeriod, span
from leaderboard.stats.ranges import STEPS, Range, read_range

MOST_POINTS: Final = 750  # that a page draws: a month of hours, two years of days
PRESETS: Final[Mapping[str, tuple[StatPeriod, int]]] = {
    "24h": ("hour", 24),
    "7d": ("day", 7),
    "30d": ("day", 30),
    "90d": ("day", 90),
}
DAY_PRESETS: Final = ("7d", "30d", "90d")
_LONGEST = 40  # characters of a time
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(slots=True)
class Asked:
    """What somebody asked for. `found` is None where that cannot be; `errors` says why, by the form's fields."""

    presets: Sequence[str]
    preset: str = ""
    from_: str = ""
    to: str = ""
    step: str = "day"
    found: Range | None = None
    errors: dict[str, list[str]] = field(default_factory=dict)

    @property
    def steps(self) -> Sequence[PeriodLike]:
        return self.found.steps if self.found else ()

    def refuse(self, error: InvalidInput) -> None:
        """Takes up why it cannot be; what belongs to no field of the form is said at its beginning."""
        self.found = None
        named = {name: list(texts) for name, texts in error.fields.items() if name in ("from", "to", "step")}
        for name, texts in (named or {"from": []}).items():
            # The sentence of the whole says what to ask for; that of the field may be no more than where it is.
            self.errors[name] = texts if error.code == "invalid_range" else [error.detail]

    def query(self) -> dict[str, str]:
        """The same once more, as parameters of an address."""
        if self.preset:
            return {"range": self.preset}
        given = {"from": self.from_, "to": self.to, "step": self.step}
        return {name: text for name, text in given.items() if text}


def read_asked(
    given: Mapping[str, str],
    calendar: CalendarLike,
    now: datetime,
    *,
    presets: Sequence[str] = DAY_PRESETS,
    usual: str = "30d",
    most: int = MOST_POINTS,
) -> Asked:
    """The range of a query string. `usual`: the preset of one that says nothing; `most`: steps.

    Only pages with a preset of hours have a choice of steps.
    """
    asked = Asked(presets, from_=given.get("from", "").strip(), to=given.get("to", "").strip())
    has_steps = "24h" in presets
    asked.step = given.get("step", "day") if has_steps else "day"
    try:
        if asked.from_ or asked.to or (has_steps and "step" in given):
            asked.found = _typed(asked, calendar, now, most)
        else:
            asked.preset = given.get("range", usual)
            asked.found = _preset(asked, calendar, now)
    except InvalidInput as error:
        asked.refuse(error)
    return asked


def label(step: PeriodLike) -> str:
    """A step in full: 2026-11-22, 2026-11-22 02:00, 2026-W47."""
    if step.name != "hour":
        return step.id
    day, _, hour = step.id.partition("T")
    return f"{day} {hour.removesuffix('b')}:00{' again' if hour.endswith('b') else ''}"


def tick(step: PeriodLike) -> str:
    """A step below an axis: 22 Nov, 02:00, W47, Nov 2026."""
    if step.name == "hour":
        return label(step)[11:16]
    parts = step.id.split("-")
    if step.name == "day":
        return f"{int(parts[2])} {_MONTHS[int(parts[1]) - 1]}"
    if step.name == "month":
        return f"{_MONTHS[int(parts[1]) - 1]} {parts[0]}"
    return parts[-1]


def reach(asked: Asked) -> str:
    """What the range is, in words."""
    if asked.found is None:
        return ""
    first, last = label(asked.found.steps[0]), label(asked.found.steps[-1])
    return first if first == last else f"{first} to {last}"


def _typed(asked: Asked, calendar: CalendarLike, now: datetime, most: int) -> Range:
    step = next((one for one in STEPS if one == asked.step), None)
    if step is None:
        raise InvalidInput("No such step.", code="invalid_range", fields={"step": [f"One of {', '.join(STEPS)}."]})
    for name, text in (("from", asked.from_), ("to", asked.to)):
        if len(text) > _LONGEST:
            reason = f"A date or a time has {_LONGEST} characters at most."
            raise InvalidInput(reason, code="invalid_range", fields={name: [reason]})
    return read_range(calendar, step, (asked.from_ or None, asked.to or None), now, most=most)


def _preset(asked: Asked, calendar: CalendarLike, now: datetime) -> Range:
    if asked.preset not in asked.presets:
        known = f"There is no such range; choose one of {', '.join(asked.presets)}, or type one."
        asked.preset = ""
        raise InvalidInput(known, code="invalid_range", fields={"from": [known]})
    step, count = PRESETS[asked.preset]
    asked.step = step
    steps = [calendar.containing(step, now)]
    while len(steps) < count:
        steps.append(calendar.containing(step, span(steps[-1])[0] - datetime.resolution))
    return Range(steps[::-1])
