"""One-time links: whoever opens one and presses its button is signed in. The store has only a hash of its token."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Final

from leaderboard.store import keys as names
from leaderboard.store.connection import Store, as_text, translated

GOOD_FOR: Final = timedelta(minutes=10)


class Links:
    """Makes them and takes them back."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self, account: str, now: datetime) -> str:
        """The token of a new link that signs in that account. Raises StoreUnavailable."""
        token = secrets.token_urlsafe(32)
        until = int((now + GOOD_FOR).timestamp())
        with translated():
            self._store.client.set(names.link(_hash(token)), f"{until} {account}", ex=GOOD_FOR)
        return token

    def peek(self, token: str, now: datetime) -> str | None:
        """The account it would sign in; None if it is not known, was used, or is too old. Raises StoreUnavailable."""
        with translated():
            return _account(self._store.client.get(names.link(_hash(token))), now)

    def take(self, token: str, now: datetime) -> str | None:
        """The same, and it is used up. Raises StoreUnavailable."""
        return _account(self._store.run("take", [names.link(_hash(token))], [], resend=False), now)


def _account(held: bytes | str | None, now: datetime) -> str | None:
    if held is None:
        return None
    until, _, account = as_text(held).partition(" ")
    return account if now.timestamp() < int(until) else None


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
