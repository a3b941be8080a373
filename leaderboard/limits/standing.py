"""Where a caller stands with a limit, and how HTTP says it."""

import math
from collections.abc import Iterable
from typing import NamedTuple

from leaderboard.errors import TooManyRequests
from leaderboard.limits.rules import Rule

_WHAT = {
    "player_submissions": "This player's submissions",
    "key_reads": "The reads of this key",
    "daily_submissions": "The submissions of this game",
}


class Standing(NamedTuple):
    """With one limit. `seconds`: until all of it is there again; where it refuses, until there is one more."""

    name: str
    rule: Rule
    is_refused: bool
    left: int
    seconds: float

    @property
    def raw_headers(self) -> list[tuple[bytes, bytes]]:
        """It as an answer's headers, as they go over the wire."""
        limit, policy = self.rule.spelled
        return [
            (b"RateLimit-Limit", limit),
            (b"RateLimit-Remaining", b"%d" % self.left),
            (b"RateLimit-Reset", b"%d" % math.ceil(self.seconds)),
            (b"RateLimit-Policy", policy),
        ]

    @property
    def headers(self) -> dict[str, str]:
        """The same as text."""
        return {name.decode(): value.decode() for name, value in self.raw_headers}

    @property
    def rule_detail(self) -> str:
        """The refusal in a sentence, the same for all that this rule refuses."""
        return f"{_WHAT[self.name]} are limited to {self.rule.text}."

    @property
    def error(self) -> TooManyRequests:
        """The refusal."""
        after = max(1, math.ceil(self.seconds))
        detail = f"{self.rule_detail[:-1]}; try again in {after} s."
        return TooManyRequests(detail, after, {**self.headers, "RateLimit-Reset": str(after)})


def nearest(standings: Iterable[Standing | None]) -> Standing | None:
    """The one that refuses, else the one of which the least is left."""
    return min(filter(None, standings), key=lambda one: (not one.is_refused, one.left), default=None)
