"""gunicorn's event-loop worker, with what the service needs beside it.

Its own errors (a request line too long, broken headers) are problem+json as well; connections are spread over the
workers; and a worker that ends closes those that are idle rather than wait for them.
"""

import asyncio
import errno
import gc
import json
import os
import secrets
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import gunicorn_h1c
from gunicorn.asgi.protocol import ASGIProtocol
from gunicorn.workers.gasgi import ASGIWorker

from leaderboard import tracing
from leaderboard.api.replies import UNEXPECTED
from leaderboard.errors import TooSlow
from leaderboard.serving.gateway import Gateway

_MOMENT_SECONDS = 0.00005
_BEAT_SECONDS = 1.0
_TICK_SECONDS = 0.05
_PAUSE_SECONDS = 0.2
_TOO_MANY = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_HEADER_SECONDS = 10.0  # for the first request of a connection; for a further one it is gunicorn's keepalive
_READING_SECONDS = 30.0  # within which a client takes some of an answer that does not fit into the socket
_DETAILS = {408: TooSlow().detail, 500: UNEXPECTED}
_ENDINGS = (signal.SIGTERM, signal.SIGQUIT)


class Parser(gunicorn_h1c.H1CProtocol):  # type: ignore[misc]
    """The C parser, which of what comes after a request keeps only 64 KiB.

    A client may send its next request as soon as it has the answer, before the connection has taken note that it went
    out. So that is kept here, and given back with what is left.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._early = b""

    def feed(self, data: bytes) -> Any:
        if self.is_complete:
            self._early += data
            return None
        return super().feed(data)

    def remaining(self) -> bytes:
        """What came after the request."""
        return bytes(super().remaining()) + self._early

    def reset(self) -> None:
        """Begins a request, without what is left."""
        self._early = b""
        super().reset()

    @property
    def is_early(self) -> bool:
        """Whether the next request has begun."""
        return bool(self._early)


# Where the base class looks for its C parser, and for what that can do.
ASGIProtocol._check_h1c_protocol_available()  # noqa: SLF001
ASGIProtocol._h1c_protocol_class = Parser  # noqa: SLF001


class Protocol(ASGIProtocol):  # type: ignore[misc]
    """One connection. What the app never sees is answered in the shape of what it does see."""

    def connection_made(self, transport: Any) -> None:
        self.worker.peers.add(self)
        self._impatience: asyncio.TimerHandle | None = None
        super().connection_made(transport)
        self._wait_at_most(_HEADER_SECONDS, self._give_up_first)

    def connection_lost(self, exc: Exception | None) -> None:
        self.worker.peers.discard(self)
        self._wait_no_more()
        super().connection_lost(exc)
        if self._flow_control is not None:  # a thread that streams an answer would wait for ever to go on
            self._flow_control.resume_writing()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._wait_at_most(_READING_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        self._wait_no_more()
        super().resume_writing()

    def _wait_at_most(self, seconds: float, otherwise: Callable[[], None]) -> None:
        self._wait_no_more()
        self._impatience = self.worker.loop.call_later(seconds, otherwise)

    def _wait_no_more(self) -> None:
        if self._impatience is not None:
            self._impatience.cancel()
            self._impatience = None

    def _give_up_first(self) -> None:
        if self._awaiting_request and self.req_count <= 1:
            self._send_error_response(408, "")
            self._keepalive_timeout()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if getattr(self._callback_parser, "is_early", False):
            self._pause_reading()  # until the connection has come to it

    def close_if_idle(self) -> None:
        """Ends the connection unless a request is being answered."""
        if self._awaiting_request:
            self._keepalive_timeout()

    def _send_error_response(self, status: int, _message: str, extra_headers: Any = ()) -> None:
        code = {408: "request_timeout", 500: "internal_error"}.get(status, "malformed_request")
        title = HTTPStatus(status).phrase
        problem = {
            "type": f"urn:leaderboard:problem:{code}",
            "title": title,
            "status": status,
            "detail": _DETAILS.get(status, "The server could not read this as an HTTP request it takes."),
            "code": code,
            "request_id": secrets.token_hex(8),
        }
        body = json.dumps(problem).encode()
        head = [
            f"HTTP/1.1 {status} {title}",
            "Connection: close",
            "Content-Type: application/problem+json",
            f"X-Request-ID: {problem['request_id']}",
            f"Content-Length: {len(body)}",
            *(f"{name}: {value}" for name, value in extra_headers),
        ]
        self._safe_write("\r\n".join([*head, "", ""]).encode("latin-1") + body)


class Door:
    """Takes the connections of a listening socket, one at a time.

    All workers wake for a connection, and one that is quick would take every one of a burst. Whoever has some lets the
    others go first, for a moment that costs a connection less than its first request does.
    """

    def __init__(self, worker: "Worker", listener: socket.socket, ssl: Any) -> None:
        self._worker = worker
        self._listener = listener
        self._ssl = ssl
        self._opening: set[asyncio.Task[Any]] = set()
        self._is_closed = False
        listener.setblocking(False)  # noqa: FBT003 - the standard library's way
        self._open_up()

    def _open_up(self) -> None:
        if not self._is_closed:
            self._worker.loop.add_reader(self._listener.fileno(), self._accept)

    def close(self) -> None:
        """Takes no more."""
        self._is_closed = True
        self._worker.loop.remove_reader(self._listener.fileno())

    async def wait_closed(self) -> None:
        """Waits for those that were just taken."""
        if self._opening:
            await asyncio.wait(self._opening)

    def _pause(self) -> None:
        self._worker.loop.remove_reader(self._listener.fileno())
        self._worker.loop.call_later(_PAUSE_SECONDS, self._open_up)

    def _accept(self) -> None:
        if self._worker.nr_conns >= self._worker.worker_connections:
            self._pause()  # the others wait in the kernel's queue, or find another worker
            return
        if self._worker.nr_conns:
            time.sleep(_MOMENT_SECONDS * min(self._worker.nr_conns, 4))
        try:
            connection, _ = self._listener.accept()
        except OSError as error:
            if error.errno in _TOO_MANY:  # the listener stays readable, and looking at once would take all of a core
                self._pause()
            return  # or another worker was first, or the client is gone
        connection.setblocking(False)  # noqa: FBT003
        if connection.family != socket.AF_UNIX:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opening = self._worker.loop.create_task(self._open(connection))
        self._opening.add(opening)
        opening.add_done_callback(self._opening.discard)

    async def _open(self, connection: socket.socket) -> None:
        try:
            await self._worker.loop.connect_accepted_socket(lambda: Protocol(self._worker), connection, ssl=self._ssl)
        except OSError:
            connection.close()


class Worker(ASGIWorker):  # type: ignore[misc]
    """Serves a Flask app that has the services in its `extensions`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.peers: set[Protocol] = set()
        self.drain_seconds = 0.0
        self._ending = asyncio.Event()

    def load_wsgi(self) -> None:
        self.wsgi = self.app.wsgi()
        settings = self.wsgi.extensions["leaderboard"].settings
        tracing.begin(settings, "web")
        self.asgi = Gateway(self.wsgi, self.loop)
        self.drain_seconds = settings.drain_seconds
        # What is there by now stays; to look through all of it would stop the worker for 40 ms each time.
        gc.collect()
        gc.freeze()

    def init_signals(self) -> None:
        super().init_signals()
        for number in _ENDINGS:  # until the loop runs, it would lose them
            signal.signal(number, lambda *_: self._end_soon())

    def _end_soon(self) -> None:
        self.alive = False

    async def _serve(self) -> None:
        self.loop.add_signal_handler(signal.SIGTERM, self.handle_exit_signal)
        self.loop.add_signal_handler(signal.SIGQUIT, self.handle_quit_signal)
        ssl = self._get_ssl_context()
        self.servers = [Door(self, listener.sock, ssl) for listener in self.sockets]
        while self.alive and self.ppid == os.getppid():
            self.notify()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), _BEAT_SECONDS)
        await self._say_so()
        self.asgi.send_away()
        for door in self.servers:
            door.close()
        for peer in list(self.peers):
            peer.close_if_idle()
        await self._shutdown()
        await self.asgi.close()
        tracing.end()

    async def _say_so(self) -> None:
        """Answers on for a moment, but on `/readyz` that others are to be asked."""
        self.asgi.is_ending = True
        end = self.loop.time() + self.drain_seconds
        while self.loop.time() < end and not self._quick_shutdown:
            self.notify()
            await asyncio.sleep(min(_TICK_SECONDS, self.drain_seconds))

    def handle_exit_signal(self) -> None:
        super().handle_exit_signal()
        self._ending.set()

    def handle_quit_signal(self) -> None:
        super().handle_quit_signal()
        self._ending.set()
