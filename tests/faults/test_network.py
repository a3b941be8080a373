"""The network between service and store, and between client and service: slow, dead, or cut at some byte."""

import json
import socket
import time

import pytest

from tests.faults.conftest import Rig, Rigs
from tests.faults.load import BOARD, Load
from tests.faults.proxy import Cut, Proxy
from tests.faults.service import BOUND_SECONDS, Answered, Client, Lost
from tests.faults.test_store import BACK_SECONDS, FIRST_SECONDS, check_away

pytestmark = pytest.mark.long

SCORES = f"/v1/boards/{BOARD}/scores"
TO_THE_BOARD = b"{game:" + BOARD.encode() + b"}"  # in the keys of every script call that touches it
OF_ANSWER = (0, 1, 2, 7, 12)  # bytes; where the rest is lost
OF_REQUEST = (0, 1, 20, 150, 400)


def test_slow_store(rig: Rig) -> None:
    """Slower than a glance, faster than the timeout: everything goes on, only later."""
    with Load(rig.client) as load:
        load.await_all_good(FIRST_SECONDS)
        since = time.monotonic()
        rig.proxy.delay(0.4)
        load.await_all_good(FIRST_SECONDS)
        load.check_all(200, "keyed", "plain", "bulk", "top", "health", "ready", since=since)
        assert load.slowest(since) < BOUND_SECONDS
        rig.proxy.let_through()
        load.await_all_good(BACK_SECONDS)


def test_store_slower_than_the_timeout(rig: Rig) -> None:
    """What was refused for being too late may have been counted; it is once, or not at all."""
    with Load(rig.client) as load:
        load.await_all_good(FIRST_SECONDS)
        since = time.monotonic()
        rig.proxy.delay(3)
        check_away(load, since)
        rig.proxy.let_through()
        load.await_all_good(BACK_SECONDS)


def test_network_that_swallows_everything(rig: Rig) -> None:
    with Load(rig.client) as load:
        load.await_all_good(FIRST_SECONDS)
        since = time.monotonic()
        rig.proxy.swallow()
        check_away(load, since)
        rig.proxy.let_through()
        load.await_all_good(BACK_SECONDS)


class Ledger:
    """Submissions to one player of a sum board, and what their total must be."""

    def __init__(self, client: Client) -> None:
        client.good("PUT", f"/v1/boards/{BOARD}", {"operator": "sum", "score": {"type": "integer"}})
        self.client = client
        self.number = 0
        self.total = 0
        self.submit()

    def submit(self, *, keyed: bool = False, bulk: bool = False, again: bool = False) -> Answered:
        """Sends the next submission, or the last one `again`."""
        self.number += not again
        headers = {"Idempotency_Key": f"k{self.number}"} if keyed else {}
        one = {"player": "ada", "score": 1}
        if bulk:
            answer = self.client.ask("POST", "/v1/scores", {"scores": [{"board": BOARD, **one}]}, **headers)
        else:
            answer = self.client.ask("POST", SCORES, one, **headers)
        if not again:
            self.total += answer.status == 200
        return answer

    def check(self) -> None:
        assert self.client.score(BOARD, "ada") == self.total


@pytest.fixture
def ledger(rigs: Rigs) -> tuple[Rig, Ledger]:
    rig = rigs.start(workers=1)
    return rig, Ledger(rig.client)


def cuts(times: int) -> list[Cut]:
    """Every place where a connection breaks."""
    answers = [Cut(TO_THE_BOARD, of_answer=size, times=times) for size in OF_ANSWER]
    return answers + [Cut(TO_THE_BOARD, of_request=size, times=times) for size in OF_REQUEST]


@pytest.mark.parametrize("bulk", [False, True], ids=["single", "bulk"])
def test_connection_to_the_store_cut_half_way(ledger: tuple[Rig, Ledger], bulk: bool) -> None:
    """With a key the service itself sends again; without one it never does."""
    rig, book = ledger
    for cut in cuts(times=1):
        rig.proxy.cut(cut)
        assert book.submit(keyed=True, bulk=bulk).status == 200
        assert cut.struck == 1
        book.check()
    for cut in cuts(times=1):
        rig.proxy.cut(cut)
        told = book.submit(bulk=bulk)
        assert (told.status, cut.struck) == (503, 1)
        rig.proxy.let_through()
        book.total += cut.of_answer is not None  # it was done, and nobody told
        book.check()


@pytest.mark.parametrize("bulk", [False, True], ids=["single", "bulk"])
def test_connection_to_the_store_cut_every_time(ledger: tuple[Rig, Ledger], bulk: bool) -> None:
    """The client is told 503 in time, sends again with its key, and it counts once."""
    rig, book = ledger
    for cut in cuts(times=-1):
        rig.proxy.cut(cut)
        told = book.submit(keyed=True, bulk=bulk)
        assert told.status == 503
        assert told.seconds < BOUND_SECONDS
        assert cut.struck > 1
        rig.proxy.let_through()
        assert book.submit(keyed=True, bulk=bulk, again=True).status == 200
        book.total += 1
        book.check()
        assert book.submit(keyed=True, bulk=bulk, again=True).headers["idempotency-replayed"] == "true"
        book.check()


def test_reads_cut_half_way(ledger: tuple[Rig, Ledger]) -> None:
    """A read is asked again; where that fails too, it is 503, and never half an answer."""
    rig, _ = ledger
    board = f"/v1/boards/{BOARD}"
    paths = [f"{board}/players/ada", f"{board}/top?limit=3", f"{board}/rank?score=1", f"{board}/distribution"]
    good = {path: rig.client.good("GET", path, Cache_Control="no-cache") for path in paths}
    for path in paths:
        for cut in cuts(times=1):
            rig.proxy.cut(cut)
            assert rig.client.good("GET", path, Cache_Control="no-cache") == good[path]
        rig.proxy.cut(Cut(TO_THE_BOARD, of_answer=12, times=-1))
        assert rig.client.ask("GET", path, Cache_Control="no-cache").status == 503
        rig.proxy.let_through()


def test_connection_of_the_client_cut_half_way(ledger: tuple[Rig, Ledger]) -> None:
    """A request that did not come whole does nothing; an answer that was lost is given again to the same key."""
    rig, book = ledger
    host, port = rig.client.address.split(":")
    body = json.dumps({"player": "ada", "score": 1})
    for kept in (10, 60, -30, -1):
        head = f"POST {SCORES} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {rig.client.key}\r\n"
        whole = f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
        with socket.create_connection((host, int(port)), 5) as connection:
            connection.sendall(whole[:kept])
    assert book.submit().status == 200
    book.check()
    with Proxy(int(port)) as between:
        client, book.client = book.client, Client(f"http://127.0.0.1:{between.port}", rig.client.key)
        for size in (0, 1, 40, 120):
            between.cut(Cut(b"POST " + SCORES.encode(), of_answer=size))
            with pytest.raises(Lost):
                book.submit(keyed=True)
            replayed = book.submit(keyed=True, again=True)
            assert (replayed.status, replayed.headers["idempotency-replayed"]) == (200, "true")
            book.total += 1
            book.check()
        book.client = client
