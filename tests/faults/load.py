"""Clients that go on asking while something fails, and the reckoning afterwards."""

import http.client
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Self

from tests.faults.service import BOUND_SECONDS, Answered, Client, Lost
from tests.faults.waiting import wait_for

BOARD = "total"
TOP = f"/v1/boards/{BOARD}/top?limit=5"
_PAUSE_SECONDS = 0.05
_END_SECONDS = 120.0
_MANY = 16  # connections at once, which no worker takes all of

_CROWDED: list[tuple[str, str, Any]] = [
    ("GET", f"/v1/boards/{BOARD}/distribution", None),
    ("GET", f"/v1/boards/{BOARD}/players/first", None),
    ("POST", f"/v1/boards/{BOARD}/lookup", {"players": ["first"]}),
    ("POST", "/v1/events", {"events": [{"name": "match", "player": "first"}]}),
    ("POST", "/v1/counters/matches", {"by": 1}),
    ("PUT", "/v1/boards/other", {}),
]


@dataclass(frozen=True)
class Seen:
    """One answer, or that there was none (status 0)."""

    kind: str
    at: float
    seconds: float
    status: int
    is_stale: bool = False
    problem: bytes = b""


@dataclass
class Book:
    """What became of one client's submissions, each of which is worth 1."""

    acknowledged: int = 0
    unknown: int = 0  # of those without a key: 503, or no answer


