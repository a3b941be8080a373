"""A store, and workers over it whose time is made."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from leaderboard.config import Settings
from leaderboard.errors import StoreUnavailable
from leaderboard.limits.keeper import Keeper, Limit, Wish
from leaderboard.limits.rules import Rule
from leaderboard.store.connection import Store

START_MS = 1_795_000_000_000


class Tap:
    """A store that counts what it is asked, and may be away."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.calls = 0
        self.is_away = False

    def run_all(self, calls: Any, **options: Any) -> Any:
        self.calls += 1
        if self.is_away:
            raise StoreUnavailable("It is away.")
        return self.store.run_all(calls, **options)


@dataclass
class Workers:
    """Some workers over one store, all by one clock."""

    tap: Tap
    count: int
    seconds: float = 1000.0
    keepers: list[Keeper] = field(init=False)

    def __post_init__(self) -> None:
        self.keepers = [
            Keeper(
                self.tap,  # type: ignore[arg-type]
                self.count,
                self.now_ms,
                seconds=lambda: self.seconds,
                store_ms=self.now_ms,
            )
            for _ in range(self.count)
        ]

    def now_ms(self) -> int:
        return START_MS + int(self.seconds * 1000)

    def ask(self, worker: int, limit: Limit, wanted: int = 1) -> int:
        """How many of so many requests a worker lets through."""
        keeper = self.keepers[worker]
        if limit.rule.kind == "bucket":
            return keeper.take_tokens([Wish(limit, wanted)])[0].granted
        return keeper.take([Wish(limit, wanted)])[0].granted


@pytest.fixture
def tap(store_url: str, tmp_path: Any) -> Iterator[Tap]:
    store = Store.connect(Settings(data_dir=tmp_path, redis_url=store_url), store_url)
    yield Tap(store)
    store.close()


def limit_of(rule: Rule) -> Limit:
    """A limit that nobody has asked yet."""
    names = {"bucket": "player_submissions", "window": "key_reads", "day": "daily_submissions"}
    return Limit(names[rule.kind], rule, f"rl:{{{secrets.token_hex(8)}}}:x")
