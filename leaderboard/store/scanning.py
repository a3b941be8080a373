"""Going through a sorted set of any size while others write to it."""

from collections.abc import Iterator
from typing import Any, cast

from leaderboard.store.connection import Store, translated


def members(store: Store, key: str, *, about: int = 1000) -> Iterator[list[tuple[bytes, float]]]:
    """All members with their scores, some at a time, at least once each.

    Who is there from the first piece to the last is among them, wherever they move meanwhile; by index they could be
    passed over. Each piece is about that many. Raises StoreUnavailable.
    """
    cursor: Any = 0
    while True:
        with translated():
            cursor, found = store.client.zscan(key, cursor, count=about)
        yield cast("list[tuple[bytes, float]]", found)
        if int(cursor) == 0:
            return
