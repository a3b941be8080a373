"""The names of a game's stats, of which there are so many at most."""

from collections.abc import Collection
from itertools import islice

from leaderboard.errors import NotFound
from leaderboard.reports import Refusal
from leaderboard.store.connection import Store, translated
from leaderboard.store.stat_keys import StatKeys, stat_names

MOST_NAMES = 10_000
TOO_MANY = Refusal("too_many_stats", f"A game has events of up to {MOST_NAMES} names.", "name")
_MOST_GAMES = 1000


class StatNames:
    """Knows which names may have events, and removes them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, set[str]] = {}

    def refused(self, game: str, names: Collection[str]) -> set[str]:
        """Those of the names that are new and too many. Asks the store only about names not seen before.

        Two processes that bring new names at the same time may both find room for them. Raises StoreUnavailable.
        """
        if len(self._known) > _MOST_GAMES:
            self._known.clear()
        known = self._known.setdefault(game, set())
        unknown = [name for name in dict.fromkeys(names) if name not in known]
        if not unknown:
            return set()
        key = stat_names(game)
        with translated():
            pipeline = self._store.client.pipeline(transaction=False)
            pipeline.scard(key)
            pipeline.smismember(key, unknown)
            count, there = pipeline.execute()
        new = [name for name, is_there in zip(unknown, there, strict=True) if not is_there]
        refused = set(new[max(0, MOST_NAMES - count) :])
        known.update(name for name in unknown if name not in refused)
        return refused

    def remove(self, game: str, name: str) -> None:
        """Removes a name and all that is kept of its events. Raises NotFound (`unknown_stat`), StoreUnavailable.

        Goes through all keys of the store, a piece at a time. Events that come in meanwhile make the name anew.
        """
        self._known.pop(game, None)
        with translated():
            if not self._store.client.srem(stat_names(game), name):
                raise NotFound(f"This game has no events named {name!r}.", code="unknown_stat")
            found = self._store.client.scan_iter(match=StatKeys(game, name).prefix + "*", count=1000)
            while some := list(islice(found, 500)):
                self._store.client.unlink(*some)
