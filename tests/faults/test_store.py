"""The store is killed, paused, full, loading, a replica, or cannot write its log."""

import time

import pytest

from tests.faults.conftest import Rig, Rigs
from tests.faults.load import BOARD, TOP, Book, Load
from tests.faults.service import BOUND_SECONDS
from tests.faults.waiting import wait_for
from tests.topologies import free_ports

pytestmark = pytest.mark.long

FIRST_SECONDS = 30  # until everything answers, on a busy machine
BACK_SECONDS = 15  # until everything answers again; mostly it is below one


def check_away(load: Load, since: float) -> None:
    """What clients saw while the store was away: writes are refused, hot tops go on, the process lives."""
    for kind in ("keyed", "plain", "bulk"):
        load.await_status(kind, 503, 2 * BOUND_SECONDS, since=since)
    load.await_status("ready", 503, 2 * BOUND_SECONDS, since=since)
    wait_for(lambda: any(one.is_stale for one in load.of("top", since=since)), BOUND_SECONDS, "a last good copy")
    load.check_all(200, "top", "health", since=since)
    assert load.slowest(since) < BOUND_SECONDS


def test_store_killed_and_restarted(rig: Rig) -> None:
    with Load(rig.client) as load:
        load.await_all_good(FIRST_SECONDS)
        for _ in range(3):
            since = time.monotonic()
            rig.store.kill()
            check_away(load, since)
            rig.store.start()
            load.await_all_good(BACK_SECONDS)


def test_store_paused_and_continued(rig: Rig) -> None:
    with Load(rig.client) as load:
        load.await_all_good(FIRST_SECONDS)
        since = time.monotonic()
        rig.store.pause()
        check_away(load, since)
        rig.store.resume()
        load.await_all_good(BACK_SECONDS)


def test_store_paused_under_a_crowd(rig: Rig) -> None:
    """So many requests wait in vain that all threads would: it still is told of within the bound, and recovers."""
    with Load(rig.client, crowd=24) as load:
        load.await_all_good(FIRST_SECONDS)
        since = time.monotonic()
        rig.store.pause()
        check_away(load, since)
        wait_for(lambda: time.monotonic() > since + 2 * BOUND_SECONDS, 4 * BOUND_SECONDS, "many rounds of waiting")
        check_away(load, since)
        assert load.statuses("crowd", since=since)[503] > 100
        rig.store.resume()
        load.await_all_good(BACK_SECONDS)


def test_known_board_stays_known(rigs: Rigs) -> None:
    """Whoever asks in vain for a board's definition, or to change it, takes its last good top from nobody."""
    rig = rigs.start(workers=1)
    with Load(rig.client) as load:
        load.await_all_good(FIRST_SECONDS)
        since = time.monotonic()
        rig.store.kill()
        for method, path in (("GET", ""), ("DELETE", "/players/nobody"), ("PUT", "")):
            answer = rig.client.ask(method, f"/v1/boards/{BOARD}{path}", {} if method == "PUT" else None)
            assert answer.status == 503
        check_away(load, since)
        rig.store.start()
        load.await_all_good(BACK_SECONDS)


def test_store_full(rig: Rig) -> None:
    with Load(rig.client) as load, rig.store.client() as store:
        load.await_all_good(FIRST_SECONDS)
        since = time.monotonic()
        store.config_set("maxmemory", 1024)
        check_refuses_writes(rig, load, since)
        store.config_set("maxmemory", 0)
        load.await_all_good(BACK_SECONDS)


def check_refuses_writes(rig: Rig, load: Load, since: float, *, ready: bool = True) -> None:
    """A store that is there but takes nothing: all reads go on, and they are no last copies."""
    for kind in ("keyed", "plain", "bulk"):
        load.await_status(kind, 503, BOUND_SECONDS, since=since)
    for path in ("/players/first", "/distribution", "/percentile?p=50", "/rank?score=3", "/scores", "/periods"):
        answer = rig.client.ask("GET", f"/v1/boards/{BOARD}{path}", Cache_Control="no-cache")
        assert answer.status == 200, (path, answer.body)
    assert not rig.client.ask("GET", TOP, Cache_Control="no-cache").is_stale
    load.check_all(200, "top", "health", *(["ready"] if ready else []), since=since)
    assert load.slowest(since) < BOUND_SECONDS


