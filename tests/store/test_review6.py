"""What a store's nodes do amid an answer, and that nobody is told more than is so, or waits for what is no use."""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any
from unittest import mock

import pytest
import redis
from redis.crc import key_slot
from redis.exceptions import AskError

from leaderboard.config import Settings
from leaderboard.errors import StoreUnavailable
from leaderboard.store.carriers import Command, Wait
from leaderboard.store.clustering import Clustered, _Parcel
from leaderboard.store.connection import Store
from leaderboard.store.scripts import Call
from tests.topologies import HOST, Cluster, Single, until


class Breaking:
    """A node whose connection breaks after some answers."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)
        self.connection_pool = self
        self.released = 0

    def get_connection(self) -> "Breaking":
        return self

    def release(self, _connection: Any) -> None:
        self.released += 1

    def pack_commands(self, words: Any) -> Any:
        return words

    def send_packed_command(self, _words: Any) -> None:
        pass

    def disconnect(self) -> None:
        pass

    def parse_response(self, _connection: Any, _command: str) -> Any:
        if not self._answers:
            raise redis.ConnectionError("gone")
        return self._answers.pop(0)


@pytest.mark.parametrize("there", [1, 2, 3])
def test_what_was_answered_before_its_node_died_was_not_seen_on_a_replica(there: int) -> None:
    commands = [Command("{a}", ("EVALSHA", "x"), is_awaited=True), Command("{a}", ("EVALSHA", "y"), is_awaited=False)]
    node = Breaking(*[b"done"] * there)
    parcel = _Parcel(node)  # type: ignore[arg-type]
    for number in range(len(commands)):
        parcel.add(number, asking=False)
    parcel.write(commands, Wait(1, 100), False)
    promised, other = parcel.read(commands, Wait(1, 100)).values()
    assert isinstance(promised, StoreUnavailable)
    assert (other == b"done") == (there > 1)
    assert node.released == 1


@pytest.fixture
def mute() -> Iterator[int]:
    """The port of a server that accepts, and says nothing."""
    with closing(socket.create_server((HOST, 0))) as listener:
        yield listener.getsockname()[1]


def test_all_wait_together_for_a_cluster_that_hangs(mute: int) -> None:
    settings = Settings(redis_timeout_seconds=0.4, redis_connect_timeout_seconds=0.4)
    url = f"redis+cluster://{HOST}:{mute},{HOST}:{mute},localhost:{mute}"
    with closing(Store.connect(settings, url)) as store, ThreadPoolExecutor(8) as threads:

        def ask(_: int) -> float:
            began = time.monotonic()
            with pytest.raises(StoreUnavailable):
                store.run("release", ["nothing"], ["token"])
            return time.monotonic() - began

        assert max(threads.map(ask, range(8))) < 1.2  # one after the other they would wait for 8 * 0.8 s at least


def test_who_is_sent_to_a_node_without_slots_gets_there() -> None:
    """A new node has none until the first one has moved, so the table of slots does not name it."""
    client = mock.Mock()
    client.nodes_manager.get_node.return_value = None
    carrier = Clustered(lambda: client, 0, Wait())
    command = Command("{a}", ("EVALSHA", "x"))
    error = AskError("1 10.0.0.9:7000")
    first, second = carrier._node_for(command, error), carrier._node_for(command, error)
    assert first is second
    assert (first.host, first.port) == ("10.0.0.9", 7000)


@pytest.mark.long
class TestHangingNode:
    def test_it_holds_up_nobody_else_after_the_first_time(self) -> None:
        settings = Settings(redis_timeout_seconds=1.0)
        with Cluster(node_timeout_ms=60_000) as stage, closing(Store.connect(settings, stage.url)) as store:
            tags = {}
            for number in range(1000):
                tags.setdefault(stage.owner(key_slot(b"%d" % number)).port, str(number))
            calls = [Call("count", [f"{{{tag}}}:c", f"{{{tag}}}:m"], [1000, 0, "", "n", "1"]) for tag in tags.values()]
            store.run_all(calls)
            victim = stage.owner(key_slot(next(iter(tags.values())).encode()))
            victim.pause()
            try:
                slow, end = 0, time.monotonic() + 5
                while time.monotonic() < end:
                    began = time.monotonic()
                    answers = store.run_all(calls, resend=False, keep_errors=True)
                    slow += time.monotonic() - began > 0.5
                    assert [isinstance(answer, StoreUnavailable) for answer in answers].count(True) == 1
                    threading.Event().wait(0.02)
                assert slow == 1
            finally:
                victim.resume()
            until(lambda: not any(isinstance(one, StoreUnavailable) for one in _tried(store, calls)), 5)


def _tried(store: Store, calls: list[Call]) -> list[Any]:
    return store.run_all(calls, resend=False, keep_errors=True)


def test_an_answer_that_somebody_left_behind_is_nobody_else_s() -> None:
    with Single() as stage, closing(Store.connect(Settings(), f"redis://{HOST}:{stage.node.port}")) as store:
        pool = store.client.connection_pool
        connection = pool.get_connection()
        connection.send_command("ECHO", "left behind")
        until(lambda: connection.can_read(timeout=0.1), 5)
        pool.release(connection)
        assert store.client.echo("mine") == b"mine"
