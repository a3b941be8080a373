"""The boards of a simulated year, and the model of them that knows when the store has closed a period."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from tests.model.periods import Period
from tests.model.reference import ModelGame
from tests.model.rules import Rules

START = datetime(2031, 1, 20, 12, tzinfo=UTC)  # later than any real clock: the store itself must not expire anything
DAYS = 400
ZONES = ("America/New_York", "Europe/Vienna", "Australia/Lord_Howe")
# When the clocks of these zones change: places to be.
CHANGES = tuple(
    datetime(*when, tzinfo=UTC)
    for when in (
        (2031, 3, 9, 7),
        (2031, 3, 30, 1),
        (2031, 4, 5, 15),
        (2031, 10, 4, 15, 30),
        (2031, 10, 26, 1),
        (2031, 11, 2, 6),
    )
)
_GRACES = (0, 5, 600, 5400, 86_400, 3 * 86_400)
_PERIODS = (
    ["all", "month", "week", "day"],
    ["all", "year", "day"],
    ["all", "week", "hour"],
    ["year", "month", "day", "hour"],
    ["week", "hour"],
)


def make_definitions(chance: Random) -> dict[str, dict[str, Any]]:
    """One board in each zone, one for each operator; one at least has hours."""
    operators = chance.sample(("best", "last", "sum"), 3)
    ties = chance.sample(("shared", "dense", "first", "last"), 3)
    kept = [*chance.sample(_PERIODS, 2), chance.choice(_PERIODS[2:])]
    return {
        f"b{number}": {
            "order": chance.choice(("desc", "asc")),
            "operator": operators[number],
            "ties": ties[number],
            "periods": kept[number],
            "time_zone": zone,
            "week_start": chance.choice(("monday", "sunday", "thursday")),
            "day_start": chance.choice(("00:00", "00:00", "04:00", "01:30")),
            "score": _score(operators[number], chance),
            "late_grace_seconds": chance.choice(_GRACES),
            "retention": {
                "hour": chance.randint(0, 5),
                "day": chance.randint(0, 3),
                "week": chance.randint(0, 2),
                "month": chance.randint(0, 2),
                "year": chance.randint(0, 1),
            },
        }
        for number, zone in enumerate(ZONES)
    }


def _score(operator: str, chance: Random) -> dict[str, Any]:
    if operator == "sum":
        return {"type": "integer", "min": -20, "max": chance.choice((30, 1000))}
    bounds = {"min": -6, "max": 6}
    return chance.choice(({"type": "integer", **bounds}, {"type": "number", "decimals": 1, **bounds}))


class YearModel(ModelGame):
    """Closed is what the store has marked as closed, and what the grace has passed for."""

    def __init__(self) -> None:
        super().__init__()
        self.closed_ms = 0

    def _touched(self, rules: Rules, at: datetime, now: datetime, *, backfill: bool) -> list[Period]:
        periods = super()._touched(rules, at, now, backfill=backfill)
        return [one for one in periods if backfill or one.ends_at is None or _ms(one.ends_at) >= self.closed_ms]


def is_due(rules: Rules, period: Period, now: datetime) -> bool:
    """Whether it is to be sealed by now: not while it still takes late scores."""
    return period.is_late(now, rules.grace)


def first_kept(rules: Rules, retention: dict[str, int], name: str, now: datetime) -> Period:
    """The oldest period of a name that stays in the store."""
    return rules.calendar.ago(name, now, retention[name])


def _ms(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
