"""Claims in the hot store: of all schedulers, one at a time runs a job.

A claim is a token under the job's key with a lifetime. Its holder renews it between two pieces of work; one that was
paused for longer than the lifetime finds that out at its next checkpoint, before it does anything more.
"""

import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from leaderboard.errors import Interrupted, StoreUnavailable
from leaderboard.store import keys
from leaderboard.store.connection import Store, as_text, translated

LIFETIME_SECONDS = 60.0

Monotonic = Callable[[], float]


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Claims:
    """How a process claims jobs; `stopping` tells whether its runs are to end at their next checkpoint."""

    store: Store
    lifetime_seconds: float = LIFETIME_SECONDS
    monotonic: Monotonic = time.monotonic
    stopping: Callable[[], bool] = _never

    def take(self, job: str) -> "Lease | None":
        """Claims the job; None if somebody else holds it. Raises StoreUnavailable."""
        key, token, at = keys.job(job), secrets.token_hex(16), self.monotonic()
        with translated():
            taken = self.store.client.set(key, token, nx=True, px=self.lifetime_ms)
        # A command whose answer was lost is sent again, and would then find its own token.
        return Lease(self, key, token, at) if taken or self.holder(job) == token else None

    def holder(self, job: str) -> str | None:
        """The token under which the job is running now, if it is. Raises StoreUnavailable."""
        with translated():
            found = self.store.client.get(keys.job(job))
        return None if found is None else as_text(found)

    @property
    def lifetime_ms(self) -> int:
        """As the store counts."""
        return int(self.lifetime_seconds * 1000)


class Lease:
    """One run's claim; to the job it is its `Run`."""

    def __init__(self, claims: Claims, key: str, token: str, at: float) -> None:
        """`at` is a time before the claim was sent, so that here it ends no later than in the store."""
        self._claims = claims
        self._key = key
        self._token = token
        self._renewed_at = at

    @property
    def token(self) -> str:
        """Names this run and no other."""
        return self._token

    def checkpoint(self) -> None:
        """Renews the claim when a third of its life is over.

        Raises Interrupted when the process is to end or the claim was lost, StoreUnavailable when that is not known.
        """
        if self._claims.stopping():
            raise Interrupted("The scheduler is ending.")
        now, lifetime = self._claims.monotonic(), self._claims.lifetime_seconds
        if now - self._renewed_at < lifetime / 3:
            return
        if now - self._renewed_at >= lifetime or not self._renew():
            raise Interrupted("The claim was lost: the run took too long between two pieces of work.")
        self._renewed_at = now

    def release(self) -> None:
        """Gives the claim back, if it is still held; if the store is away it ends by itself."""
        with suppress(StoreUnavailable):
            self._claims.store.run("release", [self._key], [self._token])

    def _renew(self) -> bool:
        return bool(self._claims.store.run("renew", [self._key], [self._token, self._claims.lifetime_ms]))
