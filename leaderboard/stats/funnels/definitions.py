"""What funnels a game has. The database is the truth; each process keeps a copy for a few seconds."""

import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from leaderboard import jsontext
from leaderboard.archive.database import Database
from leaderboard.archive.tables import funnels
from leaderboard.errors import InvalidInput, NotFound
from leaderboard.stats.funnels.times import DAYS_KEPT, live_until
from leaderboard.store.connection import Store, as_text, translated
from leaderboard.store.locks import lock
from leaderboard.store.stat_keys import FunnelKeys, funnel_counts, funnel_lock, funnel_names, funnel_rev
from leaderboard.times import format_time, parse_time

MOST_FUNNELS: Final = 20
MOST_STEPS: Final = 10
SHORTEST_WINDOW: Final = 60
LONGEST_WINDOW: Final = 30 * 86_400
_MOST_CACHED = 50_000


@dataclass(frozen=True, slots=True)
class Funnel:
    """Events in an order, within a time. `since`: since when the times of each step are kept, without a break."""

    game: str
    name: str
    steps: tuple[str, ...]
    since: tuple[datetime, ...]
    window_seconds: int
    created_at: datetime

    @property
    def fingerprint(self) -> str:
        """Names what its counts are of."""
        text = f"{self.window_seconds} {' '.join(self.steps)}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class Definitions:
    """The funnels of all games. Every method raises Unavailable."""

    def __init__(
        self,
        store: Store,
        database: Database,
        cache_seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._database = database
        self._cache_seconds = cache_seconds
        self._monotonic = monotonic
        self._cached: dict[str, tuple[float, str, frozenset[str]]] = {}
        self._changes = 0  # made here: what was read before one is not to be kept after it
        self._keeping = threading.Lock()

    def recorded(self, game: str) -> frozenset[str]:
        """The events whose times are kept, as of at most `cache_seconds` ago; see `is_outdated`."""
        until, _, names = self._cached.get(game, (0.0, "", None))
        if names is None or self._monotonic() >= until:
            changes = self._changes
            with translated():
                rev = as_text(self._store.client.get(funnel_rev(game)) or "")
            names = frozenset(step for funnel in self.all(game) for step in funnel.steps)
            with self._keeping:
                if self._changes == changes:
                    if len(self._cached) >= _MOST_CACHED:
                        self._cached.clear()
                    self._cached[game] = (self._monotonic() + self._cache_seconds, rev, names)
        return names

    def is_outdated(self, game: str, rev: str) -> bool:
        """Whether this process knows an older revision than the store; then it looks again when it is asked next."""
        outdated = game in self._cached and self._cached[game][1] != rev
        if outdated:
            self._forget_copy(game)
        return outdated

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

        From then on the times of its steps are kept, by every process.
        """
        with lock(self._store, funnel_lock(game)):
            known = {funnel.name: funnel for funnel in self.all(game)}
            old = known.get(name)
            if old is None and len(known) >= MOST_FUNNELS:
                raise InvalidInput(f"A game has up to {MOST_FUNNELS} funnels.", code="too_many_funnels")
            since = tuple(_since(step, known.values(), now) for step in steps)
            new = Funnel(game, name, tuple(steps), since, window_seconds, old.created_at if old else now)
            if old is not None and old.fingerprint == new.fingerprint:
                return old, False
            self._save(new, now, is_new=old is None)
        return new, old is None

    def delete(self, game: str, name: str) -> None:
        """Removes a funnel and its counts. Raises NotFound (`unknown_funnel`)."""
        with lock(self._store, funnel_lock(game)):
            where = (funnels.c.game == game, funnels.c.name == name)
            with self._database.begin() as connection:
                removed = connection.execute(sa.delete(funnels).where(*where)).rowcount
            self._tell(game)
            if not removed:
                raise _unknown(name)
            with translated():
                self._store.client.delete(funnel_counts(game, name))

    def _save(self, funnel: Funnel, now: datetime, *, is_new: bool) -> None:
        steps = [[step, format_time(since)] for step, since in zip(funnel.steps, funnel.since, strict=True)]
        values = {"steps": jsontext.dumps(steps).decode(), "window_seconds": funnel.window_seconds}
        key = {"game": funnel.game, "name": funnel.name, "created_at": funnel.created_at}
        # The names first, so that no times are ever where nobody looks for them.
        self.renew(funnel, now)
        with self._database.begin() as connection:
            if is_new:
                connection.execute(sa.insert(funnels).values(**key, **values))
            else:
                where = (funnels.c.game == funnel.game, funnels.c.name == funnel.name)
                connection.execute(sa.update(funnels).where(*where).values(**values))
        self._tell(funnel.game)
        with translated():
            self._store.client.delete(funnel_counts(funnel.game, funnel.name))

    def renew(self, funnel: Funnel, now: datetime) -> None:
        """Notes the names of its steps, and lets what is known of them live on."""
        names = funnel_names(funnel.game)
        with translated():
            pipeline = self._store.client.pipeline(transaction=False)
            pipeline.sadd(names, *funnel.steps)
            for key in (names, *(FunnelKeys(funnel.game, step).days for step in funnel.steps)):
                live_until(pipeline, key, now + DAYS_KEPT)
            pipeline.execute()

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


def _since(step: str, known: Iterable[Funnel], now: datetime) -> datetime:
    """Since when the times of an event are kept without a break."""
    found = (dict(zip(funnel.steps, funnel.since, strict=True)).get(step) for funnel in known)
    return min((since for since in found if since is not None), default=now)


def _funnel(row: Any) -> Funnel:
    steps = [(name, parse_time(since)) for name, since in jsontext.loads(row.steps)]
    names, since = zip(*steps, strict=True)
    return Funnel(row.game, row.name, names, since, row.window_seconds, row.created_at)


def _unknown(name: str) -> NotFound:
    return NotFound(f"This game has no funnel {name!r}.", code="unknown_funnel")
