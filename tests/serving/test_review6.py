"""Who goes away, or never comes to an end, holds no thread that others wait for without being told."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import sqlalchemy as sa
from flask import Flask

from leaderboard.archive.database import Database
from leaderboard.config import Settings
from leaderboard.errors import DatabaseUnavailable, StoreUnavailable
from leaderboard.games.access import Access
from leaderboard.serving.bridge import ACTION_THREADS
from leaderboard.serving.worker import Protocol
from leaderboard.store.connection import Store
from tests.conftest import START
from tests.serving.harness import Ask, Client, Gate


@pytest.fixture
def narrow(app: Flask) -> Iterator[Gate]:
    """With one thread, for which nobody waits long."""
    gate = Gate(app, threads=1, queue_seconds=0.05)
    yield gate
    gate.close()


def test_a_thread_is_not_lent_while_the_work_of_a_client_that_has_gone_is_still_in_it(narrow: Gate) -> None:
    begun, may = threading.Event(), threading.Event()

    def app(_environ: Any, start_response: Any) -> list[bytes]:
        begun.set()
        assert may.wait(10)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"done"]

    with mock.patch("tests.serving.harness._Configured.__call__", lambda _self, *args: app(*args)):
        gone, _ = narrow.start(Ask("GET", "/v1/anything"))
        assert begun.wait(5)
        gone.cancel()  # as gunicorn does some seconds after its connection was lost
        with suppress(CancelledError):
            gone.result(5)
        try:
            assert narrow.ask(Ask("GET", "/v1/anything")).status == 503
        finally:
            may.set()
        for _ in range(3):
            assert narrow.ask(Ask("GET", "/v1/anything")).body == b"done"


def test_keys_that_nobody_knows_hold_up_nobody_without_a_word(narrow: Gate) -> None:
    """The database hangs, and whoever has no key asks all the same."""
    looking, may = threading.Semaphore(0), threading.Event()

    def hang(_self: Access, _key: str) -> None:
        looking.release()
        assert may.wait(10)

    with mock.patch.object(Access, "identify", hang), mock.patch.object(Access, "known", return_value=None):
        asks = [
            Ask("GET", "/v1/boards/b/top", (("Authorization", f"Bearer lb_server_{number}"),))
            for number in range(ACTION_THREADS)
        ]
        futures = [narrow.start(one)[0] for one in asks]
        for _ in asks:
            assert looking.acquire(timeout=5)
        try:
            assert narrow.ask(Ask("GET", "/v1/boards/b/top", (("Authorization", "Bearer x"),))).status == 503
        finally:
            may.set()
        for future in futures:
            with suppress(Exception):
                future.result(10)


def test_a_thread_that_streams_to_a_client_that_has_gone_goes_on() -> None:
    """Its answer did not fit into the socket: it waits until the client takes some of it, which it never will."""

    async def work() -> None:
        worker = mock.Mock(loop=asyncio.get_running_loop(), peers=set(), nr_conns=0)
        connection: Any = Protocol(worker)
        transport = mock.Mock()
        transport.get_extra_info.return_value = None
        with (
            mock.patch.object(Protocol, "_start_http1"),
            mock.patch("gunicorn.asgi.protocol.negotiation.prior_knowledge_allowed", return_value=False),
        ):
            connection.connection_made(transport)
        connection.pause_writing()
        waiting = asyncio.ensure_future(connection._flow_control.drain())
        await asyncio.sleep(0)
        assert not waiting.done()
        connection.connection_lost(None)
        await asyncio.wait_for(waiting, 5)

    asyncio.run(work())


def test_one_asks_a_database_that_hangs_and_all_who_are_known_go_on(tmp_path: Path) -> None:
    """However many keys are in use: each would wait for it in one of a few threads, and hold up the next."""
    hanging, may = threading.Semaphore(0), threading.Event()

    class Hangs:
        is_away = False

        @contextmanager
        def begin(self) -> Iterator[sa.Connection]:
            if self.is_away:
                hanging.release()
                assert may.wait(20)
                raise DatabaseUnavailable("away")
            with database.begin() as connection:
                yield connection

    database, now, front = Database.connect(Settings(data_dir=tmp_path)), [1000.0], Hangs()
    store = mock.Mock(glance=mock.Mock(return_value=None))
    access = Access(store, front, 1.5, lambda: now[0])  # type: ignore[arg-type]
    with closing(database), ThreadPoolExecutor(4) as threads:
        keys = [access.create_key("game", "server", START) for _ in range(20)]
        known = [access.identify(key) for key in keys]
        front.is_away = True
        now[0] += 2
        first = threads.submit(access.identify, keys[0])
        assert hanging.acquire(timeout=5)
        may.set()
        assert first.result(5) == known[0]
        may.clear()
        now[0] += 6
        first = threads.submit(access.identify, keys[0])
        try:
            assert hanging.acquire(timeout=5)
            assert [threads.submit(access.identify, key).result(2) for key in keys] == known
            with pytest.raises(DatabaseUnavailable):
                threads.submit(access.identify, "lb_server_unknown").result(2)
        finally:
            may.set()
        assert first.result(5) == known[0]
        front.is_away = False
        now[0] += 6
        assert [access.identify(key) for key in keys] == known


def test_a_part_of_the_store_that_is_away_is_away_for_nobody_else(app: Flask) -> None:
    """On a Cluster who waited meanwhile may ask another node."""
    with mock.patch.object(Store, "is_spread", new=True):
        gate = Gate(app)
    begun, may = threading.Event(), threading.Event()
    asked: list[int] = []

    def read(hots: list[Any]) -> list[Any]:
        asked.append(len(hots))
        begun.set()
        assert may.wait(10)
        return [StoreUnavailable("away")] * len(hots) if len(asked) == 1 else [None] * len(hots)

    reads = gate.gateway.lane._reads
    with mock.patch.object(reads, "_work", read):
        first: Any = gate.thread.do(reads.put, None)
        assert begun.wait(5)
        others = [gate.thread.do(reads.put, None) for _ in range(3)]
        may.set()

        async def all_of_them() -> list[Any]:
            return await asyncio.gather(first, *others)

        found = gate.thread.run(all_of_them())
    gate.close()
    assert isinstance(found[0], StoreUnavailable)
    assert found[1:] == [None] * 3


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("headers", [(), (("Expect", "100-continue"),)])
def test_who_sends_slowly_holds_no_thread_whatever_is_asked(narrow: Gate, method: str, headers: Any) -> None:
    """Nobody needs a key for that: what is refused has its body read as well."""
    slow = Client([{"type": "http.request", "body": b"x", "more_body": True}])
    ask = Ask(method, "/v1/nothing", (*headers, ("Content-Length", "1000000")))
    sending, _ = narrow.start(ask, slow)
    assert [narrow.ask(Ask("GET", "/v1/nothing")).status for _ in range(3)] == [404] * 3
    sending.cancel()
