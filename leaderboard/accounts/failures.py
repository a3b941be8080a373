"""How often signing in may fail: by the account that was named, and by the address it came from.

An attempt is counted before the password is looked at, so that attempts at the same time are no way around it; one
that succeeds gives its count back.
"""

import hashlib
import ipaddress
import math
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from leaderboard.errors import TooManyRequests
from leaderboard.store import keys as names
from leaderboard.store.connection import Store, translated
from leaderboard.store.scripts import Call

MOST: Final = 10  # failures
WINDOW_SECONDS: Final = 900
_PARTS = 90
_WITH_PORT = re.compile(r"\[([^\]]*)\](?::[0-9]+)?|([0-9.]+):[0-9]+", re.ASCII)


class Failures:
    """Failed sign-ins."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def begin(self, account: str, address: str, now: datetime) -> None:
        """To be called before an attempt. Raises TooManyRequests, StoreUnavailable."""
        keys = _keys(account, address)
        taken = self._ask(keys, 1, 0, now)
        if all(given for given, *_ in taken):
            return
        let = [key for key, (given, *_) in zip(keys, taken, strict=True) if given]
        if let:  # refused by the other
            self._ask(let, 0, 1, now)
        after = max(1, math.ceil(max(wait for given, _, wait, _ in taken if not given) / 1000))
        told = f"Signing in has failed too often; try again in {math.ceil(after / 60)} min, or with a one-time link."
        raise TooManyRequests(told, after, {})

    def forgive(self, account: str, address: str, now: datetime) -> None:
        """To be called when it succeeded: nothing counts against the account any more. Raises StoreUnavailable."""
        by_account, by_address = _keys(account, address)
        with translated():
            self._store.client.delete(by_account)
        self._ask([by_address], 0, 1, now)

    def take_back(self, account: str, address: str, now: datetime) -> None:
        """To be called when the password could not be looked at. Raises StoreUnavailable."""
        self._ask(_keys(account, address), 0, 1, now)

    def _ask(self, keys: Sequence[str], wanted: int, back: int, now: datetime) -> list[tuple[int, int, int, int]]:
        args = [MOST, WINDOW_SECONDS * 1000 // _PARTS, _PARTS, wanted, back, int(now.timestamp() * 1000)]
        answers = self._store.run_all([Call("limit_window", [key], args) for key in keys], resend=False)
        return [tuple(map(int, answer)) for answer in answers]  # type: ignore[misc]  # the script answers four


def _keys(account: str, address: str) -> list[str]:
    parts = (f"account {account}", f"address {_place(address)}")
    return [names.failures(hashlib.sha256(part.encode("utf-8", "surrogatepass")).hexdigest()[:32]) for part in parts]


def _place(address: str) -> str:
    """What one caller has of addresses: of IPv6, 64 bits' worth; a port that a proxy told along is left out."""
    with_port = _WITH_PORT.fullmatch(address)
    try:
        found = ipaddress.ip_address(with_port[1] or with_port[2] if with_port else address)
    except ValueError:
        return address
    # A socket for both kinds shows IPv4 callers so, all of them within the same 64 bits.
    found = getattr(found, "ipv4_mapped", None) or found
    return str(found) if found.version == 4 else str(ipaddress.ip_network((int(found) >> 64 << 64, 64)))
