"""Which servers a store is made of, and what Sentinels and the Cluster say of them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import redis
from redis.cluster import RedisCluster
from redis.exceptions import RedisError

from leaderboard.store.checkup.asking import Node, plain
from leaderboard.store.checkup.told import ClusterNode, ClusterTold, SentinelTold

Kind = Literal["single", "sentinel", "cluster"]


@dataclass(frozen=True, slots=True)
class Layout:
    """The servers; `sentinels` as they answered."""

    kind: Kind
    nodes: Sequence[Node]
    sentinels: Sequence[SentinelTold] = field(default_factory=tuple)


@contextmanager
def laid_out(client: Any) -> Iterator[Layout]:
    """The layout behind a client, with connections that last as long as the block. Raises RedisError."""
    if isinstance(client, RedisCluster):
        cluster: Any = client
        nodes = [Node(node.name, cluster.get_redis_connection(node)) for node in cluster.get_nodes()]
        yield Layout("cluster", sorted(nodes, key=lambda node: node.name))
        return
    manager = getattr(client.connection_pool, "sentinel_manager", None)
    if manager is None:
        yield Layout("single", [Node("", client)])
        return
    service = client.connection_pool.service_name
    told = [_ask_sentinel(sentinel, service) for sentinel in manager.sentinels]
    with ExitStack() as stack:
        known = any(one.error is None for one in told)  # or each would be waited for once more
        addresses = _addresses(manager, service) if known else []
        nodes = [Node(f"{host}:{port}", stack.enter_context(plain(client, (host, port)))) for host, port in addresses]
        yield Layout("sentinel", nodes, told)


def ask_cluster(nodes: Sequence[Node]) -> ClusterTold:
    """A Cluster as the first of its nodes sees it that answers. Raises RedisError if none does."""
    last: RedisError = redis.ConnectionError("no node is known")
    for node in nodes:
        try:
            client: Any = node.client
            info: Mapping[str, str] = client.execute_command("CLUSTER INFO")
            listed: Mapping[str, Mapping[str, Any]] = client.execute_command("CLUSTER NODES")
        except RedisError as error:
            last = error
            continue
        return ClusterTold(info=info, nodes=[_cluster_node(address, row) for address, row in listed.items()])
    raise last


def _cluster_node(address: str, row: Mapping[str, Any]) -> ClusterNode:
    spans = [span for span in row["slots"] if str(span[0]).isdigit()]  # the others are on their way
    slots = sum(int(span[-1]) - int(span[0]) + 1 for span in spans)
    primary = None if row["master_id"] == "-" else str(row["master_id"])
    flags = frozenset(str(row["flags"]).split(","))
    return ClusterNode(id=str(row["node_id"]), address=address, flags=flags, primary_id=primary, slots=slots)


def _addresses(manager: Any, service: str) -> list[tuple[str, int]]:
    """The primary, then its replicas; nothing where no Sentinel knows one."""
    try:
        primary = manager.discover_master(service)
    except RedisError:
        return []
    return [primary, *(replica for replica in manager.discover_slaves(service) if replica != primary)]


def _ask_sentinel(sentinel: Any, service: str) -> SentinelTold:
    options = sentinel.connection_pool.connection_kwargs
    name = f"{options.get('host')}:{options.get('port')}"
    try:
        state = sentinel.sentinel_master(service)
    except RedisError as error:
        return SentinelTold(name=name, error=str(error))
    try:
        sentinel.sentinel_ckquorum(service)
    except RedisError as error:
        return SentinelTold(name=name, state=state, quorum_error=str(error))
    return SentinelTold(name=name, state=state)
