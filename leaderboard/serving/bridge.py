"""A WSGI app behind an event loop: every request runs in one of some threads.

An answer that is one piece crosses back to the loop once. One of several pieces is streamed, and waits for a slow
client. A body that breaks off raises where the app reads it, so that no half of one is ever taken for a whole.
"""

import asyncio
import io
import os
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast
from urllib.parse import unquote_to_bytes

from leaderboard import tracing
from leaderboard.api.limiting import PASSED
from leaderboard.live.following import Following
from leaderboard.live.listeners import Subscription
from leaderboard.metrics import SEEN

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
WSGIApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Ended = Callable[[], object]
_T = TypeVar("_T")

_DISCONNECT = "http.disconnect"
_FOLLOWED = "leaderboard.followed"
_BUFFER = 64 * 1024
ACTION_THREADS = 4
# Each in a thread of its own: when the store hangs, so may all threads that answer requests, and an orchestrator would
# take a process that has no answer to these for a dead one.
_PROBES = (b"/healthz", b"/readyz", b"/metrics")
_PLAIN = ("GET", "HEAD")  # nobody waits for a body of theirs


def _nothing() -> None:
    pass


class Bridge:
    """Such an app, called as ASGI."""

    def __init__(self, app: WSGIApp, threads: int) -> None:
        self._app = app
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="flask")
        self._actions = ThreadPoolExecutor(ACTION_THREADS, thread_name_prefix="actions")
        self._probes = {path: ThreadPoolExecutor(1, thread_name_prefix="probe") for path in _PROBES}

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send, first: Message | None = None, ended: Ended = _nothing
    ) -> Subscription | None:
        """Answers one request; `first` is a message of it that was received already.

        Of a stream of events it sends the head, and answers what is asked for.

        `ended` is called once the thread is free: later than this is over, where the client has gone meanwhile.
        """
        exchange = _Exchange(asyncio.get_running_loop(), scope, receive, send, first)
        threads = self._probes[scope["raw_path"]] if is_probe(scope) else self._threads
        whole = await _done_in(threads, lambda: exchange.run(self._app), ended)
        for message in whole:
            if message["type"] == _FOLLOWED:
                return cast("Subscription", message["subscription"])
            await send(message)
        return None

    async def run(self, action: Callable[[], None], ended: Ended = _nothing) -> None:
        """Does something short in one of `ACTION_THREADS`, in which no request is answered."""
        await _done_in(self._actions, action, ended)

    def close(self) -> None:
        """Takes no more requests. Those that run have had their time by now; the loop that calls this does not wait."""
        for threads in (self._threads, self._actions, *self._probes.values()):
            threads.shutdown(wait=False, cancel_futures=True)


async def _done_in(threads: ThreadPoolExecutor, work: Callable[[], _T], ended: Ended) -> _T:
    """What some work in a thread comes to. Who is cancelled does not wait for it; it is not begun any more then."""
    begun = threads.submit(work)
    running = asyncio.wrap_future(begun)
    running.add_done_callback(lambda _: ended())
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        begun.cancel()
        raise


def is_probe(scope: Scope) -> bool:
    """Whether a request has a thread of its own."""
    return scope["raw_path"] in _PROBES and scope["method"] in _PLAIN


