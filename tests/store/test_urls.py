"""Where a store is, from its URL."""

import pytest

from leaderboard.config import Settings
from leaderboard.errors import ConfigError
from leaderboard.store.connection import Store
from leaderboard.store.urls import Location, parse


@pytest.mark.parametrize("url", ["redis://h:1/2", "rediss://h", "unix:///tmp/x.sock?db=1"])
def test_one_server_is_left_to_the_driver(url: str) -> None:
    assert parse(url) is None


def test_sentinels() -> None:
    found = parse("redis+sentinel://ada:s%40e@one:1,two,[::1]:3/my-master/5?sentinel_password=p%26q")
    login = {"username": "ada", "password": "s@e", "db": 5}
    assert found == Location(
        "sentinel", (("one", 1), ("two", 26379), ("::1", 3)), "my-master", login, {"password": "p&q"}
    )


def test_tls_is_for_nodes_and_sentinels() -> None:
    found = parse("rediss+sentinel://:pw@one/main?ssl_ca_certs=/ca.pem")
    assert found is not None
    assert found.connecting == {"ssl": True, "ssl_ca_certs": "/ca.pem", "password": "pw"}
    assert found.asking == {"ssl": True, "ssl_ca_certs": "/ca.pem"}


def test_a_cluster() -> None:
    assert parse("redis+cluster://one:1,two:2,[fe80::1]/") == Location(
        "cluster", (("one", 1), ("two", 2), ("fe80::1", 6379))
    )


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis+sentinel://one:1", "ends with the name"),
        ("redis+sentinel://one:x/main", "no port"),
        ("redis+sentinel://one:99999/main", "no port"),
        ("redis+sentinel:///main", "names hosts"),
        ("redis+sentinel://one/main/two", "no database"),
        ("redis+sentinel://one/main?pool=3", "not 'pool'"),
        ("redis+cluster://one:1/3", "no databases"),
        ("redis+cluster://", "names hosts"),
        ("redis+raft://one:1", "does not begin with"),
        ("unix+cluster://one:1", "does not begin with"),
    ],
)
def test_what_cannot_be(url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse(url)
    with pytest.raises(ConfigError):
        Store.connect(Settings(redis_url=url), url)


@pytest.mark.parametrize(
    "url", ["redis+cluster://127.0.0.1:1", "redis+sentinel://127.0.0.1:1/main", "redis://127.0.0.1:1"]
)
def test_nothing_is_asked_before_it_is_needed(url: str) -> None:
    Store.connect(Settings(redis_url=url), url).close()


def test_replicas_are_waited_for_less_long_than_an_answer() -> None:
    with pytest.raises(ConfigError, match="WAIT_TIMEOUT_MS"):
        Settings(wait_replicas=1, wait_timeout_ms=2000, redis_timeout_seconds=2.0)
