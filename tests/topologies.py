"""Real stores to break: one server, Sentinels with a primary and replicas, a Cluster; each in a folder of its own.

Every process belongs to one process group whose leader waits for the end of a pipe that only the starter holds. So
all of them end with the starter, however it ends. Ports lie below those the kernel hands out for outgoing connections:
otherwise a client that keeps trying to reach a dead server could meet itself there, and keep it from coming back.

    with Sentinels() as stage:
        stage.url                     # for LEADERBOARD_REDIS_URL
        stage.primary().kill()
        stage.await_primary(other_than=...)
"""

import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from leaderboard.store.embedded import find_server

HOST = "127.0.0.1"
MASTER_NAME = "mymaster"
SLOTS = 16384
_TICK_SECONDS = 0.05
_LEADER = """\
import os, shutil, signal, sys
sys.stdin.buffer.read()
shutil.rmtree(sys.argv[1], ignore_errors=True)
os.killpg(0, signal.SIGKILL)
"""


class TopologyError(Exception):
    """A server did not do as it should within its time."""


class Guard:
    """A process group that ends with this process, however that ends; the servers in it, and their folder."""

    def __init__(self, folder: Path) -> None:
        """`folder` is removed at the end."""
        command = [sys.executable, "-I", "-S", "-c", _LEADER, str(folder)]
        self._leader = subprocess.Popen(command, stdin=subprocess.PIPE, cwd="/", process_group=0)
        self._members: list[subprocess.Popen[bytes]] = []

    def start(self, command: Sequence[str], log: Path, **more: Any) -> subprocess.Popen[bytes]:
        """Runs a command in the group, its output appended to a file. `more` is Popen's."""
        with log.open("ab") as out:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                process_group=self._leader.pid,
                **more,
            )
        self._members = [one for one in self._members if one.poll() is None] + [process]
        return process

    def stop(self) -> None:
        """Kills all that is left. Idempotent."""
        assert self._leader.stdin is not None
        self._leader.stdin.close()
        for process in (self._leader, *self._members):
            process.wait(10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Node:
    """One server (or Sentinel): its configuration, its process if it runs, and a client for orders."""

    def __init__(self, guard: Guard, folder: Path, options: Sequence[str], *, port: int, is_sentinel: bool = False):
        self.port = port
        self.address = (HOST, port)
        self._guard = guard
        self._folder = folder
        self._is_sentinel = is_sentinel
        self._process: subprocess.Popen[bytes] | None = None
        self.is_paused = False
        folder.mkdir()
        self._conf = folder / "node.conf"
        self._options = ["daemonize no", "save ''", f"bind {HOST}", f"port {port}", f"dir {folder}", *options]
        if is_sentinel:  # it keeps what it learns in its configuration, and knows fewer options
            self._options.remove("save ''")
        self.client = redis.Redis(
            HOST, port, protocol=2, decode_responses=True, socket_timeout=5, socket_connect_timeout=2,
            retry=Retry(NoBackoff(), 0),  # the driver's own way would wait seconds for the dead
        )  # fmt: skip
        for name in list(self.client.response_callbacks):
            if name.startswith(("CLUSTER", "SENTINEL")):  # they differ by version; here they come as they are
                del self.client.response_callbacks[name]

    def __repr__(self) -> str:
        return f"{self._folder.name}@{self.port}"

    @property
    def pid(self) -> int:
        """The process's id; of the last one, if none runs."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether there is a process, paused or not."""
        return self._process is not None and self._process.poll() is None

    def start(self, *, of: "Node | None" = None) -> None:
        """Runs it, as a replica `of` another if one is named; returns at once, see `await_ready`."""
        assert not self.is_running
        if not self._is_sentinel or not self._conf.exists():
            more = [] if of is None else [f"replicaof {HOST} {of.port}"]
            self._conf.write_text("\n".join([*self._options, *more]) + "\n")
        command = [str(find_server()), str(self._conf), *(["--sentinel"] if self._is_sentinel else [])]
        self._process = self._guard.start(command, self._folder / "log", cwd=self._folder)

    def await_ready(self, seconds: float = 30) -> None:
        """Waits until it answers and has read its data. Raises TopologyError."""
        until(lambda: self.ask("PING") in (True, "PONG"), seconds, lambda: f"{self!r} is not ready: {self.tail()}")

    def kill(self) -> None:
        """SIGKILL, and its end awaited."""
        self._send(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(10)
        self.is_paused = False
        self.client.connection_pool.disconnect()

    def stop(self) -> None:
        """SIGTERM, and its end awaited."""
        self._send(signal.SIGTERM)
        if self._process is not None:
            self._process.wait(30)

    def pause(self) -> None:
        """SIGSTOP: it holds its connections and answers nothing."""
        self._send(signal.SIGSTOP)
        self.is_paused = self.is_running

    def resume(self) -> None:
        self._send(signal.SIGCONT)
        self.is_paused = False

    def ask(self, *command: Any) -> Any:
        """A command's answer; None if there is none, whatever the reason."""
        if self.is_paused:
            return None
        with suppress(redis.RedisError, OSError):
            return self.client.execute_command(*command)
        return None

    def info(self, section: str) -> dict[str, Any]:
        """{} if it does not answer."""
        return self.ask("INFO", section) or {}

    def tail(self) -> str:
        """What it said last."""
        with suppress(OSError):
            return (self._folder / "log").read_text("utf-8", "replace")[-1500:]
        return ""

    def _send(self, number: signal.Signals) -> None:
        if self.is_running:
            os.kill(self.pid, number)


class Topology:
    """What they have in common: a folder, a guard, the nodes that hold data, the URL."""

    url = ""

    def __init__(self, *, appendonly: bool = True, appendfsync: str = "everysec", options: Sequence[str] = ()) -> None:
        """`options`: further lines of every data node's configuration."""
        self._data_options = [
            f"appendonly {'yes' if appendonly else 'no'}",
            f"appendfsync {appendfsync}",
            "maxmemory-policy noeviction",
            "repl-diskless-sync-delay 0",  # it waits five seconds for more replicas otherwise
            *options,
        ]
        self._place = tempfile.TemporaryDirectory(prefix="topology-", ignore_cleanup_errors=True)
        self.folder = Path(self._place.name)
        self.guard = Guard(self.folder)
        self.nodes: list[Node] = []
        try:
            self._build()
        except BaseException:
            self.close()
            raise

    def _build(self) -> None:
        raise NotImplementedError

    def _node(self, name: str, port: int, options: Sequence[str] = (), *, is_sentinel: bool = False) -> Node:
        own = options if is_sentinel else [*self._data_options, *options]
        return Node(self.guard, self.folder / name, own, port=port, is_sentinel=is_sentinel)

    def primaries(self) -> list[Node]:
        """Those that take writes, as they themselves see it."""
        return [node for node in self.nodes if node.info("replication").get("role") == "master"]

    def await_healthy(self, seconds: float = 60) -> None:
        """Waits until all nodes serve, and know it. Raises TopologyError."""
        raise NotImplementedError

    def heal(self, seconds: float = 60) -> None:
        """Whatever was done to it: everything runs again, and is healthy. Raises TopologyError."""
        for node in self.nodes:
            node.resume()
            if not node.is_running:
                self.restart(node)
        self.await_healthy(seconds)

    def restart(self, node: Node) -> None:
        """Runs a killed node again, in the part it has to play now, and waits until it answers."""
        node.start()
        node.await_ready()

    def close(self) -> None:
        """Ends every process and removes the folder. Idempotent."""
        for node in self.nodes:
            node.client.close()
        self.guard.stop()
        self._place.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Single(Topology):
    """One server."""

    def _build(self) -> None:
        (port,) = free_ports(1)
        self.node = self._node("single", port)
        self.nodes = [self.node]
        self.url = f"redis://{HOST}:{port}/0"
        self.restart(self.node)

    def await_healthy(self, seconds: float = 60) -> None:
        self.node.await_ready(seconds)


class Sentinels(Topology):
    """A primary, its replicas, and three Sentinels of which two must agree."""

    def __init__(self, *, replicas: int = 1, down_after_ms: int = 1000, **more: Any) -> None:
        """`more` is Topology's."""
        self._replicas = replicas
        self._down_after_ms = down_after_ms
        self.sentinels: list[Node] = []
        super().__init__(**more)

    def _build(self) -> None:
        first, *others = free_ports(1 + self._replicas + 3)
        self.nodes = [self._node("n0", first)]
        self.nodes += [self._node(f"n{i}", port) for i, port in enumerate(others[: self._replicas], 1)]
        for node in self.nodes:
            node.start(of=None if node is self.nodes[0] else self.nodes[0])
        for node in self.nodes:
            node.await_ready()
        watch = [
            f"sentinel monitor {MASTER_NAME} {HOST} {first} 2",
            f"sentinel down-after-milliseconds {MASTER_NAME} {self._down_after_ms}",
            f"sentinel failover-timeout {MASTER_NAME} 6000",
        ]
        for i, port in enumerate(others[self._replicas :]):
            sentinel = self._node(f"s{i}", port, watch, is_sentinel=True)
            self.sentinels.append(sentinel)
            sentinel.start()
        for sentinel in self.sentinels:
            sentinel.await_ready()
            # It learns of replicas by INFO, every ten seconds unless it is told otherwise.
            sentinel.client.execute_command("SENTINEL", "DEBUG", "INFO-PERIOD", "500", "PUBLISH-PERIOD", "500")
        self.url = f"redis+sentinel://{','.join(f'{HOST}:{one.port}' for one in self.sentinels)}/{MASTER_NAME}/0"
        self.await_healthy()

    def primary(self) -> Node:
        """Whom the Sentinels name. Raises TopologyError: none of them answers."""
        for sentinel in self.sentinels:
            found = sentinel.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER_NAME)
            if found:
                return self._by_port(int(found[1]))
        raise TopologyError("no Sentinel answers")

    def replicas(self) -> list[Node]:
        """All but the primary."""
        primary = self.primary()
        return [node for node in self.nodes if node is not primary]

    def await_primary(self, *, other_than: Node, seconds: float = 60) -> Node:
        """Waits until all Sentinels name another primary, and that one agrees. Raises TopologyError."""
        until(lambda: self.primary() is not other_than and self._agreed(), seconds, self._tails)
        return self.primary()

    def await_healthy(self, seconds: float = 60) -> None:
        """All Sentinels know each other, the primary and its replicas; all replicas follow it, in step."""
        until(self._is_healthy, seconds, self._tails)

    def restart(self, node: Node) -> None:
        primary = self.primary()
        node.start(of=None if primary is node else primary)
        node.await_ready()

    def failover(self, *, coordinated: bool = False) -> None:
        """Asks for a failover without a failure; returns when another is primary. Raises TopologyError.

        `coordinated` (Valkey 9): the old primary stops taking writes first, in place of being told afterwards.
        """
        before = self.primary()
        order = ["SENTINEL", "FAILOVER", MASTER_NAME, *(["COORDINATED"] if coordinated else [])]
        asked = 0.0

        def taken_over() -> bool:
            nonlocal asked
            if time.monotonic() > asked + 10 and self.primary() is before:  # refused just after another, or given up
                asked = time.monotonic() if self.sentinels[0].ask(*order) else 0.0
            return self.primary() is not before and self._agreed()

        until(taken_over, 60, self._tails)

    def heal(self, seconds: float = 60) -> None:
        for sentinel in self.sentinels:
            sentinel.resume()
            if not sentinel.is_running:
                sentinel.start()
        super().heal(seconds)

    def close(self) -> None:
        for sentinel in self.sentinels:
            sentinel.client.close()
        super().close()

    def _agreed(self) -> bool:
        named = [one.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER_NAME) for one in self.sentinels]
        if not all(named) or len({int(one[1]) for one in named}) != 1:
            return False
        return bool(self._by_port(int(named[0][1])).info("replication").get("role") == "master")

    def _is_healthy(self) -> bool:
        if not self._agreed():
            return False
        others = self.replicas()
        for sentinel in self.sentinels:
            known = _pairs(sentinel.ask("SENTINEL", "MASTER", MASTER_NAME))
            if (known.get("flags"), known.get("num-slaves"), known.get("num-other-sentinels")) != (
                "master", str(len(others)), "2",
            ):  # fmt: skip
                return False
        return _follow(self.primary(), others)

    def _by_port(self, port: int) -> Node:
        return next(node for node in self.nodes if node.port == port)

    def _tails(self) -> str:
        return "\n".join(f"{node!r}: {node.tail()}" for node in (*self.nodes, *self.sentinels))


