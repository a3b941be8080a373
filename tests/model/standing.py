"""The standing of one board in one period: a dict of entries, sorted anew for every question."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Any

from .rules import Rules

Values = tuple[Fraction, ...]
Position = tuple[tuple[Fraction | int, ...], bytes]
Metadata = Mapping[str, Any] | None


@dataclass(frozen=True)
class Entry:
    """What a player stands with; `at` is when (score, subscore) last changed."""

    player: str
    values: Values
    at: datetime
    metadata: Metadata


@dataclass(frozen=True)
class Row:
    """One line of a listing, with the place a cursor would remember."""

    rank: int
    player: str
    values: Values
    metadata: Metadata
    position: Position


@dataclass(frozen=True)
class PlayerAnswer:
    """A player's own line; `percentile` is exact."""

    row: Row
    percentile: Fraction
    total: int


@dataclass(frozen=True)
class Bin:
    """A bar of the distribution, with its edges as an answer can spell them."""

    low: Fraction
    high: Fraction
    count: int


@dataclass
class Standing:
    """Entries by player, and every question one may ask of them.

    With `max_entries` each partition keeps its best, and the best of those are shown.
    """

    rules: Rules
    entries: dict[str, Entry] = field(default_factory=dict)

    @property
    def shown(self) -> dict[str, Entry]:
        """The entries that there are for whoever asks."""
        listed = sorted(self.entries.values(), key=self._position)[: self.rules.max_entries]
        return {entry.player: entry for entry in listed}

    def after(self, player: str, values: Values) -> Values:
        """What the player would stand with if the operator took these values."""
        old = self.entries.get(player)
        if self.rules.operator == "sum" and old is not None:
            return self.rules.add(old.values, values)
        return values

    def offer(self, new: Entry) -> bool:
        """Apply one submission; whether the player's (score, subscore) is another one now."""
        old = self.entries.get(new.player)
        values = self.after(new.player, new.values)
        if old is not None and values == old.values:
            if self.rules.operator == "last":
                self.entries[new.player] = Entry(new.player, values, old.at, new.metadata)
            return False
        if old is not None and self.rules.operator == "best":
            place = self.rules.pair_place
            if place(values) > place(old.values):
                return False
        self.entries[new.player] = Entry(new.player, values, new.at, new.metadata)
        self._keep_best()
        return new.player in self.entries

    def _keep_best(self) -> None:
        if self.rules.max_entries is None:
            return
        kept: Counter[int] = Counter()
        for entry in sorted(self.entries.values(), key=self._position):
            part = self.rules.partition(entry.player)
            kept[part] += 1
            if kept[part] > self.rules.max_entries:
                del self.entries[entry.player]

    def rows(self) -> list[Row]:
        """Everybody, better first, equals by the bytes of their ids."""
        listed = [*self.shown.values()]
        places = [self.rules.place(entry.values, entry.at) for entry in listed]
        rows = []
        for index, (entry, place) in enumerate(zip(listed, places, strict=True)):
            if self.rules.unique:
                rank = index + 1
            elif self.rules.ties == "dense":
                rank = len(set(places[: index + 1]))
            else:
                rank = 1 + places.index(place)
            rows.append(Row(rank, entry.player, entry.values, entry.metadata, self._position(entry)))
        return rows

    def _position(self, entry: Entry) -> Position:
        return self.rules.place(entry.values, entry.at), entry.player.encode()

    def top(self, limit: int, after: Position | None = None) -> tuple[list[Row], Position | None]:
        """A page, and where the next one goes on: None when nothing is left."""
        rows = [row for row in self.rows() if after is None or row.position > after]
        more = len(rows) > limit
        return rows[:limit], rows[limit - 1].position if more else None

    def player(self, player: str) -> PlayerAnswer | None:
        """The player's own line, None for one who is not there."""
        row = next((row for row in self.rows() if row.player == player), None)
        if row is None:
            return None
        total = len(self.shown)
        return PlayerAnswer(row, Fraction(100 * (total - 1 - self._better(row.values)), total), total)

    def around(self, player: str, count: int) -> list[Row]:
        """That many rows with the player in the middle, or nearly; filled up at the ends."""
        rows = self.rows()
        index = [row.player for row in rows].index(player)
        start = max(0, min(index - (count - 1) // 2, len(rows) - count))
        return rows[start : start + count]

    def lookup(self, players: Iterable[str]) -> tuple[list[Row], list[str]]:
        """Rows of those who are there, in rank order; the others, each once, as asked."""
        asked = list(dict.fromkeys(players))
        missing = [player for player in asked if player not in self.shown]
        return [row for row in self.rows() if row.player in asked], missing

    def scores(self, low: Fraction | None, high: Fraction | None, limit: int) -> tuple[list[Row], int]:
        """Rows whose score lies between the two, both included, and how many there are."""
        rows = [
            row
            for row in self.rows()
            if (low is None or row.values[0] >= low) and (high is None or row.values[0] <= high)
        ]
        return rows[:limit], len(rows)

    def rank(self, values: Values) -> int:
        """The rank a newcomer with these values would get."""
        place = self.rules.pair_place
        if self.rules.ties == "dense":
            better = {entry.values for entry in self.shown.values()}
            return 1 + sum(place(other) < place(values) for other in better)
        equal = sum(entry.values == values for entry in self.shown.values())
        return 1 + self._better(values) + (equal if self.rules.ties == "first" else 0)

    def _better(self, values: Values) -> int:
        place = self.rules.pair_place
        return sum(place(entry.values) < place(values) for entry in self.shown.values())

    def percentile(self, percent: Fraction) -> Fraction | None:
        """The score that is level with or ahead of so many percent, None when nobody is there."""
        worst_first = [row.values[0] for row in reversed(self.rows())]
        if not worst_first:
            return None
        where = percent / 100 * (len(worst_first) - 1)
        index = int(where)
        if where == index:
            return worst_first[index]
        return worst_first[index] + (worst_first[index + 1] - worst_first[index]) * (where - index)

    def distribution(self, bins: int) -> list[Bin]:
        """Bars of equal width from the lowest score to the highest; only the last holds its upper edge."""
        scores = [reported(entry.values[0]) for entry in self.shown.values()]
        exact = [entry.values[0] for entry in self.shown.values()]
        if not exact:
            return []
        low, high = min(exact), max(exact)
        if low == high:
            return [Bin(low, high, len(exact))]
        edges = [reported(low + (high - low) * step / bins) for step in range(bins + 1)]
        counts = [
            sum(edges[i] <= score and (score < edges[i + 1] or i == bins - 1) for score in scores) for i in range(bins)
        ]
        return [Bin(edges[i], edges[i + 1], counts[i]) for i in range(bins)]


def reported(value: Fraction) -> Fraction:
    """A number as an answer spells it: an integer exactly, a fraction as its nearest double."""
    return value if value.denominator == 1 else Fraction(float(value))
