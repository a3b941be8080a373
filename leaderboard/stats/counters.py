"""Counters: numbers that only know their value."""

from collections.abc import Sequence
from dataclasses import dataclass

from leaderboard.errors import InvalidInput, NotFound
from leaderboard.reports import Marking, Refusal, Rejection, Report
from leaderboard.store.connection import Store, as_text, translated
from leaderboard.store.scripts import Call
from leaderboard.store.stat_keys import counter_marker, counters

MOST_COUNTERS = 10_000
_MOST = 2**63 - 1
_REFUSALS = {
    "r": Refusal("counter_out_of_range", "The counter would leave -2^63 to 2^63 - 1.", "by"),
    "m": Refusal("too_many_counters", f"A game has up to {MOST_COUNTERS} counters.", "name"),
}


@dataclass(frozen=True, slots=True)
class Increment:
    """What is to be added to a counter, and its place in the request."""

    index: int
    name: str
    by: int


@dataclass(frozen=True, slots=True)
class Counted:
    """What a counter holds, and the digest of the request that was answered so before, if this is a replay."""

    value: int
    replayed_digest: str | None = None


class Counters:
    """The counters of all games. Every method raises StoreUnavailable."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, game: str, name: str, by: int, marking: Marking | None = None) -> Counted:
        """Adds to one counter. Raises InvalidInput (`counter_out_of_range`, `too_many_counters`)."""
        answer = self._store.run_all([_call(game, [Increment(0, name, by)], 0, marking)], resend=marking is not None)[0]
        digest, letters, *values = (as_text(part) for part in answer)
        if letters in _REFUSALS:
            refusal = _REFUSALS[letters]
            raise InvalidInput(refusal.detail, code=refusal.code, fields={refusal.field: [refusal.detail]})
        return Counted(int(values[0]), digest or None)

    def add_many(
        self, game: str, increments: Sequence[Increment], *, chunk_items: int, marking: Marking | None = None
    ) -> Report:
        """Adds to many, in one round trip; one that cannot be stops no other."""
        pieces = [increments[start : start + chunk_items] for start in range(0, len(increments), chunk_items)]
        if not pieces:
            return Report()
        calls = [_call(game, piece, number, marking) for number, piece in enumerate(pieces)]
        report = Report(received=len(increments))
        for piece, answer in zip(pieces, self._store.run_all(calls, resend=marking is not None), strict=True):
            for increment, letter in zip(piece, as_text(answer[1]), strict=True):
                if letter in _REFUSALS:
                    report.rejected.append(Rejection(increment.index, _REFUSALS[letter]))
                elif increment.by:
                    report.applied += 1
                else:
                    report.unchanged += 1
        return report

    def all(self, game: str) -> dict[str, int]:
        """Every counter, by name."""
        with translated():
            found = self._store.client.hgetall(counters(game))
        return {as_text(name): int(found[name]) for name in sorted(found)}

    def value(self, game: str, name: str) -> int:
        """What a counter holds. Raises NotFound (`unknown_counter`)."""
        with translated():
            found = self._store.client.hget(counters(game), name)
        if found is None:
            raise _unknown(name)
        return int(found)

    def remove(self, game: str, name: str) -> None:
        """Removes a counter. Raises NotFound (`unknown_counter`)."""
        with translated():
            if not self._store.client.hdel(counters(game), name):
                raise _unknown(name)


def _call(game: str, increments: Sequence[Increment], number: int, marking: Marking | None) -> Call:
    marker = counter_marker(game, marking.request if marking else "", number)
    args: list[str | int] = [MOST_COUNTERS, marking.lifetime_ms if marking else 0, marking.digest if marking else ""]
    for increment in increments:
        args += [increment.name, _parts(increment.by)]
    return Call("count", [counters(game), marker], args)


def _parts(by: int) -> str:
    """What to add, in parts that 64 bits hold; of a number that no counter can move by, more than it can take."""
    sign, rest = (-1, min(-by, 3 * _MOST)) if by < 0 else (1, min(by, 3 * _MOST))
    parts = []
    while rest > _MOST:
        parts.append(sign * _MOST)
        rest -= _MOST
    return " ".join(map(str, [*parts, sign * rest]))


def _unknown(name: str) -> NotFound:
    return NotFound(f"This game has no counter {name!r}.", code="unknown_counter")
