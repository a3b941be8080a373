"""The thread that does the work of many: order, batches, errors, who goes away, and how it ends."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from leaderboard.serving.combining import Combiner
from tests.serving.harness import Loop

MOST = 4


class Work:
    """Doubles numbers once it is let; raises what it is given."""

    def __init__(self) -> None:
        self.batches: list[list[Any]] = []
        self.may = threading.Event()
        self.began = threading.Event()

    def __call__(self, jobs: Sequence[Any]) -> list[Any]:
        self.began.set()
        assert self.may.wait(5)
        self.batches.append(list(jobs))
        for job in jobs:
            if isinstance(job, BaseException):
                raise job
        return [2 * job for job in jobs]


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()
    assert loop.complaints == []


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def combiner(loop: Loop, work: Work) -> Iterator[Combiner[Any, Any]]:
    combiner = Combiner(loop.loop, work, "test", MOST)
    yield combiner
    work.may.set()
    combiner.close()


def put(loop: Loop, combiner: Combiner[Any, Any], *jobs: Any) -> list["asyncio.Future[Any]"]:
    return loop.do(lambda: [combiner.put(job) for job in jobs])


def results(loop: Loop, futures: Sequence["asyncio.Future[Any]"]) -> list[Any]:
    async def act() -> Any:
        return await asyncio.wait_for(asyncio.gather(*futures, return_exceptions=True), 1)

    return loop.run(act())


def held(loop: Loop, combiner: Combiner[Any, Any], work: Work) -> None:
    """Has it at work on something, so that what comes gathers."""
    put(loop, combiner, 0)
    assert work.began.wait(5)


def test_what_gathers_goes_together_in_order(loop: Loop, work: Work, combiner: Combiner[Any, Any]) -> None:
    held(loop, combiner, work)
    futures = put(loop, combiner, *range(1, 11))
    work.may.set()
    assert results(loop, futures) == [2 * number for number in range(1, 11)]
    assert work.batches == [[0], [1, 2, 3, 4], [5, 6, 7, 8], [9, 10]]


def test_a_lone_job_goes_at_once(loop: Loop, work: Work, combiner: Combiner[Any, Any]) -> None:
    work.may.set()
    assert [results(loop, put(loop, combiner, number)) for number in (1, 2)] == [[2], [4]]
    assert work.batches == [[1], [2]]


@pytest.mark.parametrize("error", [ValueError("x"), StopIteration("x"), asyncio.CancelledError("x"), SystemExit(1)])
def test_an_error_reaches_its_batch_and_no_other(
    loop: Loop, work: Work, combiner: Combiner[Any, Any], error: BaseException
) -> None:
    """Whatever it is: nobody may wait for ever, and the thread goes on."""
    held(loop, combiner, work)
    futures = put(loop, combiner, 1, 2, 3, 4, 5, error, 7, 8, 9)
    work.may.set()
    found = results(loop, futures)
    assert found[:4] == [2, 4, 6, 8]
    assert all(isinstance(one, BaseException) for one in found[4:8])
    assert found[8] == 18


def test_too_few_results_are_an_error(loop: Loop) -> None:
    combiner: Combiner[Any, Any] = Combiner(loop.loop, lambda _jobs: [], "test", MOST)
    found = results(loop, put(loop, combiner, 1))
    combiner.close()
    loop.complaints.clear()
    assert isinstance(found[0], Exception)
    assert not isinstance(found[0], TimeoutError)


def test_who_goes_away_disturbs_nobody(loop: Loop, work: Work, combiner: Combiner[Any, Any]) -> None:
    """What they asked for is done all the same: it may have been done already."""
    held(loop, combiner, work)
    futures = put(loop, combiner, 1, 2, 3)
    loop.do(futures[1].cancel)
    work.may.set()
    assert results(loop, [futures[0], futures[2]]) == [2, 6]
    assert work.batches[1] == [1, 2, 3]


def test_closing_waits_for_what_is_there(loop: Loop, work: Work, combiner: Combiner[Any, Any]) -> None:
    held(loop, combiner, work)
    futures = put(loop, combiner, *range(1, 11))
    closing = threading.Thread(target=combiner.close)
    closing.start()
    work.may.set()
    closing.join(5)
    assert not closing.is_alive()
    assert results(loop, futures) == [2 * number for number in range(1, 11)]


def test_closing_in_the_loop_itself_does_not_hang(loop: Loop, work: Work, combiner: Combiner[Any, Any]) -> None:
    held(loop, combiner, work)
    futures = put(loop, combiner, 1, 2)
    work.may.set()
    loop.do(combiner.close)
    assert results(loop, futures) == [2, 4]


def test_what_comes_after_the_end_is_told(loop: Loop, work: Work) -> None:
    """A request that comes while the worker ends must not wait for a thread that is gone."""
    combiner: Combiner[Any, Any] = Combiner(loop.loop, work, "test", MOST)
    combiner.close()
    work.may.set()
    try:
        futures = put(loop, combiner, 1)
    except RuntimeError:
        return
    found = results(loop, futures)
    assert isinstance(found[0], Exception)