class _Exchange:
    """One request and its answer; everything but making it happens in a thread."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, scope: Scope, receive: Receive, send: Send, first: Message | None
    ) -> None:
        self.loop = loop
        self._scope = scope
        self._receive = receive
        self._send = send
        self._first = first
        self._start: Message | None = None
        self._is_broken = False

    def run(self, app: WSGIApp) -> list[Message]:
        """Calls the app; what it answers, unless that was streamed already."""
        with tracing.within(self._scope.get(SEEN)):
            pieces = app(environ(self._scope, self._body()), self._start_response)
            if isinstance(pieces, Following) and self._start is not None:
                return [self._start, {"type": _FOLLOWED, "subscription": pieces.subscription}]
            try:
                return self._collect(iter(pieces))
            finally:
                close = getattr(pieces, "close", None)
                if close is not None:
                    close()

    def _collect(self, pieces: Iterator[bytes]) -> list[Message]:
        waiting = next(pieces, b"")
        assert self._start is not None  # noqa: S101 - a WSGI app calls start_response before its first piece
        for piece in pieces:
            if self._start:
                self._wait_for(self._send(self._start))
                self._start = {}
            self._wait_for(self._send({"type": "http.response.body", "body": waiting, "more_body": True}))
            waiting = piece
        last = {"type": "http.response.body", "body": waiting}
        return [self._start, last] if self._start else [last]

    def _start_response(self, status: str, headers: list[tuple[str, str]], _error: Any = None) -> None:
        sent = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        self._start = {"type": "http.response.start", "status": int(status[:3]), "headers": sent}

    def _body(self) -> io.BufferedIOBase:
        if self._first is not None and self._first["type"] != _DISCONNECT and not self._first.get("more_body"):
            return io.BytesIO(self._first.get("body", b""))
        return io.BufferedReader(_Body(self._next_piece), _BUFFER)

    def _next_piece(self) -> tuple[bytes, bool]:
        """What comes next of the body, and whether there is more of it."""
        if self._is_broken:
            raise ConnectionResetError("The client went away amid its request.")
        message, self._first = self._first or self._wait_for(self._receive()), None
        if message["type"] == _DISCONNECT:
            self._is_broken = True
            raise ConnectionResetError("The client went away amid its request.")
        return message.get("body", b""), message.get("more_body", False)

    def _wait_for(self, action: Awaitable[Any]) -> Any:
        async def act() -> Any:
            return await action

        return asyncio.run_coroutine_threadsafe(act(), self.loop).result()


class _Body(io.RawIOBase):
    """The body of a request as a file that is read as it arrives."""

    def __init__(self, next_piece: Callable[[], tuple[bytes, bool]]) -> None:
        self._next_piece = next_piece
        self._rest = memoryview(b"")
        self._has_more = True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest and self._has_more:
            piece, self._has_more = self._next_piece()
            self._rest = memoryview(piece)
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


def environ(scope: Scope, body: io.BufferedIOBase) -> dict[str, Any]:
    """The WSGI environment of a request (PEP 3333), its path as it came in RAW_URI."""
    raw_path: bytes = scope["raw_path"]
    query: str = scope["query_string"].decode("latin-1")
    prefix: str = scope.get("root_path", "") or os.environ.get("SCRIPT_NAME", "")
    host, port = scope.get("server") or ("localhost", 80)
    found: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": prefix,
        "PATH_INFO": unquote_to_bytes(_without_origin(raw_path)).decode("latin-1").removeprefix(prefix),
        "QUERY_STRING": query,
        "RAW_URI": raw_path.decode("latin-1") + ("?" + query if query else ""),
        "SERVER_PROTOCOL": "HTTP/" + scope["http_version"],
        "SERVER_NAME": str(host),
        "SERVER_PORT": str(port or 0),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": body,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for ours in (PASSED, SEEN):
        if ours in scope:
            found[ours] = scope[ours]
    if scope.get("client"):
        found["REMOTE_ADDR"] = scope["client"][0]
        found["REMOTE_PORT"] = str(scope["client"][1])
    for name, value in scope["headers"]:
        text = name.decode("latin-1").upper().replace("-", "_")
        key = text if text in ("CONTENT_TYPE", "CONTENT_LENGTH") else "HTTP_" + text
        given = value.decode("latin-1")
        found[key] = f"{found[key]},{given}" if key in found else given
    return found


def _without_origin(raw_path: bytes) -> bytes:
    """The path of a request line that names the whole URL."""
    if raw_path.startswith(b"/"):
        return raw_path
    _, _, rest = raw_path.partition(b"://")
    return b"/" + rest.partition(b"/")[2] if rest else raw_path
