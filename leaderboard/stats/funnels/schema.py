"""What a funnel's definition has to look like, and what is to be told of a reading that does not have everything."""

import re

from marshmallow import ValidationError, fields, validate

from leaderboard.fields import BOARD_NAME, Strict, Text, Whole
from leaderboard.stats.funnels.definitions import LONGEST_WINDOW, MOST_STEPS, SHORTEST_WINDOW
from leaderboard.stats.funnels.paths import FIRST_TIMES, MOST_TIMES
from leaderboard.stats.funnels.reading import FunnelReading

_DAY_SECONDS = 86_400
_NAME = re.compile(BOARD_NAME)


def _check_step(name: str) -> None:
    if _NAME.fullmatch(name) is None:
        raise ValidationError("1 to 64 letters, digits, '.', '_', '-' and ':', and not '.' or '..'.")


def _check_different(names: list[str]) -> None:
    if len(set(names)) < len(names):
        raise ValidationError("An event is there twice.")


class FunnelSchema(Strict):
    """A funnel's definition, as `PUT /funnels/{funnel}` takes it."""

    steps = fields.List(
        Text(validate=_check_step),
        required=True,
        validate=[validate.Length(2, MOST_STEPS), _check_different],
        metadata={"description": "Different names of events, in their order."},
    )
    window_seconds = Whole(load_default=_DAY_SECONDS, validate=validate.Range(SHORTEST_WINDOW, LONGEST_WINDOW))


def doubts(reading: FunnelReading) -> dict[str, str]:
    """Why a reading may have less than there was: code -> a sentence."""
    found = {}
    if reading.uncertain:
        found["times_cut_off"] = (
            f"Of the times of an event that a player has in a day the first {FIRST_TIMES} and the last"
            f" {MOST_TIMES - FIRST_TIMES} are kept. Some players have more, and may have come further than it says."
        )
    if reading.late:
        found["events_too_late"] = (
            "Some events came when other times of their day or a later one were gone. Not all is counted."
        )
    return found
