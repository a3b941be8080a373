"""A board that is read over its parts: how they are asked, and how rows of several become rows of one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from leaderboard.boards.partitioning import part_of
from leaderboard.boards.views import Stamp, View, call
from leaderboard.store.scripts import Call
from leaderboard.store.steps import Steps

Answer = tuple[Any, ...]  # a stamp, and what a script answers behind its own
Ask = Callable[[Sequence[tuple[View, Call]]], Steps[list[Answer]]]


class Row(NamedTuple):
    """An entry as it is ordered: by key, then by player."""

    key: float
    player: bytes
    text: bytes
    metadata: bytes | None


@dataclass(frozen=True, slots=True)
class Whole:
    """A board that is read, and how its parts are asked."""

    ask: Ask
    view: View
    views: Sequence[View]
    most: int | None  # entries that it shows, whatever its parts have

    def all(self, script: str, *args: Any) -> Steps[list[Answer]]:
        """What every part answers to the same."""
        return self.ask([(part, call(script, part, *args)) for part in self.views])

    def split(self, players: Sequence[str]) -> list[list[str]]:
        """The players of each part."""
        found: list[list[str]] = [[] for _ in self.views]
        for player in players:
            found[part_of(player, len(found))].append(player)
        return found

    def stamp(self, stamps: Sequence[Stamp]) -> Stamp:
        """What is true of all."""
        return combined(self.view.state, stamps, self.most)

    def cut(self, index: int, rows: list[Row]) -> list[Row]:
        """Those rows from an index on that are shown."""
        return rows if self.most is None else rows[: max(0, self.most - index)]


def combined(state: str, stamps: Sequence[Stamp], most: int | None) -> Stamp:
    """The stamp of a board by those of its parts; `state`: that of a period of which no part has anything."""
    states = {stamp.state for stamp in stamps if stamp.total or stamp.to_seal or stamp.state == "archived"}
    total = sum(stamp.total for stamp in stamps)
    version = ".".join(str(stamp.version) for stamp in stamps)
    if states:
        state = "archived" if states == {"archived"} else min(states - {"archived"})
    return Stamp(stamps[0].rev, version, total if most is None else min(total, most), state)


def rows_of(flat: Sequence[bytes], metadata: Sequence[bytes | None]) -> list[Row]:
    """The rows of a script's answer."""
    return [
        Row(float(flat[2 * n + 1]), flat[2 * n], flat[2 * n + 1], metadata[n] if metadata else None)
        for n in range(len(flat) // 2)
    ]


def flat(rows: Sequence[Row]) -> list[bytes]:
    """Rows as a script answers them."""
    return [part for row in rows for part in (row.player, row.text)]


def outermost(ends: Sequence[Sequence[bytes]]) -> tuple[list[bytes], list[bytes]]:
    """The best and the worst of some rows, each {player, key} or nothing."""
    rows = sorted(row for end in ends for row in rows_of(end, []))
    return (flat(rows[:1]), flat(rows[-1:])) if rows else ([], [])