@dataclass
class Load:
    """Writers with and without Idempotency-Key, readers of a top, and somebody who looks at the probes."""

    client: Client
    seen: list[Seen] = field(default_factory=list)
    books: dict[str, Book] = field(default_factory=dict)
    errors: list[BaseException] = field(default_factory=list)
    keeps_all: bool = True  # whether the store has everything it answered on the disk when it is killed
    crowd: int = 0  # further clients, who ask for everything that goes through threads

    def __enter__(self) -> Self:
        self.client.good("PUT", f"/v1/boards/{BOARD}", {"operator": "sum", "score": {"type": "integer"}})
        self.client.good("POST", f"/v1/boards/{BOARD}/scores", {"player": "first", "score": 1})
        self._warm_up()
        self._stopping = threading.Event()
        self._has_failed = False
        work: dict[str, Callable[[str], None]] = {
            "keyed-0": self._write_keyed, "keyed-1": self._write_keyed, "bulk": self._write_bulk,
            "plain-0": self._write_plain, "plain-1": self._write_plain,
            "top": self._read_top, "health": self._probe("/healthz"), "ready": self._probe("/readyz"),
        }  # fmt: skip
        work |= {f"crowd-{number}": self._crowd_in for number in range(self.crowd)}
        self._threads = [threading.Thread(target=self._guarded, args=(work[name], name)) for name in work]
        for thread in self._threads:
            thread.start()
        return self

    def _warm_up(self) -> None:
        """Every worker comes to know the board and its top: who has connections lets the others take the next one."""
        with ExitStack() as held:
            for _ in range(_MANY):
                connection = http.client.HTTPConnection(self.client.address, timeout=30)
                held.callback(connection.close)
                connection.request("GET", TOP, headers={"Authorization": f"Bearer {self.client.key}"})
                answer = connection.getresponse()
                assert answer.read()
                assert answer.status == 200

    def __exit__(self, kind: object, *_: object) -> None:
        self._has_failed = kind is not None
        self._stopping.set()
        for thread in self._threads:
            thread.join(_END_SECONDS)
        if kind is None:
            assert not any(thread.is_alive() for thread in self._threads), "a client still waits"
            assert not self.errors, self.errors
            slow = [one for one in self.seen if one.seconds >= BOUND_SECONDS * (1 + (one.kind == "define"))]
            assert not slow, slow
            self.check_totals()

    def check_totals(self) -> None:
        """Every acknowledged submission is there once; of the others at most once."""
        found: dict[str, int] = {}
        players = sorted(self.books)
        for start in range(0, len(players), 1000):
            asked = {"players": players[start : start + 1000]}
            answer = self.client.eventually("POST", f"/v1/boards/{BOARD}/lookup", asked, Cache_Control="no-cache")
            found |= dict.fromkeys(answer["missing"], 0) | {row["player"]: row["score"] for row in answer["entries"]}
        for player, book in self.books.items():
            least = book.acknowledged if self.keeps_all else 0
            assert least <= found[player] <= book.acknowledged + book.unknown, (player, book, found[player])
        assert self.client.eventually("GET", TOP, Cache_Control="no-cache")["total"] == 1 + sum(
            map(bool, found.values())
        )

    # What the tests look at.

    def of(self, *kinds: str, since: float = 0.0) -> list[Seen]:
        """What these clients saw of requests that they began since then."""
        return [one for one in self.seen if one.kind in kinds and one.at >= since]

    def statuses(self, *kinds: str, since: float = 0.0) -> Counter[int]:
        return Counter(one.status for one in self.of(*kinds, since=since))

    def check_all(self, status: int, *kinds: str, since: float) -> None:
        """These clients were told nothing but that."""
        for kind in kinds:
            others = [one for one in self.of(kind, since=since) if one.status != status]
            assert not others, others[:3]

    def slowest(self, since: float = 0.0) -> float:
        """Seconds that the longest answer took; who defines something may wait for somebody else's lock besides."""
        return max(one.seconds for one in self.seen if one.at >= since and one.kind != "define")

    def await_all_good(self, seconds: float) -> None:
        """Returns once every kind of client has had a good answer to something it began from now on."""
        since = time.monotonic()
        kinds = ("keyed", "plain", "bulk", "top", "health", "ready")
        wait_for(
            lambda: self.errors or all(200 in self.statuses(kind, since=since) for kind in kinds),
            seconds,
            "good answers again",
        )
        assert not self.errors, self.errors

    def await_status(self, kind: str, status: int, seconds: float, *, since: float) -> None:
        wait_for(lambda: self.errors or status in self.statuses(kind, since=since), seconds, f"a {status} for {kind}")
        assert not self.errors, self.errors

    # The clients.

    def _guarded(self, work: Callable[[str], None], name: str) -> None:
        try:
            work(name)
        except BaseException as error:  # noqa: BLE001 - told by whoever looks
            self.errors.append(error)

    def _asked(self, kind: str, method: str, path: str, body: Any = None, **headers: str) -> Answered | None:
        """The answer; None where the connection broke."""
        began = time.monotonic()
        try:
            answer = self.client.ask(method, path, body, **headers)
        except Lost:
            self.seen.append(Seen(kind, began, time.monotonic() - began, 0))
            return None
        problem = answer.body if answer.status >= 400 else b""
        self.seen.append(Seen(kind, began, answer.seconds, answer.status, answer.is_stale, problem))
        return answer

    def _write_keyed(self, name: str) -> None:
        path = f"/v1/boards/{BOARD}/scores?ranks=none"
        self._write_until_told("keyed", name, path, {"player": name, "score": 1}, 1)

    def _write_bulk(self, name: str) -> None:
        items = [{"board": BOARD, "player": name, "score": 1} for _ in range(3)]
        self._write_until_told("bulk", name, "/v1/scores", {"scores": items}, 3)

    def _write_until_told(self, kind: str, name: str, path: str, body: Any, worth: int) -> None:
        """Each with a key of its own, and sent until it was answered."""
        book = self.books.setdefault(name, Book())
        number = 0
        while not self._stopping.is_set():
            number += 1
            limit = time.monotonic() + _END_SECONDS
            while True:
                answer = self._asked(kind, "POST", path, body, Idempotency_Key=f"{name}-{number}")
                if answer is not None and answer.status == 200:
                    break
                assert answer is None or answer.status == 503, answer
                if self._has_failed:
                    return
                assert time.monotonic() < limit, "it does not come back"
                time.sleep(_PAUSE_SECONDS)
            book.acknowledged += worth

    def _write_plain(self, name: str) -> None:
        book = self.books.setdefault(name, Book())
        while not self._stopping.is_set():
            answer = self._asked("plain", "POST", f"/v1/boards/{BOARD}/scores", {"player": name, "score": 1})
            if answer is not None and answer.status == 200:
                book.acknowledged += 1
                continue
            assert answer is None or answer.status == 503, answer
            book.unknown += 1
            time.sleep(_PAUSE_SECONDS)

    def _read_top(self, _name: str) -> None:
        while not self._stopping.is_set():
            self._asked("top", "GET", TOP)
            time.sleep(_PAUSE_SECONDS)

    def _crowd_in(self, name: str) -> None:
        method, path, body = _CROWDED[int(name.rpartition("-")[2]) % len(_CROWDED)]
        while not self._stopping.is_set():
            answer = self._asked("define" if method == "PUT" else "crowd", method, path, body)
            assert answer is None or answer.status in (200, 201, 503), answer
            time.sleep(_PAUSE_SECONDS)

    def _probe(self, path: str) -> Callable[[str], None]:
        def look(name: str) -> None:
            while not self._stopping.is_set():
                self._asked(name, "GET", path)
                time.sleep(_PAUSE_SECONDS * 2)

        return look
