"""The stores that other tests break: they break and heal as they say, and nothing of them is left behind."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest
import redis
from redis.cluster import RedisCluster

from tests.topologies import HOST, Cluster, Sentinels, Single, TopologyError, free_ports, until

_ORPHAN = """
import sys
from tests.topologies import Single
stage = Single()
print(stage.node.pid, stage.folder, flush=True)
sys.stdin.read()
"""


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_killed_server_comes_back_with_its_data() -> None:
    with Single(appendfsync="always") as stage:
        stage.node.client.set("a", 1)
        stage.node.kill()
        assert stage.node.ask("PING") is None
        stage.heal()
        assert stage.node.client.get("a") == "1"
        assert stage.node.client.config_get("appendfsync") == {"appendfsync": "always"}
        pid = stage.node.pid
    assert not _lives(pid)
    assert not stage.folder.exists()


def test_without_a_log_nothing_is_kept() -> None:
    with Single(appendonly=False) as stage:
        stage.node.client.set("a", 1)
        stage.node.kill()
        stage.heal()
        assert stage.node.client.get("a") is None


def test_a_paused_server_answers_when_it_goes_on() -> None:
    with Single() as stage:
        line = redis.Redis(HOST, stage.node.port, socket_timeout=0.2, retry=None)
        stage.node.pause()
        with pytest.raises(redis.TimeoutError):
            line.ping()
        stage.node.resume()
        stage.await_healthy()
        assert line.ping()
        line.close()


def test_a_wait_ends() -> None:
    with pytest.raises(TopologyError, match="the reason"):
        until(lambda: False, 0.1, lambda: "the reason")


def test_ports_are_free_and_not_those_of_outgoing_connections() -> None:
    ports = free_ports(50)
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text("ascii").split()[0])
    assert len(set(ports)) == 50
    assert max(ports) < max(lowest, 20_000)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks at /proc")
def test_servers_end_with_a_starter_that_is_killed() -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", _ORPHAN],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert starter.stdin is not None
    assert starter.stdout is not None
    with starter:
        told = starter.stdout.readline().split()
        pid, folder = int(told[0]), Path(told[1])
        assert _lives(pid)
        os.kill(starter.pid, signal.SIGKILL)
        until(lambda: not _lives(pid) and not folder.exists(), 10)


@pytest.mark.long
class TestSentinels:
    def test_a_killed_primary_is_followed_by_its_replica(self, sentinels: Sentinels) -> None:
        for _ in range(3):
            before = sentinels.primary()
            before.client.set("a", 1)
            assert before.client.wait(1, 5000) == 1
            before.kill()
            after = sentinels.await_primary(other_than=before)
            assert after.client.get("a") == "1"
            after.client.set("b", 2)
            sentinels.heal()
            if sentinels.primary() is after:  # where the machine stands still for a second, they fail over once more
                break
        assert before in sentinels.replicas()
        assert after.client.wait(1, 5000) == 1
        assert before.client.get("b") == "2"

    def test_a_failover_that_is_asked_for(self, sentinels: Sentinels) -> None:
        before = sentinels.primary()
        sentinels.failover()
        assert sentinels.primary() is not before
        sentinels.await_healthy()
        assert sentinels.primaries() == [sentinels.primary()]

    def test_two_replicas(self) -> None:
        with Sentinels(replicas=2, appendfsync="always") as stage:
            stage.primary().client.set("a", 1)
            assert stage.primary().client.wait(2, 5000) == 2
            killed = stage.primary()
            killed.kill()
            stage.await_primary(other_than=killed)
            stage.heal()
            assert [node.client.get("a") for node in stage.nodes] == ["1"] * 3

    def test_what_is_not_healthy_is_not_said_to_be(self, sentinels: Sentinels) -> None:
        sentinels.replicas()[0].kill()
        with pytest.raises(TopologyError):
            sentinels.await_healthy(seconds=1)
        sentinels.heal()


@pytest.mark.long
class TestCluster:
    SLOT = int(redis.crc.key_slot(b"x"))

    def test_a_killed_primary_is_followed_by_its_replica(self, cluster: Cluster) -> None:
        before = cluster.owner(self.SLOT)
        before.client.set("{x}a", 1)
        assert before.client.wait(1, 5000) == 1
        before.kill()
        after = cluster.await_owner(self.SLOT, other_than=before)
        assert after.client.get("{x}a") == "1"
        with pytest.raises(TopologyError):
            cluster.await_healthy(seconds=0.5)
        cluster.heal()
        assert before in cluster.replicas_of(after)

    def test_a_failover_that_is_asked_for(self, cluster: Cluster) -> None:
        before = cluster.owner(self.SLOT)
        assert cluster.failover(self.SLOT) is cluster.owner(self.SLOT) is not before
        cluster.await_healthy()

    @pytest.mark.parametrize("atomic", [False, True])
    def test_a_slot_moves_with_its_keys_while_they_are_written_to(self, cluster: Cluster, *, atomic: bool) -> None:
        kept = [f"{{x}}{atomic}:{number}" for number in range(1000)]
        source = cluster.owner(self.SLOT)
        for key in kept:
            source.client.set(key, 0)
        to = next(node for node in cluster.primaries() if node is not source)
        assert cluster.slots_in_use(f"{{x}}{atomic}:") == {self.SLOT: 1000}
        with ThreadPoolExecutor(1) as threads, closing(RedisCluster(host=HOST, port=source.port)) as client:
            counted, moved = count(), threading.Event()

            def write() -> int:
                while not moved.is_set():
                    client.incr(kept[next(counted) % len(kept)])
                return next(counted)

            writes = threads.submit(write)
            try:
                until(lambda: source.client.get(kept[9]) != "0", 10)
                assert cluster.move_slot(self.SLOT, to, batch=10, atomic=atomic) >= 1000
                seen = to.client.mget(kept)
                until(lambda: to.client.mget(kept) != seen, 10)
            finally:
                moved.set()
            total = writes.result(10)
            assert sum(map(int, to.client.mget(kept))) == total
        assert cluster.owner(self.SLOT) is to
        assert not source.ask("CLUSTER", "GETKEYSINSLOT", self.SLOT, 10)
        cluster.await_healthy()
