"""Who follows a board while workers and the store die: they come back, and miss nothing."""

import http.client
import signal
import socket
import threading
import time
from contextlib import suppress

import pytest

from tests.faults.conftest import Rig
from tests.faults.service import Client, kill
from tests.faults.waiting import wait_for
from tests.live.reading import Screen

pytestmark = pytest.mark.long

_STREAM = "/v1/boards/race/stream?limit=20&player=ada"
_KILLS = 4
_PASSING = 12  # players who go past ada between two kills
_SECONDS = 20.0


class Browser:
    """Follows a stream as a browser does: when it breaks, it asks again from where it was."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.screen = Screen()
        self.connections = 0
        self.is_connected = False
        self._socket: socket.socket | None = None
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Browser":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_closed = True
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(_SECONDS)

    def _run(self) -> None:
        while not self._is_closed:
            with suppress(OSError, http.client.HTTPException):
                self._follow()
            self.is_connected = False
            self.screen.lost()
            time.sleep(0.05)

    def _follow(self) -> None:
        headers = {"Authorization": f"Bearer {self._client.key}"}
        if self.screen.last_id:
            headers["Last-Event-ID"] = self.screen.last_id
        connection = http.client.HTTPConnection(self._client.address, timeout=30)
        try:
            connection.request("GET", _STREAM, headers=headers)
            self._socket = connection.sock
            response = connection.getresponse()
            if response.status != 200:
                return
            self.connections += 1
            self.is_connected = True
            while data := response.read1(65536):
                self.screen.read(data)
        finally:
            connection.close()


def _race(client: Client) -> None:
    client.good("PUT", "/v1/boards/race", {"operator": "sum"})
    client.good("POST", "/v1/boards/race/scores", {"player": "ada", "score": 1000})


def _is_up_to_date(client: Client, screen: Screen) -> bool:
    top = client.eventually("GET", "/v1/boards/race/top?limit=20", Cache_Control="no-cache")
    return screen.total == top["total"] and screen.entries == top["entries"]


def test_workers_die_and_nobody_is_overtaken_unseen(rig: Rig) -> None:
    client = rig.client
    _race(client)
    passed = 0
    with Browser(client) as browser:
        wait_for(lambda: browser.screen.standing is not None, _SECONDS, "the stream")
        for turn in range(_KILLS):
            before = browser.connections
            for worker in rig.serving.workers:
                kill(worker)
            for n in range(_PASSING):
                body = {"player": f"p{turn}-{n}", "score": 2000 + n}
                key = f"{turn}-{n}"
                wait_for(lambda: _sent(client, body, key), _SECONDS, "a score to be taken")  # noqa: B023 - at once
                passed += 1
            wait_for(lambda: browser.connections > before, _SECONDS, "the browser to come back")  # noqa: B023
        wait_for(lambda: _is_up_to_date(client, browser.screen), _SECONDS, "the screen to show the board")
        screen = browser.screen
    assert screen.seen.count("snapshot") == 1  # all else was told as changes
    assert sum(one["count"] for one in screen.overtaken) == passed
    assert screen.standing is not None
    assert screen.standing["rank"] == passed + 1


def _sent(client: Client, body: dict[str, object], key: str) -> bool:
    with suppress(Exception):
        return client.ask("POST", "/v1/boards/race/scores", body, Idempotency_Key=key).status == 200
    return False


def test_the_store_dies_and_the_stream_goes_on(rig: Rig) -> None:
    client = rig.client
    _race(client)
    with Browser(client) as browser:
        wait_for(lambda: browser.screen.standing is not None, _SECONDS, "the stream")
        rig.store.kill()
        rig.store.start()
        client.eventually("POST", "/v1/boards/race/scores", {"player": "bob", "score": 1})
        wait_for(lambda: "bob" in browser.screen.rows, _SECONDS, "the change to be seen")
        assert browser.connections == 1


def test_streams_do_not_keep_the_service_from_ending(rig: Rig) -> None:
    client = rig.client
    _race(client)
    with Browser(client) as browser:
        wait_for(lambda: browser.screen.standing is not None, _SECONDS, "the stream")
        began = time.monotonic()
        rig.serving.process.send_signal(signal.SIGTERM)
        rig.serving.process.wait(_SECONDS)
        assert time.monotonic() - began < 8  # far from the 15 s that a request in progress would have


def test_a_store_that_is_full_is_followed_all_the_same(rig: Rig) -> None:
    client = rig.client
    _race(client)
    with rig.store.client() as store:
        store.config_set("maxmemory", 1024)
        try:
            assert client.ask("POST", "/v1/boards/race/scores", {"player": "bob", "score": 1}).status == 503
            with Browser(client) as browser:
                wait_for(lambda: browser.screen.standing is not None, _SECONDS, "the stream")
                store.config_set("maxmemory", 0)
                client.eventually("POST", "/v1/boards/race/scores", {"player": "bob", "score": 1})
                wait_for(lambda: "bob" in browser.screen.rows, _SECONDS, "the change to be seen")
        finally:
            store.config_set("maxmemory", 0)
