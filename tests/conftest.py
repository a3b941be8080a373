"""Fixtures: a private Valkey a run, and the same tests on fakeredis; a clock under control; a fresh game a test."""

import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from flask import Flask
from hypothesis import Phase
from werkzeug.test import EnvironBuilder

from leaderboard.accounts import passwords
from leaderboard.app import create_app
from leaderboard.boards.definition import Board
from leaderboard.config import Settings
from leaderboard.services import Services
from leaderboard.stats.lifetimes import Lifetimes
from leaderboard.store.embedded import EmbeddedStore
from tests.archive import postgres
from tests.front import Front, Reply
from tests.topologies import Cluster, Sentinels

hypothesis.settings.register_profile("no-shrink", phases=(Phase.explicit, Phase.reuse, Phase.generate))

# A password takes 0.2 s and 32 MB on purpose. `tests/accounts/test_passwords.py` holds what it costs in earnest.
passwords._NOBODY = passwords._NOBODY.replace(f"${passwords._COST}$", "$16$")
passwords._COST = 16

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


# The clock of the service is the tests', but that of the store is the wall's: keys of a day that is over by that one
# would be gone as soon as they are written. So no lifetime of them ends before tomorrow.
def _not_before_tomorrow(lifetime: Any) -> Any:
    def at(*given: Any) -> int | None:
        found: int | None = lifetime(*given)
        return None if found is None else max(found, int(time.time()) + 86_400)

    return at


Board.expires_at = _not_before_tomorrow(Board.expires_at)
Board.window_expires_at = _not_before_tomorrow(Board.window_expires_at)
Lifetimes.bucket = _not_before_tomorrow(Lifetimes.bucket)
Lifetimes.players = _not_before_tomorrow(Lifetimes.players)


class FakeClock:
    """The service's clock, moved by hand."""

    def __init__(self, at: datetime = START) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at

    def set(self, at: datetime) -> None:
        self._at = at

    def advance(self, **parts: float) -> None:
        self._at += timedelta(**parts)


@dataclass
class Service:
    """The app over HTTP, as one game calls it."""

    app: Flask
    clock: FakeClock
    game: str = ""
    keys: dict[str, str] = field(default_factory=dict)
    one_thread: bool = False  # for tests that watch the thread they run in
    _turns: Iterator[int] = field(default_factory=count)

    @property
    def services(self) -> Services:
        return self.app.extensions["leaderboard"]

    def new_game(self) -> None:
        self.game = "g-" + secrets.token_hex(6)
        self.app.extensions.setdefault("test_games", set()).add(self.game)
        access = self.services.access
        self.keys = {role: access.create_key(self.game, role, self.clock.now()) for role in ("server", "client")}

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        data: bytes | str | None = None,
        headers: dict[str, str] | None = None,
        query: dict[str, Any] | None = None,
        key: str | None = "server",
        now: datetime | None = None,
    ) -> Reply:
        if now is not None:
            self.clock.set(now)
        sent = {"Authorization": f"Bearer {self.keys.get(key, key)}"} if key else {}
        sent |= headers or {}
        builder = EnvironBuilder(path=path, method=method, json=json, data=data, headers=sent, query_string=query)
        try:
            use_front = next(self._turns) % 2 and not self.one_thread
            return self.front.ask(builder) if use_front else self._ask_flask(builder)
        finally:
            builder.close()

    def _ask_flask(self, builder: EnvironBuilder) -> Reply:
        response = self.app.test_client().open(builder)
        return Reply(response.status_code, response.headers, response.get_data())

    @property
    def front(self) -> Front:
        """The same app as a worker of gunicorn serves it; every other request goes there."""
        found: Front | None = self.app.extensions.get("test_front")
        if found is None:
            found = self.app.extensions["test_front"] = Front(self.app)
        return found

    def get(self, path: str, **kwargs: Any) -> Any:
        reply = self.request("GET", "/v1" + path, **kwargs)
        assert reply.status == 200, reply.body
        return reply.json

    def put_board(self, name: str = "b", **definition: Any) -> Any:
        reply = self.request("PUT", f"/v1/boards/{name}", json=definition)
        assert reply.status in (200, 201), reply.body
        return reply.json

    def submit(self, player: str, score: Any, board: str = "b", **more: Any) -> Any:
        query = more.pop("query", None)
        reply = self.request(
            "POST", f"/v1/boards/{board}/scores", json={"player": player, "score": score, **more}, query=query
        )
        assert reply.status == 200, reply.body
        return reply.json

    def bulk(self, items: list[dict[str, Any]], **query: Any) -> Any:
        reply = self.request("POST", "/v1/scores", json={"scores": items}, query=query)
        assert reply.status == 200, reply.body
        return reply.json


