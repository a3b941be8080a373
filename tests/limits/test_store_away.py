"""Limits while the store is away or hangs: nobody is locked out, and no flood let in; and a clock that was set back."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from leaderboard.app import create_app
from leaderboard.config import Settings
from leaderboard.metrics import exposition
from leaderboard.store.embedded import EmbeddedStore
from tests.conftest import Service
from tests.serving.harness import Ask, Gate

TOP = "/v1/boards/b/top"
AWAY_SECONDS = 0.6  # for which the store is left alone, and a little more
PARTS = 2
TIMEOUT = 5.0


class Place:
    """A gateway over a store of its own; the first of two workers."""

    def __init__(self, tmp_path: Path) -> None:
        self.path = tmp_path
        self.store = EmbeddedStore.start(tmp_path, owner="tests")
        settings = Settings(
            data_dir=tmp_path,
            redis_url=self.store.url,
            workers=PARTS,
            redis_timeout_seconds=TIMEOUT,
            redis_retries=0,
            read_staleness_ms=60_000,
        )
        self.app = create_app(settings)
        self.service = Service(self.app, None)  # type: ignore[arg-type]
        self.services = self.service.services
        self.service.game = "game"
        self.key = self.services.access.create_key("game", "server", self.services.clock())
        self.auth = ("Authorization", f"Bearer {self.key}")
        self.gate = Gate(self.app, read_staleness_ms=60_000)
        self.service.keys = {"server": self.key}
        self.service.one_thread = True
        self.service.put_board()
        self.service.submit("ada", 1)

    def limit(self, **limits: str) -> None:
        self.services.limits.change("game", limits)

    def get(self, target: str = TOP) -> Any:
        return self.gate.ask(Ask("GET", target, (self.auth,)))

    def close(self) -> None:
        self.gate.close()
        self.services.close()
        self.store.stop()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with closing(Place(tmp_path)) as place:
        yield place


def test_a_worker_keeps_its_part_while_the_store_is_gone(place: Place) -> None:
    place.limit(key_reads="20/60s", player_submissions="1/60s burst 4")
    assert [place.get().status for _ in range(15)] == [200] * 15
    place.store.stop()
    time.sleep(0.1)  # what the store said last is remembered so long
    answers = [place.get() for _ in range(30)]
    assert Counter(answer.status for answer in answers) == {200: 20 // PARTS, 429: 20}
    assert all(answer.headers["retry-after"] for answer in answers if answer.status == 429)
    assert place.gate.flask(Ask("GET", TOP, (place.auth,))).status == 429  # the same, whichever way
    body = b'{"player":"bob","score":1}'
    post = Ask("POST", "/v1/boards/b/scores", (place.auth, ("Content-Type", "application/json")), body)
    assert [place.gate.ask(post).status for _ in range(4)] == [503, 503, 429, 429]
    place.store = EmbeddedStore.start(place.path, owner="tests")
    time.sleep(AWAY_SECONDS)
    assert [place.get().status for _ in range(6)] == [200] * 5 + [429]  # the store's word, and it had counted 15
    assert place.gate.ask(post).status == 200


def test_a_store_that_hangs_is_waited_for_once_and_not_long(place: Place) -> None:
    place.limit(key_reads="20/60s")
    assert place.get().status == 200
    place.services.store.client.client_pause(60_000, all=False)  # all that may write
    began = time.monotonic()
    statuses = [place.get().status for _ in range(20)]
    took = time.monotonic() - began
    place.services.store.client.client_unpause()
    assert took < TIMEOUT / 2
    assert Counter(statuses) == {200: 20 // PARTS, 429: 10}


def test_a_full_store_limits_reads_all_the_same(place: Place) -> None:
    place.limit(key_reads="20/60s")
    client = place.services.store.client
    client.config_set("maxmemory", "1")
    statuses = [place.get("/v1/boards/b/players/ada").status for _ in range(20)]
    assert Counter(statuses) == {200: 20 // PARTS, 429: 10}
    client.config_set("maxmemory", "0")


def test_refusals_are_counted_for_prometheus(place: Place) -> None:
    place.limit(key_reads="2/60s")
    for _ in range(5):
        place.get()
    place.gate.thread.do(place.gate.gateway._report)
    lines = [line for line in exposition()[0].decode().splitlines() if line.startswith("leaderboard_limit_refusals_to")]
    counts = dict(line.rsplit(" ", 1) for line in lines)
    assert float(counts['leaderboard_limit_refusals_total{limit="key_reads"}']) >= 3
    assert len(counts) == 3


def test_every_key_goes_by_itself(place: Place) -> None:
    place.limit(key_reads="20/60s", player_submissions="1/60s burst 4", daily_submissions="100/day")
    place.service.submit("ada", 2)
    place.get()
    client = place.services.store.client
    found = {name.decode(): client.pttl(name) for name in client.scan_iter("rl:*")}
    assert len(found) == 3
    assert all(0 < lifetime <= 86_402_000 for lifetime in found.values()), found
