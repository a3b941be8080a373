"""The short way for the requests there are most of: single submissions, tops, players, ranks.

It answers what is plainly right and goes as expected, by the same views as Flask does; everything else (an odd path or
body, an unknown key, a stale board, any refusal) it leaves, having changed nothing, to the long way, which says what is
wrong. Requests of the same moment share script calls and round trips.
"""

import asyncio
import re
from collections.abc import Awaitable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote_to_bytes

from leaderboard import tracing
from leaderboard.api import bulk, rankings, scores, views
from leaderboard.api.operations import BODY_BYTES, Call, Operation
from leaderboard.api.replies import Answer, Found, Reply, reply_of
from leaderboard.boards import items
from leaderboard.boards.together import Order, Outcome
from leaderboard.boards.windows import Window
from leaderboard.errors import BoardsChanged, LeaderboardError, Overloaded, StoreUnavailable
from leaderboard.fields import check_player
from leaderboard.live.following import Following
from leaderboard.metrics import SEEN, Seen
from leaderboard.services import Services
from leaderboard.serving.bridge import Scope
from leaderboard.serving.combining import Combiner
from leaderboard.serving.hot import Hot, headers_of, query_of, request_id_of
from leaderboard.serving.limiting import Limiting
from leaderboard.serving.tops import Key, Tops
from leaderboard.store.steps import Steps, finish_together

_PREFIX = b"/v1/boards/"
_MOST_TOGETHER = 64
_MOST_WAITING = 4096  # of either kind; beyond it is better to say so at once
_PLAIN_QUERY = re.compile(rb"[A-Za-z0-9_=&.,:-]*")
_READS = {
    b"top": "/boards/{board}/top",
    b"rank": "/boards/{board}/rank",
    b"players": "/boards/{board}/players/{player}",
}


def _operation(method: str, path: str) -> Operation:
    known = [*rankings.OPERATIONS, *scores.OPERATIONS]
    return next(one for one in known if (one.method, one.path) == (method, path))


_SUBMIT = _operation("POST", "/boards/{board}/scores")
_OPERATIONS = {name: _operation("GET", path) for name, path in _READS.items()}


@dataclass(slots=True)
class _Submit:
    hot: Hot
    order: Order

    @property
    def seen(self) -> Seen | None:
        """As the request is told of."""
        return self.hot.seen


@dataclass(frozen=True, slots=True)
class Taken:
    """A request that goes the short way, and its reply, there or to come; None sends it the long way after all."""

    hot: Hot
    found: Found | Awaitable[Found]


@dataclass(frozen=True, slots=True)
class UnknownKey:
    """A request that may go the short way once its key and its limits are looked up, which is no work for the loop."""

    services: Services
    key: str

    def look_up(self) -> None:
        """To be called in a thread that may wait."""
        with suppress(LeaderboardError):
            self.services.limits.of(self.services.access.identify(self.key).game)


