"""Several scripts in one round trip, with a store that forgets its scripts whenever it likes."""

import random
import secrets
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import pytest
from redis.exceptions import NoScriptError

from leaderboard.store.connection import Store
from leaderboard.store.scripts import Call
from tests.conftest import Service


@pytest.fixture
def store(service: Service) -> Store:
    return service.services.store


def add(key: str, name: str = "n") -> Call:
    """Adds 1, and answers what that makes."""
    return Call("count", [f"{{{key}}}", f"{{{key}}}m"], [1000, 0, "", name, "1"])


def release(key: str) -> Call:
    return Call("release", [f"{{{key}}}lock"], ["x"])


@contextmanager
def forgetting(store: Store, after: int) -> Iterator[None]:
    """The first pipeline that is sent has SCRIPT FLUSH behind so many of its calls."""
    done: list[int] = []
    with ExitStack() as stack:
        carrier: Any = store._clients.carrier
        for client in {id(one): one for one in (carrier._client, carrier._once)}.values():
            make = client.pipeline

            def pipeline(make: Any = make, **kwargs: Any) -> Any:
                made = make(**kwargs)
                send, execute = made.execute_command, made.execute
                if done:
                    return made
                done.append(0)
                place: list[int] = []

                def execute_command(*args: Any, **more: Any) -> Any:
                    if len(made.command_stack) == after and not place:
                        place.append(after)
                        send("SCRIPT FLUSH")
                    return send(*args, **more)

                def execute_all(**more: Any) -> Any:
                    answers = execute(**more)
                    for one in place:
                        del answers[one]
                    return answers

                made.execute_command, made.execute = execute_command, execute_all
                return made

            stack.enter_context(mock.patch.object(client, "pipeline", pipeline))
        yield


@pytest.mark.parametrize("after", range(7))
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("resend", [True, False])
def test_forgotten_amid_a_round_trip(store: Store, after: int, known: bool, resend: bool) -> None:
    """Nothing is done twice, nothing is missing, and each has its own answer."""
    key = secrets.token_hex(4)
    calls = [add(key, "a"), release(key), add(key, "b"), add(key, "a"), release(key), add(key, "b")]
    if known:
        store.run_all([add(key, "x"), release(key)])
    else:
        store.client.script_flush()
        store._loaded = set()
    with forgetting(store, after):
        answers = store.run_all(calls, resend=resend)
    letters = [answer if isinstance(answer, int) else (answer[1], int(answer[2])) for answer in answers]
    assert letters == [(b"c", 1), 0, (b"c", 1), (b"c", 2), 0, (b"c", 2)]


@pytest.mark.parametrize("resend", [True, False])
def test_forgotten_between(store: Store, resend: bool) -> None:
    chance, key, expected = random.Random(1), secrets.token_hex(4), 0
    for _ in range(40):
        if chance.random() < 0.5:
            store.client.script_flush()
        count = chance.choice([1, 2, 5])
        answers = store.run_all([add(key) for _ in range(count)], resend=resend)
        assert [int(answer[2]) for answer in answers] == list(range(expected + 1, expected + count + 1))
        expected += count


def test_what_one_thread_forgets_another_may_still_remember(store: Store) -> None:
    """A thread that was on its way notes scripts as loaded that another has just found to be gone."""
    key = secrets.token_hex(4)
    store.run_all([add(key), release(key)])
    store.client.script_flush()
    send, sent = store._send, []

    def send_while_others_do(*args: Any, **options: Any) -> Any:
        if sent:
            store._loaded = {"count", "release"}
        sent.append(1)
        return send(*args, **options)

    with mock.patch.object(store, "_send", send_while_others_do):
        answers = store.run_all([add(key), release(key), add(key)])
    assert [answer if isinstance(answer, int) else int(answer[2]) for answer in answers] == [2, 0, 3]


def test_threads_and_a_store_that_forgets(store: Store) -> None:
    keys = [secrets.token_hex(4) for _ in range(4)]
    failed: list[BaseException] = []

    def count(key: str) -> None:
        try:
            for expected in range(40):
                answers = store.run_all([add(key), release(key), add(key)], resend=False)
                # The first may have been forgotten and the last remembered, another thread being quick.
                assert {int(answers[0][2]), int(answers[2][2])} == {2 * expected + 1, 2 * expected + 2}
        except BaseException as error:  # noqa: BLE001 - told below
            failed.append(error)

    threads = [threading.Thread(target=count, args=(key,)) for key in keys]
    for thread in threads:
        thread.start()
    flushes = 0
    while any(thread.is_alive() for thread in threads) and flushes < 60:
        store.client.script_flush()
        flushes += 1
        threads[flushes % 4].join(0.003)
    for thread in threads:
        thread.join(10)
    assert failed == []


def test_an_error_of_one_call_is_told(store: Store) -> None:
    """And is no NOSCRIPT that nobody can do anything about."""
    key = secrets.token_hex(4)
    store.client.set(f"{{{key}}}", "no hash")
    with pytest.raises(Exception, match="WRONGTYPE") as told:
        store.run_all([add(secrets.token_hex(4)), add(key)])
    assert not isinstance(told.value, NoScriptError)