class Cluster(Topology):
    """Three primaries with a replica each."""

    primaries_count = 3

    def __init__(self, *, node_timeout_ms: int = 2000, **more: Any) -> None:
        """`more` is Topology's."""
        self._node_timeout_ms = node_timeout_ms
        super().__init__(**more)

    def _build(self) -> None:
        count = 2 * self.primaries_count
        ports = free_ports(2 * count)
        for i in range(count):
            options = [
                "cluster-enabled yes",
                "cluster-config-file nodes.conf",
                f"cluster-port {ports[count + i]}",
                f"cluster-node-timeout {self._node_timeout_ms}",
                "cluster-allow-replica-migration no",  # a primary whose last slot moves away stays one
            ]
            self.nodes.append(self._node(f"n{i}", ports[i], options))
            self.nodes[-1].start()
        for i, node in enumerate(self.nodes):
            node.await_ready()
            node.client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", i + 1)
        for node in self.nodes:
            for i, other in enumerate(self.nodes):
                if other is not node:
                    node.client.execute_command("CLUSTER", "MEET", HOST, other.port, ports[count + i])
        until(self._have_met, 60, self._tails)
        share = -(-SLOTS // self.primaries_count)
        for i, node in enumerate(self.nodes[: self.primaries_count]):
            last = min(SLOTS, (i + 1) * share) - 1
            node.client.execute_command("CLUSTER", "ADDSLOTSRANGE", i * share, last)
            replica = self.nodes[self.primaries_count + i]
            replica.client.execute_command("CLUSTER", "REPLICATE", self.id_of(node))
        self.url = f"redis+cluster://{','.join(f'{HOST}:{node.port}' for node in self.nodes[:3])}"
        self.await_healthy()

    def id_of(self, node: Node) -> str:
        return str(node.client.execute_command("CLUSTER", "MYID"))

    def owner(self, slot: int) -> Node:
        """The primary of a slot, as most nodes see it. Raises TopologyError: they do not agree."""
        votes: dict[int, int] = {}
        for node in self.nodes:
            for row in self._view(node):
                if "master" in row["flags"] and "fail" not in row["flags"] and slot in row["slots"]:
                    votes[row["port"]] = votes.get(row["port"], 0) + 1
        if not votes or max(votes.values()) * 2 <= sum(node.is_running and not node.is_paused for node in self.nodes):
            raise TopologyError(f"the nodes do not agree who has slot {slot}")
        best = max(votes, key=lambda port: votes[port])
        return next(node for node in self.nodes if node.port == best)

    def replicas_of(self, node: Node) -> list[Node]:
        """Those that follow this primary, as it sees it."""
        own = self.id_of(node)
        ports = [row["port"] for row in self._view(node) if row["primary"] == own]
        return [one for one in self.nodes if one.port in ports]

    def await_healthy(self, seconds: float = 60) -> None:
        """All nodes say the cluster is well and covers all slots, and all replicas follow, in step."""
        until(self._is_healthy, seconds, self._tails)

    def await_owner(self, slot: int, *, other_than: Node, seconds: float = 60) -> Node:
        """Waits until another primary has a slot, and all who run agree that the cluster is well."""

        def moved() -> bool:
            with suppress(TopologyError):
                return self.owner(slot) is not other_than and self._is_ok(self.owner(slot))
            return False

        until(moved, seconds, self._tails)
        return self.owner(slot)

    def failover(self, slot: int) -> Node:
        """A manual failover of the primary of a slot to a replica of its; the new primary. Raises TopologyError."""
        before = self.owner(slot)
        replica = self.replicas_of(before)[0]
        asked = 0.0

        def taken_over() -> bool:
            nonlocal asked
            if time.monotonic() > asked + 5:  # it gives up after five seconds
                replica.ask("CLUSTER", "FAILOVER")
                asked = time.monotonic()
            with suppress(TopologyError):
                return self.owner(slot) is replica
            return False

        until(taken_over, 60, self._tails)
        return replica

    def move_slot(self, slot: int, to: Node, *, batch: int = 100, atomic: bool = False) -> int:
        """Moves a slot with all its keys, while it is in use; the number of keys. Raises TopologyError.

        `atomic`: by CLUSTER MIGRATESLOTS (Valkey 9), which hands a slot over at once, in place of key by key.
        """
        source = self.owner(slot)
        if source is to:
            return 0
        if atomic:
            return self._hand_over(slot, source, to)
        to.client.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", self.id_of(source))
        source.client.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", self.id_of(to))
        moved = self._carry(slot, source, to, batch)
        for node in (to, source, *(node for node in self.primaries() if node not in (to, source))):
            node.client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", self.id_of(to))
        until(lambda: self._is_owner_everywhere(slot, to), 30, self._tails)
        return moved

    def slots_in_use(self, prefix: str = "") -> dict[int, int]:
        """Slot -> number of keys (that begin so), of all primaries."""
        found: dict[int, int] = {}
        for node in self.primaries():
            for key in node.client.scan_iter(match=f"{prefix}*", count=1000):
                slot = int(redis.crc.key_slot(key.encode()))
                found[slot] = found.get(slot, 0) + 1
        return found

    def _carry(self, slot: int, source: Node, to: Node, batch: int) -> int:
        moved, failures = 0, 0
        while keys := source.client.execute_command("CLUSTER", "GETKEYSINSLOT", slot, batch):
            try:
                # A key that is still here is the true one, whatever an earlier try left over there.
                source.client.execute_command("MIGRATE", HOST, to.port, "", 0, 5000, "REPLACE", "KEYS", *keys)
            except redis.ResponseError as error:
                failures += 1
                if not str(error).startswith("IOERR") or failures > 5:
                    raise TopologyError(f"slot {slot} does not move: {error}") from error
            else:
                moved += len(keys)
        return moved

    def _hand_over(self, slot: int, source: Node, to: Node) -> int:
        keys = int(source.client.execute_command("CLUSTER", "COUNTKEYSINSLOT", slot))
        source.client.execute_command("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", self.id_of(to))
        until(lambda: self._is_owner_everywhere(slot, to), 30, self._tails)
        return keys

    def _is_owner_everywhere(self, slot: int, owner: Node) -> bool:
        return all(
            any(row["port"] == owner.port and slot in row["slots"] for row in self._view(node))
            for node in self.nodes
            if node.is_running and not node.is_paused
        )

    def _is_ok(self, node: Node) -> bool:
        said = str(node.ask("CLUSTER", "INFO")).splitlines()
        return "cluster_state:ok" in said and f"cluster_slots_ok:{SLOTS}" in said

    def _have_met(self) -> bool:
        views = [self._view(node) for node in self.nodes]
        return all(
            len(view) == len(self.nodes) and not any(row["flags"][0] == "handshake" for row in view) for view in views
        )

    def _is_healthy(self) -> bool:
        if not all(node.is_running and self._is_ok(node) for node in self.nodes):
            return False
        primaries = self.primaries()
        if len(primaries) != self.primaries_count:
            return False
        following = [(node, self.replicas_of(node)) for node in primaries]
        return all(others and _follow(node, others) for node, others in following)

    def _view(self, node: Node) -> list[dict[str, Any]]:
        """CLUSTER NODES as a node sees it; [] if it does not answer."""
        text = node.ask("CLUSTER", "NODES")
        return [_row(line) for line in str(text).splitlines() if line] if text else []

    def _tails(self) -> str:
        return "\n".join(f"{node!r}: {node.ask('CLUSTER', 'INFO')} {node.tail()[-400:]}" for node in self.nodes)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now, below those of outgoing connections."""
    lowest = 32768
    with suppress(OSError, ValueError):
        lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text("ascii").split()[0])
    found: list[int] = []
    while len(found) < count:
        port = random.SystemRandom().randrange(10_000, max(lowest, 20_000))
        with socket.socket() as probe, suppress(OSError):
            probe.bind((HOST, port))
            if port not in found:
                found.append(port)
    return found


def until(happened: Callable[[], bool], seconds: float, why: Callable[[], str] = str) -> None:
    """Waits for something. Raises TopologyError after so many seconds."""
    for _ in _ticks(seconds):
        if happened():
            return
    raise TopologyError(f"not within {seconds:g} seconds: {why()}")


def _ticks(seconds: float) -> Iterator[None]:
    limit = time.monotonic() + seconds
    yield
    while time.monotonic() < limit:
        time.sleep(_TICK_SECONDS)
        yield


def _follow(primary: Node, replicas: Sequence[Node]) -> bool:
    """Whether all replicas follow this primary, and it knows them to be in step."""
    seen = primary.info("replication")
    online = [one for name, one in seen.items() if name.startswith("slave") and isinstance(one, dict)]
    if sum(one.get("state") == "online" for one in online) < len(replicas):
        return False
    links = [node.info("replication") for node in replicas]
    return all(
        (link.get("role"), link.get("master_port"), link.get("master_link_status")) == ("slave", primary.port, "up")
        for link in links
    )


def _pairs(answer: Any) -> dict[str, str]:
    if isinstance(answer, dict):
        return {str(name): str(value) for name, value in answer.items()}
    flat = list(answer or [])
    return dict(zip(map(str, flat[::2]), map(str, flat[1::2]), strict=False))


def _row(line: str) -> dict[str, Any]:
    """A line of CLUSTER NODES."""
    name, address, flags, primary, *rest = line.split()
    slots: set[int] = set()
    for part in rest[4:]:
        if not part.startswith("["):
            first, _, last = part.partition("-")
            slots.update(range(int(first), int(last or first) + 1))
    port = int(address.split("@")[0].rpartition(":")[2])
    return {"id": name, "port": port, "flags": flags.split(","), "primary": primary, "slots": slots}
