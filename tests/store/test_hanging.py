"""A store that lets somebody wait in vain is taken to be away for a moment; one that is merely busy is not."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from leaderboard.config import Settings
from leaderboard.errors import StoreUnavailable
from leaderboard.store.connection import Store
from leaderboard.store.embedded import EmbeddedStore
from leaderboard.store.patience import Hangs


@pytest.fixture
def own_store(tmp_path: Path) -> Iterator[Store]:
    """On a server that no other test shares, which may be paused."""
    with EmbeddedStore.start(tmp_path, owner="tests") as server:
        settings = Settings(data_dir=tmp_path, redis_url=server.url, redis_timeout_seconds=0.2, redis_retries=0)
        store = Store.connect(settings, server.url)
        yield store
        store.close()


def forget(store: Store) -> Any:
    return store.run("release", ["nothing"], ["token"])


def test_who_only_glanced_keeps_nobody_else_from_it(own_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def too_late(_key: str) -> Any:
        raise redis.TimeoutError("too late")

    monkeypatch.setattr(own_store._clients.hasty(), "get", too_late)
    with pytest.raises(StoreUnavailable):
        own_store.glance("some key")
    forget(own_store)


def test_after_a_wait_in_vain_the_others_are_told_at_once_for_a_moment(
    own_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget(own_store)
    own_store.client.client_pause(60_000)
    with pytest.raises(StoreUnavailable, match="away"):
        forget(own_store)
    patience = own_store.client.connection_pool.connection_kwargs["retry"]._patience
    with monkeypatch.context() as patch:
        patch.setattr(patience, "_closed_until", math.inf)
        for ask in (forget, lambda store: store.client.ping(), lambda store: store.glance("some key")):
            with pytest.raises((StoreUnavailable, Hangs), match=r"Hangs|does not answer"):
                ask(own_store)
    patience._closed_until = 0.0
    with pytest.raises(StoreUnavailable, match=r"away: TimeoutError"):  # it is asked again
        forget(own_store)
