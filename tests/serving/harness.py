"""A gateway in an event loop of its own, asked as gunicorn would; and the same request put to Flask alone."""

import asyncio
import io
import re
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any
from urllib.parse import unquote_to_bytes

from flask import Flask
from werkzeug.test import run_wsgi_app

from leaderboard.config import Settings
from leaderboard.services import Services
from leaderboard.serving.gateway import Gateway

SECONDS = 20
_REQUEST_ID = re.compile(rb'"request_id":"[^"]*"')
Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Ask:
    """A request as it comes over the wire."""

    method: str
    target: str  # path and query, percent-encoded or not, as the request line has it
    headers: Headers = ()
    body: bytes = b""

    def plus(self, *headers: tuple[str, str]) -> "Ask":
        return replace(self, headers=self.headers + headers)

    @property
    def scope(self) -> dict[str, Any]:
        """As gunicorn's ASGI worker spells it."""
        raw_path, _, query = self.target.encode("latin-1").partition(b"?")
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": self.method,
            "scheme": "http",
            "path": unquote_to_bytes(raw_path).decode("utf-8", "replace"),
            "raw_path": raw_path,
            "query_string": query,
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in self._sent()],
            "server": ("localhost", 80),
            "client": ("127.0.0.1", 12345),
        }

    @property
    def environ(self) -> dict[str, Any]:
        """As a WSGI server spells it, built independently of `bridge.environ`."""
        path, _, query = self.target.partition("?")
        path = re.sub("^http://[^/]*", "", path)
        found: dict[str, Any] = {
            "REQUEST_METHOD": self.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path.encode("latin-1")).decode("latin-1"),
            "QUERY_STRING": query,
            "RAW_URI": self.target,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.url_scheme": "http",
            "wsgi.input_terminated": True,
        }
        for name, value in self._sent():
            key = name.upper().replace("-", "_")
            key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else "HTTP_" + key
            found[key] = f"{found[key]},{value}" if key in found else value
        return found

    def _sent(self) -> Headers:
        framed = any(name.lower() in ("content-length", "transfer-encoding") for name, _ in self.headers)
        length = (
            () if framed or not (self.body or self.method == "POST") else (("Content-Length", str(len(self.body))),)
        )
        return (("Host", "localhost"), *self.headers, *length)


@dataclass(frozen=True)
class Answered:
    """What went out."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def same(self) -> tuple[int, dict[str, str], bytes]:
        """What must not depend on the way."""
        headers = {name: value for name, value in self.headers.items() if name not in ("x-request-id", "date")}
        return self.status, headers, _REQUEST_ID.sub(b'"request_id":""', self.body)


class Loop:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(lambda _loop, context: self.complaints.append(context))
        self.complaints: list[dict[str, Any]] = []
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self.start(coroutine).result(SECONDS)

    def start(self, coroutine: Coroutine[Any, Any, Any]) -> "Future[Any]":
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    def do(self, action: Callable[..., Any], *args: Any) -> Any:
        """Calls a plain function in the loop."""

        async def act() -> Any:
            return action(*args)

        return self.run(act())

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(SECONDS)
        self.loop.close()


@dataclass
class Client:
    """One end of a connection: what it sends, when it goes away, and what has come back."""

    incoming: list[dict[str, Any]]
    sent: list[dict[str, Any]] = field(default_factory=list)
    before_send: Callable[[dict[str, Any]], Coroutine[Any, Any, None]] | None = None
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def receive(self) -> dict[str, Any]:
        if not self.incoming:
            await self.gone.wait()
        elif self.incoming[0]["type"] != "http.disconnect":
            return self.incoming.pop(0)
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        if self.before_send is not None:
            await self.before_send(message)
        self.sent.append(message)

    @property
    def answer(self) -> Answered:
        start, *parts = self.sent
        assert start["type"] == "http.response.start"
        assert [part.get("more_body", False) for part in parts] == [True] * (len(parts) - 1) + [False]
        pairs = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in start["headers"]]
        assert len(dict(pairs)) == len(pairs), "a header came twice"
        return Answered(start["status"], dict(pairs), b"".join(part.get("body", b"") for part in parts))


def messages(body: bytes, cuts: Sequence[int] = ()) -> list[dict[str, Any]]:
    """A body as messages, cut at some places."""
    edges = [0, *sorted(cuts), len(body)]
    pieces = [body[start:end] for start, end in pairwise(edges)]
    return [
        {"type": "http.request", "body": piece, "more_body": number < len(pieces) - 1}
        for number, piece in enumerate(pieces)
    ]


class _Configured:
    """A Flask app whose services have other settings."""

    def __init__(self, app: Flask, services: Services) -> None:
        self.extensions = {"leaderboard": services}
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        return self._app(environ, start_response)


class Gate:
    """A gateway over an app; `short` has the requests that were answered the short way."""

    def __init__(self, app: Flask, **settings: Any) -> None:
        self.app = app
        services: Services = app.extensions["leaderboard"]
        changed: Settings = replace(services.settings, **settings)
        self.services = replace(services, settings=changed)
        self.thread = Loop()
        self.gateway: Gateway = self.thread.do(self._open)
        self.long: list[str] = []  # targets of what went the long way
        bridge = self.gateway._bridge

        async def watched(scope: Any, receive: Any, send: Any, *more: Any) -> None:
            self.long.append(f"{scope['method']} {scope['raw_path'].decode('latin-1')}")
            await bridge(scope, receive, send, *more)

        watched.close = bridge.close  # type: ignore[attr-defined]
        watched.run, watched.close = bridge.run, bridge.close  # type: ignore[attr-defined]
        self.gateway._bridge = watched  # type: ignore[assignment]

    def _open(self) -> Gateway:
        return Gateway(_Configured(self.app, self.services), asyncio.get_running_loop())

    def ask(self, ask: Ask, cuts: Sequence[int] = ()) -> Answered:
        client = Client(messages(ask.body, cuts))
        self.thread.run(self.gateway(ask.scope, client.receive, client.send))
        return client.answer

    def ask_all(self, asks: Sequence[Ask]) -> list[Answered]:
        """At the same moment."""
        clients = [Client(messages(ask.body)) for ask in asks]

        async def act() -> None:
            calls = [
                self.gateway(ask.scope, client.receive, client.send) for ask, client in zip(asks, clients, strict=True)
            ]
            await asyncio.gather(*calls)

        self.thread.run(act())
        return [client.answer for client in clients]

    def start(self, ask: Ask, client: Client | None = None) -> "tuple[Future[Any], Client]":
        """Begins a request; its answer is with the client when the future is done."""
        client = client or Client(messages(ask.body))
        return self.thread.start(self.gateway(ask.scope, client.receive, client.send)), client

    def flask(self, ask: Ask) -> Answered:
        """The same request, put to Flask alone."""
        environ = {**ask.environ, "wsgi.input": io.BytesIO(ask.body), "wsgi.errors": io.StringIO()}
        pieces, status, headers = run_wsgi_app(self.app, environ, buffered=True)
        pairs = [(name.lower(), value) for name, value in headers.items()]
        assert len(dict(pairs)) == len(pairs)
        return Answered(int(status[:3]), dict(pairs), b"".join(pieces))

    def close(self) -> None:
        self.thread.run(self.gateway.close())
        self.thread.close()
