"""What a worker takes in is bounded: bodies, their pace, those who wait for a thread."""

import asyncio
from collections.abc import Coroutine
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaderboard.errors import Overloaded, TooSlow
from leaderboard.serving import intake as module
from leaderboard.serving.intake import Intake, Turns, hurried


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(work, 20))


def piece(body: bytes, *, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


class Client:
    """Sends messages, and then nothing any more."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self._messages = list(messages)

    async def receive(self) -> dict[str, Any]:
        if not self._messages:
            await asyncio.Event().wait()
        return self._messages.pop(0)


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=8), st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_a_body_is_whole_or_longer_than_any_may_be(parts: list[bytes], most: int) -> None:
    messages = [piece(part, more=number < len(parts) - 1) for number, part in enumerate(parts)]
    taken, whole = Intake(most, 10_000), b"".join(parts)
    client = Client(*messages[1:])
    found = run(taken.rest(messages[0], client.receive))
    assert whole.startswith(found["body"])
    assert taken.held == len(found["body"])
    if found["more_body"]:
        assert len(found["body"]) > most
    else:
        assert found["body"] == whole
    taken.release(found)
    assert taken.held == 0


def test_all_bodies_together_are_bounded_and_who_is_refused_holds_nothing() -> None:
    taken = Intake(100, 150)
    first = run(taken.rest(piece(b"x" * 80), Client(piece(b"y" * 20, more=False)).receive))
    with pytest.raises(Overloaded):
        run(taken.rest(piece(b"x" * 40), Client(piece(b"y" * 20, more=False)).receive))
    assert taken.held == 100
    taken.release(first)
    assert taken.held == 0


def test_a_body_that_stops_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BEGIN_SECONDS", 0.01)
    taken = Intake(100, 100)
    with pytest.raises(TooSlow):
        run(taken.rest(piece(b"x"), Client().receive))
    assert taken.held == 0


def test_a_client_that_went_away_holds_nothing() -> None:
    taken = Intake(100, 100)
    assert run(taken.rest(piece(b"x"), Client({"type": "http.disconnect"}).receive)) == {"type": "http.disconnect"}
    assert taken.held == 0


def test_a_body_that_a_thread_reads_ends_when_it_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REST_SECONDS", 0.01)

    async def work() -> list[str]:
        receive = hurried(Client(piece(b"x")).receive)
        return [(await receive())["type"], (await receive())["type"]]

    assert run(work()) == ["http.request", "http.disconnect"]


def test_turns_go_in_order_and_no_more_wait_than_may() -> None:
    async def work() -> list[int]:
        turns, order = Turns(1, 2, 10), []
        await turns.take()

        async def one(number: int) -> None:
            await turns.take()
            order.append(number)
            turns.give_back()

        waiting = [asyncio.ensure_future(one(number)) for number in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await turns.take()
        turns.give_back()
        await asyncio.gather(*waiting)
        await turns.take()  # and the thread is free again
        return order

    assert run(work()) == [0, 1]


def test_who_would_wait_too_long_is_told_so_and_leaves_the_queue() -> None:
    async def work() -> None:
        turns = Turns(1, 5, 0.01)
        await turns.take()
        with pytest.raises(Overloaded):
            await turns.take()
        assert turns.length == 0
        turns.give_back()
        await turns.take()

    run(work())


@given(st.lists(st.sampled_from(["take", "give", "cancel"]), max_size=40))
@settings(max_examples=80, deadline=None)
def test_threads_are_neither_lost_nor_lent_twice(steps: list[str]) -> None:
    async def work() -> None:
        turns, tasks = Turns(2, 100, 100), []
        for step in steps:
            running = [task for task in tasks if task.done() and not task.cancelled()]
            waiting = [task for task in tasks if not task.done()]
            if step == "take":
                tasks.append(asyncio.ensure_future(turns.take()))
            elif step == "give" and running:
                tasks.remove(running[0])
                turns.give_back()
                if len(waiting) > 1:  # whoever has just been given a thread may go away before it knows
                    waiting[0].cancel()
            elif step == "cancel" and waiting:
                waiting[-1].cancel()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            held = sum(task.done() and not task.cancelled() for task in tasks)
            still = sum(not task.done() for task in tasks)
            assert held <= 2
            assert turns.length == still
            assert held == 2 or still == 0
        for task in tasks:
            task.cancel()

    run(work())


def test_a_worker_that_is_about_to_end_says_so_and_answers_the_rest(service: Any) -> None:
    service.request("GET", "/readyz")
    front = service.front.gateway
    with mock.patch.object(front, "is_ending", new=True):
        service.one_thread = False
        answers = {service.request("GET", "/readyz", key=None).status for _ in range(2)}  # one of them past the gateway
        assert 503 in answers
        service.put_board("b")
        assert service.submit("ada", 1)["score"] == 1
