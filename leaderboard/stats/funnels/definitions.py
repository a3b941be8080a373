"""What funnels a game has. The database is the truth; each process keeps a copy for a few seconds."""

import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from leaderboard import jsontext
from leaderboard.archive.database import Database
from leaderboard.archive.tables import funnels
from leaderboard.errors import InvalidInput, NotFound
from leaderboard.stats.funnels.makings import Makings
from leaderboard.store.connection import Store, as_text, translated
from leaderboard.store.locks import lock
from leaderboard.store.stat_keys import FunnelKeys, funnel_counts, funnel_lock, funnel_rev
from leaderboard.times import format_time, parse_time

MOST_FUNNELS: Final = 20
MOST_STEPS: Final = 10
SHORTEST_WINDOW: Final = 60
LONGEST_WINDOW: Final = 30 * 86_400
_MOST_CACHED = 50_000


@dataclass(frozen=True, slots=True)
class Funnel:
    """Events in an order, within a time.

    `token`: of its making, which is new with other steps; the times that came `since` are kept under it.
    """

    game: str
    name: str
    steps: tuple[str, ...]
    window_seconds: int
    created_at: datetime
    token: str
    since: datetime

    @property
    def fingerprint(self) -> str:
        """Names what its counts are of."""
        return f"{self.token} {self.window_seconds}"

    def keys(self, step: str) -> FunnelKeys:
        """Where the times of a step are."""
        return FunnelKeys(self.game, step, self.token)

    @property
    def makings(self) -> list[FunnelKeys]:
        """Where its times are."""
        return [self.keys(step) for step in self.steps]


class Definitions:
    """The funnels of all games. Every method raises Unavailable."""

    def __init__(
        self,
        store: Store,
        database: Database,
        makings: Makings,
        cache_seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._makings = makings
        self._database = database
        self._cache_seconds = cache_seconds
        self._monotonic = monotonic
        self._cached: dict[str, tuple[float, str, Mapping[str, list[FunnelKeys]]]] = {}
        self._changes = 0  # made here: what was read before one is not to be kept after it
        self._keeping = threading.Lock()
        self._told = threading.local()  # the game and revision that a thread was last told of

    def recorded(self, game: str) -> Mapping[str, list[FunnelKeys]]:
        """Where the times of which events are kept, as of at most `cache_seconds` ago; see `is_outdated`."""
        until, rev, names = self._cached.get(game, (0.0, "", None))
        if names is None or self._monotonic() >= until:
            changes = self._changes
            with translated():
                rev = as_text(self._store.client.get(funnel_rev(game)) or "")
            names = _by_name(self.all(game))
            with self._keeping:
                if self._changes == changes:
                    if len(self._cached) >= _MOST_CACHED:
                        self._cached.clear()
                    self._cached[game] = (self._monotonic() + self._cache_seconds, rev, names)
        self._told.of = (game, rev)
        return names

    def is_outdated(self, game: str, rev: str) -> bool:
        """Whether this thread was last told of another revision than the store has; then it is to ask again."""
        if getattr(self._told, "of", None) == (game, rev):
            return False
        if game in self._cached and self._cached[game][1] != rev:
            self._forget_copy(game)
        return True

    def get(self, game: str, name: str) -> Funnel:
        """One funnel, as it is now. Raises NotFound (`unknown_funnel`)."""
        found = self._read(funnels.c.game == game, funnels.c.name == name)
        if not found:
            raise _unknown(name)
        return found[0]

    def all(self, game: str) -> list[Funnel]:
        """Every funnel of a game, by name."""
        return self._read(funnels.c.game == game)

    def everywhere(self) -> list[Funnel]:
        """Every funnel of every game."""
        return self._read()

    def put(
        self, game: str, name: str, steps: Sequence[str], window_seconds: int, now: datetime
    ) -> tuple[Funnel, bool]:
        """Makes or changes a funnel; answers it, and whether it is new. Raises InvalidInput (`too_many_funnels`).

        From then on the times of its steps are kept, by every process. With other steps it begins anew.
        """
        with lock(self._store, funnel_lock(game)):
            known = {funnel.name: funnel for funnel in self.all(game)}
            old = known.get(name)
            if old is None and len(known) >= MOST_FUNNELS:
                raise InvalidInput(f"A game has up to {MOST_FUNNELS} funnels.", code="too_many_funnels")
            if old is not None and old.steps == tuple(steps):
                new = replace(old, window_seconds=window_seconds)
            else:
                created_at = old.created_at if old else now
                new = Funnel(game, name, tuple(steps), window_seconds, created_at, secrets.token_hex(8), now)
            if new != old:
                self._save(new, now, is_new=old is None)
                if old is not None and old.token != new.token:
                    self._makings.give_up(old.makings, now)
        return new, old is None

    def delete(self, game: str, name: str, now: datetime) -> None:
        """Removes a funnel, its counts and, by and by, its times. Raises NotFound (`unknown_funnel`)."""
        with lock(self._store, funnel_lock(game)):
            old = self._read(funnels.c.game == game, funnels.c.name == name)
            where = (funnels.c.game == game, funnels.c.name == name)
            with self._database.begin() as connection:
                connection.execute(sa.delete(funnels).where(*where))
            self._tell(game)
            if not old:
                raise _unknown(name)
            self._makings.give_up(old[0].makings, now)
            with translated():
                self._store.client.delete(funnel_counts(game, name))

    def _save(self, funnel: Funnel, now: datetime, *, is_new: bool) -> None:
        steps = {"names": funnel.steps, "token": funnel.token, "since": format_time(funnel.since)}
        values = {"steps": jsontext.dumps(steps).decode(), "window_seconds": funnel.window_seconds}
        key = {"game": funnel.game, "name": funnel.name, "created_at": funnel.created_at}
        # First this, so that no times are ever where nobody looks for them.
        self._makings.renew(funnel.makings, now)
        with self._database.begin() as connection:
            if is_new:
                connection.execute(sa.insert(funnels).values(**key, **values))
            else:
                where = (funnels.c.game == funnel.game, funnels.c.name == funnel.name)
                connection.execute(sa.update(funnels).where(*where).values(**values))
        self._tell(funnel.game)
        with translated():
            self._store.client.delete(funnel_counts(funnel.game, funnel.name))

    def _read(self, *where: sa.ColumnElement[bool]) -> list[Funnel]:
        query = sa.select(funnels).where(*where).order_by(funnels.c.game, funnels.c.name)
        with self._database.begin() as connection:
            return [_funnel(row) for row in connection.execute(query)]

    def _tell(self, game: str) -> None:
        """Makes every process look again before it records the next events."""
        self._forget_copy(game)
        with translated():
            self._store.client.incr(funnel_rev(game))

    def _forget_copy(self, game: str) -> None:
        with self._keeping:
            self._changes += 1
            self._cached.pop(game, None)


def _by_name(funnels: Sequence[Funnel]) -> dict[str, list[FunnelKeys]]:
    found: dict[str, list[FunnelKeys]] = {}
    for keys in (keys for funnel in funnels for keys in funnel.makings):
        found.setdefault(keys.name, []).append(keys)
    return found


def _funnel(row: Any) -> Funnel:
    steps = jsontext.loads(row.steps)
    names, since = tuple(steps["names"]), parse_time(steps["since"])
    return Funnel(row.game, row.name, names, row.window_seconds, row.created_at, steps["token"], since)


def _unknown(name: str) -> NotFound:
    return NotFound(f"This game has no funnel {name!r}.", code="unknown_funnel")