class Lane:
    """The short way of one worker."""

    def __init__(self, services: Services, loop: asyncio.AbstractEventLoop) -> None:
        self._services = services
        is_for_all = _is_never if services.store.is_spread else _is_away
        self._reads: Combiner[Hot, Found] = Combiner(
            loop, self._read, "reads", _MOST_TOGETHER, is_for_all=is_for_all, limit=_MOST_WAITING
        )
        self._writes: Combiner[_Submit, Found] = Combiner(
            loop, self._write, "writes", _MOST_TOGETHER, is_for_all=is_for_all, limit=_MOST_WAITING
        )
        staleness = services.settings.read_staleness_ms / 1000
        self.tops = Tops(staleness, loop.time)
        self._keeps_tops = staleness > 0
        self._limiting = Limiting(services.keeper, loop)
        self.answered = 0  # requests that went this way to their end

    def take(self, scope: Scope, body: bytes | None) -> "Taken | UnknownKey | None":
        """How a request is answered; None where it has to go the long way.

        `body`: all of it, or None where it is not there yet.
        """
        raw_path: bytes = scope["raw_path"]
        if not raw_path.startswith(_PREFIX):
            return None
        board, _, rest = raw_path[len(_PREFIX) :].partition(b"/")
        kind, slash, player = rest.partition(b"/")
        try:
            if scope["method"] == "GET" and kind in _OPERATIONS and bool(slash) == bool(player) == (kind == b"players"):
                hot = self._hot(scope, _OPERATIONS[kind], board, player)
                return self._answer_read(hot, raw_path, is_top=kind == b"top") if isinstance(hot, Hot) else hot
            if scope["method"] == "POST" and rest == b"scores" and body is not None:
                hot = self._hot(scope, _SUBMIT, board, b"")
                return self._answer_submit(hot, body) if isinstance(hot, Hot) else hot
        except (LeaderboardError, ValueError):
            pass
        return None

    def figures(self) -> dict[tuple[str, str], float]:
        """What became of requests since the worker began, as `Meters` takes it."""
        found: dict[tuple[str, str], float] = {("ways", "short"): self.answered}
        for kind, combiner in (("read", self._reads), ("write", self._writes)):
            found |= {("jobs", kind): combiner.jobs, ("batches", kind): combiner.batches}
        return found

    def close(self) -> None:
        """Waits for what was taken."""
        self._limiting.close()
        self._reads.close()
        self._writes.close()

    def _answer_read(self, hot: Hot, raw_path: bytes, *, is_top: bool) -> "Taken":
        refusal = self._limiting.check_read(hot)
        if refusal is None or isinstance(refusal, Reply):
            return Taken(hot, refusal or self._reading(hot, raw_path, is_top=is_top))
        return Taken(hot, self._reading_after(refusal, hot, raw_path, is_top=is_top))

    async def _reading_after(
        self, coming: Awaitable[Reply | None], hot: Hot, raw_path: bytes, *, is_top: bool
    ) -> Found:
        refusal = await coming
        if refusal is not None:
            return refusal
        found = self._reading(hot, raw_path, is_top=is_top)
        return await found if isinstance(found, Awaitable) else found

    def _reading(self, hot: Hot, raw_path: bytes, *, is_top: bool) -> Found | Awaitable[Found]:
        try:
            return self._ask_for_top(hot, raw_path) if is_top and self._keeps_tops else self._ask(hot)
        except (LeaderboardError, ValueError):
            return None

    def _ask_for_top(self, hot: Hot, raw_path: bytes) -> Found | Awaitable[Found]:
        key = hot.call.game, raw_path, hot.query, hot.board.rev
        if b"no-cache" in hot.headers.get(b"cache-control", b"").lower():
            return self._built_for(hot, key, _true_until(hot.call))
        kept = self.tops.get(key, hot.call.now)
        if kept is None:
            return self.tops.wait(key, _true_until(hot.call), lambda: self._ask(hot))
        if self.tops.is_due(key):
            self.tops.refresh(key, _true_until(hot.call), lambda: self._ask(hot))
        return kept

    def _ask(self, hot: Hot) -> Awaitable[Found]:
        if not self._reads.is_full:
            return self._reads.put(hot)
        refused: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
        refused.set_result(Overloaded())
        return refused

    async def _built_for(self, hot: Hot, key: Key, ends: datetime | None) -> Found:
        """The answer as it is now, which whoever may have an older one then gets as well."""
        began = self.tops.now()
        found = await self._ask(hot)
        if isinstance(found, Reply):
            self.tops.keep(key, found, ends, began)
        return found

    def _answer_submit(self, hot: Hot, body: bytes) -> "Taken | None":
        submit = self._submit(hot, body)
        if submit is None:
            return None
        return Taken(hot, Overloaded() if self._writes.is_full else self._writes.put(submit))

    def _hot(self, scope: Scope, operation: Operation, board: bytes, player: bytes) -> "Hot | UnknownKey | None":
        """The request as the views take it. Raises LeaderboardError, ValueError."""
        headers = headers_of(scope)
        query: bytes = scope["query_string"]
        if headers is None or _PLAIN_QUERY.fullmatch(query) is None or b"%" in board:
            return None
        scheme, _, key = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        if scheme != "Bearer" or not key:
            return None
        identity = self._services.access.known(key)
        rules = None if identity is None else self._services.limits.known(identity.game)
        if identity is None or rules is None:
            return UnknownKey(self._services, key)
        found = self._services.registry.known(identity.game, board.decode("ascii"))
        if found is None:
            return None
        path = {"board": found.name}
        if player:
            path["player"] = unquote_to_bytes(player).decode()
            check_player(path["player"])
        asked = query_of(operation.query, query)
        call = Call(self._services, identity, self._services.clock(), None, asked, path, found)
        request_id = request_id_of(headers)
        return Hot(operation, call, found, scope["path"], query, headers, request_id, rules, scope.get(SEEN))

    def _submit(self, hot: Hot, body: bytes) -> _Submit | None:
        headers, call = hot.headers, hot.call
        if not scores.may_write(call, hot.board):
            return None
        if headers.get(b"content-type") != b"application/json" or b"content-encoding" in headers:
            return None
        submission = items.read_plain_submission(body) if len(body) <= BODY_BYTES else None
        if submission is None or (submission.metadata is not None and not hot.board.keeps_metadata):
            return None
        marking = None
        if b"idempotency-key" in headers:
            asked = bulk.Asked(call.identity.key_id, "POST", hot.target, hot.query)
            key = headers[b"idempotency-key"].decode("latin-1")
            marking = bulk.marking_of(asked, key, "application/json", body, self._services.plans.lifetime_ms)
        ranks = scores.ranks_of(call.query.get("ranks"), hot.board)
        return _Submit(hot, Order(hot.board, submission, ranks, call.is_client, marking))

    def _write(self, submits: Sequence[_Submit]) -> list[Found]:
        with tracing.together("writes", submits):
            return self._written(submits)

    def _written(self, submits: Sequence[_Submit]) -> list[Found]:
        refusals = self._limiting.check_submissions([(one.hot, one.order.submission.player) for one in submits])
        going = [one for one, refusal in zip(submits, refusals, strict=True) if refusal is None]
        results = self._services.together.submit([one.order for one in going], self._services.clock())
        replies = iter(_submitted(one, result) for one, result in zip(going, results, strict=True))
        return [next(replies) if refusal is None else refusal for refusal in refusals]

    def _read(self, hots: Sequence[Hot]) -> list[Found]:
        # All of them are here before the first is read, so who asks the same may have the same: as of the latest of
        # these, so that nobody gets a period that was over when they asked.
        latest = sorted(hots, key=lambda one: one.call.now)
        asked = {(one.call.game, one.target, one.query): one for one in latest}
        with tracing.together("reads", hots):
            found = finish_together(self._services.store, [_steps(one) for one in asked.values()])
        made = {key: _found(one, answer) for (key, one), answer in zip(asked.items(), found, strict=True)}
        return [made[one.call.game, one.target, one.query] for one in hots]


