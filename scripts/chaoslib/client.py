"""Clients: each a thread that submits, records what it is told, and sends again what was not answered."""

import http.client
import json
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from chaoslib.history import GOOD, NO_ANSWER, Attempt, Glimpse, History, Op, Page, digest
from chaoslib.plays import Plays

PATIENCE_SECONDS = 15.0  # longer than any answer may take
_FIRST_WAIT_SECONDS = 0.05
_LONGEST_WAIT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Target:
    """The service as one game calls it."""

    host: str
    port: int
    key: str


class Line:
    """One keep-alive connection."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._connection = http.client.HTTPConnection(target.host, target.port, timeout=PATIENCE_SECONDS)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any, bool]:
        """Status, document and whether it was a replay; NO_ANSWER if there was none. Raises nothing."""
        return self.receive() if self.send(method, path, body, **headers) else (NO_ANSWER, None, False)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> bool:
        """Sends a request without waiting for its answer; whether that went well."""
        data = None if body is None else json.dumps(body).encode()
        sent = {"Authorization": f"Bearer {self._target.key}", "Content-Type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            self._connection.request(method, "/v1" + path, data, sent)
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return False
        return True

    def receive(self) -> tuple[int, Any, bool]:
        """The answer to what was sent, as `ask`."""
        try:
            answer = self._connection.getresponse()
            data = answer.read()
            return answer.status, json.loads(data), answer.getheader("Idempotency-Replayed") == "true"
        except (OSError, http.client.HTTPException, ValueError):
            self._connection.close()
            return NO_ANSWER, None, False

    def close(self) -> None:
        self._connection.close()


class Client:
    """One of them. `run` is the body of its thread."""

    def __init__(self, target: Target, plays: Plays, history: History, seed: str, tries: int) -> None:
        self._plays = plays
        self._history = history
        self._dice = random.Random(seed)
        self._tries = tries
        self._lines = Line(target), Line(target)
        self.is_done = False

    def run(self, stop: threading.Event) -> None:
        """Until it is told to stop; what it is about then is carried to its end."""
        mix = self._plays.mix
        while not stop.is_set():
            if self._dice.random() < mix.reads:
                (self._look_at_top if self._dice.random() < 0.3 else self._look)()
                continue
            op = self._plays.next(self._dice)
            if op.key is None:
                self.attempt(op)
                continue
            if self._dice.random() < mix.at_once:
                self._attempt_at_once(op)
            self.insist(op, self._tries)
            if self._dice.random() < mix.twice:
                self.attempt(op)
        self.close()
        self.is_done = True

    def insist(self, op: Op, tries: int) -> bool:
        """Sends an op with a key until it is answered, so many times at most; whether it was."""
        wait = _FIRST_WAIT_SECONDS
        for _ in range(tries):
            if op.is_acknowledged or (op.attempts and op.is_refused):
                break
            if op.attempts:
                time.sleep(wait * self._dice.uniform(0.5, 1.0))
                wait = min(2 * wait, _LONGEST_WAIT_SECONDS)
            self.attempt(op)
        return op.is_acknowledged

    def attempt(self, op: Op) -> None:
        """Sends it once."""
        began = time.monotonic()
        _note(op, began, self._lines[0].ask(*_request(op), **self._headers(op)))

    def close(self) -> None:
        for line in self._lines:
            line.close()

    def _attempt_at_once(self, op: Op) -> None:
        began = time.monotonic()
        sent = [line.send(*_request(op), **self._headers(op)) for line in self._lines]
        for line, is_sent in zip(self._lines, sent, strict=True):
            _note(op, began, line.receive() if is_sent else (NO_ANSWER, None, False))

    def _headers(self, op: Op) -> dict[str, str]:
        return {} if op.key is None or self._plays.mix.forgets_keys else {"Idempotency_Key": op.key}

    def _look_at_top(self) -> None:
        plan = self._dice.choice(self._plays.boards)
        began = time.monotonic()
        status, document, _ = self._lines[0].ask("GET", f"/boards/{plan.name}/top?limit=50", Cache_Control="no-cache")
        if status != GOOD:
            self._history.saw(status, None)
            return
        rows = tuple((row["rank"], row["player"], row["score"]) for row in document["entries"])
        self._history.saw(status, Page(plan.name, began, time.monotonic(), rows))

    def _look(self) -> None:
        board, player = self._plays.someone(self._dice)
        began = time.monotonic()
        path = f"/boards/{board}/players/{quote(player)}"
        status, document, _ = self._lines[0].ask("GET", path, Cache_Control="no-cache")
        if status in (GOOD, 404):
            score = document["score"] if status == GOOD else None
            self._history.saw(status, Glimpse(board, player, began, time.monotonic(), score))
        else:
            self._history.saw(status, None)


def in_threads(count: int, work: Callable[[int], None]) -> list[threading.Thread]:
    """Starts so many threads, each with its number."""
    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    return threads


def _request(op: Op) -> tuple[str, str, Any]:
    if op.is_bulk:
        scores = [{"board": one.board, "player": one.player, "score": one.amount} for one in op.items]
        return "POST", "/scores", {"scores": scores}
    (one,) = op.items
    return "POST", f"/boards/{one.board}/scores", {"player": one.player, "score": one.amount}


def _note(op: Op, began: float, answer: tuple[int, Any, bool]) -> None:
    status, document, replayed = answer
    is_good = status == GOOD
    op.attempts.append(
        Attempt(
            began,
            time.monotonic(),
            status,
            digest(document) if is_good else b"",
            document["score"] if is_good and not op.is_bulk else None,
            replayed,
        )
    )
