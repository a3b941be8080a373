"""Limits as an operator writes them: "10/s burst 20", "6000/60s", "1000000/day", "none"."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Final, Literal

Kind = Literal["bucket", "window", "day"]

DAY_SECONDS: Final = 86_400
NO_LIMIT: Final = "none"
MOST_TOKENS: Final = 1_000_000  # of a bucket: its level stays an integer that a double holds
MOST_REQUESTS: Final = 1_000_000_000
KINDS: Final[Mapping[str, Kind]] = {"player_submissions": "bucket", "key_reads": "window", "daily_submissions": "day"}
EXAMPLES: Final[Mapping[Kind, str]] = {"bucket": "10/s burst 20", "window": "6000/60s", "day": "1000000/day"}
_UNITS = {"s": 1, "min": 60, "h": 3600, "day": DAY_SECONDS}
_RULE = re.compile(r"([0-9]{1,10})/([0-9]{0,5})(s|min|h|day)(?: burst ([0-9]{1,10}))?", re.ASCII)


@dataclass(frozen=True)
class Rule:
    """So many in so many seconds. `burst`: how many at once, which only a bucket tells apart."""

    kind: Kind
    amount: int
    seconds: int
    burst: int
    text: str

    @property
    def most(self) -> int:
        """The most that can be left of it."""
        return self.burst if self.kind == "bucket" else self.amount

    @cached_property
    def policy(self) -> str:
        """It as `RateLimit-Policy` spells it."""
        extra = f";burst={self.burst}" if self.kind == "bucket" else ""
        return f"{self.amount};w={self.seconds}{extra}"

    @cached_property
    def spelled(self) -> tuple[bytes, bytes]:
        """`RateLimit-Limit` and `RateLimit-Policy`."""
        return b"%d" % self.most, self.policy.encode()

    def share_of(self, workers: int) -> "Rule":
        """What one of so many workers may let through by itself: its part, but something."""
        if self.kind == "bucket":  # a longer time rather than a smaller amount, which would have to be rounded
            return Rule("bucket", self.amount, self.seconds * workers, max(1, self.burst // workers), self.text)
        amount = max(1, self.amount // workers)
        return Rule(self.kind, amount, self.seconds, amount, self.text)


@dataclass(frozen=True)
class LimitRules:
    """The limits of a game; None for none."""

    player_submissions: Rule | None = None
    key_reads: Rule | None = None
    daily_submissions: Rule | None = None

    @cached_property
    def limits_submissions(self) -> bool:
        return self.player_submissions is not None or self.daily_submissions is not None

    @property
    def shown(self) -> dict[str, str | None]:
        """The limits by name, as they are written; None for none."""
        rules = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: rule and rule.text for name, rule in rules.items()}


def parse(name: str, text: str) -> Rule | None:
    """The limit of that name, as it is written; None for "none" and for nothing. Raises ValueError, with the reason."""
    text = " ".join(text.lower().split())
    if text in ("", NO_LIMIT):
        return None
    kind = KINDS[name]
    found = _RULE.fullmatch(text)
    if found is None:
        raise ValueError(f"A limit is like {EXAMPLES[kind]!r}, or {NO_LIMIT!r}, not {text!r}.")
    amount, count, unit, burst = found.groups()
    rule = Rule(kind, int(amount), int(count or 1) * _UNITS[unit], int(burst or amount), text)
    _check(rule, has_burst=burst is not None)
    return rule


def rules_of(written: Mapping[str, str]) -> LimitRules:
    """The limits that are written, by name. Raises ValueError naming the one that is wrong."""
    found: dict[str, Rule | None] = {}
    for name in KINDS:
        try:
            found[name] = parse(name, written.get(name, ""))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
    return LimitRules(**found)


def _check(rule: Rule, *, has_burst: bool) -> None:
    most = MOST_TOKENS if rule.kind == "bucket" else MOST_REQUESTS
    if not 1 <= rule.amount <= most or not 1 <= rule.burst <= most:
        raise ValueError(f"A limit lets through 1 to {most}, not {rule.text!r}.")
    if not 1 <= rule.seconds <= DAY_SECONDS:
        raise ValueError(f"A limit is over 1 second to 1 day, not {rule.text!r}.")
    if rule.kind == "day" and rule.seconds != DAY_SECONDS:
        raise ValueError(f"This limit is by the day, like {EXAMPLES['day']!r}, not {rule.text!r}.")
    if has_burst and rule.kind != "bucket":
        raise ValueError("Only player_submissions has a burst.")
