"""Limits on the short way: the loop decides by what it knows, and threads ask the store, for many requests at once."""

import asyncio
from collections.abc import Awaitable, Sequence

from leaderboard.api.replies import Reply, problem_of
from leaderboard.limits.admission import Candidate, admit, stand
from leaderboard.limits.keeper import Keeper, Limit, key_reads
from leaderboard.limits.standing import Standing
from leaderboard.serving.combining import Combiner
from leaderboard.serving.hot import Hot

_MOST_TOGETHER = 1024
_MOST_WAITING = 4096
_PATIENCE_SECONDS = 0.25  # with the store; then the worker decides by itself


class Limiting:
    """The limits of one worker's event loop."""

    def __init__(self, keeper: Keeper, loop: asyncio.AbstractEventLoop) -> None:
        self._keeper = keeper
        self._asks: Combiner[Limit, Standing | None] = Combiner(
            loop, self._ask, "limits", _MOST_TOGETHER, limit=_MOST_WAITING
        )

    def check_read(self, hot: Hot) -> "Reply | Awaitable[Reply | None] | None":
        """The refusal of a read, there or to come; None where it may go on."""
        rule = hot.rules.key_reads
        if rule is None:
            return None
        limit = key_reads(hot.call.identity.key_id, rule)
        grant = self._keeper.decide(limit)
        if grant is None:
            return self._wait(hot, limit)
        return _noted(hot, grant.standing if grant.granted else grant.refused)

    def check_submissions(self, asked: Sequence[tuple[Hot, str]]) -> list[Reply | None]:
        """The refusals of submissions of some players, None for those that go on. Asks the store."""
        if not any(hot.rules.limits_submissions for hot, _ in asked):
            return [None] * len(asked)
        standings = admit(self._keeper, [Candidate(hot.call.game, hot.rules, player) for hot, player in asked])
        return [_noted(hot, standing) for (hot, _), standing in zip(asked, standings, strict=True)]

    def close(self) -> None:
        """Waits for what was asked."""
        self._asks.close()

    async def _wait(self, hot: Hot, limit: Limit) -> Reply | None:
        if not self._asks.is_full:
            coming = self._asks.put(limit)
            await asyncio.wait({coming}, timeout=_PATIENCE_SECONDS)
            if coming.done():
                return _noted(hot, coming.result())
        grant = self._keeper.decide_alone(limit)
        return _noted(hot, grant.standing if grant.granted else grant.refused)

    def _ask(self, limits: Sequence[Limit]) -> list[Standing | None]:
        return stand(self._keeper.take, limits)


def _noted(hot: Hot, standing: Standing | None) -> Reply | None:
    """The refusal, where it is one; else the answer will tell the standing."""
    if standing is not None and standing.is_refused:
        return problem_of(standing.error, hot.request_id)
    hot.standing = standing
    return None
