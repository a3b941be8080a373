"""The service as one ASGI app: the short way first, then Flask."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import structlog

from leaderboard.api.replies import UNEXPECTED, Found, Reply, problem, problem_of
from leaderboard.errors import StoreUnavailable
from leaderboard.metrics import Meters
from leaderboard.serving.bridge import Bridge, Receive, Scope, Send
from leaderboard.serving.lane import Hot, Lane, Taken, UnknownKey

_WITHOUT_BODY = ("GET", "HEAD")
_log = structlog.get_logger(__name__)
_REPORT_SECONDS = 1.0
_OUTCOMES = ("hits", "misses", "waits", "early", "stale")
_NOSNIFF = (b"x-content-type-options", b"nosniff")


class Gateway:
    """Takes every request of a worker."""

    def __init__(self, app: Any, loop: asyncio.AbstractEventLoop) -> None:
        """`app`: Flask's, with the services in its `extensions`."""
        services = app.extensions["leaderboard"]
        self.lane = Lane(services, loop)
        self._bridge = Bridge(app, services.settings.threads)
        self._cache = services.cache
        self._loop = loop
        self._long = 0  # requests that Flask answered
        self._meters = Meters()
        self._timer = loop.call_later(_REPORT_SECONDS, self._report)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
            return
        first, body = None, None
        if scope["method"] not in _WITHOUT_BODY and not _holds_back(scope):
            first = await receive()  # mostly it is all of the body, and there already
            if first["type"] == "http.request" and not first.get("more_body"):
                body = first.get("body", b"")
        taken = self.lane.take(scope, body)
        if isinstance(taken, UnknownKey):
            await self._bridge.run(taken.look_up)
            taken = self.lane.take(scope, body)
        if isinstance(taken, Taken):
            found = taken.found
            reply = found if isinstance(found, Reply) else await _reply(taken.hot, found)
            if reply is not None:
                self.lane.answered += 1
                await _send_reply(taken.hot, reply, send)
                return
        self._long += 1
        await self._bridge(scope, receive, send, first)

    def _report(self) -> None:
        lane, tops, shared = self.lane.figures(), self.lane.tops.figures, self._cache.figures
        reads = {"memory": tops.hits, "store": tops.misses, "early": tops.early, "stale": tops.stale}
        self._meters.bring(
            {("top_reads", source): count for source, count in reads.items()}
            | {("shared_reads", name): getattr(shared, name) for name in _OUTCOMES}
            | {("top_age", ""): tops.age_seconds, ("ways", "long"): self._long}
            | {("building", ""): shared.building_seconds}
            | lane
        )
        self._timer = self._loop.call_later(_REPORT_SECONDS, self._report)

    def close(self) -> None:
        """Waits for the requests that run."""
        self._timer.cancel()
        self.lane.close()
        self._bridge.close()


async def _reply(hot: Hot, coming: Exception | Awaitable[Found]) -> Reply | None:
    try:
        found = coming if isinstance(coming, Exception) else await coming
    except Exception as error:  # noqa: BLE001 - told as every other
        found = error
    if not isinstance(found, Exception):
        return found
    if isinstance(found, StoreUnavailable):
        _log.warning("unavailable", detail=found.detail, cause=repr(found.__cause__), request_id=hot.request_id)
        return problem_of(found, hot.request_id)
    _log.error("unexpected error", exc_info=found, request_id=hot.request_id)
    return problem(500, "internal_error", UNEXPECTED, hot.request_id)


async def _send_reply(hot: Hot, reply: Reply, send: Send) -> None:
    if_none_match = hot.headers.get(b"if-none-match")
    if if_none_match is not None:
        reply = reply.unless(if_none_match.decode("latin-1"))
    headers = [(name.encode(), value.encode("latin-1")) for name, value in reply.headers.items()]
    headers += [(b"x-request-id", hot.request_id.encode()), _NOSNIFF]
    if reply.status != 304:
        headers.append((b"content-length", b"%d" % len(reply.body)))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


def _holds_back(scope: Scope) -> bool:
    """Whether the client sends no body before it is asked to."""
    return any(name == b"expect" for name, _ in scope["headers"])
