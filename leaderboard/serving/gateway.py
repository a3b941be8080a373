"""The service as one ASGI app."""

from typing import Any

from leaderboard.serving.bridge import Bridge, Receive, Scope, Send

_WITHOUT_BODY = ("GET", "HEAD")


class Gateway:
    """Takes every request of a worker."""

    def __init__(self, app: Any, threads: int) -> None:
        self._bridge = Bridge(app, threads)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
            return
        first = None
        if not _holds_back(scope):
            first = await receive()  # mostly it is all of the body, and there already
        await self._bridge(scope, receive, send, first)

    def close(self) -> None:
        """Waits for the requests that run."""
        self._bridge.close()


def _holds_back(scope: Scope) -> bool:
    """Whether the client sends no body before it is asked to, or none at all."""
    return scope["method"] in _WITHOUT_BODY or any(name == b"expect" for name, _ in scope["headers"])
