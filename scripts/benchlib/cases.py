"""Requests to the service: rendered once as far as can be, so that sending them costs little."""

from collections.abc import Iterator, Sequence

from benchlib.players import IMPROVING, Drawn, Players

BULK_ITEMS = 1000
AROUND = 11
PERIODS = ("all", "month", "week", "day")
_SINGLE = b'{"player":"player-%07d","score":%d}'
_NDJSON = "application/x-ndjson"


class Requests:
    """Renders requests to one board of the service."""

    def __init__(self, host: str, key: str, board: str) -> None:
        self._path = f"/v1/boards/{board}/"
        self._board = board
        self._head = f" HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n"

    def get(self, rest: str) -> bytes:
        """A read, `rest` of the path being behind the board's."""
        return f"GET {self._path}{rest}{self._head}\r\n".encode()

    def players(self, players: Players, query: str, drawn: Drawn = "uniform") -> Iterator[bytes]:
        """Reads of players."""
        template = self.get(f"players/{Players.name(0)}{query}").replace(Players.name(0).encode(), b"player-%07d")
        return (template % player for player in players.draws(drawn))

    def submits(
        self, players: Players, query: str = "", *, drawn: Drawn = "uniform", improving: float = IMPROVING
    ) -> Iterator[bytes]:
        """Single submissions."""
        template = self._post(f"{self._path}scores{query}", "application/json", self._single_length(players)) + _SINGLE
        return (template % attempt for attempt in players.attempts(drawn, improving))

    def marked_submits(self, players: Players, *, drawn: Drawn = "uniform") -> Iterator[bytes]:
        """Single submissions, each with an Idempotency-Key that was never used before."""
        path, length = f"{self._path}scores", self._single_length(players)
        template = self._post(path, "application/json", length, "Idempotency-Key: bench-%012d\r\n") + _SINGLE
        for number, attempt in enumerate(players.attempts(drawn)):
            yield template % (number, *attempt)

    def bulks(self, players: Players, *, drawn: Drawn = "uniform", improving: float = IMPROVING) -> Iterator[bytes]:
        """Bulks of which, unless told otherwise, most items do not improve anything."""
        head = self._post("/v1/scores", _NDJSON, BULK_ITEMS * len(self.line(0, players.best[0])))
        for body in players.bulks(self.line, BULK_ITEMS, drawn=drawn, improving=improving):
            yield head + body

    def everybody(self, players: Players) -> Iterator[bytes]:
        """Bulks that bring every player's first score."""
        for chunk in players.chunks(BULK_ITEMS):
            yield self.lines([(player, players.best[player]) for player in chunk])

    def lines(self, scores: Sequence[tuple[int, int]]) -> bytes:
        """One bulk of these players and scores."""
        body = b"".join(self.line(player, score) for player, score in scores)
        return self._post("/v1/scores", _NDJSON, len(body)) + body

    def line(self, player: int, score: int) -> bytes:
        """One item of a bulk."""
        return b'{"board":"%b","player":"player-%07d","score":%d}\n' % (self._board.encode(), player, score)

    def put(self, definition: bytes) -> bytes:
        """Makes the board."""
        path = self._path.rstrip("/")
        head = f"PUT {path}{self._head}Content-Type: application/json\r\nContent-Length: {len(definition)}\r\n\r\n"
        return head.encode() + definition

    def _single_length(self, players: Players) -> int:
        return len(_SINGLE % (0, players.best[0]))

    def _post(self, path: str, media_type: str, length: int, more: str = "") -> bytes:
        head = f"POST {path}{self._head}{more}Content-Type: {media_type}\r\nContent-Length: {length}\r\n\r\n"
        return head.encode()


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
