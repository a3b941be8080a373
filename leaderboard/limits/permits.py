"""Permits that a worker took from the store in advance, so that not every request under a limit has to ask it.

A worker takes as many as it used in the last moments, at most its part of one percent of the limit. They are good for
a tenth of a second; what is left of them then is given back with the next question. So a limit is kept within that
percent, and one that is small is asked each time.
"""

from dataclasses import dataclass
from typing import Final

from leaderboard.limits.models import Taken
from leaderboard.limits.rules import Rule
from leaderboard.limits.standing import Standing

GOOD_SECONDS: Final = 0.1
_PART = 100  # of the limit all workers together may hold: one in so many


@dataclass(slots=True)
class Permits:
    """Those of one limit. Times are seconds of a clock that never goes back; not to be shared between threads."""

    name: str
    rule: Rule
    most: int  # to be taken in advance
    held: int = 0
    good_until: float = 0.0
    unused: int = 0  # to be given back
    left: int = 0  # in the store, when it was asked last
    one_more_at: float = 0.0  # when there is one more, where nothing is left
    all_at: float = 0.0
    refused_until: float = 0.0  # without asking
    asked_at: float = 0.0
    ahead_until: float = 0.0  # till then nobody else asks in advance: somebody has
    used: int = 0  # since it was asked last

    @classmethod
    def of(cls, name: str, rule: Rule, workers: int) -> "Permits":
        """None yet; for one of so many workers."""
        return cls(name, rule, rule.amount // (_PART * workers))

    def draw(self, wanted: int, now: float) -> int:
        """Uses up to so many of those that are held."""
        if self.held and now >= self.good_until:
            self.unused += self.held
            self.held = 0
        drawn = min(wanted, self.held)
        self.held -= drawn
        self.used += drawn
        return drawn

    def is_refused(self, now: float) -> bool:
        """Whether the store said only just now that nothing is left."""
        return not self.held and now < self.refused_until

    def ask(self, wanted: int, now: float) -> tuple[int, int]:
        """How many to ask the store for, for `wanted` now and for the next moments; and how many to give back."""
        elapsed = now - self.asked_at
        ahead = 0
        if elapsed > 0 and now >= self.ahead_until:  # threads that ask at the same time take the part of one
            ahead = min(self.most - self.held, int(self.used * GOOD_SECONDS / elapsed))
            self.ahead_until = now + GOOD_SECONDS if ahead else 0.0
        back = self.unused if now < self.all_at else 0  # after that, they do not count any more
        self.unused, self.used, self.asked_at = 0, 0, now
        return wanted + ahead, back

    def settle(self, wanted: int, taken: Taken, now: float) -> int:
        """Takes in what the store gave; how many of `wanted` may go on."""
        granted = min(wanted, taken.granted)
        if taken.granted > wanted:
            self.ahead_until = 0.0
        self.used += granted
        self.held += taken.granted - granted
        self.good_until = now + GOOD_SECONDS
        self.left = taken.left
        self.one_more_at, self.all_at = now + taken.wait_ms / 1000, now + taken.reset_ms / 1000
        self.refused_until = min(self.one_more_at, now + GOOD_SECONDS) if not taken.left else 0.0
        return granted

    def standing(self, now: float, *, is_refused: bool) -> Standing:
        """Where the caller stands."""
        left = 0 if is_refused else self.left + self.held
        return Standing(self.name, self.rule, is_refused, left, (self.one_more_at if is_refused else self.all_at) - now)
