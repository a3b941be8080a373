"""Sessions of the dashboard in the store, and which of them each account has.

A session ends when it was not used for `idle`, `LONGEST` after it began, or when somebody ends it. What was ended does
not come back: a request that was under way meanwhile changes only a session that is still there. The list of an
account's sessions is for people to look at; whether one is good is what its own key says.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from leaderboard.store import keys as names
from leaderboard.store.connection import Store, as_text, translated

LONGEST: Final = timedelta(days=30)
_LISTED_FOR = LONGEST + timedelta(days=1)
_MOST = 50  # of an account; the ones not used the longest end
_MOST_AGENT = 200


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A session as its owner sees it. `id` opens nothing."""

    id: str
    began_at: datetime
    seen_at: datetime
    agent: str
    address: str


class Sessions:
    """Keeps them. A session is a document with `account`, `stamp`, `began` and `seen` (Unix seconds)."""

    def __init__(self, store: Store, idle_hours: float) -> None:
        self._store = store
        self.idle = timedelta(hours=idle_hours)

    def read(self, session_id: str, now: datetime) -> dict[str, Any] | None:
        """The session of that id, unless it is over. Raises StoreUnavailable."""
        with translated():
            held = self._store.client.get(names.session(session_id))
        document = _parse(held)
        return document if document is not None and self._is_good(document, now) else None

    def begin(self, session_id: str, document: Mapping[str, Any], agent: str, address: str) -> None:
        """Keeps a new session. Raises StoreUnavailable."""
        account = document["account"]
        for stale in self._listed(account)[_MOST - 1 :]:
            self.end(account, stale.id)
        self._list(session_id, document, agent, address)  # first: one that is not listed could not be ended
        with translated():
            self._store.client.set(names.session(session_id), msgspec.json.encode(dict(document)), ex=self.idle)

    def change(self, session_id: str, document: Mapping[str, Any], agent: str, address: str, *, seen: bool) -> bool:
        """Keeps what a session has become, from now on for `idle`; False: it has ended. Raises StoreUnavailable."""
        with translated():
            kept = self._store.client.set(
                names.session(session_id), msgspec.json.encode(dict(document)), ex=self.idle, xx=True
            )
        if kept and seen:
            self._list(session_id, document, agent, address)
        return bool(kept)

    def end(self, account: str, session_id: str) -> bool:
        """Ends a session of an account; False: it has no such session. Raises StoreUnavailable."""
        with translated():
            if not self._store.client.hdel(names.sessions_of(account), session_id):
                # The list may have lost it; it is no less good for that.
                found = _parse(self._store.client.get(names.session(session_id)))
                if found is None or found.get("account") != account:
                    return False
            self._store.client.delete(names.session(session_id))
        return True

    def end_all(self, account: str, but: str = "") -> int:
        """Ends all sessions of an account, but one; how many there were. Raises StoreUnavailable."""
        return sum(self.end(account, one.id) for one in self._listed(account) if one.id != but)

    def of(self, account: str, now: datetime) -> list[SessionInfo]:
        """The sessions of an account, the last used first; those that are over are taken off the list.

        Raises StoreUnavailable.
        """
        found = self._listed(account)
        with translated():
            pipeline = self._store.client.pipeline(transaction=False)
            for one in found:
                pipeline.exists(names.session(one.id))
            there = pipeline.execute() if found else []
            good = []
            for one, is_there in zip(found, there, strict=True):
                if is_there and self._is_young(one.began_at, one.seen_at, now):
                    good.append(one)
                else:
                    self._store.client.hdel(names.sessions_of(account), one.id)
        return good

    def _listed(self, account: str) -> list[SessionInfo]:
        with translated():
            held: Any = self._store.client.hgetall(names.sessions_of(account))
        found = []
        for session_id, text in held.items():
            began, seen, agent, address = msgspec.json.decode(text)
            began_at, seen_at = (datetime.fromtimestamp(at, UTC) for at in (began, seen))
            found.append(SessionInfo(as_text(session_id), began_at, seen_at, agent, address))
        return sorted(found, key=lambda one: (one.seen_at, one.id), reverse=True)

    def _list(self, session_id: str, document: Mapping[str, Any], agent: str, address: str) -> None:
        key = names.sessions_of(document["account"])
        entry = msgspec.json.encode([document["began"], document["seen"], agent[:_MOST_AGENT], address])
        with translated():
            self._store.client.hset(key, session_id, entry)
            self._store.client.expire(key, _LISTED_FOR)

    def _is_good(self, document: Mapping[str, Any], now: datetime) -> bool:
        began, seen = (datetime.fromtimestamp(int(document[name]), UTC) for name in ("began", "seen"))
        return self._is_young(began, seen, now)

    def _is_young(self, began_at: datetime, seen_at: datetime, now: datetime) -> bool:
        return now < began_at + LONGEST and now < seen_at + self.idle


def id_of(cookie: str) -> str:
    """What a session is kept by: who reads the store cannot sign in with it."""
    return hashlib.sha256(cookie.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _parse(held: Any) -> dict[str, Any] | None:
    try:
        document = None if held is None else msgspec.json.decode(held)
    except msgspec.DecodeError:
        return None
    return document if isinstance(document, dict) else None
