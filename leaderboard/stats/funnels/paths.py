"""How far players came in a funnel, from the times that are kept of them. Pure.

A player's times of an event on a day are packed: 3 bytes each, seconds since the day began, in order, without doubles.
A `+` behind them says that they are cut: of more than `MOST_TIMES` the first and the last are kept. Which ones these
are does not depend on the order in which they came.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

MOST_TIMES: Final = 21  # also in `funnel_record.lua`
FIRST_TIMES: Final = 11
_BYTES = 3

Shard = dict[tuple[str, str], dict[bytes, bytes]]  # (event, day id) -> player -> packed times


@dataclass(slots=True)
class Tally:
    """How many players of a day came to each step, and no further; whether some may have come further than it says."""

    last_steps: list[int]
    uncertain: bool = False

    @property
    def players(self) -> tuple[int, ...]:
        """How many reached each step."""
        return tuple(accumulate(reversed(self.last_steps)))[::-1]


@dataclass(slots=True)
class _Path:
    """What a player did of the steps after the first: times in order, and from when to when they are cut."""

    times: list[list[int]]
    cuts: list[tuple[int, int, int]] = field(default_factory=list)  # number of the step, first, last


def furthest(entries: Iterable[int], times_by_step: Sequence[Sequence[int]], window: int) -> int:
    """How many steps a player reached at best; 0 without an entry.

    The times of each step after the first are in order. A step is reached at or after the time of the one before, at
    most `window` after the entry.
    """
    best = 0
    for entry in entries:
        at, reached = entry, 1
        for times in times_by_step:
            place = bisect_left(times, at)
            if place == len(times) or times[place] > entry + window:
                break
            at = times[place]
            reached += 1
        best = max(best, reached)
    return best


def tally(
    shard: Shard, steps: Sequence[str], window: int, starts: Mapping[str, int], tallies: Mapping[str, Tally]
) -> None:
    """Adds the players of a shard to the tallies of the days on which they entered.

    `starts`: of all days that the shard has, in order, when they begin.
    """
    entered = {player for day in tallies for player in shard.get((steps[0], day), ())}
    paths = _paths(shard, steps[1:], starts, entered)
    for day, found in tallies.items():
        for player, packed in shard.get((steps[0], day), {}).items():
            path = paths.get(player)
            if path is None:
                found.last_steps[0] += 1
                continue
            entries = unpack(packed, starts[day])
            reached = furthest(entries, path.times, window)
            found.last_steps[reached - 1] += 1
            if reached < len(steps) and not found.uncertain:
                found.uncertain = _may_be_more(path, reached, is_cut(packed), entries[0], entries[-1] + window)


def unpack(packed: bytes, start: int = 0) -> list[int]:
    """The times, of a day that begins at `start`."""
    return [start + int.from_bytes(packed[n : n + _BYTES]) for n in range(0, len(packed) - _BYTES + 1, _BYTES)]


def pack(times: Iterable[int], *, cut: bool = False) -> bytes:
    """Times of a day, as they are kept."""
    row = sorted(set(times))
    if len(row) > MOST_TIMES:
        row, cut = row[:FIRST_TIMES] + row[FIRST_TIMES - MOST_TIMES :], True
    return b"".join(at.to_bytes(_BYTES) for at in row) + b"+" * cut


def is_cut(packed: bytes) -> bool:
    """Whether there were more times than these."""
    return len(packed) % _BYTES == 1


def _paths(shard: Shard, steps: Sequence[str], starts: Mapping[str, int], entered: set[bytes]) -> dict[bytes, _Path]:
    paths: dict[bytes, _Path] = {}
    for number, step in enumerate(steps):
        for day, start in starts.items():
            players = shard.get((step, day), {})
            for player in players.keys() & entered:
                path = paths.get(player)
                if path is None:
                    path = paths[player] = _Path([[] for _ in steps])
                times = unpack(players[player], start)
                path.times[number] += times
                if is_cut(players[player]):
                    path.cuts.append((number, times[0], times[-1]))
    return paths


def _may_be_more(path: _Path, reached: int, cut: bool, first: int, last: int) -> bool:  # noqa: FBT001
    """Whether a player may have come further than to the steps reached, with times that are cut off.

    Not if they never did the next step in any of their windows: the first and last times of each day are kept.
    """
    following = path.times[reached - 1]
    place = bisect_left(following, first)
    begun = place < len(following) and following[place] <= last
    cuts = [one for one in path.cuts if one[0] < reached and one[1] <= last and one[2] >= first]
    return bool(cuts) or cut if begun else any(number == reached - 1 for number, _, _ in cuts)
