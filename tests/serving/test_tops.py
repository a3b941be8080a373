"""Tops from the memory of a worker: how old they may be, who builds them, when they end, and what is left of them."""

import asyncio
import json
import random
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

import pytest
import redis
from structlog.testing import capture_logs

from leaderboard.api.replies import Reply
from leaderboard.errors import StoreUnavailable
from leaderboard.serving import tops as tops_module
from leaderboard.serving.tops import Figures, Tops
from tests.conftest import Service
from tests.serving.harness import Answered, Ask, Client, Gate, messages

STALENESS = 60.0
TOP = "/v1/boards/b/top"
NO_CACHE = ("Cache-Control", "no-cache")


class Time:
    """Seconds, moved by hand: so many more than a clock says."""

    def __init__(self, clock: Callable[[], float] = lambda: 1000.0) -> None:
        self.at = 0.0
        self._clock = clock

    def __call__(self) -> float:
        return self._clock() + self.at


class Stage:
    """A game behind a gateway that remembers tops, with a store that can go away."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.gate = Gate(service.app, read_staleness_ms=int(STALENESS * 1000))
        self.time = Time(self.gate.thread.loop.time)
        self.gate.gateway.lane.tops = Tops(STALENESS, self.time)
        service.one_thread = True
        service.put_board("b")
        service.submit("ada", 1)
        self.key = ("Authorization", "Bearer " + service.keys["server"])
        self.warm()

    def warm(self) -> None:
        for key in self.service.keys.values():
            self.service.services.access.identify(key)

    def ask(self, target: str = TOP, *headers: tuple[str, str]) -> Ask:
        return Ask("GET", target, (self.key, *headers))

    def get(self, target: str = TOP, *headers: tuple[str, str], may_be_long: bool = False) -> Answered:
        self.warm()
        before = len(self.gate.long)
        answer = self.gate.ask(self.ask(target, *headers))
        assert may_be_long or self.gate.long[before:] == []
        return answer

    def score(self, target: str = TOP, *headers: tuple[str, str]) -> Any:
        """Of who is first."""
        answer = self.get(target, *headers)
        assert answer.status == 200, answer
        entries = json.loads(answer.body)["entries"]
        return entries[0]["score"] if entries else None


@pytest.fixture
def stage(service: Service) -> Iterator[Stage]:
    stage = Stage(service)
    with mock.patch.object(random, "random", return_value=0.0):  # nobody is eager
        yield stage
    stage.gate.close()


def away(*_: Any, **__: Any) -> Any:
    raise StoreUnavailable("The store is away: test.")


def without_store(stage: Stage) -> Any:
    """While this lasts nothing can be asked, the keys' copies included; the database is there."""
    store = stage.service.services.store
    return mock.patch.multiple(store, run=away, run_all=away)


def test_a_top_is_as_old_as_it_may_be_and_no_older(stage: Stage) -> None:
    assert stage.score() == 1
    stage.service.submit("ada", 2)
    stage.time.at += STALENESS - 10
    assert stage.score() == 1
    assert stage.score(TOP + "?limit=3") == 2  # another question
    stage.time.at += 11
    assert stage.score() == 2
    assert stage.gate.gateway.lane.tops.figures.hits == 1


def test_an_answer_is_as_old_as_its_question(stage: Stage) -> None:
    """What the store took to answer counts: it may have looked right at the beginning."""
    lane = stage.gate.gateway.lane
    put = lane._reads.put

    async def slow(hot: Any) -> Any:
        reply = await put(hot)
        stage.time.at += STALENESS - 10
        return reply

    with mock.patch.object(lane._reads, "put", slow):
        assert stage.score() == 1
    stage.service.submit("ada", 2)
    stage.time.at += 11
    assert stage.score() == 2


@pytest.mark.parametrize("value", ["no-cache", "No-Cache", "max-age=0, NO-CACHE"])
def test_no_cache_sees_every_write_and_tells_the_others(stage: Stage, value: str) -> None:
    assert stage.score() == 1
    stage.service.submit("ada", 2)
    assert stage.score() == 1
    assert stage.score(TOP, ("Cache-Control", value)) == 2
    assert stage.score() == 2


@pytest.mark.parametrize(
    ("query", "code"),
    [("?period=hour", "period_not_kept"), ("?period=day&id=x", "invalid_period"), ("?cursor=x", "invalid_cursor"),
     ("?window=24h", "window_not_kept"), ("?period=day&ago=999999", "invalid_period"),
     ("?limit=0", "validation_error")],
)  # fmt: skip
@pytest.mark.parametrize("headers", [(), (NO_CACHE,)])
def test_what_cannot_be_asked_is_refused_as_ever(stage: Stage, query: str, code: str, headers: Any) -> None:
    answer = stage.get(TOP + query, *headers, may_be_long=True)
    assert (answer.status, code.encode() in answer.body) == (422, True)
    assert stage.gate.flask(stage.ask(TOP + query)).same == answer.same


