"""How fast this machine is: what redis-benchmark measures, on a private store like the service's.

ZADDs of random members of a million, 50 clients over TCP; one by one, and in pipelines of 64.
"""

import random
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Self
from urllib.parse import unquote

import redis

from benchlib.machine import Meter
from benchlib.players import Players
from benchlib.raw import fill
from benchlib.results import Yardsticks
from benchlib.wire import Load, Sample, command, resp
from leaderboard.store.embedded import EmbeddedStore

CLIENTS, DEPTH, MEMBERS = 50, 64, 1_000_000
_PROGRAMS = "valkey-benchmark", "redis-benchmark"
_OWN = "our own generator"
_KEY, _BARE = "bench:{yardstick}", "bench:{bare}"
_RATE = re.compile(r"([\d.]+) requests per second")
_PAIRS = 1000
_EXPECTED = 80_000, 200_000  # ZADDs a second, to know how many such a program should send


class Yardstick:
    """A private store with a million members, from `with` to its end, and what was measured on it."""

    def __init__(self) -> None:
        self._program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
        self.found = Yardsticks(program=Path(self._program).name if self._program else _OWN)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="leaderboard-yardstick-"))
            running = EmbeddedStore.start(Path(folder), owner="scripts/bench")
            stack.callback(running.stop)
            path = unquote(running.url.removeprefix("unix://"))
            self._store = redis.Redis(unix_socket_path=path, protocol=2)
            stack.callback(self._store.close)
            self._address = ("127.0.0.1", self._listen())
            self._pid = running.pid
            for start in range(0, MEMBERS, _PAIRS):
                self._store.zadd(_KEY, {f"member:{number:012}": number for number in range(start, start + _PAIRS)})
            settle(self._store)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def measure(self, seconds: float) -> None:
        """Once more; alone on the machine, it takes twice so many seconds."""
        meter = Meter({"store": [self._pid]})
        self.found.single.append(self._rate(1, seconds))
        self.found.store_percent.append(meter.read()[1].get("store", 0.0))
        self.found.pipelined.append(self._rate(DEPTH, seconds))

    def bare_bytes(self, players: Players) -> float:
        """Bytes a player that a sorted set of these players and their bests takes."""
        before = used_memory(self._store)
        fill(self._store, _BARE, players)
        size = used_memory(self._store) - before
        self._store.delete(_BARE)
        return size / players.count

    def _listen(self) -> int:
        # It has no port of its own: the service's store is spoken to over a Unix socket.
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        self._store.config_set("bind", "127.0.0.1")
        self._store.config_set("port", port)
        return port

    def _rate(self, depth: int, seconds: float) -> float:
        if self._program:
            return self._by_program(self._program, depth, seconds)
        load = Load(self._address, CLIENTS, random_adds(depth), resp(depth))
        load.run(seconds / 5)
        sample: Sample = load.run(seconds)
        return depth * sample.per_second

    def _by_program(self, program: str, depth: int, seconds: float) -> float:
        count = int(_EXPECTED[depth > 1] * seconds)
        host, port = self._address
        options = ["-h", host, "-p", str(port), "-c", str(CLIENTS), "-n", str(count), "-r", str(MEMBERS), "-q"]
        pipeline = ["-P", str(depth)] if depth > 1 else []
        adds = ["ZADD", _KEY, "__rand_int__", "member:__rand_int__"]
        ran = subprocess.run([program, *options, *pipeline, *adds], capture_output=True, text=True, check=True)
        return rate_in(ran.stdout)


def rate_in(output: str) -> float:
    """The rate in what redis-benchmark -q says, whose last line of many overwritten ones counts. Raises ValueError."""
    found = _RATE.findall(output)
    if not found:
        raise ValueError(f"no rate in {output[-200:]!r}")
    return float(found[-1])


def random_adds(depth: int) -> Iterator[bytes]:
    """As redis-benchmark would send them, so many in one go."""
    number = "0" * 12
    add = command("ZADD", _KEY, number, f"member:{number}").replace(number.encode(), b"%012d")
    template, draw, count = add * depth, random.Random(1).random, 2 * depth
    while True:
        yield template % tuple([int(draw() * MEMBERS) for _ in range(count)])


def settle(store: redis.Redis) -> None:
    """Waits until a store does nothing of its own, such as rewriting its append-only file."""
    while any(store.info("persistence")[name] for name in ("aof_rewrite_in_progress", "aof_rewrite_scheduled")):
        time.sleep(0.1)


def used_memory(store: redis.Redis) -> int:
    """Bytes that a store has in use, once it has settled."""
    settle(store)
    return int(store.info("memory")["used_memory"])
