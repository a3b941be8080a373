"""What a client sees while the store is away: 503 and when to try again, within a bounded time, never a 500."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from leaderboard.app import create_app
from leaderboard.config import Settings
from leaderboard.services import system_clock
from leaderboard.store.embedded import EmbeddedStore
from tests.conftest import FakeClock, Service


@pytest.fixture
def dead_url() -> Iterator[str]:
    """A port that is ours and that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"redis://127.0.0.1:{taken.getsockname()[1]}/0"


def make(tmp_path: Path, url: str) -> Service:
    service = Service(create_app(Settings(data_dir=tmp_path, redis_url=url, redis_retries=1)), FakeClock())
    service.new_game()
    return service


CALLS = [
    ("PUT", "/v1/boards/b", {}),
    ("GET", "/v1/boards/b", None),
    ("GET", "/v1/boards/b/top", None),
    ("GET", "/v1/boards/b/players/ada", None),
    ("POST", "/v1/boards/b/lookup", {"players": ["ada"]}),
    ("POST", "/v1/boards/b/scores", {"player": "ada", "score": 1}),
    ("POST", "/v1/scores", {"scores": [{"board": "b", "player": "ada", "score": 1}]}),
    ("DELETE", "/v1/boards/b/players/ada", None),
    ("DELETE", "/v1/boards/b", None),
    ("GET", "/v1/boards/b/analytics", None),
    ("GET", "/v1/boards/b/changes", None),
    ("POST", "/v1/counters/deaths", {"by": 1}),
    ("POST", "/v1/counters", {"counters": [{"name": "deaths"}]}),
    ("GET", "/v1/counters", None),
    ("POST", "/v1/events", {"events": [{"name": "match", "player": "ada"}]}),
    ("POST", "/v1/events/match", {"player": "ada"}),
    ("GET", "/v1/stats", None),
    ("GET", "/v1/stats/match", None),
    ("GET", "/v1/analytics/active", None),
    ("GET", "/v1/analytics/retention", None),
    ("GET", "/v1/analytics/players/ada", None),
    ("PUT", "/v1/funnels/start", {"steps": ["a", "b"]}),
    ("PUT", "/v1/game", {"time_zone": "Europe/Vienna"}),
]


@pytest.mark.parametrize(("method", "path", "body"), CALLS, ids=[f"{call[0]} {call[1]}" for call in CALLS])
def test_everything_that_needs_the_store_says_try_again(
    tmp_path: Path, dead_url: str, method: str, path: str, body: object
) -> None:
    service = make(tmp_path, dead_url)
    reply = service.request(method, path, json=body)
    assert (reply.status, reply.json["code"]) == (503, "store_unavailable")
    assert int(reply.headers["Retry-After"]) >= 1


def test_the_probes_tell_a_living_process_from_a_ready_one(tmp_path: Path, dead_url: str) -> None:
    service = make(tmp_path, dead_url)
    assert service.request("GET", "/healthz", key=None).status == 200
    ready = service.request("GET", "/readyz", key=None)
    assert ready.status == 503
    assert ready.json["checks"]["database"] == "ok"
    assert ready.json["checks"]["store"] != "ok"
    assert service.request("GET", "/openapi.json", key=None).status == 200
    assert service.request("GET", "/v1/boards", key=None).status == 401


def test_it_goes_on_when_the_store_is_back(tmp_path: Path) -> None:
    with EmbeddedStore.start(tmp_path) as store:
        service = make(tmp_path, store.url)
        service.put_board()
        service.clock.set(system_clock())
        assert service.submit("ada", 1)["updated"]
        store.stop()
        assert service.request("GET", "/v1/boards/b/top").status == 503
        assert service.request("POST", "/v1/boards/b/scores", json={"player": "ada", "score": 2}).status == 503
    with EmbeddedStore.start(tmp_path):
        assert service.get("/boards/b/top")["entries"][0]["score"] == 1
        assert service.submit("ada", 3)["score"] == 3


def test_a_store_that_may_lose_rankings_is_warned_of(tmp_path: Path) -> None:
    with EmbeddedStore.start(tmp_path) as store:
        service = make(tmp_path, store.url)
        assert service.request("GET", "/readyz", key=None).json["warnings"] == []
        client = service.services.store.client
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.config_set("appendonly", "no")
        warnings = service.request("GET", "/readyz", key=None).json["warnings"]
        assert len(warnings) == 2
        assert "allkeys-lru" in warnings[0]
