"""Expensive reads through workers that share their answers: what they give is what would be made now."""

import dataclasses
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from leaderboard.app import create_app
from leaderboard.archive.copies import Copies
from leaderboard.boards.housekeeping import Housekeeping
from leaderboard.boards.sealing import Sealing
from leaderboard.errors import StoreUnavailable
from leaderboard.store.cache import Cache, Finished
from tests.captures import OneGame, capture
from tests.conftest import Service
from tests.periods.running import FreeRun

FRESH = {"Cache-Control": "no-cache"}
FOREVER = 10**9  # milliseconds of staleness: what a test sees of time is periods that end
READS = ["distribution?bins=3", "percentile?p=50", "analytics?bins=2", "changes?limit=3"]
every_read = pytest.mark.parametrize("read", READS)


class Uncached:
    """Makes every answer."""

    def answer(self, _asked: Any, make: Callable[[], Finished], _still_there: Any) -> Finished:
        return make()


class Switch:
    """A store that is away when it is told to be."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.on = False

    def __getattr__(self, name: str) -> Any:
        if self.on:
            raise StoreUnavailable("away")
        return getattr(self._store, name)


@pytest.fixture(scope="module")
def pool(app: Flask) -> Iterator[list[Flask]]:
    """Further workers on the same stores, each with a switch; a test takes what it needs."""
    services = app.extensions["leaderboard"]
    settings = dataclasses.replace(services.settings, key_cache_seconds=60)
    clock = app.extensions["test_clock"].now
    apps = [create_app(settings, clock=clock, store=Switch(services.store)) for _ in range(4)]  # type: ignore[arg-type]
    yield apps
    for one in apps:
        one.extensions["leaderboard"].database.close()


@pytest.fixture
def another(service: Service, pool: list[Flask]) -> Callable[..., Service]:
    """Makes workers that remember nothing yet."""
    free = list(pool)

    def make(staleness_ms: int = FOREVER, cache: Any = None) -> Service:
        app = free.pop()
        services = app.extensions["leaderboard"]
        cache = cache or Cache(services.store, staleness_ms)
        app.extensions["leaderboard"] = dataclasses.replace(services, cache=cache)
        return Service(app, service.clock, service.game, service.keys, one_thread=True)

    return make


@pytest.fixture
def uncached(another: Callable[..., Service]) -> Service:
    return another(cache=Uncached())


def fill(service: Service, **definition: Any) -> None:
    service.put_board(**{"periods": ["all", "week", "day", "hour"], "retention": {"day": 0}, **definition})
    service.bulk([{"board": "b", "player": player, "score": score} for player, score in (("a", 1), ("b", 5), ("c", 9))])


def ask(worker: Service, read: str, headers: dict[str, str] | None = None) -> Any:
    return worker.request("GET", f"/v1/boards/b/{read}", headers=headers)


def seen(reply: Any) -> tuple[int, bytes, str | None]:
    """What must be the same wherever it is asked; of a problem, what kind it is."""
    body = reply.body if reply.status == 200 else reply.json["code"].encode()
    return reply.status, body, reply.headers.get("ETag")


def seal(service: Service) -> None:
    registry: Any = OneGame(service)
    Sealing(service.services.store, registry, service.services.database).run(service.clock.now(), FreeRun())


@every_read
def test_what_one_worker_made_the_others_give(service: Service, another: Any, uncached: Service, read: str) -> None:
    fill(service)
    one, other = another(), another()
    first, second = ask(one, read), ask(other, read)
    assert seen(first) == seen(second) == seen(ask(uncached, read))
    figures = other.services.cache.figures
    assert (figures.hits, figures.misses) == (1, 0)
    tag = {"If-None-Match": first.headers["ETag"]}
    assert ask(other, read, tag).status == 304
    service.submit("d", 20)
    assert seen(ask(other, read)) == seen(first)  # young enough
    anew = ask(other, read, {**FRESH, **tag})
    assert anew.status == 200
    assert seen(anew) == seen(ask(uncached, read))
    assert seen(anew) != seen(first)


@pytest.mark.parametrize("read", READS[:3])
def test_without_staleness_only_exact_answers_are_shared(service: Service, another: Any, read: str) -> None:
    fill(service)
    one, other = another(0), another(0)
    assert seen(ask(one, read)) == seen(ask(other, read, FRESH)) == seen(ask(other, read))
    assert ask(other, read + "&period=all").body == ask(one, read).body
    assert other.services.cache.figures.misses == 0
    before = ask(one, read)
    service.submit("d", 20)
    assert seen(ask(other, read)) != seen(before)
    assert other.services.cache.figures.misses == 1


@every_read
def test_no_answer_outlives_a_state_of_its_period(service: Service, another: Any, uncached: Service, read: str) -> None:
    fill(service, retention={"day": 1})
    service.clock.advance(days=-1)
    one, other = another(), another()
    read = read + "&period=day&id=2026-11-23"
    tags, states = [], []

    def look(*, changed: bool = True) -> None:
        replies = [ask(worker, read) for worker in (one, other, uncached)]
        assert len({seen(reply) for reply in replies}) == 1
        states.append(replies[0].json["period"]["state"])
        for tag in tags if changed else ():
            answers = [ask(worker, read, {"If-None-Match": tag}).status for worker in (one, uncached)]
            assert answers in ([200, 200], [304, 304])
            assert answers[0] == 200 or read.startswith("changes")  # whose tag is of what it says
        tags.append(replies[0].headers["ETag"])

    service.clock.advance(days=1)
    look()
    service.clock.advance(hours=12)
    look()
    service.clock.advance(hours=1)
    services = service.services
    board = services.registry.fresh(service.game, "b")
    services.sealing._close([(board, board.named("2026-11-23"))], service.clock.now())
    look(changed=False)
    seal(service)
    look()
    assert services.store.client.exists(board.keys.standings("2026-11-23")) == 1
    service.clock.advance(days=3)
    seal(service)
    look()
    assert services.store.client.exists(board.keys.standings("2026-11-23")) == 0
    assert states == ["open", "closed", "closed", "archived", "archived"]
    tidy = Housekeeping(services.registry, services.database, Copies(services.database), {"day": 0.01})
    tidy.prune(service.clock.now(), FreeRun())
    if not read.startswith("changes"):  # no version tells of it: only of what is exact it is asked
        assert {seen(ask(worker, read)) for worker in (one, other)} == {(404, b"period_gone", None)}
    assert {seen(ask(worker, read, FRESH))[:2] for worker in (one, uncached)} == {(404, b"period_gone")}


@every_read
def test_who_is_forgotten_is_gone(service: Service, another: Any, uncached: Service, read: str) -> None:
    fill(service)
    capture(service)
    worker = another()
    ask(worker, read)
    assert service.request("DELETE", "/v1/players/c").status == 200
    reply = ask(worker, read, FRESH)
    assert seen(reply) == seen(ask(uncached, read))
    assert b'"c"' not in reply.body


@every_read
def test_a_board_made_again_answers_for_itself(service: Service, another: Any, uncached: Service, read: str) -> None:
    fill(service)
    worker = another()
    tag = ask(worker, read).headers["ETag"]
    service.request("DELETE", "/v1/boards/b")
    assert seen(ask(worker, read)) == (404, b"unknown_board", None)
    fill(service, order="asc")
    reply = ask(worker, read, {"If-None-Match": tag})
    assert (reply.status, seen(reply)) == (200, seen(ask(uncached, read)))


def test_a_new_day_has_another_day_before_it(service: Service, another: Any, uncached: Service) -> None:
    worker = another()
    fill(service)
    read = "changes?period=day&id=2026-11-24"
    assert ask(worker, read).json["compared_with"] is None
    service.clock.advance(days=1)
    assert seen(ask(worker, read)) == seen(ask(uncached, read))
    assert ask(worker, read).json["compared_with"]["id"] == "2026-11-23"
    assert ask(worker, "changes").json["compared_with"] is None
    capture(service)  # of which no version tells
    assert ask(worker, "changes").json["compared_with"] is None
    assert ask(worker, "changes", FRESH).json["compared_with"] is not None
    worker.services.cache._store.client.delete(*service.services.registry.get(service.game, "b").keys.cache("brief"))
    assert ask(worker, "changes").json["compared_with"] is not None
    service.clock.advance(days=1)
    assert ask(worker, "changes").json["compared_with"] is None


@every_read
def test_while_the_store_is_away_the_last_answer_is_given_and_says_so(
    service: Service, another: Any, read: str
) -> None:
    fill(service)
    worker = another()
    switch: Any = worker.services.store
    good = ask(worker, read)
    assert not {"Age", "Warning"} & set(good.headers.keys())
    switch.on = True
    stale = ask(worker, read)
    assert seen(stale) == seen(good)
    assert (stale.headers["Age"], stale.headers["Warning"]) == ("0", '110 - "Response is Stale"')
    assert ask(worker, read, {"If-None-Match": good.headers["ETag"]}).status == 304
    for other in (ask(worker, read, FRESH), ask(worker, read + "&period=day"), ask(worker, "top")):
        assert seen(other) == (503, b"store_unavailable", None)
    switch.on = False
    assert "Warning" not in ask(worker, read).headers
    assert worker.services.cache.figures.stale == 2


def test_what_cannot_be_asked_leaves_nothing(service: Service) -> None:
    fill(service)
    for read in ("distribution?bins=0", "percentile?p=101", "percentile?p=1e-9", "changes?window=7d", "analytics?x=1"):
        assert ask(service, read).status == 422
    assert list(service.services.store.client.scan_iter(f"cache:{{{service.game}:b}}*", count=10_000)) == []


@pytest.mark.parametrize("seed", range(3))
def test_any_time_it_is_what_is_made_now(service: Service, another: Any, uncached: Service, seed: int) -> None:
    """Random lives of a board, read through two workers. Who allows an old answer gets one that was right before."""
    chance = random.Random(seed)
    fill(service, rolling=["24h"])
    workers = [another(), another(), another(0)]
    capture(service)

    def submit() -> None:
        at = service.clock.now().isoformat()
        items = [{"board": "b", "player": chance.choice("abcdef"), "score": chance.randint(0, 50), "at": at}]
        service.bulk(items * chance.randint(1, 2), backfill="true")

    def remake() -> None:
        service.request("DELETE", "/v1/boards/b")
        fill(service, rolling=["24h"], order=chance.choice(["asc", "desc"]))

    acts: list[Callable[[], Any]] = [
        *[submit] * 8,
        *[lambda: service.clock.advance(minutes=chance.choice([1, 30, 61]))] * 4,
        *[lambda: service.clock.advance(hours=chance.choice([7, 24, 31]))] * 2,
        *[lambda: service.request("DELETE", f"/v1/players/{chance.choice('abcdef')}")] * 2,
        lambda: seal(service),
        lambda: capture(service),
        lambda: service.put_board(
            periods=["all", "week", "day", "hour"],
            rolling=["24h"],
            order=service.get("/boards/b")["order"],
            retention={"day": chance.randint(0, 1), "hour": chance.randint(0, 3)},
        ),
        remake,
    ]
    periods = ["", "&period=day", "&period=hour", "&period=day&ago=1", "&period=hour&ago=1", "&window=24h"]
    questions = [read + period for read in READS for period in periods if not (read[0] == "c" and "window" in period)]
    for _ in range(30):
        chance.choice(acts)()
        for read in chance.sample(questions, 2):
            worker, right = chance.choice(workers), ask(uncached, read)
            given = ask(worker, read)
            assert given.status == right.status
            if right.status == 200:
                assert given.json["period"] == right.json["period"], read
            assert seen(ask(worker, read, FRESH)) == seen(right), read
    figures = [worker.services.cache.figures for worker in workers]
    assert sum(one.hits for one in figures) > 10 < sum(one.misses for one in figures)


def test_a_page_of_the_archive(service: Service, another: Any, uncached: Service) -> None:
    fill(service)
    service.clock.advance(days=3)
    seal(service)
    service.clock.advance(days=3)
    seal(service)  # which drops it
    board = service.services.registry.fresh(service.game, "b")
    assert not service.services.store.client.exists(board.keys.standings("2026-11-23"))
    one, other, page = another(), another(), "top?period=day&id=2026-11-23&limit=2"
    first = ask(one, page)
    assert (first.status, first.json["period"]["state"], len(first.json["entries"])) == (200, "archived", 2)
    assert seen(first) == seen(ask(other, page)) == seen(ask(uncached, page))
    assert (other.services.cache.figures.hits, other.services.cache.figures.misses) == (1, 0)
    cursor = first.json["next"]
    assert [row["player"] for row in ask(other, f"{page}&cursor={cursor}").json["entries"]] == ["a"]
    assert service.request("DELETE", "/v1/boards/b/players/c").status == 204
    anew = ask(other, page, FRESH)
    assert [row["player"] for row in anew.json["entries"]] == ["b", "a"]
    assert seen(anew) == seen(ask(uncached, page))
