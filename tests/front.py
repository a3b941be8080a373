"""The app behind the same gateway as in a worker of gunicorn, asked by tests that do not care how HTTP is spelled."""

import asyncio
import json
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from flask import Flask
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder

from leaderboard.serving.gateway import Gateway

_PIECE = 64 * 1024
_SECONDS = 60


@dataclass(frozen=True)
class Reply:
    """An answer, its numbers exact."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body, parse_float=Decimal)


class Front:
    """A gateway in an event loop of its own."""

    def __init__(self, app: Flask) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.gateway = self._run(self._open(app))

    async def _open(self, app: Flask) -> Gateway:
        return Gateway(app, asyncio.get_running_loop())

    def ask(self, builder: EnvironBuilder) -> Reply:
        """One request."""
        environ = builder.get_environ()
        return self._run(self.answer(scope_of(environ), environ["wsgi.input"].read()))

    async def answer(self, scope: dict[str, Any], body: bytes) -> Reply:
        """One request, its body in pieces as they come from a network."""
        pieces = [body[start : start + _PIECE] for start in range(0, max(1, len(body)), _PIECE)]
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            if not pieces:
                await asyncio.Event().wait()
            piece = pieces.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.gateway(scope, receive, send)
        start, *parts = sent
        headers = Headers([(name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"]])
        return Reply(start["status"], headers, b"".join(part.get("body", b"") for part in parts))

    def close(self) -> None:
        """Ends its threads."""
        self._run(self.gateway.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(_SECONDS)


def scope_of(environ: dict[str, Any]) -> dict[str, Any]:
    """A request as gunicorn's event loop passes it on."""
    raw_path = environ["REQUEST_URI"].partition("?")[0].encode("latin-1")
    headers = [
        (name.removeprefix("HTTP_").replace("_", "-").lower().encode(), str(value).encode("latin-1"))
        for name, value in environ.items()
        if name.startswith("HTTP_") or (name in ("CONTENT_TYPE", "CONTENT_LENGTH") and value not in ("", "0"))
    ]
    return {
        "type": "http",
        "http_version": "1.1",
        "method": environ["REQUEST_METHOD"],
        "scheme": "http",
        "path": environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace"),
        "raw_path": raw_path,
        "query_string": environ["QUERY_STRING"].encode("latin-1"),
        "root_path": "",
        "headers": headers,
        "server": ("localhost", 80),
        "client": ("127.0.0.1", 1),
    }