class OwnBoards:
    """A registry for jobs that go through all boards: what other tests left behind is none of a test's business."""

    def __init__(self, registry: Any, games: set[str]) -> None:
        self._registry = registry
        self._games = games

    def everywhere(self) -> list[Any]:
        return [board for board in self._registry.everywhere() if board.game in self._games]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._registry, name)


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A private Valkey, for this run (or this worker of it) alone."""
    with EmbeddedStore.start(tmp_path_factory.mktemp("valkey"), owner="tests") as store:
        yield store.url


@pytest.fixture(scope="module")
def sentinels() -> Iterator[Sentinels]:
    """A primary, a replica and three Sentinels, for the tests of one module: who breaks it, heals it."""
    with Sentinels() as topology:
        yield topology


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Three primaries and three replicas, for the tests of one module: who breaks it, heals it."""
    with Cluster() as topology:
        yield topology


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A private PostgreSQL, for this run (or this worker of it) alone."""
    binaries = postgres.find_binaries()
    if binaries is None:
        if os.environ.get("CI"):
            pytest.fail("CI needs PostgreSQL's binaries")
        pytest.skip("no PostgreSQL binaries on this machine")
    with postgres.running(binaries) as url:
        yield url


@pytest.fixture(scope="session")
def cluster_url() -> Iterator[str]:
    """A Cluster for tests that leave it as it is."""
    with Cluster() as topology:
        yield topology.url


@pytest.fixture(scope="session")
def sentinel_url() -> Iterator[str]:
    """A primary behind Sentinels for tests that leave it as it is."""
    with Sentinels() as topology:
        yield topology.url


# `LEADERBOARD_TEST_STORES=cluster pytest tests/conformance` runs them on a Cluster, `sentinel` behind Sentinels.
_STORES = os.environ.get("LEADERBOARD_TEST_STORES", "valkey,memory").split(",")


# Where the store itself is the matter, the quick run takes the memory store too; elsewhere only the long one does.
_ON_BOTH = ("conformance", "live", "serving", "store")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        parameters = getattr(item, "callspec", None)
        if parameters is None or parameters.params.get("store_url") != "memory":
            continue
        if item.path.relative_to(Path(__file__).parent).parts[0] not in _ON_BOTH:
            item.add_marker(pytest.mark.long)


@pytest.fixture(scope="session", params=_STORES)
def store_url(request: pytest.FixtureRequest) -> str:
    if request.param == "memory":
        pytest.importorskip("fakeredis")
        return "memory"
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture(scope="session")
def app(store_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The app over that store, and SQLite."""
    clock = FakeClock()
    settings = Settings(data_dir=tmp_path_factory.mktemp("data"), redis_url=store_url, read_staleness_ms=0)
    app = create_app(settings, clock=clock.now)
    app.extensions["test_clock"] = clock
    app.extensions["test_games"] = games = set[str]()
    services = app.extensions["leaderboard"]
    for job in (services.sealing, services.snapshots):
        job._registry = OwnBoards(services.registry, games)
    yield app
    app.extensions["leaderboard"].close()


@pytest.fixture
def service(app: Flask) -> Service:
    """A fresh game, at START."""
    clock: FakeClock = app.extensions["test_clock"]
    clock.set(START)
    app.extensions["test_games"].clear()
    service = Service(app, clock)
    service.new_game()
    return service


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Where the sample files are."""
    return Path(__file__).parent / "data"
