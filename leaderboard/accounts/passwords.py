"""Hashes of passwords: scrypt (RFC 7914), with what it was made by in front of it.

A check takes some 0.2 s and 32 MB, so only a few run at the same time in a process, and few more wait: most of its
threads stay free for other requests.
"""

import base64
import hashlib
import hmac
import secrets
import threading
import unicodedata

from leaderboard.errors import InvalidInput, Overloaded

SHORTEST = 10
LONGEST = 256
_COST, _BLOCK, _PARALLEL = 2**15, 8, 3
_MOST_MEMORY = 128 * 1024 * 1024
_room = threading.BoundedSemaphore(4)  # those that run, and those that wait
_turns = threading.BoundedSemaphore(2)


def hash_of(password: str) -> str:
    """What is kept of a password. Raises InvalidInput (`weak_password`) for one that is too short or too long, and
    Overloaded."""
    text = unicodedata.normalize("NFKC", password)
    if not SHORTEST <= len(text) <= LONGEST or len(set(text)) < 4:
        told = f"A password has {SHORTEST} to {LONGEST} characters, and at least 4 different ones."
        raise InvalidInput(told, code="weak_password", fields={"password": [told]})
    salt = secrets.token_bytes(16)
    derived = _derive(text, salt, _COST, _BLOCK, _PARALLEL)
    return "$".join(("scrypt", str(_COST), str(_BLOCK), str(_PARALLEL), _text(salt), _text(derived)))


def matches(password: str, kept: str | None) -> bool:
    """Whether it is the password. Takes as long where nothing is kept. Raises Overloaded."""
    _, cost, block, parallel, salt, wanted = (kept or _NOBODY).split("$")
    text = unicodedata.normalize("NFKC", password[: 2 * LONGEST])
    found = _derive(text, base64.b64decode(salt), int(cost), int(block), int(parallel))
    return hmac.compare_digest(found, base64.b64decode(wanted)) and kept is not None


def _derive(text: str, salt: bytes, cost: int, block: int, parallel: int) -> bytes:
    encoded = text.encode("utf-8", "surrogatepass")
    if not _room.acquire(blocking=False):
        raise Overloaded
    try:
        with _turns:
            return hashlib.scrypt(encoded, salt=salt, n=cost, r=block, p=parallel, maxmem=_MOST_MEMORY, dklen=32)
    finally:
        _room.release()


def _text(some: bytes) -> str:
    return base64.b64encode(some).decode("ascii")


_NOBODY = "$".join(("scrypt", str(_COST), str(_BLOCK), str(_PARALLEL), _text(bytes(16)), _text(bytes(32))))
