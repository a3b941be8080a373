"""Who can reach the store, whether it is one that will do, and whether it has the commands it takes."""

import re
from collections.abc import Iterator

from leaderboard.store.checkup.findings import Finding, fail, listed, ok, unknown, warn
from leaderboard.store.checkup.told import Told

# One of each kind, and those that managed stores like to take away.
_NEEDED = (
    "bitfield", "eval", "evalsha", "exec", "expireat", "expiretime", "hset", "info", "multi", "pexpire", "pfcount",
    "pfmerge", "scan", "setbit", "unlink", "zadd", "zmscore", "zscan",
)  # fmt: skip
_LEAST = {"valkey": (8, 0), "redis": (7, 0)}
_LOCAL_ADDRESSES = frozenset({"127.0.0.1", "-127.0.0.1", "::1", "-::1", "localhost"})
_PASSWORD = "Give the service a user of its own with a password (ACL SETUSER), and switch the default user off."  # noqa: S105 - advice


def access(told: Told) -> Iterator[Finding]:
    """All of it."""
    yield _version(told)
    yield _commands(told)
    yield _password(told)
    yield _tls(told)


def _version(told: Told) -> Finding:
    kind = "valkey" if "valkey_version" in told.info else "redis"
    text = str(told.info.get(f"{kind}_version", ""))
    numbers = re.match(r"(\d+)\.(\d+)", text)
    if numbers is None:
        return unknown("version", "the store's version")
    least, found = _LEAST[kind], (int(numbers[1]), int(numbers[2]))
    seen, remedy = f"{kind.capitalize()} {text}", "Upgrade to Valkey 8 or newer, or Redis 7 or newer; replicas first."
    if found >= least:
        return ok("version", seen)
    if kind == "valkey":
        return warn("version", f"{seen}, which is not tested", remedy)
    return fail("version", f"{seen} lacks commands that are used (EXPIRETIME came with 7.0)", remedy)


def _commands(told: Told) -> Finding:
    if told.commands is None:
        return unknown("commands", "which commands the store has")
    missing = [name.upper() for name in _NEEDED if name not in told.commands]
    if missing:
        remedy = "Take back 'rename-command', or use a service that offers them."
        return fail("commands", f"not there, or renamed: {listed(missing, 20)}", remedy)
    return ok("commands", "all commands that are used are there")


def _password(told: Told) -> Finding:
    if told.transport == "socket":
        return _password_of_socket(told)
    if told.lets_anybody_in is None or (told.lets_anybody_in and told.transport == "loopback" and told.config is None):
        return unknown("password", "whether the store lets anybody in without a password")
    if not told.lets_anybody_in:
        return ok("password", "nobody gets in without a password")
    if told.transport == "loopback" and told.setting("protected-mode") == "yes":
        return ok("password", "no password, but only this machine gets in (protected-mode)")
    bound = told.setting("bind")
    if told.transport == "loopback" and bound is not None and set(bound.split()) <= _LOCAL_ADDRESSES:
        return ok("password", f"no password, but only this machine gets in (bind {bound})")
    return warn("password", "whoever reaches its port gets in without a password", _PASSWORD)


def _password_of_socket(told: Told) -> Finding:
    port = told.setting("port") or "0"
    if port == "0" and (told.setting("tls-port") or "0") == "0":
        return ok("password", "reached by a Unix socket: the file's mode says who gets in")
    if told.lets_anybody_in and told.setting("protected-mode") == "no":
        return warn("password", f"it listens on port {port} too, without a password (protected-mode no)", _PASSWORD)
    return ok("password", f"reached by a Unix socket; port {port} is protected")


def _tls(told: Told) -> Finding:
    if told.tls:
        return ok("tls", "reached by TLS")
    if told.transport == "network":
        remedy = "Use rediss:// (tls-port and a certificate in the store), unless the network between is encrypted."
        return warn("tls", "keys, names and the password cross the network in the clear", remedy)
    way = "a Unix socket" if told.transport == "socket" else "the loopback interface"
    return ok("tls", f"reached by {way}, which nobody else reads")
