"""Accounts of the dashboard: a name, a role, and mostly a password.

A process keeps what it read for `cache_seconds`, so a changed role or a removed account takes effect on sessions that
are there within that time. An account's `stamp` is in its sessions: a new password, or an account that was made anew
under the same name, ends those from before, also where the store could not be told.
"""

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, get_args

import sqlalchemy as sa

from leaderboard.accounts import passwords
from leaderboard.archive.database import Database
from leaderboard.archive.tables import accounts
from leaderboard.errors import Conflict, InvalidInput, NotFound

Role = Literal["viewer", "editor", "admin"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)  # each may do what those before may
OPERATOR: Final = "operator"  # whom `leaderboard signin` signs in; no account of that name can be made
_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}", re.ASCII)
_MOST_CACHED = 1000


@dataclass(frozen=True, slots=True)
class Account:
    """Who is signed in. `stamp`: what a session of it must have."""

    name: str
    role: Role
    stamp: str = ""

    def may(self, role: Role) -> bool:
        """Whether it may do what that role may."""
        return ROLES.index(self.role) >= ROLES.index(role)


@dataclass(frozen=True, slots=True)
class AccountInfo:
    """An account as an administrator sees it."""

    name: str
    role: Role
    has_password: bool
    created_at: datetime
    changed_at: datetime


_OPERATOR = Account(OPERATOR, "admin")


class Accounts:
    """Makes, knows, changes and removes accounts."""

    def __init__(
        self, database: Database, cache_seconds: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._cache_seconds = cache_seconds
        self._monotonic = monotonic
        self._cached: dict[str, tuple[float, Account | None]] = {}

    def find(self, name: str, *, fresh: bool = False) -> Account | None:
        """The account of that name, as of at most `cache_seconds` ago, or as of now. Raises DatabaseUnavailable."""
        if name == OPERATOR:
            return _OPERATOR
        until, found = self._cached.get(name, (0.0, None))
        if fresh or self._monotonic() >= until:
            row = self._row(name)
            found = None if row is None else _account(row)
            if len(self._cached) >= _MOST_CACHED:
                self._cached.clear()
            self._cached[name] = (self._monotonic() + self._cache_seconds, found)
        return found

    def check(self, name: str, password: str) -> Account | None:
        """The account whose name and password these are; None takes as long, whatever is wrong."""
        row = self._row(name)
        is_right = passwords.matches(password, None if row is None else row.password)
        return _account(row) if row is not None and is_right else None

    def create(self, name: str, role: str, password: str | None, now: datetime) -> AccountInfo:
        """Makes an account; without a password one-time links alone sign in. Raises InvalidInput, Conflict."""
        if _NAME.fullmatch(name) is None or name == OPERATOR:
            told = (
                "A name has 1 to 64 of a-z, 0-9, '.', '_', '@', '+' and '-', begins with a letter or a number, "
                f"and is not '{OPERATOR}'."
            )
            raise InvalidInput(told, code="invalid_account_name", fields={"name": [told]})
        values = {
            "name": name,
            "role": _checked(role),
            "password": None if password is None else passwords.hash_of(password),
            "stamp": _stamp(),
            "created_at": now,
            "changed_at": now,
        }
        try:
            with self._database.begin() as connection:
                connection.execute(sa.insert(accounts).values(**values))
        except sa.exc.IntegrityError as error:
            raise Conflict(f"There is an account {name!r} already.", code="account_exists") from error
        self._cached.pop(name, None)
        return self.get(name)

    def get(self, name: str) -> AccountInfo:
        """One account. Raises NotFound."""
        row = self._row(name)
        if row is None:
            raise _unknown(name)
        return _info(row)

    def list(self) -> list[AccountInfo]:
        """All accounts, by name."""
        with self._database.begin() as connection:
            return [_info(row) for row in connection.execute(sa.select(accounts).order_by(accounts.c.name))]

    def set_password(self, name: str, password: str | None, now: datetime) -> Account:
        """Gives it another password, or none; its sessions are over. Raises InvalidInput, NotFound."""
        kept = None if password is None else passwords.hash_of(password)
        return self._change(name, now, password=kept, stamp=_stamp())

    def set_role(self, name: str, role: str, now: datetime) -> Account:
        """Gives it another role, which its sessions have at once. Raises InvalidInput, NotFound."""
        return self._change(name, now, role=_checked(role))

    def remove(self, name: str) -> None:
        """Removes it; its sessions are over. Raises NotFound."""
        with self._database.begin() as connection:
            removed = connection.execute(sa.delete(accounts).where(accounts.c.name == name)).rowcount
        self._cached.pop(name, None)
        if not removed:
            raise _unknown(name)

    def _change(self, name: str, now: datetime, **values: object) -> Account:
        change = sa.update(accounts).where(accounts.c.name == name).values(changed_at=now, **values)
        with self._database.begin() as connection:
            changed = connection.execute(change).rowcount
        self._cached.pop(name, None)
        row = self._row(name) if changed else None
        if row is None:
            raise _unknown(name)
        return _account(row)

    def _row(self, name: str) -> "sa.Row[tuple[object, ...]] | None":
        if _NAME.fullmatch(name) is None:
            return None
        with self._database.begin() as connection:
            return connection.execute(sa.select(accounts).where(accounts.c.name == name)).one_or_none()


def _checked(role: str) -> Role:
    for known in ROLES:
        if known == role:
            return known
    told = f"A role is {', '.join(ROLES[:-1])} or {ROLES[-1]}."
    raise InvalidInput(told, code="invalid_role", fields={"role": [told]})


def _stamp() -> str:
    return secrets.token_hex(8)


def _unknown(name: str) -> NotFound:
    return NotFound(f"There is no account {name!r}.", code="unknown_account")


def _account(row: "sa.Row[tuple[object, ...]]") -> Account:
    return Account(row.name, row.role, row.stamp)


def _info(row: "sa.Row[tuple[object, ...]]") -> AccountInfo:
    return AccountInfo(row.name, row.role, row.password is not None, row.created_at, row.changed_at)
