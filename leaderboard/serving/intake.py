"""Bodies on their way in, and requests on their way to a thread: bounded, so that nobody can take what all need.

A body is there as a whole before a thread begins, so a client that sends slowly holds no thread. It must keep up a
pace; and all that is held at once is bounded. One that is longer than any may be is handed on as far as it came: the
app refuses it.
"""

import asyncio
from collections import deque

from leaderboard.errors import Overloaded, TooSlow
from leaderboard.serving.bridge import Message, Receive

_BEGIN_SECONDS = 10.0  # to the first bytes
_SLOWEST = 16 * 1024  # bytes a second, from then on
_REST_SECONDS = 2.0  # for all that follows the longest body there may be
_DISCONNECT: Message = {"type": "http.disconnect"}


class Intake:
    """Takes in the bodies of one worker."""

    def __init__(self, most_of_one: int, most: int) -> None:
        """Bytes of one body, and of all that are held at the same time."""
        self._most_of_one = most_of_one
        self._most = most
        self.held = 0

    async def rest(self, first: Message, receive: Receive) -> Message:
        """A body whose first piece is there, as one message; `more_body` where it is longer than any may be.

        Raises TooSlow, Overloaded. What is held is given back by the caller: see `release`.
        """
        pieces, size = [first.get("body", b"")], 0
        loop = asyncio.get_running_loop()
        began = loop.time()
        message = first
        try:
            while True:
                size += len(pieces[-1])
                self._hold(len(pieces[-1]))
                if not message.get("more_body") or size > self._most_of_one:
                    body = b"".join(pieces)
                    return {"type": "http.request", "body": body, "more_body": bool(message.get("more_body"))}
                message = await within(began + _BEGIN_SECONDS + size / _SLOWEST, receive)
                if message["type"] != "http.request":
                    self.held -= size
                    return message
                pieces.append(message.get("body", b""))
        except BaseException:
            self.held -= size
            raise

    def _hold(self, size: int) -> None:
        self.held += size
        if self.held > self._most:
            raise Overloaded

    def release(self, message: Message) -> None:
        """Nobody has that body any more."""
        self.held -= len(message.get("body", b""))


async def within(deadline: float, receive: Receive) -> Message:
    """The next message. Raises TooSlow when it does not come in time."""
    try:
        async with asyncio.timeout_at(deadline):
            return await receive()
    except TimeoutError as error:
        raise TooSlow from error


def hurried(receive: Receive) -> Receive:
    """The same for the rest of a body that is too long, which a thread reads to be rid of it: soon its client counts
    as gone.
    """
    deadline = asyncio.get_running_loop().time() + _REST_SECONDS

    async def take() -> Message:
        try:
            return await within(deadline, receive)
        except TooSlow:
            return _DISCONNECT

    return take


class Turns:
    """Who may use one of some threads: those who came first, and nobody who would wait too long for it."""

    def __init__(self, threads: int, waiting: int, seconds: float) -> None:
        """`waiting`: how many may wait, and for how long."""
        self._free = threads
        self._waiting = waiting
        self._seconds = seconds
        self._queue: deque[asyncio.Future[bool]] = deque()

    @property
    def length(self) -> int:
        """How many wait."""
        return len(self._queue)

    async def take(self) -> None:
        """Waits for a thread. Raises Overloaded when there is none in time, or too many wait."""
        if self._free and not self._queue:
            self._free -= 1
            return
        if len(self._queue) >= self._waiting:
            raise Overloaded
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[bool] = loop.create_future()
        self._queue.append(turn)
        timer = loop.call_later(self._seconds, self._give_up, turn)
        try:
            has_come = await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.result():
                self.give_back()
            elif turn in self._queue:
                self._queue.remove(turn)
            raise
        finally:
            timer.cancel()
        if not has_come:
            raise Overloaded

    def give_back(self) -> None:
        """A thread is free again."""
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(True)
                return
        self._free += 1

    def _give_up(self, turn: "asyncio.Future[bool]") -> None:
        if not turn.done():
            self._queue.remove(turn)
            turn.set_result(False)
