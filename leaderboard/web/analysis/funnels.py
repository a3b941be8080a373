"""Funnels: how far players came, and the form that declares one."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from markupsafe import Markup
from marshmallow import ValidationError

from leaderboard.errors import InvalidInput
from leaderboard.fields import BOARD_NAME, flatten
from leaderboard.stats.funnels.definitions import Funnel
from leaderboard.stats.funnels.reading import FunnelReading
from leaderboard.stats.funnels.schema import FunnelSchema, doubts
from leaderboard.web import charts
from leaderboard.web.analysis.ranges import label, tick

MOST_DAYS: Final = 92
UNITS: Final = {"minutes": 60, "hours": 3600, "days": 86_400}
_BAD_NAME: Final = "A funnel's name has 1 to 64 letters, digits, '.', '_', '-' and ':', and is not '.' or '..'."
_BAD_WINDOW: Final = "A whole number."


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step: how many reached it, of those who entered, and of those who reached the one before."""

    name: str
    players: int
    of_first: float | None
    of_previous: float | None


@dataclass(frozen=True, slots=True)
class DayRow:
    """Those who entered on a day; `players` None where it is not known. `complete`: nobody can come further."""

    day: str
    players: Sequence[int] | None
    share: float | None
    complete: bool


@dataclass(slots=True)
class FunnelForm:
    """A funnel as it was typed. `steps`: one a line."""

    name: str = ""
    steps: str = ""
    window: str = "1"
    unit: str = "days"
    errors: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, funnel: Funnel) -> "FunnelForm":
        """A funnel that is there."""
        seconds = funnel.window_seconds
        unit = next((name for name in ("days", "hours", "minutes") if seconds % UNITS[name] == 0), "seconds")
        window = seconds // UNITS.get(unit, 1)
        return cls(funnel.name, "\n".join(funnel.steps), str(window), unit)

    @classmethod
    def sent(cls, form: Mapping[str, str]) -> "FunnelForm":
        """What came from a browser."""
        name, steps, window, unit = (form.get(key, "").strip() for key in ("name", "steps", "window", "unit"))
        return cls(name, steps, window, unit)

    def checked(self) -> dict[str, Any] | None:
        """`steps` and `window_seconds`; None, with `errors`, where they cannot be."""
        if re.fullmatch(BOARD_NAME, self.name) is None:
            self.errors["name"] = [_BAD_NAME]
        document: dict[str, Any] = {"steps": [line.strip() for line in self.steps.splitlines() if line.strip()]}
        factor = {**UNITS, "seconds": 1}.get(self.unit)
        if factor is None:
            self.errors["unit"] = ["There is no such unit."]
        elif re.fullmatch("[0-9]{1,9}", self.window, re.ASCII) is None:
            self.errors["window"] = [_BAD_WINDOW]
        else:
            document["window_seconds"] = int(self.window) * factor
        try:
            found: dict[str, Any] = FunnelSchema().load(document)
        except ValidationError as error:
            self._refuse(flatten(error.messages), document["steps"])
            return None
        return None if self.errors else found

    def refuse(self, error: InvalidInput) -> None:
        """Takes up what the service says."""
        self.errors["name"] = [error.detail]

    def _refuse(self, messages: Mapping[str, Sequence[str]], steps: Sequence[str]) -> None:
        for name, texts in messages.items():
            parent, _, place = name.partition(".")
            if parent == "window_seconds":
                self.errors["window"] = ["From one minute to 30 days."]
            elif place.isdecimal():
                self.errors.setdefault("steps", []).append(f"{steps[int(place)]!r}: {' '.join(texts)}")
            else:
                self.errors.setdefault("steps", []).extend(texts)


def step_rows(reading: FunnelReading) -> list[StepRow]:
    """The steps of a funnel, over all days that are known."""
    players, rows = reading.total, []
    for at, (name, count) in enumerate(zip(reading.funnel.steps, players, strict=True)):
        before = players[at - 1] if at else 0
        rows.append(StepRow(name, count, _share(count, players[0]), _share(count, before) if at else None))
    return rows


def day_rows(reading: FunnelReading) -> list[DayRow]:
    """Its days, newest first."""
    return [
        DayRow(
            label(one.day), one.players, _share(one.players[-1], one.players[0]) if one.players else None, one.complete
        )
        for one in reversed(reading.days)
    ]


def chart(reading: FunnelReading) -> Markup:
    """What share of each day's players came to each step after the first."""
    series = {
        f"{at + 2}. {name}": [
            _share(one.players[at + 1], one.players[0]) if one.players else None for one in reading.days
        ]
        for at, name in enumerate(reading.funnel.steps[1:])
    }
    labels, ticks = [label(one.day) for one in reading.days], [tick(one.day) for one in reading.days]
    title = f"Players who came to each step, of those who began with {reading.funnel.steps[0]}"
    return charts.line(series, labels, title, ticks=ticks, form="percent", first="Day")


def notes(reading: FunnelReading) -> list[str]:
    """What is to be told with the figures."""
    return list(doubts(reading).values())


def window_text(seconds: int) -> str:
    """A length of time in words: 1 day, 90 minutes."""
    unit, size = next(((name, size) for name, size in reversed(UNITS.items()) if seconds % size == 0), ("seconds", 1))
    count = seconds // size
    return f"{count:,} {unit.removesuffix('s') if count == 1 else unit}"


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
