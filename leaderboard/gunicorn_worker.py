"""gunicorn's thread worker, whose own errors (a request line too long, broken headers) are problem+json as well."""

import json
import secrets
import time
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

_MOMENT_SECONDS = 0.00005


class Worker(ThreadWorker):  # type: ignore[misc]
    """What the app never sees is answered in the shape of what it does see."""

    def accept(self, listener: Any) -> None:
        # All workers wake for a connection, and one that is quick would take every one of a burst. Whoever has some
        # lets the others go first, for a moment that costs a connection less than its first request does.
        if self.nr_conns:
            time.sleep(_MOMENT_SECONDS * min(self.nr_conns, 4))
        super().accept(listener)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Any) -> None:
        super().handle_error(req, _ProblemSocket(client), addr, exc)


class _ProblemSocket:
    """A socket that takes gunicorn's HTML error and sends a problem instead."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def sendall(self, data: bytes) -> None:
        _, status, title = data.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
        code = "internal_error" if status == "500" else "malformed_request"
        problem = {
            "type": f"urn:leaderboard:problem:{code}",
            "title": title,
            "status": int(status),
            "detail": "The server could not read this as an HTTP request it takes.",
            "code": code,
            "request_id": secrets.token_hex(8),
        }
        body = json.dumps(problem).encode()
        head = f"HTTP/1.1 {status} {title}\r\nConnection: close\r\nContent-Type: application/problem+json\r\n"
        self._client.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode("latin-1") + body)
