"""The service as one ASGI app: the short way first, then Flask."""

import asyncio
from collections.abc import Awaitable
from time import perf_counter
from typing import Any

import structlog

from leaderboard import tracing
from leaderboard.api.limiting import PASSED
from leaderboard.api.replies import UNEXPECTED, Found, Reply, problem, problem_of
from leaderboard.errors import LeaderboardError, NotReady, Overloaded, TooSlow, Unavailable
from leaderboard.live.listeners import Subscription
from leaderboard.metrics import SEEN, Meters, Requests, Seen
from leaderboard.serving.bridge import ACTION_THREADS, Bridge, Message, Receive, Scope, Send, is_probe
from leaderboard.serving.hot import Hot, headers_of, request_id_of
from leaderboard.serving.intake import Intake, Turns, hurried
from leaderboard.serving.lane import Lane, Taken, UnknownKey

_log = structlog.get_logger(__name__)
_REPORT_SECONDS = 1.0
_SLACK_BYTES = 64 * 1024  # that packing may add to a body
_MOST_HELD = 16  # of the longest bodies, at the same time
_OUTCOMES = ("hits", "misses", "waits", "early", "stale")
_NOSNIFF = (b"x-content-type-options", b"nosniff")


class Gateway:
    """Takes every request of a worker."""

    def __init__(self, app: Any, loop: asyncio.AbstractEventLoop) -> None:
        """`app`: Flask's, with the services in its `extensions`."""
        services = app.extensions["leaderboard"]
        self.lane = Lane(services, loop)
        settings = services.settings
        self.is_ending = False  # then nobody is to send it more, see `/readyz`
        self._bridge = Bridge(app, settings.threads)
        self._turns = Turns(settings.threads, settings.queue_size, settings.queue_seconds)
        self._look_ups = Turns(ACTION_THREADS, settings.queue_size, settings.queue_seconds)
        self._intake = Intake(settings.max_body_bytes + _SLACK_BYTES, _MOST_HELD * settings.max_body_bytes)
        self._cache = services.cache
        self._keeper = services.keeper
        self._hub = services.live.hub(loop)
        self._loop = loop
        self._long = 0  # requests that Flask answered
        self._requests = Requests()
        self._refusals = {Overloaded.code: 0, TooSlow.code: 0}
        self._meters = Meters()
        self._due = loop.time() + _REPORT_SECONDS
        self._timer = loop.call_at(self._due, self._report)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
            return
        began = perf_counter()
        scope[SEEN] = seen = Seen(scope["method"])
        if tracing.is_on():
            tracing.begin_request(seen, scope["headers"])
        try:
            first = await receive()  # mostly it is all of the body, and there already
            if not first.get("more_body"):
                followed = await self._answer(scope, receive, send, first)
            else:
                followed = await self._answer_longer(scope, receive, send, first)
            if followed is not None:
                await self._follow(followed, receive, send)
        except (Overloaded, TooSlow) as error:
            self._refusals[error.code] += 1
            await _refuse(error, scope, send)
        finally:
            self._requests.note(seen, perf_counter() - began)
            if seen.span is not None:
                tracing.end_request(seen)

    async def _answer_longer(self, scope: Scope, receive: Receive, send: Send, first: Message) -> Subscription | None:
        """The same of a request whose body comes in pieces. Raises TooSlow besides."""
        first = await self._intake.rest(first, receive)
        try:
            return await self._answer(scope, hurried(receive), send, first)
        finally:
            self._intake.release(first)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, first: Message) -> Subscription | None:
        """Answers a request whose body is in `first`, as far as it may be; what is to be followed, if it asks for that.

        Raises Overloaded.
        """
        if self.is_ending and scope["raw_path"] == b"/readyz":
            await _refuse(NotReady(), scope, send)
            return None
        body = None if first.get("more_body") else first.get("body")
        taken = self.lane.take(scope, body)
        if isinstance(taken, UnknownKey):
            await self._look_ups.take()
            await self._bridge.run(taken.look_up, self._look_ups.give_back)
            taken = self.lane.take(scope, body)
        if isinstance(taken, Taken):
            found = taken.found
            reply = found if found is None or isinstance(found, Reply) else await _reply(taken.hot, found)
            if reply is not None:
                self.lane.answered += 1
                await _send_reply(taken.hot, reply, scope[SEEN], send)
                return None
            if taken.hot.standing is not None:
                scope[PASSED] = taken.hot.standing
        self._long += 1
        send = _noting(scope[SEEN], send)
        if is_probe(scope):
            return await self._bridge(scope, receive, send, first)
        await self._turns.take()
        return await self._bridge(scope, receive, send, first, self._turns.give_back)

    async def _follow(self, subscription: Subscription, receive: Receive, send: Send) -> None:
        """Sends events until the client or the board is gone."""
        ready = asyncio.Event()
        listener = self._hub.join(subscription, ready.set)
        gone = self._loop.create_task(_until_gone(receive))
        gone.add_done_callback(lambda _: listener.end())
        try:
            while not listener.is_over:
                await ready.wait()
                ready.clear()
                await send({"type": "http.response.body", "body": listener.take(), "more_body": True})
        finally:
            gone.cancel()
            self._hub.leave(listener)
        await send({"type": "http.response.body", "body": b""})

    def _report(self) -> None:
        lane, tops, shared = self.lane.figures(), self.lane.tops.figures, self._cache.figures
        limits = self._keeper.figures
        reads = {"memory": tops.hits, "store": tops.misses, "early": tops.early, "stale": tops.stale}
        self._meters.bring(
            {("top_reads", source): count for source, count in reads.items()}
            | {("shared_reads", name): getattr(shared, name) for name in _OUTCOMES}
            | {("top_age", ""): tops.age_seconds, ("ways", "long"): self._long}
            | {("building", ""): shared.building_seconds}
            | {("limit_refusals", name): count for name, count in limits.refusals.items()}
            | {("limit_asks", ""): limits.asked, ("limit_alone", ""): limits.alone}
            | {("refusals", reason): count for reason, count in self._refusals.items()}
            | {("streams_begun", ""): self._hub.figures.joined, ("streams_told", ""): self._hub.figures.told}
            | lane
        )
        self._meters.bring_requests(self._requests)
        self._show()
        self._due = self._loop.time() + _REPORT_SECONDS
        self._timer = self._loop.call_at(self._due, self._report)

    def _show(self) -> None:
        self._meters.show("workers", 1)
        self._meters.show("waiting", self._turns.length)
        self._meters.show("streams", self._hub.figures.listeners)
        self._meters.show("lag", self._loop.time() - self._due)

    def send_away(self) -> None:
        """Ends the streams, whose listeners come back to another worker."""
        self._hub.end()

    async def close(self) -> None:
        """Waits for the requests that run."""
        self._timer.cancel()
        await self._hub.close()
        self.lane.close()
        self._bridge.close()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _reply(hot: Hot, coming: Exception | Awaitable[Found]) -> Reply | None:
    try:
        found = coming if isinstance(coming, Exception) else await coming
    except Exception as error:  # noqa: BLE001 - told as every other
        found = error
    if not isinstance(found, Exception):
        return found
    if isinstance(found, Unavailable):
        _log.warning("unavailable", detail=found.detail, cause=repr(found.__cause__), request_id=hot.request_id)
        return problem_of(found, hot.request_id)
    _log.error("unexpected error", exc_info=found, request_id=hot.request_id)
    return problem(500, "internal_error", UNEXPECTED, hot.request_id)