def test_a_period_s_end(stage: Stage) -> None:
    """Neither a kept answer nor a 304 across it, however young."""
    service = stage.service
    service.put_board("b", periods=["all", "day"], rolling=["24h", "7d"])
    service.clock.set(datetime.fromisoformat("2026-11-23T23:59:59.950+00:00"))
    service.submit("ada", 5)
    targets = [f"{TOP}?{one}" for one in ("period=day", "period=day&ago=1", "window=24h", "window=7d",
                                          "period=day&id=2026-11-23", "period=day&id=2026-11-24")]  # fmt: skip
    before = {target: stage.get(target, may_be_long=True) for target in targets}
    before = {target: stage.get(target) for target in targets}
    for target, answer in before.items():
        assert stage.get(target, ("If-None-Match", answer.headers["etag"])).status == 304
    service.clock.set(datetime.fromisoformat("2026-11-24T00:00:00+00:00"))
    for target, answer in before.items():
        after = stage.get(target, ("If-None-Match", answer.headers["etag"]), may_be_long=True)
        assert after.status == 200, target
        assert after.same == stage.gate.flask(stage.ask(target)).same


def test_a_page_of_the_period_before_stays_what_it_is(stage: Stage) -> None:
    stage.service.submit("bob", 2)
    target = f"{TOP}?period=day&limit=1"
    cursor = json.loads(stage.get(target).body)["next"]
    page = stage.get(f"{target}&cursor={cursor}")
    stage.service.clock.advance(days=1)
    after = stage.get(f"{target}&cursor={cursor}", ("If-None-Match", page.headers["etag"]))
    assert (after.status, json.loads(after.body)["period"]["state"]) == (200, "closed")


def test_who_comes_after_midnight_does_not_wait_for_an_answer_of_before(stage: Stage) -> None:
    """The store is slow; the first asks just before a day ends, the second just after."""
    target, clock = f"{TOP}?period=day", stage.service.clock
    clock.set(datetime.fromisoformat("2026-11-23T23:59:59.999+00:00"))
    stage.service.submit("ada", 5)
    lane, opened = stage.gate.gateway.lane, stage.gate.thread.do(asyncio.Event)
    put = lane._reads.put

    async def slow(hot: Any) -> Any:
        await opened.wait()
        return await put(hot)

    with mock.patch.object(lane._reads, "put", slow):
        stage.warm()
        first, before = stage.gate.start(stage.ask(target))
        stage.gate.thread.do(lambda: None)
        clock.set(datetime.fromisoformat("2026-11-24T00:00:00.001+00:00"))
        second, after = stage.gate.start(stage.ask(target))
        stage.gate.thread.do(opened.set)
        first.result(5)
        second.result(5)
    assert before.answer.status == 200  # of either day: it is answered after midnight
    assert b'"id":"2026-11-24"' in after.answer.body


def test_many_wait_for_one_who_builds(stage: Stage) -> None:
    store = stage.service.services.store
    stage.warm()
    with mock.patch.object(store, "run_all", wraps=store.run_all) as asked:
        answers = stage.gate.ask_all([stage.ask()] * 50)
    assert asked.call_count == 1
    assert {answer.status for answer in answers} == {200}
    assert stage.gate.gateway.lane.tops.figures.misses == 50


def test_somebody_builds_early_and_the_others_are_served_what_there_is(stage: Stage) -> None:
    stage.get()
    stage.service.submit("ada", 2)
    stage.time.at += STALENESS - 5
    tops = stage.gate.gateway.lane.tops
    tops._kept = {key: tops_module._Kept(kept.reply, kept.built_at, 1.0, kept.ends) for key, kept in tops._kept.items()}
    with mock.patch.object(random, "random", return_value=0.999):
        assert stage.score() == 1  # and begins to build
    for _ in range(100):
        if not tops._flights:
            break
        stage.gate.thread.run(asyncio.sleep(0.005))
    assert tops.figures.early == 1
    assert stage.score() == 2


def test_a_board_that_is_gone_or_made_anew(stage: Stage) -> None:
    stage.get()
    assert stage.service.request("DELETE", "/v1/boards/b").status == 204
    assert stage.get(may_be_long=True).status == 404
    stage.service.put_board("b", order="asc")
    stage.time.at += STALENESS + 1
    assert stage.score() is None


def test_another_worker_s_change_is_seen_when_the_answer_is_too_old(stage: Stage) -> None:
    stage.get(f"{TOP}?period=day")
    registry = stage.service.services.registry
    known = dict(registry._cached)
    stage.service.put_board("b", periods=["all"])
    registry._cached.update(known)
    assert stage.get(f"{TOP}?period=day").status == 200
    stage.time.at += STALENESS + 1
    answer = stage.get(f"{TOP}?period=day", may_be_long=True)
    assert (answer.status, b"period_not_kept" in answer.body) == (422, True)