def _submitted(submit: _Submit, result: Outcome) -> Found:
    if result is None or isinstance(result, Exception):
        return result
    answer = Answer(scores.submit_document(submit.order.submission, result))
    return reply_of(answer, "POST", submit.hot.target, submit.hot.query)


def _found(hot: Hot, answer: Answer | Exception) -> Found:
    if isinstance(answer, Answer):
        return reply_of(answer, "GET", hot.target, hot.query)
    if isinstance(answer, StoreUnavailable) and not isinstance(answer, BoardsChanged):
        return answer
    return None  # a read may be made once more, and be told of as it should


def _steps(hot: Hot) -> Steps[Answer]:
    made = hot.operation.view(hot.call)
    assert not isinstance(made, Following)  # noqa: S101 - no such operation goes the short way
    return (yield from made) if isinstance(made, Generator) else made


def _true_until(call: Call) -> datetime | None:
    """When the same question has another answer, whatever is submitted: at the end of a period. Raises InvalidInput."""
    view = views.view_of(call)
    period = view.period.as_of if isinstance(view.period, Window) else view.period
    current = view.board.calendar.containing(period.name, call.now)
    return min((one.end for one in (period, current) if one.end is not None and one.end > call.now), default=None)


def _is_away(found: Found) -> bool:
    return isinstance(found, StoreUnavailable)


def _is_never(_found: Found) -> bool:
    return False
