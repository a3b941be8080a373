"""One-time links: whoever opens one and presses its button is signed in. The store has only a hash of its token."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Final

from leaderboard.accounts.accounts import Accounts
from leaderboard.store import keys as names
from leaderboard.store.connection import Store, as_text, translated

GOOD_FOR: Final = timedelta(minutes=10)


class Links:
    """Makes them and takes them back. One that was made before the account got another password is good no more."""

    def __init__(self, store: Store, accounts: Accounts) -> None:
        self._store = store
        self._accounts = accounts

    def create(self, account: str, now: datetime) -> str:
        """The token of a new link that signs in that account. Raises StoreUnavailable, DatabaseUnavailable."""
        token = secrets.token_urlsafe(32)
        until = int((now + GOOD_FOR).timestamp())
        found = self._accounts.find(account, fresh=True)
        stamp = "" if found is None else found.stamp
        with translated():
            self._store.client.set(names.link(_hash(token)), f"{until} {account} {stamp}", ex=GOOD_FOR)
        return token

    def peek(self, token: str, now: datetime) -> str | None:
        """The account it would sign in; None if it is not known, was used, or is too old, or the account is gone.

        Raises StoreUnavailable, DatabaseUnavailable.
        """
        with translated():
            held = self._store.client.get(names.link(_hash(token)))
        return None if held is None else self._account(as_text(held), now)

    def take(self, token: str, now: datetime) -> str | None:
        """The same, and it is used up. Raises StoreUnavailable, DatabaseUnavailable."""
        account = self.peek(token, now)  # first: it is not lost where that cannot be told
        held = None if account is None else self._store.run("take", [names.link(_hash(token))], [], resend=False)
        return None if held is None else account

    def _account(self, held: str, now: datetime) -> str | None:
        until, account, stamp = held.split(" ")
        found = self._accounts.find(account, fresh=True) if now.timestamp() < int(until) else None
        return None if found is None or found.stamp != stamp else account


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
