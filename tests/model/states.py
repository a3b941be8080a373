"""Which closed periods are in the archive: those that a job has sealed and nobody has written to since."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from .periods import Period

CLOSED, ARCHIVED = frozenset({"closed"}), frozenset({"archived"})


@dataclass
class States:
    """Of each period that is over, what may be said of it: more than one thing, where that is left open."""

    _states: dict[Period, frozenset[str]] = field(default_factory=dict)

    def of(self, period: Period) -> frozenset[str]:
        return self._states.get(period, CLOSED)

    def touched(self, period: Period) -> None:
        """It may open again: one that is in the archive alone comes back before anybody knows what will change."""
        if period in self._states:
            self._states[period] |= CLOSED

    def reopened(self, period: Period) -> None:
        """Something in it is another thing than what was sealed."""
        self._states.pop(period, None)

    def sealed(self, periods: Iterable[Period], *, whole: bool) -> None:
        """The job has come to all of these, or to some."""
        for period in periods:
            self._states[period] = ARCHIVED if whole else self.of(period) | ARCHIVED

    def keep(self, names: Collection[str]) -> None:
        """What a changed board does not keep is gone."""
        self._states = {period: state for period, state in self._states.items() if period.name in names}
