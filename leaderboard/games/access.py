"""Games and the API keys that open them.

The database keeps only a hash of a key. What a key may do is read through two caches, one in the process and one in
the store, each `key_cache_seconds` short, so that a revoked key is refused everywhere within twice that time even if
the store was away when it was revoked; revoking also overwrites the store's copy at once. While the database is away,
where nothing can be revoked, a process goes on with what it knows, for a quarter of an hour.
"""

import hashlib
import re
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from leaderboard import jsontext
from leaderboard.archive.database import Database
from leaderboard.archive.tables import api_keys, games
from leaderboard.errors import (
    DatabaseUnavailable,
    InvalidInput,
    LeaderboardError,
    NotFound,
    StoreUnavailable,
    Unauthenticated,
)
from leaderboard.store import keys as names
from leaderboard.store.connection import Store, translated

ROLES = ("server", "client")
GAME_NAME = re.compile(r"[a-z0-9_-]{1,32}", re.ASCII)
_MOST_CACHED = 50_000
_TRUSTED_SECONDS = 900.0  # how long a key is taken for what it was while the database is away
_AWAY_SECONDS = 5.0  # after which a database that was away is asked again


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is calling: a key, its game and its role."""

    key_id: str
    game: str
    role: str


@dataclass(frozen=True, slots=True)
class _Known:
    """What was looked up, by the monotonic clock."""

    identity: Identity
    looked_up_at: float
    until: float  # when it is to be looked up again


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """A key as an operator sees it; the key itself is nowhere."""

    id: str
    game: str
    role: str
    created_at: datetime
    revoked_at: datetime | None


class Access:
    """Makes, knows and revokes keys."""

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
        self._cached: dict[str, _Known] = {}
        self._is_away = False  # the database, as far as is known
        self._ask_again_at = 0.0  # for a key that is known
        self._asking: int | None = None  # the thread that finds out whether it is back
        self._guard = threading.Lock()

    def identify(self, key: str) -> Identity:
        """Who a key belongs to; while the database is away, who it did a while ago.

        Raises Unauthenticated, DatabaseUnavailable.
        """
        key_hash, now = _hash(key), self._monotonic()
        known = self._cached.get(key_hash)
        if known is not None and now < known.until:
            return known.identity
        if not self._may_ask(now, is_known=known is not None):
            return self._trusted(key_hash, known, DatabaseUnavailable("The database was away a moment ago."))
        try:
            identity = self._look_up(key_hash)
        except Unauthenticated:
            self._cached.pop(key_hash, None)
            raise
        except DatabaseUnavailable as error:
            self._is_away, self._ask_again_at = True, self._monotonic() + _AWAY_SECONDS
            return self._trusted(key_hash, known, error)
        finally:
            if self._asking == threading.get_ident():
                self._asking = None
        if len(self._cached) >= _MOST_CACHED:
            self._cached.clear()
        now = self._monotonic()
        self._cached[key_hash] = _Known(identity, now, now + self._cache_seconds)
        return identity

    def _may_ask(self, now: float, *, is_known: bool) -> bool:
        """Whether to look a key up: of a database that was away one at a time finds out whether it is back."""
        with self._guard:
            if not self._is_away:
                return True
            if self._asking is not None or (is_known and now < self._ask_again_at):
                return False
            self._asking = threading.get_ident()
            return True

    def _trusted(self, key_hash: str, known: _Known | None, error: DatabaseUnavailable) -> Identity:
        """Who a key belonged to a while ago. Raises the error where that is not known, or too long ago."""
        now = self._monotonic()
        if known is None or now >= known.looked_up_at + _TRUSTED_SECONDS:
            self._cached.pop(key_hash, None)
            raise error
        self._cached[key_hash] = replace(known, until=now + _AWAY_SECONDS)
        return known.identity

    def known(self, key: str) -> Identity | None:
        """The same without asking anybody: None where this process would have to look."""
        known = self._cached.get(_hash(key))
        return known.identity if known is not None and self._monotonic() < known.until else None

    def create_key(self, game: str, role: str, now: datetime) -> str:
        """Makes a key, and the game if need be. Raises InvalidInput."""
        if GAME_NAME.fullmatch(game) is None:
            raise InvalidInput("A game's name has 1 to 32 of a-z, 0-9, '_' and '-'.", code="invalid_game_name")
        if role not in ROLES:
            raise InvalidInput("A key's role is server or client.", code="invalid_role")
        key = f"lb_{role}_{secrets.token_urlsafe(24)}"
        with self._database.begin() as connection:
            if connection.execute(sa.select(games.c.id).where(games.c.name == game)).first() is None:
                connection.execute(sa.insert(games).values(name=game, created_at=now))
            values = {"id": secrets.token_hex(6), "game": game, "role": role, "hash": _hash(key), "created_at": now}
            connection.execute(sa.insert(api_keys).values(**values))
        return key

    def list_keys(self, game: str | None = None) -> list[KeyInfo]:
        """Every key, or those of one game, oldest first."""
        query = sa.select(api_keys).order_by(api_keys.c.created_at, api_keys.c.id)
        if game is not None:
            query = query.where(api_keys.c.game == game)
        with self._database.begin() as connection:
            rows = connection.execute(query).all()
        return [KeyInfo(row.id, row.game, row.role, row.created_at, row.revoked_at) for row in rows]

    def revoke(self, key_or_id: str, now: datetime) -> KeyInfo:
        """Ends a key, named by its id or by itself. Raises NotFound."""
        match = sa.or_(api_keys.c.id == key_or_id, api_keys.c.hash == _hash(key_or_id))
        with self._database.begin() as connection:
            row = connection.execute(sa.select(api_keys).where(match)).one_or_none()
            if row is None:
                raise NotFound(f"There is no key {key_or_id!r}.", code="unknown_key")
            if row.revoked_at is None:
                connection.execute(sa.update(api_keys).where(api_keys.c.id == row.id).values(revoked_at=now))
        with suppress(StoreUnavailable):  # its copy in the store runs out by itself
            self._remember(row.hash, None)
        return KeyInfo(row.id, row.game, row.role, row.created_at, row.revoked_at or now)

    def game_exists(self, game: str) -> bool:
        """Whether there is such a game."""
        with self._database.begin() as connection:
            return connection.execute(sa.select(games.c.id).where(games.c.name == game)).first() is not None

    def _look_up(self, key_hash: str) -> Identity:
        try:
            kept = self._store.glance(names.auth(key_hash))
        except StoreUnavailable:  # who cannot be asked is not told either, which could take far longer
            identity = self._read(key_hash)
        else:
            identity = self._read_through(key_hash) if kept is None else _decode(kept)
        if identity is None:
            raise Unauthenticated("This key is not known, or was revoked.", code="invalid_key")
        return identity

    def _read_through(self, key_hash: str) -> Identity | None:
        identity = self._read(key_hash)
        if identity is not None:
            with suppress(LeaderboardError):
                self._remember(key_hash, identity)
        return identity

    def _read(self, key_hash: str) -> Identity | None:
        query = sa.select(api_keys).where(api_keys.c.hash == key_hash)
        with self._database.begin() as connection:
            row = connection.execute(query).one_or_none()
        self._is_away = False
        if row is None or row.revoked_at is not None:
            return None
        return Identity(row.id, row.game, row.role)

    def _remember(self, key_hash: str, identity: Identity | None) -> None:
        value = jsontext.dumps(identity and [identity.key_id, identity.game, identity.role])
        with translated():
            self._store.client.set(names.auth(key_hash), value, px=int(self._cache_seconds * 1000))


def _decode(kept: bytes) -> Identity | None:
    parts = jsontext.loads(kept)
    return None if parts is None else Identity(*parts)


def _hash(key: str) -> str:
    # A key has 192 random bits, so there is nothing a slow hash would protect.
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
