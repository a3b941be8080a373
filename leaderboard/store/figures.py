"""What the servers of the store tell of themselves, as far as whoever watches it wants to know all the time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import redis
from redis.exceptions import ResponseError

from leaderboard.store.connection import Store, translated

_STATUSES = ("aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status")


@dataclass(frozen=True, slots=True)
class NodeFigures:
    """One server. None is what it does not tell."""

    node: str  # its address in a Cluster, else ''
    memory_used: int | None = None
    memory_max: int | None = None  # bytes; 0: as much as the machine has
    evicted: int | None = None  # keys, since it began
    commands: int | None = None  # since it began
    clients: int | None = None
    replicas: int | None = None
    disk_fails: bool | None = None  # whether its last write to the disk did


def read(store: Store) -> list[NodeFigures]:
    """Of every server that holds data. Raises StoreUnavailable where one does not answer."""
    with translated():
        return [_of(name, _info(node)) for name, node in store.nodes()]


def _info(node: redis.Redis) -> Mapping[str, Any]:
    try:
        found: Mapping[str, Any] = node.info()
    except ResponseError:  # its user may not ask, or it has no such command
        return {}
    return found


def _of(name: str, info: Mapping[str, Any]) -> NodeFigures:
    told = [info[status] for status in _STATUSES if status in info]
    return NodeFigures(
        name,
        info.get("used_memory"),
        info.get("maxmemory"),
        info.get("evicted_keys"),
        info.get("total_commands_processed"),
        info.get("connected_clients"),
        info.get("connected_slaves"),
        any(status != "ok" for status in told) if told else None,
    )