def _noting(seen: Seen, send: Send) -> Send:
    """The same, which notes the status."""

    async def note(message: Message) -> None:
        if message["type"] == "http.response.start":
            seen.status = message["status"]
        await send(message)

    return note


async def _send_reply(hot: Hot, reply: Reply, seen: Seen, send: Send) -> None:
    if_none_match = hot.headers.get(b"if-none-match")
    if if_none_match is not None:
        reply = reply.unless(if_none_match.decode("latin-1"))
    headers = [(name.encode(), value.encode("latin-1")) for name, value in reply.headers.items()]
    if hot.standing is not None:
        headers += hot.standing.raw_headers
    headers += [(b"x-request-id", hot.request_id.encode()), _NOSNIFF]
    if reply.status != 304:
        headers.append((b"content-length", b"%d" % len(reply.body)))
    seen.route, seen.status = hot.operation.route, reply.status
    if seen.span is not None:
        seen.game = hot.call.game
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


async def _refuse(error: LeaderboardError, scope: Scope, send: Send) -> None:
    request_id = request_id_of(headers_of(scope) or {})
    reply = problem_of(error, request_id)
    headers = [(name.encode(), value.encode("latin-1")) for name, value in reply.headers.items()]
    headers += [(b"content-length", b"%d" % len(reply.body)), (b"x-request-id", request_id.encode()), _NOSNIFF]
    if isinstance(error, TooSlow):
        headers.append((b"connection", b"close"))
    scope[SEEN].status = reply.status
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