def test_store_turned_read_only_replica(rig: Rig) -> None:
    with Load(rig.client) as load, rig.store.client() as store:
        load.await_all_good(FIRST_SECONDS)
        since = time.monotonic()
        store.replicaof("127.0.0.1", *free_ports(1))
        check_refuses_writes(rig, load, since)
        store.replicaof("NO", "ONE")
        load.await_all_good(BACK_SECONDS)


def test_replica_that_serves_nothing_without_its_primary(rig: Rig) -> None:
    """`replica-serve-stale-data no`: MASTERDOWN."""
    with Load(rig.client) as load, rig.store.client() as store:
        load.await_all_good(FIRST_SECONDS)
        since = time.monotonic()
        store.config_set("replica-serve-stale-data", "no")
        store.replicaof("127.0.0.1", *free_ports(1))
        check_away(load, since)
        store.replicaof("NO", "ONE")
        load.await_all_good(BACK_SECONDS)


def test_store_loading(rig: Rig) -> None:
    with Load(rig.client) as load:
        load.await_all_good(FIRST_SECONDS)
        for page in range(10):
            items = [{"board": BOARD, "player": f"p{page}-{n}", "score": 1} for n in range(1000)]
            rig.client.good("POST", "/v1/scores", {"scores": items})
            load.books |= {f"p{page}-{n}": Book(1) for n in range(1000)}
        rig.store.kill()
        rig.store.start("--key-load-delay", "200", ready=False)
        since = time.monotonic()
        check_away(load, since)
        with rig.store.client() as store:
            assert store.info("persistence")["loading"], "it was over too soon to have seen anything"
        assert "BusyLoadingError" in rig.serving.log
        wait_for(rig.store.is_ready, 60, "the data to be read")
        load.await_all_good(BACK_SECONDS)


def test_disk_full_under_the_store(rigs: Rigs) -> None:
    """`appendfsync everysec`: the store goes on, takes no writes, and begins again when there is room."""
    rig = rigs.start("--appendfsync", "everysec")
    with Load(rig.client) as load:
        load.await_all_good(FIRST_SECONDS)
        since = time.monotonic()
        rig.store.limit_files(rig.store.log_bytes)
        check_refuses_writes(rig, load, since, ready=False)  # for then Valkey does not take a PING either
        with rig.store.client() as store:
            assert store.info("persistence")["aof_last_write_status"] == "err"
        rig.store.limit_files(-1)
        load.await_all_good(BACK_SECONDS)
    before = rig.client.good("GET", TOP, Cache_Control="no-cache")["entries"]
    with rig.store.client() as store:
        wait_for(lambda: store.info("persistence")["aof_last_write_status"] == "ok", BACK_SECONDS, "the log")
        store.waitaof(1, 0, 5000)
    rig.store.kill()
    rig.store.start()
    wait_for(lambda: rig.client.ask("GET", "/readyz").status == 200, BACK_SECONDS, "ready")
    assert rig.client.good("GET", TOP, Cache_Control="no-cache")["entries"] == before


def test_disk_full_under_a_store_that_always_syncs(rig: Rig) -> None:
    """`appendfsync always`: the store ends itself rather than answer what is not on the disk."""
    with Load(rig.client) as load:
        load.await_all_good(FIRST_SECONDS)
        since = time.monotonic()
        rig.store.limit_files(rig.store.log_bytes)
        wait_for(lambda: not rig.store.is_listening(), FIRST_SECONDS, "the store to end")
        check_away(load, since)
        rig.store.kill()
        rig.store.start()
        load.await_all_good(BACK_SECONDS)
