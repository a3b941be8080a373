"""Games and the API keys that open them.

The database keeps only a hash of a key. What a key may do is read through two caches, one in the process and one in
the store, each `key_cache_seconds` short, so that a revoked key is refused everywhere within twice that time even if
the store was away when it was revoked; revoking also overwrites the store's copy at once.
"""

import hashlib
import re
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from leaderboard import jsontext
from leaderboard.archive.database import Database
from leaderboard.archive.tables import api_keys, games
from leaderboard.errors import InvalidInput, LeaderboardError, NotFound, StoreUnavailable, Unauthenticated
from leaderboard.store import keys as names
from leaderboard.store.connection import Store, translated

ROLES = ("server", "client")
GAME_NAME = re.compile(r"[a-z0-9_-]{1,32}", re.ASCII)
_MOST_CACHED = 50_000


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is calling: a key, its game and its role."""

    key_id: str
    game: str
    role: str


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
        self._cached: dict[str, tuple[float, Identity]] = {}

    def identify(self, key: str) -> Identity:
        """Who a key belongs to. Raises Unauthenticated, DatabaseUnavailable."""
        key_hash = _hash(key)
        until, identity = self._cached.get(key_hash, (0.0, None))
        if identity is None or self._monotonic() >= until:
            self._cached.pop(key_hash, None)
            identity = self._look_up(key_hash)
            if len(self._cached) >= _MOST_CACHED:
                self._cached.clear()
            self._cached[key_hash] = (self._monotonic() + self._cache_seconds, identity)
        return identity

    def known(self, key: str) -> Identity | None:
        """The same without asking anybody: None where this process would have to look."""
        until, identity = self._cached.get(_hash(key), (0.0, None))
        return identity if self._monotonic() < until else None

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
        except StoreUnavailable:
            kept = None
        if kept is None:
            kept = self._read_through(key_hash)
        if kept == b"null":
            raise Unauthenticated("This key is not known, or was revoked.", code="invalid_key")
        key_id, game, role = jsontext.loads(kept)
        return Identity(key_id, game, role)

    def _read_through(self, key_hash: str) -> bytes:
        query = sa.select(api_keys).where(api_keys.c.hash == key_hash)
        with self._database.begin() as connection:
            row = connection.execute(query).one_or_none()
        if row is None or row.revoked_at is not None:
            return b"null"
        identity = Identity(row.id, row.game, row.role)
        try:
            return self._remember(key_hash, identity)
        except LeaderboardError:
            return _encode(identity)

    def _remember(self, key_hash: str, identity: Identity | None) -> bytes:
        value = _encode(identity)
        with translated():
            self._store.client.set(names.auth(key_hash), value, px=int(self._cache_seconds * 1000))
        return value


def _encode(identity: Identity | None) -> bytes:
    return jsontext.dumps(identity and [identity.key_id, identity.game, identity.role])


def _hash(key: str) -> str:
    # A key has 192 random bits, so there is nothing a slow hash would protect.
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
