"""Every finding of a check-up appears when it should, and is gone again when what it is about is mended."""

import re
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from leaderboard.app import create_app
from leaderboard.config import Settings
from leaderboard.store.checkup import access, findings, topology
from leaderboard.store.checkup.check import Wanted, check, judge
from leaderboard.store.checkup.findings import Finding
from leaderboard.store.checkup.keys import KeyCount, count_keys, keys, orphans
from leaderboard.store.checkup.keytable import KeyTable, owner_of
from leaderboard.store.checkup.speed import percentile
from leaderboard.store.checkup.told import (
    ClusterNode,
    ClusterTold,
    LatencyEvent,
    Machine,
    SentinelTold,
    SlowCommand,
    Told,
)
from leaderboard.store.connection import Store
from tests.conftest import START, FakeClock, Service
from tests.periods.running import FreeRun
from tests.topologies import Cluster, Sentinels, Single

GIB = 1024**3
GUIDE = Path(__file__).parents[2] / findings.GUIDE
ALL_COMMANDS = frozenset(access._NEEDED)
INFO = {
    "valkey_version": "9.1.2",
    "redis_version": "7.2.4",
    "role": "master",
    "aof_enabled": 1,
    "aof_current_size": 100,
    "aof_base_size": 50,
    "aof_last_write_status": "ok",
    "aof_last_bgrewrite_status": "ok",
    "rdb_last_bgsave_status": "ok",
    "maxmemory_policy": "noeviction",
    "maxmemory": 4 * GIB,
    "total_system_memory": 8 * GIB,
    "used_memory": GIB,
    "used_memory_rss": GIB,
    "evicted_keys": 0,
    "connected_clients": 10,
    "maxclients": 10_000,
    "rejected_connections": 0,
    "connected_slaves": 1,
    "slave0": {"state": "online", "offset": 1000, "lag": 0},
    "master_repl_offset": 1000,
}
CONFIG = {
    "appendfsync": "always",
    "auto-aof-rewrite-percentage": "100",
    "bind": "*",
    "latency-monitor-threshold": "50",
    "min-replicas-to-write": "0",
    "no-appendfsync-on-rewrite": "no",
    "port": "6379",
    "protected-mode": "yes",
    "replica-read-only": "yes",
    "save": "",
    "stop-writes-on-bgsave-error": "yes",
    "tls-port": "0",
}
MACHINE = Machine(overcommit="1", huge_pages="madvise", open_files=20_000, disk_free=90 * GIB, disk_total=100 * GIB)
WELL = Told(
    info=INFO,
    config=CONFIG,
    transport="network",
    tls=True,
    lets_anybody_in=False,
    commands=ALL_COMMANDS,
    round_trips_ms=[0.2] * 100,
    events=[],
    slow=[],
    clock_ahead_ms=3.0,
    machine=MACHINE,
)
REPLICA = {"role": "slave", "master_link_status": "up", "master_last_io_seconds_ago": 1}


def levels(found: "Iterator[Finding] | list[Finding]") -> dict[str, str]:
    """Check -> level, of all that is not well; a check is not said twice."""
    told = list(found)
    assert len({finding.check for finding in told}) == len(told)
    for finding in told:
        assert finding.seen
        assert bool(finding.remedy) or finding.level in ("ok", "unknown"), finding
    return {finding.check: finding.level for finding in told if finding.level != "ok"}


def changed(**parts: Any) -> Told:
    """WELL with other figures of INFO, other settings, another machine or other fields."""
    told = replace(WELL, **parts.pop("fields", {}))
    config, machine = parts.pop("config", {}), parts.pop("machine", {})
    return replace(
        told,
        info={**told.info, **parts},
        config=None if told.config is None else {**told.config, **config},
        machine=told.machine and replace(told.machine, **machine),
    )


def test_nothing_is_said_of_a_store_that_is_well() -> None:
    assert levels(judge(WELL)) == {}
    assert levels(judge(WELL, wanted=1, expected=True)) == {}


