"""The store without the service: sorted sets like those of a board, and the same commands sent straight to them.

Sort keys are negated scores, smaller is better, as the service keeps them.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from benchlib.cases import AROUND, BULK_ITEMS, forever
from benchlib.players import IMPROVING, Drawn, Players
from benchlib.wire import Judge, command, resp

Traffic = tuple[Iterator[bytes], Judge]
_CHUNK = 10_000
_MEMBER, _KEY, _MARK = Players.name(0), "-12345678", "bench:mark-000000000000"


class Bare:
    """Sorted sets, one a period, filled with players and their bests."""

    def __init__(self, store: Any, name: str, periods: tuple[str, ...], count: int) -> None:
        self.players = Players(count)  # the same as the board's: the seed is the same
        self.keys = tuple(f"bench:{{{name}}}:{period}" for period in periods)
        self._store = store
        fill(store, self.keys[0], self.players)
        for key in self.keys[1:]:
            store.copy(self.keys[0], key)

    def remove(self) -> None:
        """Leaves the store without them."""
        self._store.delete(*self.keys)

    def submits(
        self, drawn: Drawn, improving: float = IMPROVING, *, ranks: bool = True, marked: bool = False
    ) -> Traffic:
        """One pipeline a submission: into each set, the place before and after if asked for, and a mark if need be."""
        commands: list[bytes] = []
        for key in self.keys:
            place = [command("ZRANK", key, _MEMBER)] if ranks else []
            commands += [*place, _add(key), *place]
        mark = [command("SET", _MARK, "1", "EX", 86_400)] if marked else []
        template = _template(*commands, *mark)

        def requests() -> Iterator[bytes]:
            sets = len(self.keys)
            for number, (player, score) in enumerate(self.players.attempts(drawn, improving)):
                values = (player, score, player, player) if ranks else (score, player)
                yield template % (values * sets + ((number,) if marked else ()))

        return requests(), resp(len(commands) + len(mark))

    def bulks(self, drawn: Drawn, improving: float = IMPROVING) -> Traffic:
        """One pipeline a bulk: a write for each of its items and sets."""
        template, sets = _template(*map(_add, self.keys)), len(self.keys)
        bulks = self.players.bulks(
            lambda player, score: template % ((score, player) * sets), BULK_ITEMS, drawn=drawn, improving=improving
        )
        return bulks, resp(BULK_ITEMS * sets)

    def top(self) -> Traffic:
        """One round trip."""
        return forever(command("ZRANGE", self.keys[0], 0, 9, "WITHSCORES")), resp(41)

    def around(self, drawn: Drawn) -> Traffic:
        """Two round trips: a player's index, then the rows around it."""
        last, rows = self.players.count - AROUND, resp(1 + 4 * AROUND)

        def follow(answer: bytes) -> bytes:
            start = max(0, min(int(answer[1:-2]) - AROUND // 2, last))
            return command("ZRANGE", self.keys[0], start, start + AROUND - 1, "WITHSCORES")

        return self._about_players("ZRANK", drawn), _two_trips(1, follow, rows)

    def player(self, drawn: Drawn) -> Traffic:
        """Two round trips: a player's score, then how many are better."""

        def follow(answer: bytes) -> bytes:
            return command("ZCOUNT", self.keys[0], "-inf", b"(" + answer.split(b"\r\n")[1])

        return self._about_players("ZSCORE", drawn), _two_trips(2, follow, resp(1))

    def _about_players(self, name: str, drawn: Drawn) -> Iterator[bytes]:
        template = _template(command(name, self.keys[0], _MEMBER))
        return (template % player for player in self.players.draws(drawn))


def fill(store: Any, key: str, players: Players) -> None:
    """Adds everybody with their bests."""
    for chunk in players.chunks(_CHUNK):
        store.zadd(key, {Players.name(player): -players.best[player] for player in chunk})


def small_sets(store: Any, sets: int, members: int, scores: Iterator[int], kinds: Iterator[bool]) -> Traffic:
    """Writes of all members (where `kinds` says so) and reads of the best two, of one random set each."""
    key = "bench:small-0000"
    for number in range(sets):
        store.zadd(f"bench:small-{number:04d}", {Players.name(player): -next(scores) for player in range(members)})
    pairs = itertools.chain.from_iterable((_KEY, Players.name(player)) for player in range(members))
    add = command("ZADD", key, *pairs).replace(b"0000", b"%04d", 1).replace(_KEY.encode(), b"-%d")
    read = command("ZRANGE", key, 0, 1, "WITHSCORES").replace(b"0000", b"%04d", 1)
    rows, count = resp(1 + 2 * 2 * 2), resp(1)

    def requests() -> Iterator[bytes]:
        for writes in kinds:
            number = next(scores) % sets
            yield add % (number, *itertools.islice(scores, members)) if writes else read % number

    def judge(data: bytes, step: int) -> bytes | str | None:
        return rows(data, step) if data[:1] == b"*" else count(data, step)

    return requests(), judge


def _add(key: str) -> bytes:
    return command("ZADD", key, "LT", "CH", _KEY, _MEMBER)


def _template(*commands: bytes) -> bytes:
    text = b"".join(commands).replace(b"%", b"%%").replace(_MARK.encode(), _MARK.replace("0" * 12, "%012d").encode())
    return text.replace(_MEMBER.encode(), b"player-%07d").replace(_KEY.encode(), b"-%d")


def _two_trips(lines: int, follow: Callable[[bytes], bytes], then: Judge) -> Judge:
    first = resp(lines)

    def judge(data: bytes, step: int) -> bytes | str | None:
        if step:
            return then(data, step)
        verdict = first(data, step)
        return verdict if verdict != "" else follow(data)

    return judge
