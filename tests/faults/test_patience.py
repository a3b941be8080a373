"""A store that hangs is waited for by one caller at a time."""

import threading
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff

from leaderboard.store.patience import PAUSE_SECONDS, Hangs, Patience, PatientRetry


class Clocked:
    """Three callers of one store."""

    def __init__(self) -> None:
        self.at = 50.0
        self.calls = 0
        self.patience = Patience(lambda: self.at)
        self.retry = deepcopy(PatientRetry(NoBackoff(), 2, self.patience))
        self.hasty = PatientRetry(NoBackoff(), 0, self.patience, is_hasty=True)

    def call(self, error: Exception | None = None, retry: PatientRetry | None = None) -> Any:
        def do() -> str:
            self.calls += 1
            if error is not None:
                raise error
            return "answer"

        return (retry or self.retry).call_with_retry(do, lambda _: None)

    def hang(self) -> None:
        with pytest.raises(redis.TimeoutError):
            self.call(redis.TimeoutError("too late"))


@pytest.fixture
def store() -> Clocked:
    return Clocked()


def in_thread(action: Callable[[], Any]) -> Any:
    found: list[Any] = []

    def act() -> None:
        try:
            found.append(action())
        except Exception as error:  # noqa: BLE001 - looked at below
            found.append(error)

    thread = threading.Thread(target=act)
    thread.start()
    thread.join()
    return found[0]


def test_what_broke_is_tried_again_and_what_was_waited_for_is_not(store: Clocked) -> None:
    with pytest.raises(redis.ConnectionError):
        store.call(redis.ConnectionError("broken"))
    assert store.calls == 3
    store.hang()
    assert store.calls == 4


def test_after_a_wait_in_vain_nobody_asks_for_a_moment(store: Clocked) -> None:
    store.hang()
    for retry in (store.retry, store.hasty):
        with pytest.raises(Hangs):
            store.call(retry=retry)
    assert store.calls == 1
    store.at += PAUSE_SECONDS
    assert store.call() == store.call() == "answer"


def test_one_finds_out_and_the_others_are_told_at_once(store: Clocked) -> None:
    store.hang()
    store.at += PAUSE_SECONDS

    def ask() -> str:
        assert isinstance(in_thread(store.call), Hangs)
        assert store.call() == "answer"  # its own further questions go through
        return "found out"

    assert store.retry.call_with_retry(ask, lambda _: None) == "found out"
    assert in_thread(store.call) == "answer"


def test_whoever_finds_out_and_never_comes_back_is_not_waited_for(store: Clocked) -> None:
    store.hang()
    store.at += PAUSE_SECONDS
    in_thread(store.patience.check)
    with pytest.raises(Hangs):
        store.call()
    store.at += 10
    assert store.call() == "answer"


def test_who_only_glanced_keeps_nobody_from_it(store: Clocked) -> None:
    with pytest.raises(redis.TimeoutError):
        store.call(redis.TimeoutError("too late"), store.hasty)
    assert store.call() == "answer"


def test_to_be_refused_does_not_make_it_longer(store: Clocked) -> None:
    store.hang()
    for _ in range(4):
        store.at += PAUSE_SECONDS / 5
        with pytest.raises(Hangs):
            store.call()
    store.at += PAUSE_SECONDS / 5
    assert store.call() == "answer"


def test_any_answer_is_one(store: Clocked) -> None:
    """An error that the store told came from a store that answers."""
    store.hang()
    store.at += PAUSE_SECONDS
    with pytest.raises(redis.ResponseError):
        store.call(redis.ResponseError("OOM"))
    assert in_thread(store.call) == "answer"


def test_a_glance_that_finds_out_lets_another_one_try_soon(store: Clocked) -> None:
    store.hang()
    store.at += PAUSE_SECONDS
    with pytest.raises(redis.TimeoutError):
        store.call(redis.TimeoutError("too late"), store.hasty)
    assert isinstance(in_thread(store.call), Hangs)
    store.at += PAUSE_SECONDS
    assert in_thread(store.call) == "answer"