NO_LIMIT = {"memory-limit": "warn"}
OPEN = {"lets_anybody_in": True}
CASES: list[tuple[Told, dict[str, str]]] = [
    # what is kept
    (changed(aof_enabled=0), {"appendonly": "fail"}),
    (changed(aof_enabled=0, config={"save": "3600 1"}), {"appendonly": "fail"}),
    (changed(config={"appendfsync": "no"}), {"appendfsync": "warn"}),
    (changed(config={"appendfsync": "everysec"}), {}),
    (changed(config={"no-appendfsync-on-rewrite": "yes"}), {"appendfsync": "warn"}),
    (changed(config={"auto-aof-rewrite-percentage": "0"}), {"log-rewrites": "warn"}),
    (changed(aof_current_size=9 * GIB, aof_base_size=2 * GIB), {"log-rewrites": "warn"}),
    (changed(aof_last_write_status="err"), {"disk-writes": "fail"}),
    (changed(aof_last_bgrewrite_status="err"), {"disk-writes": "warn"}),
    (changed(rdb_last_bgsave_status="err"), {"disk-writes": "warn"}),
    (changed(rdb_last_bgsave_status="err", config={"save": "3600 1"}), {"disk-writes": "fail"}),
    (
        changed(
            rdb_last_bgsave_status="err", config={"save": "3600 1", "stop-writes-on-bgsave-error": "no"}
        ),
        {"disk-writes": "warn"},
    ),
    (changed(machine={"disk_free": GIB // 2}), {"disk-space": "fail"}),
    (changed(machine={"disk_free": 3 * GIB // 2}), {"disk-space": "warn"}),
    (changed(machine={"disk_free": 5 * GIB}), {"disk-space": "warn"}),
    (changed(machine={"disk_free": None}), {"disk-space": "unknown"}),
    # memory
    (changed(maxmemory_policy="allkeys-lru"), {"eviction": "fail"}),
    (changed(maxmemory_policy="volatile-ttl"), {"eviction": "warn"}),
    (changed(evicted_keys=1), {"eviction": "warn"}),
    (changed(maxmemory=0), NO_LIMIT),
    (changed(maxmemory=0, fields={"embedded": True}), {}),
    (changed(maxmemory=7 * GIB), {"memory-limit": "warn"}),
    (changed(used_memory=int(3.5 * GIB), used_memory_rss=int(3.5 * GIB)), {"memory-headroom": "warn"}),
    (changed(used_memory=int(3.9 * GIB), used_memory_rss=int(3.9 * GIB)), {"memory-headroom": "fail"}),
    (changed(maxmemory=0, used_memory=7 * GIB, used_memory_rss=7 * GIB), {"memory-headroom": "fail"} | NO_LIMIT),
    (changed(used_memory_rss=2 * GIB), {"fragmentation": "warn"}),
    (changed(used_memory_rss=GIB // 2), {"fragmentation": "warn"}),
    (changed(used_memory=1000, used_memory_rss=9000), {}),
    # who gets in
    (changed(valkey_version="7.2.5"), {"version": "warn"}),
    (changed(valkey_version="8.0.0"), {}),
    (changed(valkey_version="?"), {"version": "unknown"}),
    (changed(fields={"info": {**INFO, "redis_version": "6.2.14"} | {"valkey_version": None}}), {"version": "unknown"}),
    (changed(fields={"commands": ALL_COMMANDS - {"evalsha"}}), {"commands": "fail"}),
    (changed(fields={"commands": None}), {"commands": "unknown"}),
    (changed(fields={"lets_anybody_in": True}), {"password": "warn"}),
    (changed(fields={"lets_anybody_in": None}), {"password": "unknown"}),
    (changed(fields=OPEN | {"transport": "loopback"}), {}),
    (changed(fields=OPEN | {"transport": "loopback"}, config={"protected-mode": "no"}), {"password": "warn"}),
    (
        changed(
            fields=OPEN | {"transport": "loopback"},
            config={"protected-mode": "no", "bind": "127.0.0.1 -::1"},
        ),
        {},
    ),
    (changed(fields=OPEN | {"transport": "socket"}), {}),
    (changed(fields=OPEN | {"transport": "socket"}, config={"protected-mode": "no"}), {"password": "warn"}),
    (
        changed(fields=OPEN | {"transport": "socket"}, config={"protected-mode": "no", "port": "0"}),
        {},
    ),
    (changed(fields={"tls": False}), {"tls": "warn"}),
    (changed(fields={"tls": False, "transport": "loopback"}), {}),
    # the machine
    (changed(connected_clients=9_000), {"connections": "fail"}),
    (changed(rejected_connections=1), {"connections": "warn"}),
    (changed(machine={"open_files": 1024}), {"open-files": "warn"}),
    (changed(machine={"overcommit": "0"}), {"kernel": "warn"}),
    (changed(machine={"huge_pages": "always"}), {"kernel": "warn"}),
    (changed(fields={"machine": None}), {"kernel": "unknown", "open-files": "unknown", "disk-space": "unknown"}),
    # time
    (changed(fields={"round_trips_ms": [5.0] * 100}), {"latency": "warn"}),
    (changed(fields={"round_trips_ms": [0.1] * 98 + [30.0] * 2}), {"latency": "warn"}),
    (changed(fields={"round_trips_ms": [0.1] * 99 + [30.0]}), {}),
    (changed(fields={"round_trips_ms": [300.0] * 100}), {"latency": "fail"}),
    (changed(fields={"events": [LatencyEvent("fork", 60, 400, 900)]}), {"latency-events": "warn"}),
    (changed(fields={"events": [LatencyEvent("fork", 90_000, 400, 900)]}), {}),
    (changed(fields={"events": [LatencyEvent("command", 60, 60, 900)]}), {}),
    (changed(fields={"events": None}), {"latency-events": "unknown"}),
    (changed(fields={"slow": [SlowCommand("KEYS", 60, 300)]}), {"slow-commands": "warn"}),
    (changed(fields={"slow": [SlowCommand("KEYS", 90_000, 300), SlowCommand("EVALSHA", 1, 30)]}), {}),
    (changed(fields={"slow": None}), {"slow-commands": "unknown"}),
    (changed(fields={"clock_ahead_ms": -1500.0}), {"clock": "warn"}),
    (changed(fields={"clock_ahead_ms": 90_000.0}), {"clock": "fail"}),
    (changed(fields={"clock_ahead_ms": None}), {"clock": "unknown"}),
    # replicas
    (changed(connected_slaves=0), {"replication": "fail"}),
    (changed(slave0={"state": "wait_bgsave", "offset": 0, "lag": 0}), {"replication": "fail"}),
    (changed(connected_slaves=2, slave1={"state": "wait_bgsave"}), {"replication": "warn"}),
    (changed(slave0={"state": "online", "offset": 1000, "lag": 15}), {"replication": "warn"}),
    (changed(master_repl_offset=10**9), {"replication": "warn"}),
    (changed(config={"min-replicas-to-write": "2"}), {"replication": "fail"}),
    (changed(**REPLICA), {}),
    (changed(**REPLICA | {"master_link_status": "down"}), {"replication": "fail"}),
    (changed(**REPLICA | {"master_last_io_seconds_ago": 60}), {"replication": "warn"}),
    (changed(**REPLICA, config={"replica-read-only": "no"}), {"replication": "warn"}),
]  # fmt: skip


@pytest.mark.parametrize(("told", "expected"), CASES)
def test_each_finding(told: Told, expected: dict[str, str]) -> None:
    assert levels(judge(told, wanted=1, expected=True)) == expected


def test_every_check_of_a_server_is_among_the_cases() -> None:
    told = {check for _, expected in CASES for check, level in expected.items() if level != "unknown"}
    assert told == {finding.check for finding in judge(WELL)}


def test_redis() -> None:
    info = {name: value for name, value in INFO.items() if name != "valkey_version"}
    for version, level in (("6.2.14", "fail"), ("7.0.15", None), ("8.2.0", None)):
        told = replace(WELL, info={**info, "redis_version": version})
        assert levels(judge(told)).get("version") == level


def test_replicas_that_nobody_asked_for() -> None:
    alone = changed(connected_slaves=0)
    assert levels([topology.replication(alone, wanted=0, expected=False)]) == {}
    assert levels([topology.replication(alone, wanted=0, expected=True)]) == {"replication": "warn"}
    assert levels([topology.leads_to_replica()]) == {"replication": "fail"}


def test_of_a_store_that_tells_nothing_nothing_bad_is_said() -> None:
    assert set(levels(judge(Told(info={}, transport="network", tls=True))).values()) == {"unknown"}
    assert set(levels(judge(replace(WELL, config=None))).values()) == {"unknown"}


def test_percentiles() -> None:
    assert percentile([3, 1, 2], 0.5) == 2
    assert percentile([1], 0.99) == 1
    assert percentile(range(1, 101), 0.99) == 99


def sentinel(name: str = "a", **parts: Any) -> SentinelTold:
    state = {"num-other-sentinels": 2, "quorum": 2, "flags": "master"} | parts.pop("state", {})
    return SentinelTold(name=name, state=state, **parts)


@pytest.mark.parametrize(
    ("told", "level"),
    [
        ([sentinel(), sentinel(), sentinel()], None),
        ([sentinel(), sentinel("b", error="away")], "warn"),
        ([sentinel("b", error="away")], "fail"),
        ([sentinel(state={"num-other-sentinels": 1})], "warn"),
        ([sentinel(), sentinel(quorum_error="NOQUORUM 1 usable Sentinels")], "fail"),
        ([sentinel(state={"flags": "master,s_down,o_down"})], "fail"),
    ],
)
def test_sentinels(told: list[SentinelTold], level: str | None) -> None:
    assert levels([topology.sentinels(told)]).get("sentinels") == level


def nodes(primaries: int = 3, **parts: Any) -> list[ClusterNode]:
    found = []
    for number in range(primaries):
        main = ClusterNode(
            id=f"p{number}", address=f"p{number}", flags=frozenset({"master"}), primary_id=None, slots=10
        )
        copy = ClusterNode(
            id=f"r{number}", address=f"r{number}", flags=frozenset({"slave"}), primary_id=f"p{number}", slots=0
        )
        found += [main, replace(copy, **parts) if number == 0 else copy]
    return found


@pytest.mark.parametrize(
    ("state", "slots", "listed", "level"),
    [
        ("ok", 16_384, nodes(), None),
        ("fail", 16_384, nodes(), "fail"),
        ("ok", 16_000, nodes(), "fail"),
        ("ok", 16_384, nodes(primary_id="p1"), "warn"),
        ("ok", 16_384, nodes(flags=frozenset({"slave", "fail"})), "warn"),
        ("ok", 16_384, [*nodes(), replace(nodes()[1], id="x", flags=frozenset({"slave", "fail"}))], "warn"),
        ("ok", 16_384, nodes(2), "warn"),
    ],
)
def test_cluster(state: str, slots: int, listed: list[ClusterNode], level: str | None) -> None:
    told = ClusterTold(info={"cluster_state": state, "cluster_slots_ok": str(slots)}, nodes=listed)
    assert levels(topology.cluster(told)).get("cluster") == level


# The keys.


def test_the_tables_name_every_key_that_is_made(own: Service) -> None:
    """A season of everything; afterwards no key is a stranger's, and what should go has a lifetime."""
    live(own)
    table = KeyTable()
    count = count_keys(own.services.store.client, table, None, KeyCount())
    assert count.seen > 30
    assert not count.strangers, count.examples
    assert not count.lasting, count.examples
    assert levels(keys(count, table)) == {}
    assert count.whole
    part = count_keys(own.services.store.client, table, 1, KeyCount())
    assert not part.whole or part.seen == count.seen


def test_what_is_wrong_with_keys_is_found(own: Service) -> None:
    live(own)
    client, table, game = own.services.store.client, KeyTable(), own.game
    day = f"lb:{{{game}:b}}:2026-11-23"
    client.persist(day)
    client.set("somebody:else", 1)
    try:
        count = count_keys(client, table, None, KeyCount())
        assert count.examples == {"lifetimes": [day], "strangers": ["somebody:else"]}
        assert levels(keys(count, table)) == {"lifetimes": "warn", "strangers": "warn"}
        client.expire(day, 1000)
        client.delete("somebody:else")
        assert levels(keys(count_keys(client, table, None, KeyCount()), table)) == {}
    finally:
        client.delete("somebody:else", day)


def test_keys_of_nobody(own: Service) -> None:
    live(own)
    owners = {owner for key in keys_of(own) if (owner := owner_of(key)) is not None}
    assert owners == {(own.game, "b"), (own.game, "")}
    count = KeyCount()
    count.owners.update(owners)
    assert levels([orphans(count, {own.game}, {(own.game, "b")})]) == {}
    assert levels([orphans(count, {own.game}, set())]) == {"orphans": "warn"}
    assert levels([orphans(count, set(), {(own.game, "b")})]) == {"orphans": "warn"}


def test_stripped_tables() -> None:
    assert levels(keys(KeyCount(), KeyTable("nothing"))) == {"lifetimes": "unknown"}


def test_every_row_of_the_tables_is_read() -> None:
    from leaderboard.store import keys as board_keys  # noqa: PLC0415
    from leaderboard.store import stat_keys  # noqa: PLC0415

    rows = [
        line.split()[0]
        for module in (board_keys, stat_keys)
        for line in (module.__doc__ or "").splitlines()
        if re.match(r"    [a-z]+:\S", line)
    ]
    assert sorted(kind.key.split()[0] for kind in KeyTable().kinds) == sorted(rows)


@pytest.fixture
def own(single: Single, tmp_path: Path) -> Iterator[Service]:
    """The service on a store that no other test shares."""
    single.node.client.flushall()
    clock = FakeClock()
    app = create_app(Settings(data_dir=tmp_path, redis_url=single.url, read_staleness_ms=0), clock=clock.now)
    service = Service(app, clock)
    service.new_game()
    yield service
    service.services.close()


def keys_of(service: Service) -> list[str]:
    client = service.services.store.client
    found = [key.decode() for key in client.scan_iter(count=1000)]
    return [key for key in found if f"{{{service.game}}}" in key or f"{{{service.game}:" in key]


def live(service: Service) -> None:
    """One of everything that makes keys."""

    def send(method: str, path: str, document: Any = None, **headers: str) -> None:
        reply = service.request(method, f"/v1{path}", json=document, headers=headers)
        assert reply.status < 300, reply.body

    service.put_board("b", periods=["all", "day", "week"], rolling=["24h", "7d"], ties="dense")
    for player in ("ada", "bob"):
        score = {"player": player, "score": 3, "metadata": {"level": 1}}
        send("POST", "/boards/b/scores", score, **{"Idempotency-Key": player})
    bulk = {"scores": [{"board": "b", "player": f"p{number}", "score": number} for number in range(20)]}
    send("POST", "/scores", bulk, **{"Idempotency-Key": "bulk"})
    for path in ("top?window=24h", "top?window=7d", "distribution", "analytics"):
        send("GET", f"/boards/b/{path}")
    send("POST", "/counters", {"counters": [{"name": "goals", "by": 1}]}, **{"Idempotency-Key": "one"})
    send("PUT", "/funnels/f", {"steps": ["match", "win"]})
    events = [{"name": name, "player": "ada", "value": 1, "properties": {"country": "AT"}} for name in ("match", "win")]
    send("POST", "/events", {"events": events}, **{"Idempotency-Key": "events"})
    service.clock.advance(days=2)
    now, run = service.clock.now(), FreeRun()
    services = service.services
    services.sealing.run(now, run)
    services.windows.run(now, run)
    services.rollup.run(now, run, services.calendar_of)
    services.activity.prune(now, run)
    services.funnels.keep_counts(now, run, services.calendar_of)
    visit(service)
    service.clock.set(START)


def visit(service: Service) -> None:
    """What the dashboard keeps: a failure, a session, a link that nobody has used."""
    services, now = service.services, service.clock.now()
    services.failures.begin("ann", "192.0.2.1", now)
    document = {"account": "operator", "stamp": "", "began": int(now.timestamp()), "seen": int(now.timestamp())}
    services.sessions.begin("0" * 32, document, "a browser", "192.0.2.1")
    assert len(services.sessions.of("operator", now)) == 1
    services.links.take(services.links.create("operator", now), now)
    services.links.create("operator", now)


# Real servers.


@pytest.fixture(scope="module")
def single() -> Iterator[Single]:
    with Single(options=["enable-debug-command yes"]) as stage:
        yield stage


def examined(url: str, **settings: Any) -> list[Finding]:
    hasty = {"redis_retries": 0, "redis_connect_timeout_seconds": 0.2}
    store = Store.connect(Settings(redis_url=url, **hasty, **settings), url)
    wanted = Wanted(now=time.time, replicas=settings.get("wait_replicas", 0))
    try:
        return check(lambda: store.client, wanted).findings
    finally:
        store.close()


def level_of(found: list[Finding], check: str) -> str:
    """The worst that is said of it."""
    return max(
        (finding.level for finding in found if finding.check == check), key=["ok", "unknown", "warn", "fail"].index
    )


@pytest.mark.parametrize(
    ("parameter", "bad", "good", "check", "level"),
    [
        ("appendonly", "no", "yes", "appendonly", "fail"),
        ("appendfsync", "no", "always", "appendfsync", "warn"),
        ("auto-aof-rewrite-percentage", "0", "100", "log-rewrites", "warn"),
        ("maxmemory-policy", "allkeys-lru", "noeviction", "eviction", "fail"),
        ("maxmemory-policy", "volatile-lru", "noeviction", "eviction", "warn"),
        ("maxmemory", "0", "1gb", "memory-limit", "warn"),
        ("maxmemory", "1mb", "1gb", "memory-headroom", "fail"),
        ("protected-mode", "no", "yes", "password", "warn"),
        ("requirepass", "", "", "password", "ok"),
        ("min-replicas-to-write", "1", "0", "replication", "fail"),
    ],
)
def test_a_changed_setting_is_found(
    single: Single, parameter: str, bad: str, good: str, check: str, level: str
) -> None:
    client = single.node.client
    before = client.config_get(parameter)[parameter]
    try:
        client.config_set("bind", "* -::*")
        client.config_set(parameter, bad)
        assert level_of(examined(single.url), check) == level
        client.config_set(parameter, good)
        assert level_of(examined(single.url), check) == "ok"
    finally:
        client.config_set(parameter, before)


def test_slow_commands_and_events_are_found(single: Single) -> None:
    client = single.node.client
    client.config_set("latency-monitor-threshold", 50)
    client.execute_command("DEBUG", "SLEEP", "0.3")
    found = examined(single.url)
    assert level_of(found, "slow-commands") == "warn"
    assert level_of(found, "latency-events") == "warn"
    client.slowlog_reset()
    client.latency_reset()
    found = examined(single.url)
    assert level_of(found, "slow-commands") == level_of(found, "latency-events") == "ok"


def test_a_user_who_may_ask_nothing_is_told_so(single: Single) -> None:
    client = single.node.client
    client.execute_command("ACL", "SETUSER", "poor", "on", ">secret", "+ping", "+hello", "+client|setinfo")
    try:
        found = examined(single.url.replace("redis://", "redis://poor:secret@"))
    finally:
        client.execute_command("ACL", "DELUSER", "poor")
    told = {finding.level for finding in found if finding.check not in ("store", "latency", "password", "tls")}
    assert told == {"unknown"}


def test_nobody_there() -> None:
    assert level_of(examined("redis://127.0.0.1:1"), "store") == "fail"
    assert level_of(examined("redis+cluster://127.0.0.1:1"), "store") == "fail"


@pytest.mark.long
def test_no_sentinel_there() -> None:
    assert level_of(examined("redis+sentinel://127.0.0.1:1/main"), "sentinels") == "fail"


def test_behind_sentinels(sentinels: Sentinels) -> None:
    found = examined(sentinels.url, wait_replicas=1)
    assert {finding.level for finding in found if finding.check in ("store", "sentinels", "replication")} == {"ok"}
    assert len([finding for finding in found if finding.check == "version"]) == 2
    assert level_of(examined(sentinels.url, wait_replicas=2), "replication") == "fail"
    replica = sentinels.replicas()[0]
    assert level_of(examined(f"redis://127.0.0.1:{replica.port}"), "replication") == "fail"


@pytest.mark.long
def test_a_replica_that_is_gone(sentinels: Sentinels) -> None:
    sentinels.replicas()[0].kill()
    try:
        assert "fail" in {finding.level for finding in examined(sentinels.url) if finding.check == "store"}
    finally:
        sentinels.heal()


@pytest.mark.long
def test_a_cluster(cluster: Cluster) -> None:
    found = examined(cluster.url)
    assert level_of(found, "cluster") == "ok"
    assert len([finding for finding in found if finding.check == "version"]) == 6
    gone = cluster.replicas_of(cluster.owner(0))[0]
    gone.kill()
    try:
        found = examined(cluster.url)
        assert "fail" in {finding.level for finding in found if finding.check == "store"}
    finally:
        cluster.heal()


# The guide.


def test_the_guide_has_a_section_and_a_line_of_its_checklist_for_every_check() -> None:
    text = GUIDE.read_text("utf-8")
    titles = [line.lstrip("# ").lower() for line in text.splitlines() if line.startswith("#")]
    headings = {re.sub(r"[^a-z0-9 -]", "", title).replace(" ", "-") for title in titles}
    assert set(findings.SECTIONS.values()) <= headings
    assert re.findall(r"^\| `([a-z-]+)` \|", text.partition("## Checklist")[2], re.MULTILINE) == list(findings.SECTIONS)


def test_what_is_said_of_a_full_store_fits_its_policy() -> None:
    full = {"used_memory": int(3.9 * GIB), "used_memory_rss": int(3.9 * GIB)}
    seen = {
        policy: {one.check: one.seen for one in judge(changed(maxmemory_policy=policy, evicted_keys=7, **full))}
        for policy in ("noeviction", "allkeys-lru")
    }
    assert "writes are refused" in seen["noeviction"]["memory-headroom"]
    assert "thrown away" in seen["allkeys-lru"]["memory-headroom"]
    assert all("7 keys were evicted" in one["eviction"] for one in seen.values())
    (killed,) = (one for one in judge(changed(maxmemory=0, **{**full, "used_memory": 7 * GIB})) if "kill" in one.seen)
    assert killed.check == "memory-headroom"


def test_who_gets_in_from_elsewhere_is_not_known_where_the_configuration_is_not() -> None:
    told = replace(changed(fields=OPEN | {"transport": "loopback"}), config=None)
    assert ("password", "unknown") in {(one.check, one.level) for one in judge(told)}


def test_a_store_that_asks_for_a_password_is_not_said_to_be_down(single: Single) -> None:
    single.node.client.config_set("requirepass", "secret")
    try:
        for address in (f":wrong@127.0.0.1:{single.node.port}", f"127.0.0.1:{single.node.port}"):
            url = f"redis://{address}"
            with closing(Store.connect(Settings(redis_url=url), url)) as store:
                (finding,) = check(lambda: store.client, Wanted(now=time.time)).findings
            assert (finding.check, finding.level) == ("store", "fail")
            assert "let the service in" in finding.seen
            assert "PASSWORD" in finding.remedy
    finally:
        single.node.client.config_set("requirepass", "")
