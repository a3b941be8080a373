"""The check-up of a store: asks each of its servers and judges what they say."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from redis.exceptions import AuthenticationError, RedisClusterException, RedisError

from leaderboard.store.checkup import topology
from leaderboard.store.checkup.access import access
from leaderboard.store.checkup.asking import Node, ask
from leaderboard.store.checkup.findings import Finding, fail, unknown
from leaderboard.store.checkup.findings import ok as _ok
from leaderboard.store.checkup.keys import SAMPLE, KeyCount, count_keys, keys
from leaderboard.store.checkup.keytable import KeyTable
from leaderboard.store.checkup.layout import Layout, ask_cluster, laid_out
from leaderboard.store.checkup.machine import machine
from leaderboard.store.checkup.memory import memory
from leaderboard.store.checkup.persistence import persistence
from leaderboard.store.checkup.speed import speed
from leaderboard.store.checkup.told import Told

_START = "Start it, see its log, and the address in LEADERBOARD_REDIS_URL."
_SIGN_IN = "Put user and password into LEADERBOARD_REDIS_URL: redis://USER:PASSWORD@HOST:PORT."


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the check-up is to know of the service, and how far it is to go."""

    now: Callable[[], float]  # Unix seconds
    embedded: bool = False
    replicas: int = 0  # that every write waits for
    all_keys: bool = False


@dataclass
class CheckUp:
    """What it found; `keys` None: they could not be read."""

    findings: list[Finding] = field(default_factory=list)
    keys: KeyCount | None = None


def in_memory() -> CheckUp:
    """Of a store that is no server."""
    seen = "the store is in the memory of one process: nothing is kept when that ends"
    remedy = "Leave LEADERBOARD_REDIS_URL empty for the embedded store, or name a Valkey or Redis."
    return CheckUp([fail("appendonly", seen, remedy)])


def check(client: Callable[[], Any], wanted: Wanted) -> CheckUp:
    """Of the store behind a client, which is asked for only here: one server, behind Sentinels, or a Cluster."""
    done = CheckUp()
    try:
        with laid_out(client()) as layout:
            done.findings += _of_servers(layout, wanted)
            if all(finding.level != "fail" for finding in done.findings if finding.check == "store"):
                done.keys = _of_keys(layout, wanted, done.findings)
    except (RedisError, RedisClusterException) as error:
        done.findings.append(_no_answer(error))
    return done


def judge(told: Told, *, wanted: int = 0, expected: bool = False) -> Iterator[Finding]:
    """All findings about one server."""
    yield from access(told)
    yield from persistence(told)
    yield from memory(told)
    yield from machine(told)
    yield from speed(told)
    yield topology.replication(told, wanted=wanted, expected=expected)


def _of_servers(layout: Layout, wanted: Wanted) -> Iterator[Finding]:
    several = len(layout.nodes) > 1
    if not layout.nodes:
        yield fail("store", "the Sentinels name no primary", "See 'sentinels', and the name at the end of the URL.")
    for node in layout.nodes:
        for finding in _of_server(node, layout, wanted):
            yield replace(finding, node=node.name) if several else finding
    if layout.kind == "sentinel":
        yield topology.sentinels(layout.sentinels)
    if layout.kind == "cluster":
        yield from topology.cluster(ask_cluster(layout.nodes))


def _of_server(node: Node, layout: Layout, wanted: Wanted) -> Iterator[Finding]:
    try:
        told = ask(node, wanted.now, embedded=wanted.embedded)
    except RedisError as error:
        yield _no_answer(error)
        return
    yield _ok("store", "it answers")
    if layout.kind == "single" and told.is_replica:
        yield topology.leads_to_replica()
        return
    yield from judge(told, wanted=wanted.replicas, expected=layout.kind != "single")


def _no_answer(error: Exception) -> Finding:
    said = str(error)
    if isinstance(error, AuthenticationError) or "NOAUTH" in said or said.startswith("HELLO must be called"):
        return fail("store", f"it does not let the service in: {said}", _SIGN_IN)
    return fail("store", f"it does not answer: {said}", _START)


def _of_keys(layout: Layout, wanted: Wanted, findings: list[Finding]) -> KeyCount | None:
    table, count = KeyTable(), KeyCount()
    most = None if wanted.all_keys else SAMPLE
    try:
        for node in layout.nodes:
            if node.client.info("replication")["role"] == "master":
                count_keys(node.client, table, most, count)
    except (RedisError, KeyError) as error:
        findings.append(unknown("lifetimes", f"the keys: {error}"))
        return None
    findings += keys(count, table)
    return count
