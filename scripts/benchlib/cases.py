"""What is measured: each case as requests to the service, and as the bare commands to the store beside it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchlib.players import Players
from benchlib.wire import Judge, Tally, command, resp

BULK_ITEMS = 1000
AROUND = 11
PERIODS = ("all", "month", "week", "day")
_SINGLE = b'{"player":"player-%06d","score":%d}'
FLOOR_KEYS = tuple(f"bench:{{floor}}:{period}" for period in PERIODS)


@dataclass(frozen=True)
class Case:
    """One row of the table. `tally` counts what an answer says was applied."""

    name: str
    scores: int  # that one request submits
    service: Iterator[bytes]
    tally: Tally | None
    floor: Iterator[bytes]
    judge: Judge


def make_cases(requests: "Requests", players: Players, floor_players: Players) -> list[Case]:
    """All of them, in the order in which they run. Service and floor play on their own data, each with its players."""
    submit, floor = requests.submits, floor_submits
    one, other = players, floor_players
    pipeline = resp(BULK_ITEMS * len(PERIODS))
    return [
        Case("submit, four ranks", 1, submit(one, ""), updated, floor(other, ranks=True), resp(8)),
        Case("submit, ranks=none", 1, submit(one, "?ranks=none"), updated, floor(other, ranks=False), resp(4)),
        Case("bulk of 1,000", BULK_ITEMS, requests.bulks(one), applied, floor_bulks(other), pipeline),
        Case("top 10", 0, forever(requests.get("top?limit=10")), None, forever(_FLOOR_TOP), resp(41)),
        Case(f"around, {AROUND} rows", 0, requests.players(one, f"?around={AROUND}"), None, *floor_around(other)),
        Case("player", 0, requests.players(one, ""), None, *floor_player(other)),
    ]


class Requests:
    """Renders requests to one board of the service."""

    def __init__(self, host: str, key: str, board: str) -> None:
        self._path = f"/v1/boards/{board}/"
        self._board = board
        self._head = f" HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n"

    def get(self, rest: str) -> bytes:
        """A read, `rest` of the path being behind the board's."""
        return f"GET {self._path}{rest}{self._head}\r\n".encode()

    def players(self, players: Players, query: str) -> Iterator[bytes]:
        """Reads of random players."""
        template = self.get(f"players/{Players.name(0)}{query}").replace(Players.name(0).encode(), b"player-%06d")
        while True:
            yield template % players.random()

    def submits(self, players: Players, query: str) -> Iterator[bytes]:
        """Single submissions."""
        length = len(_SINGLE % (0, players.best[0]))
        template = self._post(f"{self._path}scores{query}", "application/json", length) + _SINGLE
        while True:
            yield template % players.attempt()

    def bulks(self, players: Players) -> Iterator[bytes]:
        """Bulks of which most items do not improve anything."""
        head = self._post("/v1/scores", "application/x-ndjson", BULK_ITEMS * len(self._line(0, players.best[0])))
        for body in players.bulks(self._line, BULK_ITEMS):
            yield head + body

    def everybody(self, players: Players) -> Iterator[bytes]:
        """Bulks that bring every player's first score."""
        for chunk in players.chunks(BULK_ITEMS):
            body = b"".join(self._line(player, players.best[player]) for player in chunk)
            yield self._post("/v1/scores", "application/x-ndjson", len(body)) + body

    def _line(self, player: int, score: int) -> bytes:
        return b'{"board":"%b","player":"player-%06d","score":%d}\n' % (self._board.encode(), player, score)

    def _post(self, path: str, media_type: str, length: int) -> bytes:
        return f"POST {path}{self._head}Content-Type: {media_type}\r\nContent-Length: {length}\r\n\r\n".encode()


def updated(answer: bytes) -> int:
    """Whether a single submission moved its player; the first such field is the one over all periods."""
    at = answer.index(b'"updated":')
    return answer[at + 10 : at + 11] == b"t"


def applied(answer: bytes) -> int:
    """How many items of a bulk were applied."""
    at = answer.index(b'"applied":') + 10
    return int(answer[at : answer.index(b",", at)])


def forever(request: bytes) -> Iterator[bytes]:
    """The same again and again."""
    while True:
        yield request


# The floor: sort keys are negated scores, smaller is better, as the service keeps them.

_FLOOR_TOP = command("ZRANGE", FLOOR_KEYS[0], 0, 9, "WITHSCORES")
_MEMBER, _KEY = Players.name(0), "-1234567"


def _template(*commands: bytes) -> bytes:
    text = b"".join(commands).replace(b"%", b"%%")
    return text.replace(_MEMBER.encode(), b"player-%06d").replace(_KEY.encode(), b"-%d")


def floor_submits(players: Players, *, ranks: bool) -> Iterator[bytes]:
    """One pipeline a submission: into four sorted sets, and the rank in each."""
    adds = [command("ZADD", key, "LT", "CH", _KEY, _MEMBER) for key in FLOOR_KEYS]
    counts = [command("ZCOUNT", key, "-inf", "(" + _KEY) for key in FLOOR_KEYS] if ranks else []
    template = _template(*adds, *counts)
    while True:
        player, score = players.attempt()
        yield template % ((score, player) * 4 + (score,) * len(counts))


def floor_bulks(players: Players) -> Iterator[bytes]:
    """One pipeline of 4,000 writes a bulk."""
    template = _template(*(command("ZADD", key, "LT", "CH", _KEY, _MEMBER) for key in FLOOR_KEYS))
    return players.bulks(lambda player, score: template % ((score, player) * 4), BULK_ITEMS)


def floor_around(players: Players) -> tuple[Iterator[bytes], Judge]:
    """Two round trips: a player's index, then the rows around it."""
    last, rows = players.count - AROUND, resp(1 + 4 * AROUND)

    def follow(answer: bytes) -> bytes:
        start = max(0, min(int(answer[1:-2]) - AROUND // 2, last))
        return command("ZRANGE", FLOOR_KEYS[0], start, start + AROUND - 1, "WITHSCORES")

    return _about_players(players, "ZRANK"), _two_trips(1, follow, rows)


def floor_player(players: Players) -> tuple[Iterator[bytes], Judge]:
    """Two round trips: a player's score, then how many are better."""

    def follow(answer: bytes) -> bytes:
        return command("ZCOUNT", FLOOR_KEYS[0], "-inf", b"(" + answer.split(b"\r\n")[1])

    return _about_players(players, "ZSCORE"), _two_trips(2, follow, resp(1))


def _about_players(players: Players, name: str) -> Iterator[bytes]:
    template = _template(command(name, FLOOR_KEYS[0], _MEMBER))
    while True:
        yield template % players.random()


def _two_trips(lines: int, follow: Callable[[bytes], bytes], then: Judge) -> Judge:
    first = resp(lines)

    def judge(data: bytes, step: int) -> bytes | str | None:
        if step:
            return then(data, step)
        verdict = first(data, step)
        return verdict if verdict != "" else follow(data)

    return judge
