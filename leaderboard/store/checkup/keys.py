"""Going through a store's keys: which lack a lifetime, which are nobody's, which of boards that are no more."""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

import redis

from leaderboard.store.checkup.findings import Finding, listed, ok, unknown, warn
from leaderboard.store.checkup.keytable import KeyTable, owner_of

SAMPLE = 20_000
_KEYS_AT_ONCE = 500
_EXAMPLES = 3
_LASTING = -1  # what TTL says of a key without a lifetime


@dataclass
class KeyCount:
    """What was seen; `examples` of what is wrong, by which check it is found."""

    seen: int = 0
    whole: bool = True
    lasting: int = 0  # without a lifetime, and should have one
    strangers: int = 0
    owners: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def example(self, check: str, key: str) -> None:
        some = self.examples.setdefault(check, [])
        if len(some) < _EXAMPLES:
            some.append(key)


def count_keys(client: "redis.Redis", table: KeyTable, most: int | None, into: KeyCount) -> KeyCount:
    """Looks at the keys of one server, at so many of them or at all, some at a time. Raises RedisError."""
    left = most
    for names in _scan(client):
        _count(client, names, table, into)
        if left is not None:
            left -= len(names)
            if left <= 0:
                into.whole = False
                break
    return into


def _scan(client: "redis.Redis") -> Iterator[list[str]]:
    cursor: Any = 0
    while True:
        cursor, names = client.scan(cursor, count=_KEYS_AT_ONCE)
        yield [name.decode(errors="backslashreplace") if isinstance(name, bytes) else name for name in names]
        if int(cursor) == 0:
            return


def _count(client: "redis.Redis", names: list[str], table: KeyTable, into: KeyCount) -> None:
    kinds = {name: table.kind_of(name) for name in names}
    expiring = [name for name, kind in kinds.items() if kind is not None and kind.expires]
    pipeline = client.pipeline(transaction=False)
    for name in expiring:
        pipeline.ttl(name)
    for name, left in zip(expiring, pipeline.execute() if expiring else [], strict=True):
        if left == _LASTING:
            into.lasting += 1
            into.example("lifetimes", name)
    for name, kind in kinds.items():
        into.seen += 1
        if kind is None:
            into.strangers += 1
            into.example("strangers", name)
        owner = owner_of(name) if kind is not None else None
        if owner is not None:
            into.owners[owner] += 1


def keys(count: KeyCount, table: KeyTable) -> Iterator[Finding]:
    """Of what was counted."""
    if not table.kinds:
        yield unknown("lifetimes", "the tables of keys were stripped (python -OO)")
        return
    part = f"of {'all ' if count.whole else 'the first '}{count.seen:,} keys"
    if count.lasting:
        seen = f"{part}, {count.lasting:,} have no lifetime and should: {listed(count.examples['lifetimes'])}"
        remedy = (
            "They stay for ever: something took it from them (PERSIST, a RESTORE without it). EXPIREAT gives it back."
        )
        yield warn("lifetimes", seen, remedy)
    else:
        yield ok("lifetimes", f"{part}, each that should go has a lifetime")
    if count.strangers:
        seen = f"{part}, {count.strangers:,} are nobody's: {listed(count.examples['strangers'])}"
        yield warn("strangers", seen, "Give this service a store of its own: another's FLUSHALL would empty it.")
    else:
        yield ok("strangers", f"{part}, none is a stranger's")


def orphans(count: KeyCount, games: Collection[str], boards: Collection[tuple[str, str]]) -> Finding:
    """Keys of games and boards that the database does not have."""
    lost = {
        owner: number
        for owner, number in count.owners.items()
        if (owner not in boards if owner[1] else owner[0] not in games)
    }
    if not lost:
        return ok("orphans", "every key is of a game and board that the database has")
    names = ["/".join(filter(None, owner)) for owner in sorted(lost)]
    seen = f"{sum(lost.values()):,} keys are of games or boards that the database does not have: {listed(names)}"
    remedy = "See whether store and database belong together (LEADERBOARD_REDIS_URL, LEADERBOARD_DATABASE_URL); "
    return warn("orphans", seen, remedy + "restore the database from its backup, or remove the keys.")
