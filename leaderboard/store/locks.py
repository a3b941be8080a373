"""A lock in the store: a token under a key with a lifetime, given back only by its holder."""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from leaderboard.errors import StoreUnavailable
from leaderboard.store.connection import Store, translated

LOCK_MS = 10_000
_POLL_SECONDS = 0.02


@contextmanager
def lock(
    store: Store,
    key: str,
    *,
    ttl_ms: int = LOCK_MS,
    wait_seconds: float = 12.0,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[str]:
    """Holds the lock for the length of the block and gives its token.

    The lifetime frees it should its holder die; whoever writes under it hands the token to the script that writes,
    which checks it. Raises StoreUnavailable when it cannot be had in time.
    """
    token = secrets.token_hex(16)
    for _ in range(int(wait_seconds / _POLL_SECONDS) + 1):
        with translated():
            if store.client.set(key, token, nx=True, px=ttl_ms):
                break
        sleep(_POLL_SECONDS)
    else:
        raise StoreUnavailable("Somebody else is changing this; try again.")
    try:
        yield token
    finally:
        store.run("release", [key], [token])