def test_without_the_store_the_last_good_answer_is_served_marked(stage: Stage) -> None:
    good = stage.get()
    stage.time.at += 90.5
    with without_store(stage):
        stale = stage.get()
        assert (stale.status, stale.body, stale.headers["age"]) == (200, good.body, "90")
        assert stale.headers["warning"] == '110 - "Response is Stale"'
        assert stage.get(TOP, NO_CACHE).status == 503
        assert stage.get(f"{TOP}?limit=7").status == 503  # of which there is none
        stage.time.at += 3600
        answer = stage.get()
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    back = stage.get()
    assert (back.status, "age" in back.headers) == (200, False)


def test_without_the_store_nothing_of_another_period_is_served(stage: Stage) -> None:
    etag = stage.get(f"{TOP}?period=day").headers["etag"]
    stage.service.clock.advance(days=1)
    with without_store(stage):
        assert stage.get(f"{TOP}?period=day", ("If-None-Match", etag)).status == 503


def test_without_the_store_the_last_good_answer_outlives_what_is_known_of_keys(stage: Stage) -> None:
    """A key that was looked up a while ago has to be looked up again: the database still knows it."""
    good = stage.get()
    stage.time.at += 100
    stage.service.services.access._cached.clear()
    with (
        without_store(stage),
        mock.patch.object(stage.service.services.store.client, "get", side_effect=redis.exceptions.ConnectionError),
    ):
        answer = stage.gate.ask(stage.ask())
    assert (answer.status, answer.body) == (200, good.body)


@pytest.mark.parametrize("knows_key", [True, False])
def test_a_store_that_hangs_keeps_nobody_from_the_last_good_answer(stage: Stage, knows_key: bool) -> None:
    """Its timeouts and retries come to some 9 seconds, once for the key and once for the top."""
    if stage.service.services.settings.in_memory:
        pytest.skip("the memory of the process does not hang")
    good = stage.get()
    stage.time.at += STALENESS + 1
    store, may = stage.service.services.store, threading.Event()

    def hang(*_: Any, **__: Any) -> Any:
        may.wait(10)
        raise StoreUnavailable("The store is away: TimeoutError.")

    if not knows_key:
        stage.service.services.access._cached.clear()
    with mock.patch.multiple(store, run=hang, run_all=hang), mock.patch.object(store.client, "get", hang):
        future, client = stage.gate.start(stage.ask())
        try:
            future.result(2)
        except TimeoutError:
            pytest.fail("it waits as long as the store hangs")
        finally:
            may.set()
    assert (client.answer.status, client.answer.body) == (200, good.body)


def test_nothing_of_a_board_that_was_deleted_is_served_as_its_namesake_s(stage: Stage) -> None:
    stage.get()
    stage.service.request("DELETE", "/v1/boards/b")
    stage.service.put_board("b")
    stage.time.at += 100
    with without_store(stage):
        assert stage.get(may_be_long=True).status == 503


def test_each_who_waited_in_vain_is_told_under_its_own_id(stage: Stage) -> None:
    stage.warm()
    with without_store(stage):
        answers = stage.gate.ask_all([stage.ask(TOP, ("X-Request-ID", name)) for name in ("one", "two", "three")])
    for name, answer in zip(("one", "two", "three"), answers, strict=True):
        assert (answer.status, answer.headers["x-request-id"]) == (503, name)
        assert f'"request_id":"{name}"'.encode() in answer.body


def test_a_waiter_who_goes_away_disturbs_nobody(stage: Stage) -> None:
    """Neither when it is the one who builds."""
    lane, opened = stage.gate.gateway.lane, stage.gate.thread.do(asyncio.Event)
    put = lane._reads.put

    async def slow(hot: Any) -> Any:
        await opened.wait()
        return await put(hot)

    with mock.patch.object(lane._reads, "put", slow):
        stage.warm()
        builder, _ = stage.gate.start(stage.ask())
        waiter, _ = stage.gate.start(stage.ask())
        other, client = stage.gate.start(stage.ask())
        stage.gate.thread.do(lambda: None)
        builder.cancel()
        waiter.cancel()
        stage.gate.thread.do(opened.set)
        other.result(5)
    assert client.answer.status == 200
    assert stage.gate.thread.complaints == []
    assert lane.tops._flights == {}


def test_a_bug_in_a_build_reaches_those_who_wait_and_is_not_kept(stage: Stage) -> None:
    store = stage.service.services.store
    stage.warm()
    with mock.patch.object(store, "run_all", side_effect=AssertionError("a bug")), capture_logs():
        for answer in stage.gate.ask_all([stage.ask()] * 3):
            assert answer.status == 500
            assert b"internal_error" in answer.body
    assert stage.score() == 1


