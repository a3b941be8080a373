"""Folding a store's log of recent writes into its data, because the next start reads data several times as fast."""

import time
from contextlib import suppress

import redis

FOLD_SECONDS = 5.0
_LONG_LOG = 8 * 1024 * 1024  # bytes; a shorter one is read in a fraction of a second
_POLL_SECONDS = 0.02


def fold(url: str) -> None:
    """Rewrites the append-only file of a store, where that pays; for when nobody writes any more, before it is stopped.

    Gives up after `FOLD_SECONDS`: then, and when the store is away, everything is as before.
    """
    with suppress(redis.RedisError), redis.Redis.from_url(url, socket_timeout=1.0) as client:
        told = client.info("persistence")
        if told["aof_current_size"] - told["aof_base_size"] < _LONG_LOG:
            return
        client.bgrewriteaof()
        limit = time.monotonic() + FOLD_SECONDS
        while time.monotonic() < limit and is_folding(client):
            time.sleep(_POLL_SECONDS)


def is_folding(client: "redis.Redis") -> bool:
    """Whether the append-only file is being rewritten, or is to be."""
    told = client.info("persistence")
    return bool(told["aof_rewrite_in_progress"] or told["aof_rewrite_scheduled"])