def test_what_is_there_is_served_however_many_wait_for_the_store(stage: Stage) -> None:
    """Young or, where nothing can be built, stale."""
    good = stage.get()
    with mock.patch.object(type(stage.gate.gateway.lane._reads), "is_full", mock.PropertyMock(return_value=True)):
        assert stage.get().same == good.same
        stage.time.at += STALENESS + 1
        stale = stage.get()
        assert (stale.status, stale.body) == (200, good.body)
        assert stage.get(TOP, NO_CACHE).status == 503
        assert stage.get(f"{TOP}?limit=3").status == 503


# Of the memory itself.


KEY = ("g", b"/top", b"", "rev")


def reply(size: int = 10) -> Reply:
    return Reply(200, {}, b"x" * size, "e")


NOW = datetime.fromisoformat("2026-11-23T12:00:00+00:00")


def test_its_size_is_bounded() -> None:
    tops = Tops(STALENESS, Time())
    with mock.patch.object(tops_module, "_MOST_BYTES", 100_000):
        for number in range(1000):
            tops.keep(("g", b"/top", b"%d" % number, "rev"), reply(3000), None, tops._time())
        assert 15 <= len(tops._kept) <= 25
        assert tops.get(("g", b"/top", b"999", "rev"), NOW) is not None
        tops.keep(("g", b"/top", b"999", "rev"), reply(200_000), None, tops._time())  # more than all of it
        assert tops._bytes >= 0
        for number in range(100):
            tops.keep(("g", b"/top", b"same", "rev"), reply(number), None, tops._time())
        assert len(tops._kept) == 1


def test_what_is_asked_counts_as_well_as_the_answer() -> None:
    """A question may be longer than its answer: empty parameters can be put in at will."""
    tops = Tops(STALENESS, Time())
    with mock.patch.object(tops_module, "_MOST_BYTES", 100_000):
        for number in range(200):
            tops.keep(("g", b"/top", b"&" * 8000 + b"limit=%d" % number, "rev"), reply(), None, tops._time())
        assert sum(len(query) for _, _, query, _ in tops._kept) <= 100_000


def run(test: Callable[[], Any]) -> Any:
    return asyncio.run(asyncio.wait_for(test(), 5))


@pytest.mark.parametrize("what", [None, StoreUnavailable("away"), RuntimeError("a bug")])
def test_only_answers_are_kept(what: Any) -> None:
    async def act() -> None:
        tops = Tops(STALENESS, Time())
        key = KEY

        async def build() -> Any:
            await asyncio.sleep(0)
            if isinstance(what, RuntimeError):
                raise what
            return what

        found = await asyncio.gather(*[tops.wait(key, None, build) for _ in range(3)], return_exceptions=True)
        assert found == [what] * 3
        assert (tops.get(key, NOW), tops._kept, tops._flights) == (None, {}, {})

    run(act)


def test_a_clock_decides_the_end_not_the_age() -> None:
    time = Time()
    tops, key, end = Tops(10, time), KEY, NOW + timedelta(seconds=1)
    tops.keep(key, reply(), end, tops._time())
    assert tops.get(key, NOW) is not None
    assert tops.get(key, end) is None
    time.at += 10.1
    assert tops.get(key, NOW) is None
    assert tops.figures == Figures(hits=1)


def test_an_answer_of_before_the_end_never_takes_the_place_of_one_of_after() -> None:
    """It may come later all the same."""
    time = Time()
    tops, key, end = Tops(STALENESS, time), KEY, NOW + timedelta(seconds=1)
    time.at += 1
    tops.keep(key, reply(1), end + timedelta(days=1), time())
    tops.keep(key, reply(2), end, time() - 1)
    kept = tops.get(key, end)
    assert kept is not None
    assert len(kept.body) == 1


def test_the_nearer_the_end_the_likelier_it_is_built_anew() -> None:
    time = Time()
    tops, key = Tops(STALENESS, time), KEY
    began, due = time(), list[int]()
    time.at = 0.01
    tops.keep(key, reply(), None, began)
    for left in (30, 0.1, 0.02, 0.001):
        time.at = STALENESS - left
        due.append(sum(tops.is_due(key) for _ in range(2000)))
    assert due == sorted(due)
    assert (due[0], due[3] > 1000) == (0, True)


def test_a_client_of_the_memory_is_a_client_of_its_game_alone(stage: Stage) -> None:
    stage.get()
    other = Service(stage.service.app, stage.service.clock, one_thread=True)
    other.new_game()
    other.put_board("b")
    other.services.access.identify(other.keys["server"])
    client = Client(messages(b""))
    future, _ = stage.gate.start(Ask("GET", TOP, (("Authorization", "Bearer " + other.keys["server"]),)), client)
    future.result(5)
    assert b'"total":0' in client.answer.body
